"""The rows in which sandboxes, tasks, webhooks and events are written."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from mockserver.domain.task import Task
from mockserver.engine.events import AnyEvent
from mockserver.engine.journal import ring_of
from mockserver.engine.keeping import Kept, KeptSandbox, KeptWebhook
from mockserver.state import codec

Row = dict[str, Any]


@dataclass(slots=True)
class Changes:
    """Rows to be written in one transaction, in the order of the fields."""

    emptied: list[str] = field(default_factory=list)
    """Sandboxes of which no task and event is left."""
    tasks: list[Row] = field(default_factory=list)
    forgotten: list[Row] = field(default_factory=list)
    webhooks: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    dropped: list[Row] = field(default_factory=list)
    sandboxes: list[Row] = field(default_factory=list)


def changes_of(whole: KeptSandbox) -> Changes:
    """Return what writes a sandbox as a whole, whose row exists."""
    return Changes(
        emptied=[whole.id],
        tasks=[task_row(whole.id, position, task) for position, task in enumerate(whole.tasks, 1)],
        webhooks=[webhook_row(whole.id, one, whole.webhooks[one]) for one in whole.webhooks],
        events=[event_row(event) for event in whole.events],
        sandboxes=[sandbox_row(whole.id, whole.kept, 0.0)],
    )


def task_row(sandbox: str, position: int, task: Task) -> Row:
    """Return the row of a task; its position matters only for a new one."""
    written = codec.tasks.write(task)
    return {"sandbox": sandbox, "id": task.id, "position": position, "task": written}


def webhook_row(sandbox: str, task_id: str, webhook: KeptWebhook) -> Row:
    """Return the change of a task's row."""
    return {"of": sandbox, "task_id": task_id, "webhook": codec.webhooks.write(webhook)}


def forgotten_row(sandbox: str, task_id: str) -> Row:
    """Return what finds the row of a task that was forgotten."""
    return {"of": sandbox, "task_id": task_id}


def dropped_row(sandbox: str, ring: int, last: int) -> Row:
    """Return what finds the rows of events that a ring has dropped."""
    return {"of": sandbox, "of_ring": ring, "last": last}


def event_row(event: AnyEvent) -> Row:
    """Return the row of an event."""
    return {
        "sandbox": event.sandbox,
        "number": event.number,
        "ring": ring_of(event.data.kind),
        "at": event.at.isoformat(),
        "real": event.real,
        "cost": event.cost,
        "event": codec.write_event(event),
    }


def sandbox_row(id_: str, kept: Kept, due: float | None) -> Row:
    """Return the change of a sandbox's row."""
    return {"of": id_, "kept": codec.sandboxes.write(kept), "due": due, "used": time.time()}
