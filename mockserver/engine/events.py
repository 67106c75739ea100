"""The stream of events: everything that happens in the sandboxes, numbered in one order.

The journal of each sandbox keeps its latest events in rings, which share one limit of bytes.
Listeners get what happens while they listen; a slow one misses events, and nothing waits for it.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import chain
from threading import Lock
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from mockserver.domain.durations import stamp
from mockserver.domain.record import record
from mockserver.engine.clock import real_timestamp
from mockserver.engine.keeping import MEMORY, Keeper

MOST_LISTENERS = 100
_FIXED_COST = 1000
"""Approximate bytes of an exchange or delivery besides its bodies."""
_NOTE_COST = 400
"""Approximate bytes of any other event."""


class EventKind(StrEnum):
    """What has happened."""

    REQUEST = "request"
    """An exchange, once its response is decided."""
    TASK = "task"
    """A task was submitted."""
    STATUS = "status"
    """A task entered a state."""
    EXPIRY = "results-expire"
    """The results of a task expired."""
    WEBHOOK = "webhook"
    """An attempt to deliver a webhook ended."""
    HELD = "held"
    """A response or webhook is held; what it tells of follows once it is released."""
    CLOCK = "clock"
    """Somebody changed the course of the clock."""
    RULE = "rule"
    """A rule was added or deleted."""
    SETTINGS = "settings"
    """Settings, or the balance, were changed."""
    RESET = "reset"
    """The sandbox was reset."""
    WARNING = "warning"
    """A contract warning that belongs to no single exchange."""


Counted = tuple[str | int, ...]
"""What equal events are counted by."""


class Hears(Protocol):
    """Gets events."""

    def offer(self, event: AnyEvent) -> None:
        """Get an event, while the log is locked."""


class EventData(Protocol):
    """What an event is about."""

    @property
    def kind(self) -> EventKind:
        """What has happened."""

    @property
    def counted(self) -> Counted:
        """What equal ones in the same kind of ring are counted by."""

    @property
    def scenarios(self) -> tuple[str, ...]:
        """The scenarios that were in force."""

    def told(self) -> dict[str, Any]:
        """Return what the stream tells of it, as JSON and without secrets."""


@record
class Note:
    """What an event of few words is about: everything but exchanges and deliveries."""

    kind: EventKind
    data: dict[str, Any]
    scenarios: ClassVar[tuple[str, ...]] = ()

    @property
    def counted(self) -> Counted:
        """The state that a task has entered, or an empty text."""
        return (self.data.get("status", ""),)

    def told(self) -> dict[str, Any]:
        """Return its data."""
        return self.data


Data_co = TypeVar("Data_co", bound=EventData, covariant=True)


@record
class Event(Generic[Data_co]):
    """One thing that happened in a sandbox."""

    number: int
    """From 1, ascending through all sandboxes of a mock."""
    sandbox: str
    """The sandbox's id."""
    at: datetime
    """The moment on the sandbox's clock."""
    real: float
    """Real seconds since 1970."""
    data: Data_co
    cost: int
    """Approximate bytes."""

    def as_json(self) -> dict[str, Any]:
        """Return the event for the control plane."""
        return {
            "number": self.number,
            "at": stamp(self.at),
            "real_at": stamp(datetime.fromtimestamp(self.real, UTC)),
            "sandbox": self.sandbox,
            "kind": self.data.kind,
            "data": self.data.told(),
        }


AnyEvent = Event[EventData]


class Ring(Generic[Data_co]):
    """The latest events of some kinds in one sandbox, at most *entries*; *counts* counts all."""

    def __init__(self, sandbox: str, entries: int, log: EventLog, counts: Counter[Counted]) -> None:
        self.counts = counts
        self.sandbox = sandbox
        self.entries = entries
        self.kept: deque[Event[Data_co]] = _NOTHING
        self.dropped = 0
        """The number of the latest event that was dropped."""
        self._log = log

    def add(self, at: datetime, data: Data_co, own_bytes: int) -> None:  # type: ignore[misc]
        """Remember an exchange or a delivery, whose texts take *own_bytes*."""
        self._log.append(self, ((at, data),), own_bytes + _FIXED_COST)

    def restore(self, events: Iterable[Event[Data_co]], dropped: int) -> None:
        """Have events that were kept; *dropped* is the number of the latest that was not."""
        self._log.restore(self, events, dropped)
        self.dropped = max(self.dropped, dropped)

    def add_notes(self, notes: Iterable[tuple[datetime, Data_co]]) -> None:
        """Remember other events, in their order."""
        self._log.append(self, notes, _NOTE_COST)

    def clear(self) -> None:
        """Drop every event; numbers continue."""
        self._log.clear(self)

    def __iter__(self) -> Iterator[Data_co]:
        return iter([event.data for event in tuple(self.kept)])

    def __len__(self) -> int:
        return len(self.kept)


_NOTHING: deque[Any] = deque(maxlen=0)
"""What empty rings share: an empty deque takes as much memory as one of 64 entries."""


