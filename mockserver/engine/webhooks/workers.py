"""Threads for what blocks: functions that take webhooks, and look-ups of names.

Each receiver has a queue, on which at most *width* threads work; *most* limits the threads of all
queues together. A pool with one queue would be simpler, but a few receivers that never respond
would occupy all of its threads.

Threads come and go with the work:

- A job that finds an idle thread in its queue wakes that one. Otherwise a new thread starts, if
  both limits allow that; if not, the job waits.
- A thread that has done a job takes the next one of its queue. If there is none, it waits a while,
  because webhooks often come in bursts, and then leaves the queue and ends.
- When all threads are in use, the first job of a new queue gets none: the queue is deserted. A
  thread without work does not wait then, but moves to a deserted queue. As every thread looks for
  one before it ends, no job is left behind.

One lock guards all queues, with a condition for each queue: so a thread can leave one and join
another in a single step, and a job wakes only a thread that can do it.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from threading import Condition, Lock, Thread

_log = logging.getLogger(__name__)

_IDLE = 1.0
"""Real seconds that a thread waits for more work before it leaves its queue."""


class Workers:
    """A queue of jobs for each receiver, and the threads that work on them."""

    def __init__(self, width: int, most: int = 256, name: str = "webhook-worker") -> None:
        self._width = width
        self._most = most
        self._name = name
        self._threads = 0
        self._lock = Lock()
        self._queues: dict[str, _Queue] = {}
        self._closed = False

    def put(self, receiver: str, job: Callable[[], None]) -> None:
        """Run *job* in a thread, after the jobs of the same receiver that still wait for one."""
        with self._lock:
            queue = self._queues.setdefault(receiver, _Queue(self._lock))
            queue.jobs.append(job)
            if len(queue.jobs) <= queue.idle:
                queue.ready.notify()
            elif queue.threads < self._width and self._threads < self._most and not self._closed:
                self._start_thread(queue)

    def _start_thread(self, queue: _Queue) -> None:
        thread = Thread(target=self._work, args=(queue,), name=self._name, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system allows no more; a busy thread will come to this queue
            _log.warning("cannot start a thread for a webhook; it has to wait for another one")
            return
        queue.threads += 1
        self._threads += 1

    def close(self) -> None:
        """Drop the jobs that have not begun."""
        with self._lock:
            self._closed = True
            for queue in self._queues.values():
                queue.jobs.clear()
                queue.ready.notify_all()

    def _work(self, first: _Queue) -> None:
        queue: _Queue | None = first
        while queue is not None:
            with self._lock:
                job = self._next_job(queue)
                if job is None:
                    queue = self._leave(queue)
                    continue
            try:
                job()
            except Exception:
                _log.exception("a webhook could not be sent")
            job = None  # it holds a sandbox, which this thread must not keep while it waits

    def _next_job(self, queue: _Queue) -> Callable[[], None] | None:
        """Take the next job of a queue; wait a while for one, unless a queue is deserted."""
        if not queue.jobs and not self._closed and self._deserted() is None:
            queue.idle += 1
            queue.ready.wait(_IDLE)
            queue.idle -= 1
        return queue.jobs.popleft() if queue.jobs else None

    def _leave(self, queue: _Queue) -> _Queue | None:
        """Leave a queue; return a deserted one to work on, or None if the thread should end."""
        queue.threads -= 1
        self._queues = {name: one for name, one in self._queues.items() if one.threads or one.jobs}
        other = self._deserted()
        if other is None:
            self._threads -= 1
        else:
            other.threads += 1
        return other

    def _deserted(self) -> _Queue | None:
        """Return a queue that has jobs but no thread; there is none while threads can start."""
        if self._threads < self._most:
            return None
        return next((one for one in self._queues.values() if one.jobs and not one.threads), None)


class _Queue:
    """The jobs for one receiver, and how many threads work on them."""

    def __init__(self, lock: Lock) -> None:
        self.jobs: deque[Callable[[], None]] = deque()
        self.ready = Condition(lock)
        self.threads = 0
        self.idle = 0
        """Threads that wait for a job."""
