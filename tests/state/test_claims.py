"""Who may act for a sandbox, at the moments at which that changes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait

import psycopg
import pytest

from mockserver.engine.keeping import KeptSandbox, Unavailable
from mockserver.state.database import Database
from mockserver.state.store import Elsewhere, Store
from tests.state.kept_mock import Mock
from tests.state.serving import DEADLINE, eventually

EXPIRE = "UPDATE maxapi_mock_replicas SET expires = %s WHERE address = 'address of late'"
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


@pytest.fixture
def stores(database_url: str) -> Iterator[list[Store]]:
    """Two replicas; the first, which is late, has the sandbox `one`."""
    databases = [Database(database_url) for _ in range(2)]
    stores = [Store(database) for database in databases]
    for database, store, replica in zip(databases, stores, ("late", "other"), strict=True):
        database.open()
        store.register(database.token + replica, f"address of {replica}", 60.0)
    assert stores[0].claim("one", "key") is None
    yield stores
    for database in databases:
        database.close()


def test_a_lease_that_is_renewed_at_the_last_moment_is_kept(
    stores: list[Store], database_url: str
) -> None:
    """Whoever takes a replica for dead looks again after it has waited for what that was doing."""
    with (
        ThreadPoolExecutor(1) as pool,
        psycopg.connect(database_url, autocommit=True) as watching,
        psycopg.connect(database_url) as renewing,
    ):
        watching.execute(EXPIRE, (0.0,))
        renewing.execute(EXPIRE, (1e12,))
        claiming = pool.submit(stores[1].claim, "one", "key")
        assert eventually(lambda: watching.execute(WAITING).fetchone() == (1,))
        renewing.commit()
        found = claiming.result(DEADLINE)

    assert found == Elsewhere("address of late")


def test_a_transaction_that_stands_still_holds_nobody_up(
    stores: list[Store], database_url: str
) -> None:
    """A replica that is paused in one loses its locks to whoever takes its sandboxes over."""
    late, other = stores
    taken: list[object] = []

    def stand_still() -> None:
        with late._database.transaction() as connection:
            late._fence(connection)
            with psycopg.connect(database_url, autocommit=True) as watching:
                watching.execute(EXPIRE, (0.0,))
            taken.append(other.claim("one", "key"))
            late._fence(connection)

    with pytest.raises(Unavailable, match="terminating connection"):
        stand_still()

    assert taken == [None]


def test_a_replica_that_registers_again_gives_back_what_it_had(stores: list[Store]) -> None:
    """What it has forgotten in an outage is anybody's, without a lease to wait for."""
    before = stores[1].claim("one", "key")

    stores[0].register("new", "address of new", 60.0)

    assert before == Elsewhere("address of late")
    assert stores[1].claim("one", "key") is None
    assert stores[0].claim("one", "key") == Elsewhere("address of other")


def test_nobody_else_can_have_what_is_in_a_file(sqlite_url: str) -> None:
    """Its only server acts for it after a pause of any length."""
    mock = Mock(sqlite_url)

    assert mock.replica is not None
    assert mock.replica.keeper.holds_until == math.inf
    mock.stop()


def test_what_was_claimed_before_an_outage_is_not_in_memory_after_it(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else may have claimed it since."""
    mock = Mock(sqlite_url)
    mock.ask("POST", "/__mock/clock", {"advance": "1s"})
    assert mock.replica is not None
    keeper, store = mock.replica.keeper, mock.replica.store
    [whole] = store.all()
    mock.service.sandboxes.discard(whole.id)

    def claim_due(_until: float) -> list[KeptSandbox]:
        keeper.fail(Unavailable("gone"))
        return [whole]

    monkeypatch.setattr(store, "claim_due", claim_due)
    keeper.claim_due(0.0)

    assert not keeper.is_here(whole.id)
    mock.stop()


def test_a_claim_that_waits_does_not_delay_the_lease(sqlite_url: str) -> None:
    """What a replica sees to in each round is left to the next one meanwhile."""
    mock = Mock(sqlite_url)
    assert mock.replica is not None
    keeper = mock.replica.keeper

    with ThreadPoolExecutor(1) as pool, keeper._entering:
        seeing_to = pool.submit(keeper.claim_due, 0.0)
        has_ended = not wait([seeing_to], DEADLINE).not_done

    assert has_ended
    mock.stop()
