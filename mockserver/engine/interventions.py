"""Changes of a task that a test makes by hand, instead of the plan or the app."""

from __future__ import annotations

from dataclasses import replace

from mockserver.contract import Contract
from mockserver.domain.task import Task, ended, status_at
from mockserver.engine.events import EventKind
from mockserver.engine.messages import ApiError
from mockserver.engine.sandbox import Sandbox
from mockserver.engine.surcharge import with_surcharge
from mockserver.engine.webhooks.dispatcher import Dispatcher


def find_task(sandbox: Sandbox, task_id: str) -> Task:
    """Return a task of *sandbox*. Raises ApiError 404."""
    task = sandbox.get(task_id)
    if task is None:
        raise ApiError(404, f"task {task_id[:60]!r} not found in this sandbox")
    return task


class Interventions:
    """Ends tasks, and lets their results expire; safe to use from several threads."""

    def __init__(self, contract: Contract, dispatcher: Dispatcher) -> None:
        self._contract = contract
        self._lifecycle = contract.lifecycle
        self._dispatcher = dispatcher

    def end(self, sandbox: Sandbox, task_id: str, end: str, reason: str | None = None) -> None:
        """End a task now in the state *end*, and plan its webhook.

        Raises ApiError 404 for an unknown task, and 400 for one that has ended.
        """
        find_task(sandbox, task_id)
        now = sandbox.clock.now()

        def change(task: Task) -> Task:
            status = status_at(task, now)
            if status in self._lifecycle.terminal:
                raise ApiError(400, f"task {task.id} has ended: it is {status} for ever")
            card = self._contract.cards[task.model]
            changed = ended(task, now, end, reason)
            return with_surcharge(sandbox, changed, card, self._lifecycle, was=task)

        self._dispatcher.plan(sandbox, sandbox.update(task_id, change))
        sandbox.tell_reached()

    def expire(self, sandbox: Sandbox, task_id: str) -> None:
        """Let the result URLs of a task expire now.

        Raises ApiError 404 for an unknown task, and 400 for one without results.
        """
        find_task(sandbox, task_id)
        now = sandbox.clock.now()

        def change(task: Task) -> Task:
            if status_at(task, now) != self._lifecycle.success:
                raise ApiError(400, f"task {task.id} has no results that could expire")
            return replace(task, expired=True)

        sandbox.update(task_id, change)
        sandbox.note(EventKind.EXPIRY, {"taskId": task_id})
