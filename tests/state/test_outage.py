"""The database goes away and comes back; what was accepted is kept, and the rest is told so."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
import requests

from mockserver.contract import Contract
from tests.state.load import PLANNED, Load, at_once
from tests.state.postgres import Postgres
from tests.state.receiver import Receiver
from tests.state.serving import Mock, Serving, eventually

KEYS = ("first", "second")
SHARE = 40


@pytest.fixture
def stoppable(postgres: Postgres) -> Iterator[Postgres]:
    """The PostgreSQL of all tests, which runs again afterwards."""
    yield postgres
    postgres.run()


def check_unavailable(response: requests.Response, contract: Contract) -> None:
    """Check that a response of the API says in its envelope to come again."""
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "1"
    assert contract.violations("error", response.json()) == []
    assert response.json()["code"] == 503


def is_unavailable(mock: Mock) -> bool:
    """Return whether a server has noticed that its database is gone."""
    return mock.submit("first").status_code == 503


@pytest.mark.slow
def test_nothing_accepted_is_lost_in_an_outage(
    serving: Serving,
    stoppable: Postgres,
    database_url: str,
    receiver: Receiver,
    contract: Contract,
) -> None:
    """During load, the database crashes; clients are told, and nothing else is needed to go on."""
    mocks = serving.replicas(
        database_url, "--duration", "300ms", "--webhook-backoff", "100ms", number=2
    )
    load = Load(mocks, receiver.url)

    def break_down() -> None:
        with load.given_up_on_failure():
            load.wait_for(SHARE)
            stoppable.stop("immediate")
            for mock in mocks:
                assert eventually(partial(is_unavailable, mock))
                check_unavailable(mock.poll("first", load.accepted[0].task_id), contract)
                why = mock.request("GET", "/__mock/clock", "first")
                assert why.status_code == 503
                assert "state cannot be kept: " in why.json()["msg"]
                assert mock.request("GET", "/__mock/health").status_code == 200
            stoppable.run()

    at_once(break_down, *(partial(load.submit_until, key, key, SHARE) for key in KEYS))

    planned = {one.task_id: PLANNED[one.path] for one in load.accepted}
    assert receiver.wait_for_all(planned)
    for one in load.accepted:
        polls = [mock.polled(one.key, one.task_id) for mock in mocks]
        assert all(poll == polls[0] for poll in polls)
        came = receiver.of(one.task_id)
        assert all(body == polls[0] for body in came)
        assert len(came) <= PLANNED[one.path] + 1


@pytest.mark.slow
def test_webhooks_go_on_after_an_outage_though_nobody_asks(
    serving: Serving, stoppable: Postgres, database_url: str, receiver: Receiver
) -> None:
    """What fell due meanwhile is sent once the database is back, without a request."""
    mock = serving(database_url, "--duration", "1s")
    task_id = mock.submitted("first", f"{receiver.url}/ok")

    stoppable.stop("immediate")
    assert eventually(lambda: is_unavailable(mock))
    stoppable.run()

    assert receiver.wait_for_all({task_id: 1})


@pytest.mark.slow
def test_a_server_starts_before_its_database(
    serving: Serving, stoppable: Postgres, database_url: str, contract: Contract
) -> None:
    """It says what it waits for, responds to health checks, and begins by itself."""
    stoppable.stop()
    mock = serving(database_url)
    said = mock.wait_until_it_says("see it live")
    early = mock.submit("first")
    health = mock.request("GET", "/__mock/health")

    stoppable.run()
    task_id = mock.submitted("first")

    assert "waiting for the database: " in said
    check_unavailable(early, contract)
    assert health.status_code == 200
    assert mock.poll("first", task_id).status_code == 200
