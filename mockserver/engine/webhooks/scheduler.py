"""Webhook attempts that are to come, each handed over when its sandbox's clock has come to it."""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from threading import Condition, Thread

from mockserver.engine.clock import real_seconds
from mockserver.engine.sandbox import Sandbox

_log = logging.getLogger(__name__)

_LONGEST_NAP = 3600.0
"""Real seconds; the system cannot wait for as long as a slow clock may ask."""


@dataclass(frozen=True, slots=True, order=True)
class ScheduledDelivery:
    """A webhook attempt that is due at a moment of its sandbox's clock."""

    due: datetime
    order: int
    """Decides between calls that are due at the same moment."""
    sandbox: Sandbox = field(compare=False)
    task_id: str = field(compare=False)
    ends: datetime = field(compare=False)
    """The end of the task as known when this was planned; another end makes it void."""
    generation: int = field(compare=False)
    """That of the sandbox when this was planned; a reset makes it void."""
    attempt: int = field(compare=False, default=1)
    waited: bool = field(compare=False, default=False)
    """Whether it was held back for a partner to swap with."""


class Scheduler:
    """Hands each call over when its sandbox's clock has come to it; one thread, asleep between."""

    def __init__(self, hand_over: Callable[[ScheduledDelivery], None]) -> None:
        self._hand_over = hand_over
        self._changed = Condition()
        self._by_sandbox: dict[Sandbox, list[ScheduledDelivery]] = {}
        self._held: set[Sandbox] = set()
        self._alarms: list[tuple[float, int, Sandbox]] = []
        self._order = count()
        self._thread: Thread | None = None
        self._closed = False

    def add(self, scheduled: ScheduledDelivery) -> None:
        """Hold *call* until it is due."""
        with self._changed:
            scheduled_deliveries = self._by_sandbox.setdefault(scheduled.sandbox, [])
            heapq.heappush(scheduled_deliveries, scheduled)
            if scheduled_deliveries[0] is scheduled:
                self._set_alarm(scheduled.sandbox)

    def rearm(self, sandbox: Sandbox) -> None:
        """Look again at a sandbox whose clock was changed; forget what a reset has made void."""
        with self._changed:
            scheduled_deliveries = self._by_sandbox.get(sandbox)
            if scheduled_deliveries and scheduled_deliveries[0].generation != sandbox.generation:
                scheduled_deliveries[:] = [
                    one for one in scheduled_deliveries if one.generation == sandbox.generation
                ]
                heapq.heapify(scheduled_deliveries)
            self._set_alarm(sandbox)

    def hold(self, sandbox: Sandbox) -> None:
        """Leave a sandbox's calls to `take` until `release`."""
        with self._changed:
            self._held.add(sandbox)

    def release(self, sandbox: Sandbox) -> None:
        """Hand a sandbox's calls over again."""
        with self._changed:
            self._held.discard(sandbox)
            self._set_alarm(sandbox)

    def peek(self, sandbox: Sandbox) -> ScheduledDelivery | None:
        """Show the next call of a sandbox."""
        with self._changed:
            scheduled_deliveries = self._by_sandbox.get(sandbox)
            return scheduled_deliveries[0] if scheduled_deliveries else None

    def take(self, scheduled: ScheduledDelivery) -> bool:
        """Take *call* if it is still the next one of its sandbox; say whether it was."""
        with self._changed:
            scheduled_deliveries = self._by_sandbox.get(scheduled.sandbox, [])
            if not scheduled_deliveries or scheduled_deliveries[0] is not scheduled:
                return False
            heapq.heappop(scheduled_deliveries)
            return True

    def close(self) -> None:
        """Forget every call and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _set_alarm(self, sandbox: Sandbox) -> None:
        """Wake the thread if the first call of *sandbox* is due before everything else."""
        scheduled_deliveries = self._by_sandbox.get(sandbox)
        delay = (
            sandbox.clock.delay_until(scheduled_deliveries[0].due) if scheduled_deliveries else None
        )
        if delay is None or self._closed or sandbox in self._held:
            return
        alarm = (real_seconds() + delay, next(self._order), sandbox)
        heapq.heappush(self._alarms, alarm)
        if self._thread is None:
            self._thread = Thread(target=self._run, name="webhook-timer", daemon=True)
            self._thread.start()
        elif self._alarms[0] is alarm:
            self._changed.notify()

    def _run(self) -> None:
        with self._changed:
            while not self._closed:
                wait = self._alarms[0][0] - real_seconds() if self._alarms else None
                if wait is None or wait > 0:
                    self._changed.wait(None if wait is None else min(wait, _LONGEST_NAP))
                    continue
                for scheduled in self._due(heapq.heappop(self._alarms)[2]):
                    try:
                        self._hand_over(scheduled)
                    except Exception:
                        _log.exception("a webhook could not be handed over")

    def _due(self, sandbox: Sandbox) -> list[ScheduledDelivery]:
        if sandbox in self._held:
            return []
        now, due = sandbox.clock.now(), []
        scheduled_deliveries = self._by_sandbox.get(sandbox, [])
        while scheduled_deliveries and scheduled_deliveries[0].due <= now:
            due.append(heapq.heappop(scheduled_deliveries))
        if scheduled_deliveries:
            self._set_alarm(sandbox)
        else:
            self._by_sandbox.pop(sandbox, None)
        return due
