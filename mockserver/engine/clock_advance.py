"""Moving a sandbox's clock ahead: everything that falls due happens in order, and is reported.

The obvious way, setting the clock to its target and letting the timer find what is overdue, would
be wrong: receivers would see all webhooks at the target's moment, in any order, a retry that fails
at the target would be due after it, and a test could not know when all of it is done.

So the clock goes from one event to the next:

1. The clock is stopped, and the timer leaves this sandbox alone. Webhooks that are already in
   flight are awaited.
2. The earliest event is looked for: the next state that any task enters, and the next attempt to
   deliver a webhook. If both are at the same moment, the state is first, as a webhook reports it.
3. The clock is set to exactly that moment, and the event happens in this thread: an attempt is
   complete, including a time-out in real time, before the next event is looked for. A receiver
   that polls the API meanwhile sees the moment of its webhook.
4. An event can cause others: a failed attempt schedules the next one, a receiver submits or
   cancels tasks, or even resets the sandbox. So nothing is planned ahead; after each event, step
   2 looks again. When a task has changed, all transitions are collected anew. A webhook that a
   scenario holds is reported as held; only a release sends it, and nothing waits for that.
5. When nothing more is due up to the target, the clock is set to the target, and continues at its
   old speed.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from mockserver.domain.durations import LATEST, stamp
from mockserver.domain.task import Task, status_at, transitions
from mockserver.engine.journal import Delivery
from mockserver.engine.sandbox import Sandbox
from mockserver.engine.timeline import Event, status_event, webhook_event
from mockserver.engine.webhooks.dispatcher import Dispatcher
from mockserver.engine.webhooks.holding import HeldWebhook

_GRACE = 60.0
"""Real seconds, besides their time-outs, to wait for webhooks that are already in flight."""
_MOST_EVENTS = 1_000_000


class NeverError(ValueError):
    """The awaited state never comes; the message says what comes instead."""


def advance(
    sandbox: Sandbox, dispatcher: Dispatcher, target: Callable[[], datetime | None]
) -> list[Event]:
    """Move the clock to *target*, or until nothing is due; return what happened, in order.

    *target* is called once the clock stands still; it returns None to go on until nothing is due.

    Transitions and webhook attempts, including retries, happen at their own moments: whatever
    asks meanwhile sees the clock there. When this returns, nothing is in flight. Advances of one
    sandbox wait for each other. A reset of the clock ends an advance. Raises Unavailable.
    """
    sandbox.keeper.commit()
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
            sandbox.tell_reached(moment)
            if entry == moment:  # a state is entered before any webhook reports it
                happened.append(pending.take())
            elif scheduled is not None and dispatcher.scheduler.take(scheduled):
                happened.extend(map(_event, dispatcher.perform(scheduled)))
        if until is not None and sandbox.clock.epoch == epoch:
            sandbox.clock.advance_to(until)
            sandbox.tell_reached()
        return happened


def _event(made: Delivery | HeldWebhook) -> Event:
    return made.event() if isinstance(made, HeldWebhook) else webhook_event(made)


def moment_after(sandbox: Sandbox, duration: timedelta) -> datetime:
    """Return the moment that is *duration* ahead. Raises ValueError if it is beyond LATEST."""
    now = sandbox.clock.now()
    if duration > LATEST - now:
        raise ValueError(f"a clock goes no further than {stamp(LATEST)}; use less")
    return now + duration


def moment_of(sandbox: Sandbox, task: Task, status: str) -> datetime:
    """Return the moment at which *task* enters *status*. Raises NeverError."""
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
    """Stop the clock, and keep the timer from sending the sandbox's webhooks."""
    speed, epoch = sandbox.clock.speed, sandbox.clock.epoch
    sandbox.clock.taken_over = speed
    sandbox.clock.run(0)
    dispatcher.scheduler.pause(sandbox)
    try:
        in_flight = sandbox.settings.webhook_timeout.total_seconds() * 2 + _GRACE
        dispatcher.wait_until_sent(sandbox, in_flight)
        yield
    finally:
        sandbox.clock.taken_over = None
        if sandbox.clock.epoch == epoch:
            sandbox.clock.run(speed)
        dispatcher.scheduler.resume(sandbox)


class _Transitions:
    """The future transitions of all tasks of a sandbox, collected again when a task changes.

    Several transitions can be at the same moment, and tasks can change in between. So the ones at
    the current moment that have been taken are remembered until the clock moves on: a new
    collection must contain neither these nor anything earlier.
    """

    def __init__(self, sandbox: Sandbox, start: datetime) -> None:
        self._sandbox = sandbox
        self._reached = start
        """The moment of the last transition taken; at first, the start, whose own are past."""
        self._version = -1
        self._taken: set[tuple[str, int]] = set()
        """The tasks and steps of the transitions taken at that moment."""
        self._heap: list[tuple[datetime, int, int, Task, str]] = []

    def next(self) -> datetime | None:
        """Return the next transition's moment; None if there is none."""
        if self._version != self._sandbox.version:
            self._collect()
        return self._heap[0][0] if self._heap else None

    def take(self) -> Event:
        """Remove the next transition, which must exist; return its event."""
        at, _, step, task, status = heapq.heappop(self._heap)
        if at > self._reached:
            self._reached = at
            self._taken.clear()
        self._taken.add((task.id, step))
        return status_event(task, at, status)

    def _collect(self) -> None:
        """Collect what is to come; *order* and *step* decide between equal moments."""
        self._version = self._sandbox.version
        self._heap = [
            (at, order, step, task, status)
            for order, task in enumerate(self._sandbox.tasks())
            for step, (at, status) in enumerate(transitions(task))
            if step and at is not None and self._is_to_come(at, task, step)
        ]
        heapq.heapify(self._heap)

    def _is_to_come(self, at: datetime, task: Task, step: int) -> bool:
        return at > self._reached or (
            at == self._reached and bool(self._taken) and (task.id, step) not in self._taken
        )
