"""What the tasks of a sandbox have not reached yet: states, and the expiry of results.

These follow from a task's plan and the clock, so nothing happens inside the mock when their moment
comes. This remembers which of them were not told yet, so that they can be told in order.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import count

from mockserver.contract import Lifecycle
from mockserver.domain.task import Task, ends_at
from mockserver.engine.events import EventKind

Told = tuple[datetime, EventKind, dict[str, str | None]]
"""A moment, what happened, and what is told of it."""
_Told = tuple[datetime | None, EventKind, dict[str, str | None]]
"""The same; without a moment as long as a poll decides it."""

_MOST_VOID = 64
"""Moments that may be void before they are dropped, besides as many as tasks."""


class Unreached:
    """The next moment of each task of one sandbox; its lock guards it."""

    def __init__(self, lifecycle: Lifecycle, expiry: timedelta) -> None:
        self._lifecycle = lifecycle
        self.expiry = expiry
        """How long results are kept."""
        self._steps: dict[str, int] = {}
        """Of each task that has something to come: how many of its moments were told."""
        self._heap: list[tuple[datetime, int, str, int]] = []
        """Moments with a number that orders equal ones, the task and the step."""
        self._numbers = count()

    def add(self, task: Task) -> None:
        """Note a new task, whose first state is told with its submission."""
        self._steps[task.id] = 1
        self._push(task)

    def change(self, task: Task) -> None:
        """Note that a task has changed; what was planned for it before becomes void."""
        if task.id in self._steps:
            self._push(task)

    def forget(self, task_id: str) -> None:
        """Tell nothing more of a task."""
        self._steps.pop(task_id, None)

    def is_due(self, now: datetime) -> bool:
        """Return whether there may be something to tell."""
        return bool(self._heap) and self._heap[0][0] <= now

    def due(self, now: datetime, find: Callable[[str], Task | None]) -> Iterator[Told]:
        """Yield what the tasks have reached up to *now*, in order; *find* returns a task."""
        while self.is_due(now):
            at, _, task_id, step = heapq.heappop(self._heap)
            task = find(task_id)
            if task is None or self._steps.get(task_id) != step:
                continue
            told = self._told(task, step)
            if told is None or told[0] != at:
                continue
            self._steps[task_id] = step + 1
            self._push(task)
            yield at, *told[1:]

    def _push(self, task: Task) -> None:
        step = self._steps[task.id]
        told = self._told(task, step)
        if told is None:
            del self._steps[task.id]
        elif told[0] is not None:  # otherwise a poll decides it, which changes the task
            if len(self._heap) > 2 * len(self._steps) + _MOST_VOID:
                self._drop_void()
            heapq.heappush(self._heap, (told[0], next(self._numbers), task.id, step))

    def _drop_void(self) -> None:
        """Drop the moments of tasks that were forgotten or changed, and so their memory."""
        self._heap = [one for one in self._heap if self._steps.get(one[2]) == one[3]]
        heapq.heapify(self._heap)

    def _told(self, task: Task, step: int) -> _Told | None:
        """Return what a task reaches in a step; None if it reaches nothing more."""
        steps = task.plan.steps
        if step <= len(steps):
            after, status = steps[step - 1].after, steps[step - 1].status
            data: dict[str, str | None] = {"taskId": task.id, "status": status}
            if step == len(steps) and task.plan.failure_reason is not None:
                data["failure_reason"] = task.plan.failure_reason
            return None if after is None else task.created_at + after, EventKind.STATUS, data
        ends = ends_at(task, self._lifecycle)
        is_over = step > len(steps) + 1 or task.plan.final != self._lifecycle.success
        if ends is None or is_over or task.expired:
            return None
        return ends + self.expiry, EventKind.EXPIRY, {"taskId": task.id}