class EventLog:
    """The events of all sandboxes; safe to use from several threads.

    All rings together take at most *limit* bytes: the least recently used one is shortened first.
    """

    def __init__(self, limit: int, keeper: Keeper = MEMORY) -> None:
        self.used = 0
        """Bytes that all rings take."""
        self.last = 0
        """The number of the latest event."""
        self.requests: Counter[Counted] = Counter()
        """Exchanges by operation and status, including those that were dropped."""
        self.attempts: Counter[Counted] = Counter()
        """Attempts to deliver a webhook by their outcome."""
        self.states: Counter[Counted] = Counter()
        """Tasks that entered a state, by state; other events are counted as an empty text."""
        self.scenarios: Counter[Counted] = Counter()
        """Exchanges and attempts in which each scenario, without its value, was in force."""
        self._limit = limit
        self._rings: OrderedDict[int, Ring[Any]] = OrderedDict()
        """Those that are not empty, the least recently used one first."""
        self._used_last: Ring[Any] | None = None
        self._keeper = keeper
        self._numbers: Callable[[int, float], int] | None = None
        self._emptied = 0
        """The number of the latest event that was the last one of its ring to be dropped."""
        self.listeners: tuple[Hears, ...] = ()
        self.lock = Lock()
        """Held while an event is added, or taken by a listener."""

    def append(
        self, ring: Ring[Any], happened: Iterable[tuple[datetime, EventData]], cost: int
    ) -> None:
        """Add events, of *cost* bytes each, to *ring*, and drop old ones to keep the limits."""
        real = real_timestamp()
        with self.lock:
            for at, data in happened:
                if self._used_last is not ring or ring.kept is _NOTHING:
                    self._use(ring)
                if self._numbers is None:
                    self.last += 1
                else:
                    self.last = self._numbers(self.last, real)
                event = Event(self.last, ring.sandbox, at, real, data, cost)
                ring.kept.append(event)
                self.used += cost
                ring.counts[data.counted] += 1
                for name in data.scenarios:
                    self.scenarios[name.partition("=")[0],] += 1
                self._keeper.offer(event)
                for listener in self.listeners:
                    listener.offer(event)
                if len(ring.kept) > ring.entries:
                    self._drop_first(ring)
            while self.used > self._limit and self._rings:
                self._drop_first(next(iter(self._rings.values())))

    def restore(self, ring: Ring[Any], events: Iterable[AnyEvent], after: int) -> None:
        """Add events that were kept to an empty *ring*; later numbers are greater than *after*."""
        with self.lock:
            self.last = max(self.last, after)
            for event in events:
                if ring.kept is _NOTHING:
                    self._use(ring)
                ring.kept.append(event)
                self.used += event.cost
                self.last = max(self.last, event.number)
                if len(ring.kept) > ring.entries:
                    self._drop_first(ring)
            while self.used > self._limit and self._rings:
                self._drop_first(next(iter(self._rings.values())))

    def _use(self, ring: Ring[Any]) -> None:
        """Note that *ring* is the one that was used last."""
        self._used_last = ring
        self._rings[id(ring)] = ring
        self._rings.move_to_end(id(ring))
        if ring.kept is _NOTHING:
            ring.kept = deque()

    def clear(self, ring: Ring[Any]) -> None:
        """Forget all of *ring*."""
        with self.lock:
            while ring.kept:
                self._drop_first(ring)

    def _drop_first(self, ring: Ring[Any]) -> None:
        dropped = ring.kept.popleft()
        self.used -= dropped.cost
        ring.dropped = dropped.number
        if not ring.kept:
            ring.kept = _NOTHING
            self._emptied = max(self._emptied, dropped.number)
            del self._rings[id(ring)]
            if self._used_last is ring:
                self._used_last = None

    def continue_after(
        self, number: int, numbers: Callable[[int, float], int] | None = None
    ) -> None:
        """Let further numbers be greater than *number*.

        *numbers* returns the number after another one, at a time in real seconds since 1970, if
        not simply the next one.
        """
        with self.lock:
            self.last = max(self.last, number)
            self._numbers = numbers

    def listen(self, listener: Hears) -> int:
        """Offer *listener* what happens from now on; return the number of the latest event.

        Raises TooManyListenersError.
        """
        with self.lock:
            if len(self.listeners) >= MOST_LISTENERS:
                raise TooManyListenersError
            self.listeners = (*self.listeners, listener)
            return self.last

    def forget(self, listener: Hears) -> None:
        """Offer *listener* no more."""
        with self.lock:
            self.listeners = tuple(one for one in self.listeners if one is not listener)

    def kept(self, rings: Iterable[Ring[Any]] | None, since: int, until: int) -> Events:
        """Return the events of *rings*, by default all, from after *since* up to *until*.

        A number that is still to come is of an earlier mock: all are after it.
        """
        if since > until:
            return Events(self.kept(rings, 0, until).events, is_complete=False)
        with self.lock:
            chosen = list(self._rings.values() if rings is None else rings)
            found = chain.from_iterable(_after(one, since) for one in chosen)
            events = [event for event in found if event.number <= until]
            emptied = self._emptied if rings is None else 0  # its ring is not among the chosen
            dropped = max([emptied, *(one.dropped for one in chosen)])
        events.sort(key=lambda event: event.number)
        return Events(events, is_complete=dropped <= since)


def _after(ring: Ring[Any], since: int) -> Iterator[AnyEvent]:
    for event in reversed(ring.kept):
        if event.number <= since:
            return
        yield event


@dataclass(slots=True)
class Events:
    """Some events, in order."""

    events: list[AnyEvent]
    is_complete: bool
    """Whether none is missing between the first one and the place that was asked for."""

    def limit(self, most: int, *, latest: bool) -> None:
        """Keep only so many: the *latest*, which leaves out others, or the first."""
        if len(self.events) > most:
            self.events = self.events[len(self.events) - most :] if latest else self.events[:most]
            self.is_complete = self.is_complete and not latest


class TooManyListenersError(Exception):
    """There are as many listeners as a mock bears."""
