"""The scenario `webhook-reordered`: the webhooks of two tasks arrive in the opposite order."""

from __future__ import annotations

from dataclasses import replace
from threading import Lock
from typing import NamedTuple
from weakref import WeakKeyDictionary

from mockserver.contract import Lifecycle
from mockserver.domain.script import WebhookFault
from mockserver.domain.task import Task, ends_at
from mockserver.engine.sandbox import Sandbox
from mockserver.engine.webhooks.scheduler import ScheduledDelivery, Scheduler


class _Held(NamedTuple):
    generation: int
    task_id: str


class Reordering:
    """Holds the first of two webhooks back until the second one has been sent.

    The first one is scheduled again for the end of the webhook timeout: if no second webhook comes
    until then, it is sent late instead of never. If one comes, both are sent, the second one first,
    and the attempt that is still scheduled for the first one is void. Safe to use from threads.
    """

    def __init__(self, scheduler: Scheduler, lifecycle: Lifecycle) -> None:
        self._scheduler = scheduler
        self._lifecycle = lifecycle
        self._held: WeakKeyDictionary[Sandbox, _Held] = WeakKeyDictionary()
        """The task of each sandbox whose webhook is held back."""
        self._lock = Lock()

    def is_void(self, scheduled: ScheduledDelivery) -> bool:
        """Return whether *scheduled* was held back, and has been sent in the meantime."""
        if not scheduled.held_back:
            return False
        with self._lock:
            return self._held.get(scheduled.sandbox) != _Held(
                scheduled.generation, scheduled.task_id
            )

    def in_order(
        self, scheduled: ScheduledDelivery, task: Task
    ) -> list[tuple[ScheduledDelivery, Task]]:
        """Return the attempts to make now that *scheduled*, of *task*, is due."""
        if scheduled.attempt > 1 or WebhookFault.REORDERED not in task.script.webhook:
            return [(scheduled, task)]
        first = self._swap(scheduled)
        if first is None:
            self._postpone(scheduled)
            return []
        overtaken = scheduled.sandbox.get(first)
        ends = None if overtaken is None else ends_at(overtaken, self._lifecycle)
        if overtaken is None or ends is None or overtaken is task:
            return [(scheduled, task)]
        return [(scheduled, task), (replace(scheduled, task_id=first, ends=ends), overtaken)]

    def _swap(self, scheduled: ScheduledDelivery) -> str | None:
        """Release the webhook that is held back, or hold *scheduled* back if there is none.

        Return the task of the released one; it is that of *scheduled* if no other one has come.
        """
        sandbox = scheduled.sandbox
        with self._lock:
            held = self._held.pop(sandbox, None)
            if held is not None and held.generation == sandbox.generation:
                return held.task_id
            self._held[sandbox] = _Held(scheduled.generation, scheduled.task_id)
            return None

    def _postpone(self, scheduled: ScheduledDelivery) -> None:
        sandbox = scheduled.sandbox
        due = sandbox.clock.now() + sandbox.settings.webhook_timeout
        self._scheduler.add(replace(scheduled, due=due, held_back=True))
