"""Attempts that are due later; each is handed over when its sandbox's clock reaches its moment."""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from threading import Lock
from weakref import ref

from mockserver.engine.clock import real_seconds
from mockserver.engine.sandbox import Sandbox

_log = logging.getLogger(__name__)

_MOST_FORGOTTEN = 1000
"""Attempts of forgotten tasks that a sandbox may have, besides as many as it can have tasks."""
_MOST_STALE = 64
"""Alarms that may be out of date before they are dropped, besides as many as sandboxes."""


@dataclass(frozen=True, slots=True, eq=False)
class ScheduledDelivery:
    """An attempt to deliver a webhook that is due at a moment of its sandbox's clock."""

    due: datetime
    sandbox: Sandbox
    task_id: str
    ends: datetime
    """The end of the task when this was planned; if the end changes, this is void."""
    generation: int
    """That of the sandbox when this was planned; after a reset, this is void."""
    attempt: int = 1
    held_back: bool = False
    """Whether it waits for another webhook to overtake it; see `Reordering`."""
    is_released: bool = False
    """Whether it has waited for a release already; see `HeldWebhooks`."""

    @property
    def is_forgotten(self) -> bool:
        """Whether its sandbox no longer has the task."""
        return self.sandbox.get(self.task_id) is None


_Heap = list[tuple[datetime, int, ScheduledDelivery]]
"""Attempts by their moments; the number decides between those that are due at the same moment."""


class Scheduler:
    """Hands each attempt over when its sandbox's clock reaches its moment.

    One thread serves all sandboxes: whatever it does besides, it calls `hand_over_due` when that
    asks for it, and soon after *wake* was called. Each sandbox has a heap of its attempts, and the
    thread a heap of alarms in real time. As clocks can be changed at any time, an alarm is only a
    hint to look at a sandbox: one that rings too early finds nothing due, and every change of a
    clock sets a new one.
    """

    def __init__(
        self, hand_over: Callable[[ScheduledDelivery], None], wake: Callable[[], None]
    ) -> None:
        self._hand_over = hand_over
        self._wake = wake
        self._is_asleep = True
        """Whether the thread does not look at the alarms until it is woken."""
        self._by_sandbox: dict[Sandbox, _Heap] = {}
        self._paused: set[Sandbox] = set()
        self._alarms: list[tuple[float, int, ref[Sandbox]]] = []
        """Weak, as an alarm may be due long after its sandbox was forgotten."""
        self._orders = count()
        self._closed = False
        self._lock = Lock()

    def add(self, scheduled: ScheduledDelivery) -> None:
        """Keep *scheduled* until it is due."""
        with self._lock:
            heap = self._by_sandbox.setdefault(scheduled.sandbox, [])
            heapq.heappush(heap, (scheduled.due, next(self._orders), scheduled))
            if heap[0][2] is scheduled:
                self._set_alarm(scheduled.sandbox)
            if len(heap) > 2 * scheduled.sandbox.settings.max_tasks + _MOST_FORGOTTEN:
                heap[:] = [one for one in heap if not one[2].is_forgotten]
                heapq.heapify(heap)

    def rearm(self, sandbox: Sandbox) -> None:
        """Check a sandbox whose clock was changed; drop what a reset has made void."""
        with self._lock:
            heap = self._by_sandbox.get(sandbox)
            if heap and heap[0][2].generation != sandbox.generation:
                heap[:] = [one for one in heap if one[2].generation == sandbox.generation]
                heapq.heapify(heap)
            if not heap:
                self._by_sandbox.pop(sandbox, None)
            self._set_alarm(sandbox)

    def pause(self, sandbox: Sandbox) -> None:
        """Leave a sandbox's attempts to `take` until `resume`."""
        with self._lock:
            self._paused.add(sandbox)

    def resume(self, sandbox: Sandbox) -> None:
        """Hand a sandbox's attempts over again."""
        with self._lock:
            self._paused.discard(sandbox)
            self._set_alarm(sandbox)

    def peek(self, sandbox: Sandbox) -> ScheduledDelivery | None:
        """Return the next attempt of a sandbox; it stays scheduled."""
        with self._lock:
            heap = self._by_sandbox.get(sandbox)
            return heap[0][2] if heap else None

    def of_sandbox(self, sandbox: Sandbox) -> dict[str, ScheduledDelivery]:
        """Return the attempts of a sandbox that are not void, by their task."""
        with self._lock:
            heap = list(self._by_sandbox.get(sandbox, ()))
        attempts = [one[2] for one in sorted(heap) if one[2].generation == sandbox.generation]
        return {one.task_id: one for one in attempts}

    def take(self, scheduled: ScheduledDelivery) -> bool:
        """Remove *scheduled* if it is still the next one of its sandbox; return whether it was."""
        with self._lock:
            heap = self._by_sandbox.get(scheduled.sandbox, [])
            if not heap or heap[0][2] is not scheduled:
                return False
            heapq.heappop(heap)
            return True

    def close(self) -> None:
        """Drop every attempt, and those that are added later."""
        with self._lock:
            self._closed = True
            self._alarms.clear()
            self._by_sandbox.clear()

    def hand_over_due(self) -> float | None:
        """Hand over what is due; return the real seconds until the next alarm, if there is one."""
        with self._lock:
            while self._alarms:
                wait = self._alarms[0][0] - real_seconds()
                if wait > 0:
                    break
                self._hand_over_all(self._take_due(heapq.heappop(self._alarms)[2]()))
            self._is_asleep = True
            return wait if self._alarms else None

    def _hand_over_all(self, due: list[ScheduledDelivery]) -> None:
        for scheduled in due:
            try:
                self._hand_over(scheduled)
            except Exception:
                _log.exception("a webhook could not be handed over")

    def _set_alarm(self, sandbox: Sandbox) -> None:
        """Set an alarm for the first attempt of *sandbox*, unless its clock stands still."""
        heap = self._by_sandbox.get(sandbox)
        delay = sandbox.clock.delay_until(heap[0][0]) if heap else None
        if delay is None or self._closed or sandbox in self._paused:
            return
        if len(self._alarms) > 2 * len(self._by_sandbox) + _MOST_STALE:
            self._drop_stale_alarms()
        alarm = (real_seconds() + delay, next(self._orders), ref(sandbox))
        heapq.heappush(self._alarms, alarm)
        if self._is_asleep and self._alarms[0] is alarm:
            self._is_asleep = False
            self._wake()

    def _drop_stale_alarms(self) -> None:
        """Keep the first alarm of each sandbox that has attempts; when it rings, it is set anew."""
        first: dict[Sandbox, tuple[float, int, ref[Sandbox]]] = {}
        for alarm in sorted(self._alarms, key=lambda one: one[:2]):
            sandbox = alarm[2]()
            if sandbox in self._by_sandbox:
                first.setdefault(sandbox, alarm)
        self._alarms = list(first.values())

    def _take_due(self, sandbox: Sandbox | None) -> list[ScheduledDelivery]:
        if sandbox is None or sandbox in self._paused:
            return []
        now, due = sandbox.clock.now(), []
        heap = self._by_sandbox.get(sandbox, [])
        while heap and heap[0][0] <= now:
            due.append(heapq.heappop(heap)[2])
        if heap:
            self._set_alarm(sandbox)
        else:
            self._by_sandbox.pop(sandbox, None)
        return due
