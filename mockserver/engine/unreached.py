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
from mockserver.domain.redaction import without_users
from mockserver.domain.task import Task, ends_at
from mockserver.engine.events import EventKind, Note

_MOST_VOID = 64
"""Moments that may be void before they are dropped, besides as many as tasks."""


class Unreached:
    """The next moment of each task of one sandbox; its lock guards it."""

    def __init__(self, lifecycle: Lifecycle, expiry: timedelta) -> None:
        self._lifecycle = lifecycle
        self._expiry = expiry
        self._steps: dict[str, int] = {}
        """Of each task that has something to come: how many of its moments were told."""
        self._heap: list[tuple[datetime, int, str, int]] = []
        """Moments with a number that orders equal ones, the task and the step."""
        self._numbers = count()

    def add(self, task: Task) -> None:
        """Note a new task; its first step is that it was submitted."""
        self._steps[task.id] = 0
        self._push(task)

    def change(self, old: Task, new: Task) -> None:
        """Note that a task has changed; what was planned for it before becomes void."""
        step = self._steps.get(new.id)
        if step is None:
            return
        if self._is_over(new, step) or self._moment(old, step) != self._moment(new, step):
            self._push(new)

    def restore(self, task: Task, told_until: datetime | None) -> None:
        """Note a task of which everything up to a moment was told."""
        step = 0
        while told_until is not None and not self._is_over(task, step):
            at = self._moment(task, step)
            if at is None or at > told_until:
                break
            step += 1
        self._steps[task.id] = step
        self._push(task)

    def change_expiry(self, expiry: timedelta, find: Callable[[str], Task | None]) -> None:
        """Let results be kept for *expiry*; *find* returns a task."""
        if expiry == self._expiry:
            return
        self._expiry = expiry
        tasks = [task for task in map(find, self._steps) if task is not None]
        self._heap.clear()
        for task in tasks:
            self._push(task)

    def forget(self, task_id: str) -> None:
        """Tell nothing more of a task."""
        self._steps.pop(task_id, None)

    def is_due(self, now: datetime) -> bool:
        """Return whether there may be something to tell."""
        return bool(self._heap) and self._heap[0][0] <= now

    def due(
        self, now: datetime, find: Callable[[str], Task | None]
    ) -> Iterator[tuple[datetime, Note]]:
        """Yield what the tasks have reached up to *now*, in order; *find* returns a task."""
        while self.is_due(now):
            at, _, task_id, step = heapq.heappop(self._heap)
            task = find(task_id)
            if task is None or self._steps.get(task_id) != step or self._moment(task, step) != at:
                continue
            self._steps[task_id] = step + 1
            self._push(task)
            yield at, _note(task, step)

    def _push(self, task: Task) -> None:
        step = self._steps[task.id]
        if self._is_over(task, step):
            del self._steps[task.id]
            return
        at = self._moment(task, step)
        if at is not None:  # otherwise a poll decides it, which changes the task
            if len(self._heap) > 2 * len(self._steps) + _MOST_VOID:
                self._drop_void()
            heapq.heappush(self._heap, (at, next(self._numbers), task.id, step))

    def _drop_void(self) -> None:
        """Drop the moments of tasks that were forgotten or changed, and so their memory."""
        self._heap = [one for one in self._heap if self._steps.get(one[2]) == one[3]]
        heapq.heapify(self._heap)

    def _is_over(self, task: Task, step: int) -> bool:
        """Return whether nothing is left to tell: results that do not exist never expire."""
        beyond = step - len(task.plan.steps)
        has_expiry = task.plan.final == self._lifecycle.success and not task.expired
        return beyond > 1 or (beyond == 1 and not has_expiry)

    def _moment(self, task: Task, step: int) -> datetime | None:
        """Return when a task reaches a step; None as long as a poll decides it, or if never."""
        steps = task.plan.steps
        if step == 0:
            return task.created_at
        if step <= len(steps):
            after = steps[step - 1].after
            return None if after is None else task.created_at + after
        ends = None if self._is_over(task, step) else ends_at(task, self._lifecycle)
        return None if ends is None else ends + self._expiry


def _note(task: Task, step: int) -> Note:
    steps, data = task.plan.steps, {"taskId": task.id}
    if step == 0:
        url = task.callback_url and without_users(task.callback_url)
        more = {"model": task.model, "status": task.plan.initial, "callBackUrl": url}
        return Note(EventKind.TASK, data | more)
    if step > len(steps):
        return Note(EventKind.EXPIRY, data)
    data["status"] = steps[step - 1].status
    if step == len(steps) and task.plan.failure_reason is not None:
        data["failure_reason"] = task.plan.failure_reason
    return Note(EventKind.STATUS, data)
