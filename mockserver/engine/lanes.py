"""Queues of work, one for each receiver, so that a slow one holds up no other."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from threading import Condition, Lock, Thread

_log = logging.getLogger(__name__)

_IDLE = 1.0
"""Real seconds that a receiver's worker waits for more work before it ends."""


class Lanes:
    """A queue for each receiver, worked on by a few threads that come and go with the work."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._lock = Lock()
        self._lanes: dict[str, _Lane] = {}
        self._closed = False

    def put(self, receiver: str, job: Callable[[], None]) -> None:
        """Run *job* after those of the same receiver that no thread is free for."""
        with self._lock:
            lane = self._lanes.setdefault(receiver, _Lane(self._lock))
            lane.jobs.append(job)
            if len(lane.jobs) > lane.idle and lane.workers < self._width and not self._closed:
                lane.workers += 1
                Thread(
                    target=self._work, args=(receiver, lane), name="webhook-sender", daemon=True
                ).start()
            else:
                lane.ready.notify()

    def close(self) -> None:
        """Drop what has not begun."""
        with self._lock:
            self._closed = True
            for lane in self._lanes.values():
                lane.jobs.clear()
                lane.ready.notify_all()

    def _work(self, receiver: str, lane: _Lane) -> None:
        while True:
            with self._lock:
                if not lane.jobs and not self._closed:
                    lane.idle += 1
                    lane.ready.wait(_IDLE)
                    lane.idle -= 1
                if not lane.jobs:
                    lane.workers -= 1
                    if not lane.workers:
                        self._lanes.pop(receiver, None)
                    return
                job = lane.jobs.popleft()
            try:
                job()
            except Exception:
                _log.exception("a webhook could not be sent")


class _Lane:
    """The work for one receiver."""

    def __init__(self, lock: Lock) -> None:
        self.jobs: deque[Callable[[], None]] = deque()
        self.ready = Condition(lock)
        self.workers = 0
        self.idle = 0
