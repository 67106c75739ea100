"""Moving a sandbox's clock ahead: everything that falls due is done, in order, and reported."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from mockserver.domain.durations import LATEST, stamp
from mockserver.domain.task import Task, status_at, transitions
from mockserver.engine.sandbox import Sandbox
from mockserver.engine.timeline import Event, status_event, webhook_event
from mockserver.engine.webhooks.dispatcher import Dispatcher

_LANDING = 60.0
"""Real seconds, beside their time-outs, to wait for webhooks that are in flight already."""
_MOST_EVENTS = 1_000_000


class NeverError(ValueError):
    """The state that was waited for never comes; the message says what comes instead."""


def advance(
    sandbox: Sandbox, dispatcher: Dispatcher, target: Callable[[], datetime | None]
) -> list[Event]:
    """Move the clock to *target*, or until nothing is due; give what happened, in order.

    *target* is asked once the clock stands still; None is until nothing is due.

    Transitions and webhook attempts, retries too, are done at their own moments: whoever asks
    meanwhile sees the clock there. When this returns, nothing is in flight. Two advances of one
    sandbox wait for each other. A reset of the clock meanwhile ends it.
    """
    with sandbox.advancing, _taken_over(sandbox, dispatcher):
        until, epoch = target(), sandbox.clock.epoch
        happened: list[Event] = []
        pending = _Transitions(sandbox, sandbox.clock.now())
        while len(happened) < _MOST_EVENTS and sandbox.clock.epoch == epoch:
            entry, scheduled = pending.next(), dispatcher.next_scheduled(sandbox)
            moment = min((at for at in (entry, scheduled and scheduled.due) if at), default=None)
            if moment is None or moment > (LATEST if until is None else until):
                break
            sandbox.clock.advance_to(moment)
            if entry == moment:  # a state is entered before anybody is told of it
                happened.append(pending.take())
            elif scheduled is not None and dispatcher.scheduler.take(scheduled):
                happened.extend(map(webhook_event, dispatcher.perform(scheduled)))
        if until is not None and sandbox.clock.epoch == epoch:
            sandbox.clock.advance_to(until)
        return happened


def moment_after(sandbox: Sandbox, duration: timedelta) -> datetime:
    """Say which moment is *duration* ahead. Raises ValueError for one beyond LATEST."""
    now = sandbox.clock.now()
    if duration > LATEST - now:
        raise ValueError(f"a clock goes no further than {stamp(LATEST)}; use less")
    return now + duration


def moment_of(sandbox: Sandbox, task: Task, status: str) -> datetime:
    """Say when *task* enters *status*. Raises NeverError."""
    now = sandbox.clock.now()
    plan = transitions(task)
    for at, entered in plan:
        if entered == status and at is not None:
            return max(at, now)
    shown = ", ".join(entered for _, entered in plan)
    raise NeverError(
        f"task {task.id} is {status_at(task, now)} and never becomes {status!r}; its plan: {shown}"
    )


@contextmanager
def _taken_over(sandbox: Sandbox, dispatcher: Dispatcher) -> Iterator[None]:
    """Stop the clock, and keep the timer's hands off the sandbox."""
    speed, epoch = sandbox.clock.speed, sandbox.clock.epoch
    sandbox.clock.run(0)
    dispatcher.scheduler.hold(sandbox)
    try:
        in_flight = sandbox.settings.webhook_timeout.total_seconds() * 2 + _LANDING
        dispatcher.wait_until_sent(sandbox, in_flight)
        yield
    finally:
        if sandbox.clock.epoch == epoch:
            sandbox.clock.run(speed)
        dispatcher.scheduler.release(sandbox)


class _Transitions:
    """The transitions to come of all tasks of a sandbox, made anew when a task changes."""

    def __init__(self, sandbox: Sandbox, start: datetime) -> None:
        self._sandbox = sandbox
        self._done = start
        self._version = -1
        self._taken: set[tuple[str, int]] = set()
        self._heap: list[tuple[datetime, int, int, Task, str]] = []

    def next(self) -> datetime | None:
        """Give the next transition's moment; None if there is none."""
        if self._version != self._sandbox.version:
            self._collect()
        return self._heap[0][0] if self._heap else None

    def take(self) -> Event:
        """Take the next transition, which must exist, as what happened."""
        at, _, step, task, status = heapq.heappop(self._heap)
        if at > self._done:
            self._done = at
            self._taken.clear()
        self._taken.add((task.id, step))
        return status_event(task, at, status)

    def _collect(self) -> None:
        self._version = self._sandbox.version
        self._heap = [
            (at, order, step, task, status)
            for order, task in enumerate(self._sandbox.tasks())
            for step, (at, status) in enumerate(transitions(task))
            if step and at is not None and self._is_to_come(at, task, step)
        ]
        heapq.heapify(self._heap)

    def _is_to_come(self, at: datetime, task: Task, step: int) -> bool:
        return at > self._done or (
            at == self._done and bool(self._taken) and (task.id, step) not in self._taken
        )
