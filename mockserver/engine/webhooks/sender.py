"""One thread that hands over what is due, and sends webhooks to all receivers at once.

A thread for each receiver would be simpler. But every thread that has something to do takes the
interpreter from the one that serves the API, and a thousand receivers would need a thousand. Here
an attempt that waits costs a socket: whether its receiver is slow or silent or drips a response,
no other attempt waits for it, and its deadline ends it.

The API goes first: as long as few webhooks wait, this thread rests as long as it has worked. Both
need the interpreter, and an app that submits a lot waits for its responses, not for its webhooks.

Each receiver has a queue. Its attempts begin in the order of the queue, and only *width* of them
are in progress at a time. All this is known to the one thread only, and therefore needs no lock.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from math import inf
from selectors import EVENT_READ, DefaultSelector, SelectorKey
from threading import Event, Lock, Thread, current_thread
from typing import Any

from mockserver.engine.clock import real_seconds
from mockserver.engine.webhooks.receiver_queue import Job, ReceiverQueue
from mockserver.engine.webhooks.waiting import Attempt, LookUp, Ready, Wait
from mockserver.engine.webhooks.workers import Workers

_log = logging.getLogger(__name__)

_LONGEST_NAP = 3600.0
"""Real seconds; the system cannot wait for as long as a slow clock may require."""
_MANY, _MOST = 256, 512
"""With so many attempts in progress, a receiver gets only one at a time; or none begins at all."""
_FEW = 1000
"""Webhooks that may wait while this thread rests."""
_LEAST_WORK, _LONGEST_REST = 0.001, 0.01
"""Real seconds: a single webhook is followed by no rest, and no result is late by much."""
_LOOK_UPS = 16
"""Threads that look names up at most."""


class Sender:
    """Performs attempts in a thread of its own, which starts with the first `wake`.

    In that thread, *hand_over* is called whenever something may be due, and can `put` attempts; it
    returns the real seconds after which to call it again, or None.
    """

    def __init__(self, width: int, hand_over: Callable[[], float | None]) -> None:
        self._width = width
        self._hand_over = hand_over
        self._queues: dict[str, ReceiverQueue] = {}
        self._waiting: deque[ReceiverQueue] = deque()
        """The queues that may have an attempt to begin."""
        self._backlog = 0
        """Attempts that have not begun."""
        self._worked = 0.0
        """Real seconds since the last rest."""
        self._running: set[_Running] = set()
        self._expiry = inf
        """Until this moment, in real seconds, no attempt reaches its deadline."""
        self._look_ups = Workers(1, _LOOK_UPS, "webhook-look-up")
        self._found: deque[Callable[[], None]] = deque()
        """What to do with the results of look-ups."""
        self._thread: Thread | None = None
        self._selector: DefaultSelector
        self._alarm: int | None = None
        """The pipe that ends a wait for sockets."""
        self._lock = Lock()
        """Guards the three above, and what follows."""
        self._closed = False
        self._ended = Event()
        """Ends a rest."""

    def wake(self) -> None:
        """Have *hand_over* called soon; from any thread."""
        with self._lock:
            if self._alarm is not None:
                with suppress(BlockingIOError):  # then it rings already
                    os.write(self._alarm, b"!")
            elif self._thread is None and not self._closed:
                self._start()

    def _start(self) -> None:
        self._selector = DefaultSelector()
        bell, self._alarm = os.pipe()
        for end in (bell, self._alarm):
            os.set_blocking(end, False)
        self._selector.register(bell, EVENT_READ)
        self._thread = Thread(target=self._run, args=(bell,), name="webhook-sender", daemon=True)
        self._thread.start()

    def put(self, receiver: str, job: Job) -> None:
        """Perform *job* after those of the same receiver that have not begun."""
        queue = self._queues.get(receiver)
        if queue is None:
            queue = self._queues[receiver] = ReceiverQueue(receiver)
        queue.jobs.append(job)
        self._backlog += 1
        self._note(queue)

    def close(self) -> None:
        """Drop the attempts that have not begun, abort the others, and end the thread."""
        with self._lock:
            self._closed, thread = True, self._thread
        self._ended.set()
        self._look_ups.close()
        self.wake()
        if thread is not None and thread is not current_thread():
            thread.join()

    def _run(self, bell: int) -> None:
        ready: list[tuple[SelectorKey, int]] = []
        try:
            while not self._closed:
                begun = real_seconds()
                for key, events in ready:
                    if key.data is None:
                        os.read(bell, 1024)
                    else:
                        self._selector.unregister(key.fileobj)
                        self._resume(key.data, events)
                pause = self._do_what_is_due()
                if self._has_rested(real_seconds() - begun):
                    pause = 0.0  # more can be due by now
                ready = self._selector.select(self._patience(pause))
        finally:
            self._end(bell)

    def _do_what_is_due(self) -> float | None:
        """Return the real seconds after which to call *hand_over* again."""
        while self._found:
            self._found.popleft()()
        if self._expiry <= real_seconds():
            self._expire()
        pause = self._hand_over()
        self._begin_attempts()
        return pause

    def _has_rested(self, worked: float) -> bool:
        """Leave the interpreter to the API if there was much to do, unless many webhooks wait."""
        self._worked += worked
        if self._worked < _LEAST_WORK or self._backlog > _FEW:
            return False
        self._ended.wait(min(self._worked, _LONGEST_REST))
        self._worked = 0.0
        return True

    def _patience(self, pause: float | None) -> float | None:
        """Return how long nothing but a socket, or a call of `wake`, makes this thread act."""
        wait = min(inf if pause is None else pause, self._expiry - real_seconds())
        return None if wait == inf else min(max(0.0, wait), _LONGEST_NAP)

    def _end(self, bell: int) -> None:
        with self._lock:
            self._closed = True
            self._selector.close()
            alarm, self._alarm = self._alarm, None
        for end in (bell, alarm):
            if end is not None:
                os.close(end)
        for running in self._running:
            running.attempt.close()

    def _note(self, queue: ReceiverQueue) -> None:
        if not queue.is_noted:
            queue.is_noted = True
            self._waiting.append(queue)

    def _begin_attempts(self) -> None:
        """Begin what may begin, one attempt of each queue after the other."""
        while self._waiting and len(self._running) < _MOST:
            queue = self._waiting.popleft()
            queue.is_noted = False
            self._backlog -= queue.drop_forgotten()
            width = self._width if len(self._running) < _MANY else 1
            if queue.jobs and queue.in_progress < width:
                queue.in_progress += 1
                self._backlog -= 1
                running = _Running(queue, queue.jobs.popleft().begin())
                self._running.add(running)
                self._resume(running, None)
                if queue.jobs:
                    self._note(queue)

    def _resume(self, running: _Running, result: Any, error: Exception | None = None) -> None:
        """Let an attempt go on with what it has awaited, until it awaits something else."""
        attempt = running.attempt
        try:
            wait = attempt.send(result) if error is None else attempt.throw(error)
            self._begin_wait(running, wait)
        except StopIteration:
            self._finish(running)
        except Exception:
            _log.exception("a webhook could not be sent")
            self._finish(running)

    def _begin_wait(self, running: _Running, wait: Wait) -> None:
        running.awaited = wait
        self._expiry = min(self._expiry, wait.deadline.ends)
        if isinstance(wait, Ready):
            self._selector.register(wait.sock, wait.events, running)
        else:
            self._look_ups.put(wait.name, partial(self._look_up, running, wait))

    def _look_up(self, running: _Running, wait: LookUp[Any]) -> None:
        """Look a name up, in another thread."""
        result, error = None, None
        try:
            result = wait.function()
        except Exception as problem:
            error = problem
        self._found.append(lambda: self._take(running, wait, result, error))
        self.wake()

    def _take(self, running: _Running, wait: Wait, result: object, error: Exception | None) -> None:
        if running.awaited is wait:  # else it came too late
            self._resume(running, result, error)

    def _expire(self) -> None:
        """End the attempts that have reached their deadline."""
        now = real_seconds()
        for running in [one for one in self._running if one.ends <= now]:
            if isinstance(running.awaited, Ready):
                self._selector.unregister(running.awaited.sock)
            self._resume(running, None, TimeoutError())
        self._expiry = min((one.ends for one in self._running), default=inf)

    def _finish(self, running: _Running) -> None:
        running.attempt.close()
        running.awaited = None
        self._running.remove(running)
        if not self._running:
            self._expiry = inf
        queue = running.queue
        queue.in_progress -= 1
        if queue.jobs:
            self._note(queue)
        elif not queue.in_progress and self._queues.get(queue.receiver) is queue:
            del self._queues[queue.receiver]


class _Running:
    """An attempt in progress."""

    __slots__ = ("attempt", "awaited", "queue")

    def __init__(self, queue: ReceiverQueue, attempt: Attempt[object]) -> None:
        self.queue = queue
        self.attempt = attempt
        self.awaited: Wait | None = None

    @property
    def ends(self) -> float:
        """Its deadline, in real seconds."""
        return inf if self.awaited is None else self.awaited.deadline.ends
