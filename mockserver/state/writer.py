"""What has changed since the last transaction, and how that becomes the next one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from mockserver.engine.events import AnyEvent
from mockserver.engine.keeping import KeptWebhook, Unavailable
from mockserver.engine.sandbox import Sandbox
from mockserver.state import rows
from mockserver.state.rows import Changes
from mockserver.state.store import Store

if TYPE_CHECKING:
    from mockserver.engine.service import Service

_SLACK = 256
"""Numbers of events that a ring may have dropped before their rows are deleted."""


class Batch:
    """What has changed since the last transaction began."""

    def __init__(self) -> None:
        self.sandboxes: dict[str, Sandbox] = {}
        self.tasks: dict[tuple[str, str], None] = {}
        self.webhooks: dict[tuple[str, str], KeptWebhook] = {}
        self.events: list[AnyEvent] = []
        self.emptied: set[str] = set()
        self.actions: list[Callable[[], object]] = []
        """Called once it is committed."""
        self.is_awaited = False
        """Whether it has more than the journal."""
        self.is_doubted = False
        """Whether somebody waits to know that nobody else has this server's sandboxes."""


class Writer:
    """Looks up what has changed in the sandboxes of *service*, and writes it; for one thread."""

    def __init__(self, store: Store, service: Service) -> None:
        self._store = store
        self._service = service
        self._position = 0
        self._trimmed: dict[str, list[int]] = {}
        """The latest event of each ring whose row was deleted, by sandbox."""

    def write(self, batch: Batch, replica: str) -> None:
        """Commit what has changed, as it is now, for *replica*.

        Raises Unavailable, LeaseLost and StateError.
        """
        changes, touched = Changes(emptied=list(batch.emptied)), dict(batch.sandboxes)
        for event in batch.events:
            sandbox = self._service.sandboxes.of_id(event.sandbox)
            if sandbox is not None:
                touched.setdefault(sandbox.id, sandbox)
                changes.events.append(rows.event_row(event))
        for sandbox in touched.values():
            if self._service.sandboxes.of_id(sandbox.id) is not sandbox:
                raise Unavailable("a sandbox was discarded while it changed; try again")
        for id_, task_id in batch.tasks:
            task = touched[id_].get(task_id)
            if task is None:
                changes.forgotten.append(rows.forgotten_row(id_, task_id))
            else:
                self._position = max(self._position + 1, time.time_ns())
                changes.tasks.append(rows.task_row(id_, self._position, task))
        changes.webhooks = [
            rows.webhook_row(*key, webhook) for key, webhook in batch.webhooks.items()
        ]
        for sandbox in touched.values():
            changes.sandboxes.append(
                rows.sandbox_row(sandbox.id, sandbox.kept(), self._due(sandbox))
            )
            self._trim(sandbox, changes)
        if changes.sandboxes or changes.emptied or batch.is_doubted:
            self._store.commit(changes, replica)

    def _due(self, sandbox: Sandbox) -> float | None:
        """Return when, in real seconds since 1970, somebody must see to the webhooks."""
        dispatcher = self._service.dispatcher
        if dispatcher.is_busy(sandbox) or sandbox.clock.taken_over is not None:
            return time.time()  # if this server dies, an attempt is made again
        wait = dispatcher.next_due(sandbox)
        return None if wait is None else time.time() + wait

    def _trim(self, sandbox: Sandbox, changes: Changes) -> None:
        """Delete the rows of events that the journal no longer has."""
        trimmed = self._trimmed.setdefault(sandbox.id, [0, 0, 0])
        for ring, last in enumerate(sandbox.journal.dropped):
            if last - trimmed[ring] > _SLACK:
                trimmed[ring] = last
                changes.dropped.append(rows.dropped_row(sandbox.id, ring, last))
