"""Sends webhooks when their moment comes; a slow receiver holds up no other."""

from __future__ import annotations

import heapq
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from threading import Condition, Lock, Thread
from urllib.parse import urlsplit

from mockserver.contract import Contract, dump_json
from mockserver.domain.document import task_document
from mockserver.domain.task import Task, ends_at
from mockserver.engine.callback import Callback, Transport
from mockserver.engine.exchange import success
from mockserver.engine.sandbox import Sandbox
from mockserver.settings import Settings

_log = logging.getLogger(__name__)

_IDLE = 1.0
"""Real seconds that a receiver's worker waits for more work before it ends."""


@dataclass(frozen=True, slots=True, order=True)
class _Call:
    """A webhook attempt that is due at a moment of its sandbox's clock."""

    due: datetime
    order: int
    sandbox: Sandbox = field(compare=False)
    task_id: str = field(compare=False)
    ends: datetime = field(compare=False)
    """The end of the task as known when this was planned; another end makes it void."""
    attempt: int = field(compare=False, default=1)


class Dispatcher:
    """Holds every webhook that is to be sent, and sends it in its own time."""

    def __init__(self, contract: Contract, settings: Settings, transport: Transport) -> None:
        self._contract = contract
        self._settings = settings
        self._transport = transport
        self._lanes = Lanes(settings.webhook_concurrency)
        self._timer = Timer(self._start)
        self._order = count()
        self._content_type = contract.fact("webhook.content_type")

    def plan(self, sandbox: Sandbox, task: Task) -> None:
        """Plan the webhook of *task* for its end, if it has both; again when its plan changed."""
        ends = ends_at(task, self._contract.lifecycle)
        if task.callback_url is not None and ends is not None:
            self._timer.add(_Call(ends, next(self._order), sandbox, task.id, ends))

    def clock_changed(self, sandbox: Sandbox) -> None:
        """Look again at what is due in a sandbox."""
        self._timer.rearm(sandbox)

    def close(self) -> None:
        """Stop sending; attempts in flight end by themselves."""
        self._timer.close()
        self._lanes.close()

    def _start(self, call: _Call) -> None:
        task = call.sandbox.get(call.task_id)
        if task is None or ends_at(task, self._contract.lifecycle) != call.ends:
            return
        self._lanes.put(_receiver(task.callback_url or ""), lambda: self._attempt(call, task))

    def _attempt(self, call: _Call, task: Task) -> None:
        """Send what a poll would show; the record was frozen when the task ended."""
        at = call.sandbox.clock.now()
        document = task_document(task, max(at, call.ends), self._contract.lifecycle)
        body = dump_json(success(self._contract, document))
        url, timeout = task.callback_url or "", self._settings.webhook_timeout.total_seconds()
        outcome = self._transport(Callback(url, body, self._content_type, timeout))
        retry = self._retry(call) if outcome.error is not None else None
        call.sandbox.journal.record_delivery(
            at=at,
            task_id=task.id,
            url=url,
            attempt=call.attempt,
            body=body,
            status=outcome.status,
            latency=outcome.latency,
            error=outcome.error,
            next_at=retry.due if retry else None,
        )
        if retry is not None:
            self._timer.add(retry)

    def _retry(self, call: _Call) -> _Call | None:
        if call.attempt >= self._settings.webhook_tries:
            return None
        wait = self._settings.webhook_backoff * 2 ** (call.attempt - 1)
        due = call.sandbox.clock.now() + wait
        return _Call(
            due, next(self._order), call.sandbox, call.task_id, call.ends, call.attempt + 1
        )


class Timer:
    """Hands each call over when its sandbox's clock has come to it; one thread, asleep between."""

    def __init__(self, hand_over: Callable[[_Call], None]) -> None:
        self._hand_over = hand_over
        self._changed = Condition()
        self._by_sandbox: dict[Sandbox, list[_Call]] = {}
        self._alarms: list[tuple[float, int, Sandbox]] = []
        self._order = count()
        self._thread: Thread | None = None
        self._closed = False

    def add(self, call: _Call) -> None:
        """Hold *call* until it is due."""
        with self._changed:
            calls = self._by_sandbox.setdefault(call.sandbox, [])
            heapq.heappush(calls, call)
            if calls[0] is call:
                self._set_alarm(call.sandbox)

    def rearm(self, sandbox: Sandbox) -> None:
        """Look again at a sandbox whose clock was changed."""
        with self._changed:
            self._set_alarm(sandbox)

    def close(self) -> None:
        """Forget every call and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _set_alarm(self, sandbox: Sandbox) -> None:
        """Wake the thread if the first call of *sandbox* is due before everything else."""
        calls = self._by_sandbox.get(sandbox)
        delay = sandbox.clock.delay_until(calls[0].due) if calls else None
        if delay is None or self._closed:
            return
        alarm = (time.monotonic() + delay, next(self._order), sandbox)
        heapq.heappush(self._alarms, alarm)
        if self._thread is None:
            self._thread = Thread(target=self._run, name="webhook-timer", daemon=True)
            self._thread.start()
        elif self._alarms[0] is alarm:
            self._changed.notify()

    def _run(self) -> None:
        with self._changed:
            while not self._closed:
                wait = self._alarms[0][0] - time.monotonic() if self._alarms else None
                if wait is None or wait > 0:
                    self._changed.wait(wait)
                    continue
                for call in self._due(heapq.heappop(self._alarms)[2]):
                    self._hand_over(call)

    def _due(self, sandbox: Sandbox) -> list[_Call]:
        now, due = sandbox.clock.now(), []
        calls = self._by_sandbox.get(sandbox, [])
        while calls and calls[0].due <= now:
            due.append(heapq.heappop(calls))
        if calls:
            self._set_alarm(sandbox)
        else:
            self._by_sandbox.pop(sandbox, None)
        return due


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


def _receiver(url: str) -> str:
    """Name the receiver of a URL: its scheme, host and port."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
