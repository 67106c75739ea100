"""What is done with the tables: claim and load a sandbox, commit changes, find what is due."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select, text, update

from mockserver.engine.events import AnyEvent
from mockserver.engine.keeping import KeptSandbox, Unavailable
from mockserver.state import codec
from mockserver.state.database import APPLICATION, Database, StateError
from mockserver.state.rows import Changes, Row, changes_of
from mockserver.state.tables import EVENTS, REPLICAS, SANDBOXES, TASKS

MOST_REPLICAS = 100
_PAGE = 20
"""Sandboxes that are claimed at once because their webhooks are due."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Another replica has the sandbox in memory."""

    address: str


class LeaseLost(Unavailable):
    """Others took this replica for dead, and may have its sandboxes."""


class Store:
    """The tables of one database, as one replica uses them; safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self.replica = ""
        """The id of this replica's row, once it is registered."""
        self.slot = 0
        """The place of this replica among all, once it is registered."""
        self._database = database
        insert_into = _inserting(is_shared=database.is_shared)
        tasks, sandboxes = insert_into(TASKS), insert_into(SANDBOXES)
        self._upsert_tasks = tasks.on_conflict_do_update(
            index_elements=["sandbox", "id"], set_={"task": tasks.excluded.task}
        )
        self._add_sandbox = sandboxes.on_conflict_do_nothing(index_elements=["id"])

    @property
    def is_shared(self) -> bool:
        """Whether several replicas can use the database."""
        return self._database.is_shared

    @property
    def secret(self) -> str:
        """That by which replicas know each other; it is empty before the database is open."""
        return self._database.secret

    @property
    def _now(self) -> Any:
        """Real seconds since 1970, by the clock of a shared database."""
        if self._database.is_shared:
            return func.extract("epoch", func.clock_timestamp())
        return time.time()

    # -- replicas ----------------------------------------------------------------------------

    def register(self, replica: str, address: str, lease: float) -> None:
        """Add this replica for *lease* seconds; it gives back what it had as an earlier one.

        Raises StateError if there are too many.
        """
        with self._database.transaction() as connection:
            if not self._database.is_shared:  # there is no other one
                connection.execute(update(SANDBOXES).values(owner=None))
                connection.execute(delete(REPLICAS))
            else:
                connection.execute(text("SELECT pg_advisory_xact_lock(6290)"))
                self._leave(connection)
            self._bury_the_dead(connection)
            taken = set(connection.scalars(select(REPLICAS.c.slot)))
            free = [slot for slot in range(MOST_REPLICAS) if slot not in taken]
            if not free:
                raise StateError(f"{MOST_REPLICAS} servers share the database already; stop one")
            self.slot = free[0]
            row = {"id": replica, "address": address, "expires": self._now + lease}
            connection.execute(insert(REPLICAS).values({**row, "slot": self.slot}))
        self.replica = replica

    def number_after(self, last: int, real: float) -> int:
        """Return the number of an event after *last*, which no other replica gives.

        Numbers of all replicas ascend with real time, to the millisecond.
        """
        return max(int(real * 1000), last // MOST_REPLICAS + 1) * MOST_REPLICAS + self.slot

    def renew(self, lease: float) -> None:
        """Renew the lease of this replica. Raises LeaseLost."""
        renewed = update(REPLICAS).where(REPLICAS.c.id == self.replica)
        with self._database.transaction() as connection:
            if not connection.execute(renewed.values(expires=self._now + lease)).rowcount:
                raise LeaseLost("another replica has taken over; trying again")
            self._disconnect_the_dead(connection)

    def leave(self) -> None:
        """Release everything that this replica has."""
        with self._database.transaction() as connection:
            self._leave(connection)

    def _leave(self, connection: Connection) -> None:
        _free(connection, self.replica)
        connection.execute(delete(REPLICAS).where(REPLICAS.c.id == self.replica))

    def others(self) -> list[str]:
        """Return the addresses of the other replicas."""
        with self._database.transaction() as connection:
            return list(connection.scalars(self._living_others(REPLICAS.c.address)))

    def _living_others(self, column: Any) -> Any:
        """Return what selects a column of the other replicas whose lease has not ended."""
        return select(column).where(REPLICAS.c.id != self.replica, REPLICAS.c.expires > self._now)

    def _bury_the_dead(self, connection: Connection) -> None:
        """Forget replicas whose lease has ended, so that nobody has their sandboxes.

        Those stay as they are: a claim locks a sandbox before its owner, not the other way round.
        """
        self._disconnect_the_dead(connection)
        dead = select(REPLICAS.c.id).where(REPLICAS.c.expires < self._now)
        ids = list(connection.scalars(dead.with_for_update(skip_locked=True)))
        connection.execute(delete(REPLICAS).where(REPLICAS.c.id.in_(ids)))

    def _disconnect_the_dead(self, connection: Connection) -> None:
        dead = select(REPLICAS.c.id).where(REPLICAS.c.expires < self._now)
        for replica in list(connection.scalars(dead)):
            self._disconnect(connection, replica)

    def _disconnect(self, connection: Connection, replica: str) -> None:
        """End the connections of a dead replica: if it only stands still, it may hold locks."""
        token = replica[: len(self._database.token)]
        if self._database.is_shared and token != self._database.token:
            connection.execute(_DISCONNECT, {"name": APPLICATION + token})

    # -- sandboxes ---------------------------------------------------------------------------

    def claim(self, id_: str, masked_key: str | None) -> KeptSandbox | Elsewhere | None:
        """Make a sandbox this replica's and return it, or where else it is.

        Return None for one that has never been committed. With *masked_key* None, an unknown one
        is not added. Raises KeyError for that.
        """
        row: Row = {"id": id_, "masked_key": masked_key or "", "used": time.time()}
        with self._database.transaction() as connection:
            self._fence(connection)
            if masked_key is not None:
                added = self._add_sandbox.values({**row, "owner": self.replica})
                if connection.scalar(added.returning(SANDBOXES.c.id)) is not None:
                    return None
            wanted = select(SANDBOXES.c.owner).where(SANDBOXES.c.id == id_).with_for_update()
            found = connection.execute(wanted).one_or_none()
            if found is None:
                raise KeyError(id_)
            address = self._address_of(connection, found.owner)
            if address is not None:
                return Elsewhere(address)
            own = {"owner": self.replica, "masked_key": masked_key}
            changed = {name: value for name, value in own.items() if value is not None}
            connection.execute(update(SANDBOXES).where(SANDBOXES.c.id == id_).values(changed))
            return self._load(connection, id_)

    def _address_of(self, connection: Connection, owner: str | None) -> str | None:
        """Return where the living replica *owner* is; None if it is this one, or dead."""
        if owner in (None, self.replica):
            return None
        address: str | None = connection.scalar(
            select(REPLICAS.c.address).where(REPLICAS.c.id == owner, REPLICAS.c.expires > self._now)
        )
        if address is None:  # waits for the end of a commit of that replica
            self._disconnect(connection, owner)
            connection.execute(
                delete(REPLICAS).where(REPLICAS.c.id == owner, REPLICAS.c.expires <= self._now)
            )
            renewed = select(REPLICAS.c.address).where(REPLICAS.c.id == owner)
            address = connection.scalar(renewed)
        return address

    def claim_due(self, until: float) -> list[KeptSandbox]:
        """Make sandboxes this replica's that nobody has, and whose webhooks are due."""
        wanted = (
            select(SANDBOXES.c.id)
            .where(SANDBOXES.c.due <= until, _IS_NOBODYS)
            .order_by(SANDBOXES.c.due)
            .limit(_PAGE)
            .with_for_update(skip_locked=True)
        )
        with self._database.transaction() as connection:
            self._fence(connection)
            self._bury_the_dead(connection)
            ids = list(connection.scalars(wanted))
            claimed = update(SANDBOXES).where(SANDBOXES.c.id.in_(ids))
            connection.execute(claimed.values(owner=self.replica))
            found = [self._load(connection, id_) for id_ in ids]
        return [one for one in found if one is not None]

    def release(self, ids: Sequence[str]) -> None:
        """Let others have these sandboxes of this replica."""
        freed = update(SANDBOXES).where(SANDBOXES.c.id.in_(ids))
        with self._database.transaction() as connection:
            connection.execute(freed.where(SANDBOXES.c.owner == self.replica).values(owner=None))

    def last_event(self) -> int:
        """Return the number of the latest event of all sandboxes; 0 if there is none."""
        with self._database.transaction() as connection:
            last: int | None = connection.scalar(select(func.max(EVENTS.c.number)))
            return last or 0

    def ids(self) -> list[str]:
        """List the sandboxes that no other replica has, the least recently used first."""
        with self._database.transaction() as connection:
            others = self._living_others(REPLICAS.c.id)
            free = or_(SANDBOXES.c.owner.is_(None), SANDBOXES.c.owner.not_in(others))
            found = select(SANDBOXES.c.id).where(free).order_by(SANDBOXES.c.used)
            return list(connection.scalars(found))

    def all(self, beginning: str = "") -> list[KeptSandbox]:
        """Return the sandboxes whose id has that *beginning*, without claiming them."""
        with self._database.transaction() as connection:
            ids = connection.scalars(select(SANDBOXES.c.id).order_by(SANDBOXES.c.used))
            found = [self._load(connection, id_) for id_ in ids if id_.startswith(beginning)]
        return [one for one in found if one is not None]

    def sandbox_of(self, task_id: str) -> str | None:
        """Return the id of the sandbox that has a task."""
        with self._database.transaction() as connection:
            found: str | None = connection.scalar(
                select(TASKS.c.sandbox).where(TASKS.c.id == task_id)
            )
            return found

    def forget_beyond(self, most: int) -> None:
        """Forget the sandboxes that nobody has used for longest, if there are more than *most*."""
        with self._database.transaction() as connection:
            total = connection.scalar(select(func.count()).select_from(SANDBOXES)) or 0
            if total <= most:
                return
            idle = (
                select(SANDBOXES.c.id)
                .where(_IS_NOBODYS)
                .order_by(SANDBOXES.c.used)
                .limit(total - most)
                .with_for_update(skip_locked=True)
            )
            ids = list(connection.scalars(idle))
            for table, column in ((TASKS, "sandbox"), (EVENTS, "sandbox"), (SANDBOXES, "id")):
                connection.execute(delete(table).where(table.c[column].in_(ids)))

    def _load(self, connection: Connection, id_: str) -> KeptSandbox | None:
        kept, masked_key = connection.execute(
            select(SANDBOXES.c.kept, SANDBOXES.c.masked_key).where(SANDBOXES.c.id == id_)
        ).one()
        if kept is None:
            return None
        columns = TASKS.c.task, TASKS.c.webhook
        rows = connection.execute(
            select(*columns).where(TASKS.c.sandbox == id_).order_by(TASKS.c.position)
        )
        tasks, webhooks = [], {}
        for written, webhook in rows:
            task = codec.tasks.read(written)
            tasks.append(task)
            if webhook is not None:
                webhooks[task.id] = codec.webhooks.read(webhook)
        return KeptSandbox(
            id_, masked_key, codec.sandboxes.read(kept), tasks, webhooks, _events(connection, id_)
        )

    # -- changes -----------------------------------------------------------------------------

    def commit(self, changes: Changes, replica: str | None = None) -> None:
        """Write *changes* as a whole, which were made as *replica*, by default as the current one.

        Raises LeaseLost, Unavailable and StateError.
        """
        with self._database.transaction() as connection:
            self._fence(connection, replica)
            if changes.emptied:
                for table in (TASKS, EVENTS):
                    gone = table.c.sandbox.in_(changes.emptied)
                    connection.execute(delete(table).where(gone))
            for statement, rows in (
                (self._upsert_tasks, changes.tasks),
                (_FORGET, changes.forgotten),
                (_CHANGE_WEBHOOK, changes.webhooks),
                (_ADD_EVENT, changes.events),
                (_DROP_EVENTS, changes.dropped),
                (_CHANGE_SANDBOX, changes.sandboxes),
            ):
                if rows:
                    connection.execute(statement, rows)

    def put(self, whole: KeptSandbox) -> None:
        """Keep a sandbox in place of one with the same id, for nobody in particular."""
        row = {"id": whole.id, "masked_key": whole.masked_key, "used": time.time()}
        with self._database.transaction() as connection:
            owner = connection.scalar(select(SANDBOXES.c.owner).where(SANDBOXES.c.id == whole.id))
            if self._database.is_shared and self._address_of(connection, owner) is not None:
                raise Unavailable(f"sandbox {whole.id}: a running server uses it; stop that first")
            connection.execute(delete(SANDBOXES).where(SANDBOXES.c.id == whole.id))
            connection.execute(insert(SANDBOXES).values(row))
        self.commit(changes_of(whole))

    def _fence(self, connection: Connection, replica: str | None = None) -> None:
        """Hold this replica's row until the end of the transaction. Raises LeaseLost."""
        if not self.replica or not self.is_shared:  # nobody else is there
            return
        if connection.scalar(_OWN, {"own": replica or self.replica}) is None:
            raise LeaseLost("another replica has taken over; trying again")


def _inserting(*, is_shared: bool) -> Any:
    """Return what makes an INSERT that can update; only the dialect that is used is imported."""
    if is_shared:
        from sqlalchemy.dialects.postgresql import insert as inserting
    else:
        from sqlalchemy.dialects.sqlite import insert as inserting  # type: ignore[assignment]
    return inserting


def _events(connection: Connection, id_: str) -> list[AnyEvent]:
    columns = EVENTS.c.number, EVENTS.c.ring, EVENTS.c.real, EVENTS.c.cost, EVENTS.c.event
    rows = connection.execute(
        select(EVENTS.c.at, *columns).where(EVENTS.c.sandbox == id_).order_by(EVENTS.c.number)
    )
    return [codec.read_event(id_, datetime.fromisoformat(row[0]), row[1:]) for row in rows]


def _free(connection: Connection, replica: str) -> None:
    connection.execute(update(SANDBOXES).where(SANDBOXES.c.owner == replica).values(owner=None))


_IS_NOBODYS = or_(SANDBOXES.c.owner.is_(None), SANDBOXES.c.owner.not_in(select(REPLICAS.c.id)))
_OWN = (
    select(REPLICAS.c.id)
    .where(REPLICAS.c.id == bindparam("own"))
    .with_for_update(read=True, key_share=True)
)
_DISCONNECT = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE application_name = :name AND datname = current_database() AND usename = current_user"
)
_FORGET = delete(TASKS).where(
    TASKS.c.sandbox == bindparam("of"), TASKS.c.id == bindparam("task_id")
)
_CHANGE_WEBHOOK = (
    update(TASKS)
    .where(TASKS.c.sandbox == bindparam("of"), TASKS.c.id == bindparam("task_id"))
    .values(webhook=bindparam("webhook"))
)
_ADD_EVENT = insert(EVENTS)
_DROP_EVENTS = delete(EVENTS).where(
    EVENTS.c.sandbox == bindparam("of"),
    EVENTS.c.ring == bindparam("of_ring"),
    EVENTS.c.number <= bindparam("last"),
)
_CHANGE_SANDBOX = (
    update(SANDBOXES)
    .where(SANDBOXES.c.id == bindparam("of"))
    .values(kept=bindparam("kept"), due=bindparam("due"), used=bindparam("used"))
)
