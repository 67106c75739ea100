"""The scenario `webhook-held`: webhooks that wait until they are released by name."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from threading import Lock
from weakref import ref

from mockserver.domain.durations import stamp
from mockserver.domain.redaction import without_users
from mockserver.domain.task import Task
from mockserver.engine.clock import real_seconds
from mockserver.engine.held import Held
from mockserver.engine.journal import Delivery
from mockserver.engine.timeline import Event
from mockserver.engine.webhooks.scheduler import ScheduledDelivery, Scheduler

Send = Callable[[ScheduledDelivery], "Sequence[Delivery | HeldWebhook]"]
"""Makes an attempt in this thread."""


class HeldWebhook(Held):
    """A webhook that waits; it is sent in the thread that releases it."""

    kind = "webhook"

    def __init__(self, name: str, scheduled: ScheduledDelivery, task: Task, send: Send) -> None:
        what = f"webhook to {without_users(task.callback_url or '')}"
        super().__init__(name, scheduled.sandbox, task.id, what)
        self.released = replace(scheduled, is_released=True)
        """The attempt to make when the wait is over."""
        self._send = send

    def release(self) -> list[Delivery]:  # noqa: D102
        return [made for made in self._send(self.released) if isinstance(made, Delivery)]

    def drop(self) -> None:
        """Do nothing: the attempt has become void."""

    def event(self) -> Event:
        """Return the event of its becoming due, and being held, during an advance of the clock."""
        return {
            "at": stamp(self.released.sandbox.clock.now()),
            "event": "held",
            "taskId": self.released.task_id,
            "name": self.name,
        }


class HeldWebhooks:
    """Holds webhooks, and gives those that nobody releases in time back to *scheduler*.

    One thread calls `schedule_expired`, soon after *wake* was called. Safe to use from threads.
    """

    def __init__(self, send: Send, scheduler: Scheduler, wake: Callable[[], None]) -> None:
        self._send = send
        self._scheduler = scheduler
        self._wake = wake
        self._deadlines: list[tuple[float, int, ref[HeldWebhook]]] = []
        """Weak, as a deadline can be long after the release."""
        self._orders = count()
        self._lock = Lock()

    def hold(self, scheduled: ScheduledDelivery, task: Task) -> HeldWebhook | None:
        """Return *scheduled*, the first attempt of *task*, as held; None if it is not to be."""
        name, sandbox = task.script.webhook_held, scheduled.sandbox
        if name is None or scheduled.is_released or scheduled.attempt > 1:
            return None
        held = HeldWebhook(name, scheduled, task, self._send)
        if not sandbox.held.add(held):
            return None
        with self._lock:
            deadline = real_seconds() + held.timeout
            heapq.heappush(self._deadlines, (deadline, next(self._orders), ref(held)))
        self._wake()
        return held

    def schedule_expired(self) -> float | None:
        """Let what nobody has released be due; return the real seconds until the next deadline."""
        while (left := self._next_deadline()) is not None and left <= 0:
            with self._lock:
                held = heapq.heappop(self._deadlines)[2]()
            if held is not None and held.sandbox.held.end(held, expired=True):
                self._scheduler.add(replace(held.released, due=held.sandbox.clock.now()))
        return left

    def _next_deadline(self) -> float | None:
        with self._lock:
            return self._deadlines[0][0] - real_seconds() if self._deadlines else None
