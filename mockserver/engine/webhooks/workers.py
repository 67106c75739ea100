"""Queues of work, one for each receiver, so that a slow one holds up no other."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from threading import Condition, Lock, Thread

_log = logging.getLogger(__name__)

_IDLE = 1.0
"""Real seconds that a receiver's worker waits for more work before it ends."""


class Workers:
    """A queue for each receiver, worked on by a few threads that come and go with the work."""

    def __init__(self, width: int, most: int = 256) -> None:
        self._width = width
        self._most = most
        """Threads for all receivers together; beyond them, a new receiver waits for one."""
        self._workers = 0
        self._lock = Lock()
        self._workers_of: dict[str, _Queue] = {}
        self._closed = False

    def put(self, receiver: str, job: Callable[[], None]) -> None:
        """Run *job* after those of the same receiver that no thread is free for."""
        with self._lock:
            lane = self._workers_of.setdefault(receiver, _Queue(self._lock))
            lane.jobs.append(job)
            if len(lane.jobs) <= lane.idle:
                lane.ready.notify()
            elif lane.workers < self._width and self._workers < self._most and not self._closed:
                self._hire(lane)

    def _hire(self, lane: _Queue) -> None:
        thread = Thread(target=self._work, args=(lane,), name="webhook-sender", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system has no more: one that is at work will come to this lane
            _log.warning("cannot start a thread for a webhook; it has to wait for another one")
            return
        lane.workers += 1
        self._workers += 1

    def close(self) -> None:
        """Drop what has not begun."""
        with self._lock:
            self._closed = True
            for lane in self._workers_of.values():
                lane.jobs.clear()
                lane.ready.notify_all()

    def _work(self, first: _Queue) -> None:
        lane: _Queue | None = first
        while lane is not None:
            with self._lock:
                job = self._next_job(lane)
                if job is None:
                    lane = self._leave(lane)
                    continue
            try:
                job()
            except Exception:
                _log.exception("a webhook could not be sent")

    def _next_job(self, lane: _Queue) -> Callable[[], None] | None:
        """Take the next job of a lane; wait a while for one, unless another lane has nobody."""
        if not lane.jobs and not self._closed and self._deserted() is None:
            lane.idle += 1
            lane.ready.wait(_IDLE)
            lane.idle -= 1
        return lane.jobs.popleft() if lane.jobs else None

    def _leave(self, lane: _Queue) -> _Queue | None:
        """Leave a lane for one that has nobody, or for good."""
        lane.workers -= 1
        self._workers_of = {
            name: one for name, one in self._workers_of.items() if one.workers or one.jobs
        }
        other = self._deserted()
        if other is None:
            self._workers -= 1
        else:
            other.workers += 1
        return other

    def _deserted(self) -> _Queue | None:
        if self._workers < self._most:
            return None
        return next(
            (one for one in self._workers_of.values() if one.jobs and not one.workers), None
        )


class _Queue:
    """The work for one receiver."""

    def __init__(self, lock: Lock) -> None:
        self.jobs: deque[Callable[[], None]] = deque()
        self.ready = Condition(lock)
        self.workers = 0
        self.idle = 0
