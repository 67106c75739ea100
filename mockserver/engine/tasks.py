"""The tasks of a sandbox, which of them is forgotten first, and the bytes that all may take."""

from __future__ import annotations

import heapq
from collections import OrderedDict
from datetime import datetime
from threading import Lock
from typing import Protocol

from mockserver.contract import Lifecycle
from mockserver.domain.task import Task, bytes_of, ends_at, status_at

_MOST_STALE = 64
"""Noted ends that may be out of date before they are collected anew, besides as many as tasks."""


class Tasks:
    """The tasks of one sandbox in the order of their submission; its lock guards them."""

    def __init__(self, lifecycle: Lifecycle) -> None:
        self._lifecycle = lifecycle
        self._by_id: OrderedDict[str, Task] = OrderedDict()
        self._ends: list[tuple[datetime, int, str]] = []
        """A heap of ends; those of tasks that were changed or forgotten are out of date."""
        self._noted = 0
        """How many ends were noted, which orders equal ones."""
        self._running: str | None = None
        """A task that had not ended when this was last looked at."""
        self.size = 0
        """The bytes that the tasks take."""

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, task_id: str) -> Task | None:
        """Find a task."""
        return self._by_id.get(task_id)

    def all(self) -> list[Task]:
        """List the tasks in the order of their submission."""
        return list(self._by_id.values())

    def keep(self, task: Task) -> None:
        """Add a task, or replace its record."""
        old = self._by_id.get(task.id)
        self._by_id[task.id] = task
        if old is None:
            self.size += bytes_of(task)
        ends = ends_at(task, self._lifecycle)
        if ends is None or (old is not None and ends_at(old, self._lifecycle) == ends):
            return
        if len(self._ends) > 2 * len(self._by_id) + _MOST_STALE:
            self._collect_ends()
        self._note(ends, task.id)

    def _note(self, ends: datetime, task_id: str) -> None:
        self._noted += 1
        heapq.heappush(self._ends, (ends, self._noted, task_id))

    def _collect_ends(self) -> None:
        """Drop the ends that are out of date, and so the memory that they take."""
        self._ends = [noted for noted in self._ends if self._is_current(noted)]
        heapq.heapify(self._ends)

    def _is_current(self, noted: tuple[datetime, int, str]) -> bool:
        task = self._by_id.get(noted[2])
        return task is not None and ends_at(task, self._lifecycle) == noted[0]

    def pop_first(self, now: datetime, *, but_not_last: bool) -> Task | None:
        """Remove the task that ended first, or else the oldest; None if there is none.

        *but_not_last* spares the one that was submitted last.
        """
        spared = next(reversed(self._by_id), None) if but_not_last else None
        task_id = self._ended_first(now, spared) or next(iter(self._by_id), None)
        if task_id is None or task_id == spared:
            return None
        task = self._by_id.pop(task_id)
        self.size -= bytes_of(task)
        return task

    def _ended_first(self, now: datetime, spared: str | None) -> str | None:
        found, put_back = None, None
        while found is None and self._ends and self._ends[0][0] <= now:
            noted = heapq.heappop(self._ends)
            if noted[2] == spared:
                put_back = noted
            elif self._is_current(noted):
                found = noted[2]
        if put_back is not None:
            heapq.heappush(self._ends, put_back)
        return found

    def all_ended(self, now: datetime) -> bool:
        """Return whether every task has ended; asking again is cheap as long as one has not."""
        running = self._by_id.get(self._running or "")
        if running is not None and not self._has_ended(running, now):
            return False
        latest_first = reversed(self._by_id.values())
        running = next((one for one in latest_first if not self._has_ended(one, now)), None)
        self._running = None if running is None else running.id
        return running is None

    def _has_ended(self, task: Task, now: datetime) -> bool:
        return status_at(task, now) in self._lifecycle.terminal


class Holder(Protocol):
    """Has tasks that can be forgotten."""

    def forget_one(self, *, but_not_last: bool) -> bool:
        """Forget the task that matters least; return whether there was one."""


class TaskBudget:
    """Limits the bytes of all tasks together; the least recently used sandbox forgets first.

    A sandbox may call `note` while it holds its own lock, and no sandbox is called while this lock
    is held: so no two of them ever wait for each other.
    """

    def __init__(self, limit: int) -> None:
        self.used = 0
        self._limit = limit
        self._holders: OrderedDict[Holder, int] = OrderedDict()
        """The bytes of those that have tasks, the least recently used one first."""
        self._lock = Lock()

    def note(self, holder: Holder, size: int) -> None:
        """Note that the tasks of *holder* now take *size* bytes."""
        with self._lock:
            before = self._holders.get(holder, 0)
            self.used += size - before
            if not size:
                self._holders.pop(holder, None)
                return
            self._holders[holder] = size
            if size > before:
                self._holders.move_to_end(holder)

    def touch(self, holder: Holder) -> None:
        """Note that *holder* is being used."""
        with self._lock:
            if holder in self._holders:
                self._holders.move_to_end(holder)

    def keep_limit(self, newest: Holder) -> None:
        """Let tasks be forgotten until the limit is kept, but not the last one of *newest*."""
        while self.used > self._limit:
            with self._lock:
                holder = next(iter(self._holders), newest)
            if not holder.forget_one(but_not_last=holder is newest):
                return
