"""A sandbox is the isolated world of one API key: its tasks, clock, journal and balance."""

from __future__ import annotations

import hashlib
import heapq
import random
import uuid
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from threading import Lock
from typing import Any

from mockserver.contract import Lifecycle
from mockserver.domain.expectation import is_expected
from mockserver.domain.task import (
    Task,
    charge,
    ends_at,
    is_uncounted,
    status_at,
    surcharge_day,
)
from mockserver.engine.clock import Clock
from mockserver.engine.contract_warnings import ContractWarning, Observer
from mockserver.engine.journal import Budget, Delivery, Journal, TaskEnd, Watch
from mockserver.engine.rules import Rules
from mockserver.engine.webhooks.delivery_warnings import webhook_outcome, webhook_warning
from mockserver.settings import Settings


class Sandbox:
    """One world; safe to use from several threads."""

    def __init__(
        self,
        key: str,
        clock: Clock,
        settings: Settings,
        lifecycle: Lifecycle,
        budget: Budget,
        *,
        watch: Watch | None = None,
    ) -> None:
        self.id = sandbox_id(key)
        self.clock = clock
        self.journal = Journal(settings.journal_entries, budget, watch)
        self.settings = settings
        """Those of the server, unless they were changed for this sandbox."""
        self.rules = Rules()
        self.observer = Observer()
        """Sees what the app does although it was told otherwise; a new one after each reset."""
        self.is_controlled = False
        """Whether somebody has used the control plane with its key."""
        self._held: str | None = None
        self.submitting = Lock()
        """Held from the look at the balance to the charge."""
        self.advancing = Lock()
        """Held by whoever advances the clock."""
        self.generation = 0
        """Changes with each reset."""
        self.version = 0
        """Changes whenever a task does."""
        self._spent_before = Decimal()
        self._unpriced_before = 0
        self._first_settings = settings
        self._lifecycle = lifecycle
        self._lock = Lock()
        self._start()

    def _start(self) -> None:
        self.began = self.clock.real()
        """In real seconds, from the clock's origin."""
        self._tasks: OrderedDict[str, Task] = OrderedDict()
        self._ends: list[tuple[datetime, str]] = []
        self._charged = Decimal()
        self._unpriced = 0
        self._surcharged: Counter[date] = Counter()
        self._random = _randomness(self.settings.seed, self.id)
        self._counts: Counter[str] = Counter()
        self._admitted: deque[datetime] = deque()

    def reset(self, *, keep_clock: bool = False) -> None:
        """Begin anew: no tasks, rules or journal, the first settings, balance, ids and clock."""
        self.conclude()
        with self._lock:
            self.settings = self._first_settings
            self._spent_before += self._charged
            self._unpriced_before += self._unpriced
            self._start()
            self._held = None
            self.generation += 1
            self.version += 1
        self.rules.remove()
        self.journal.clear()
        if not keep_clock:
            self.clock.reset()

    def conclude(self) -> None:
        """Tell whoever watches how every task stands, and what can no longer be explained."""
        with self._lock:
            observer, self.observer = self.observer, Observer()
        if not self.journal.is_watched:
            return
        for task in self.tasks():
            self._tell_end(task, observer)
        unsettled = observer.unsettled(self.settings.expect or frozenset())
        for warning, times in unsettled.items():
            for _ in range(times):
                self.journal.tell(warning)

    def _tell_end(self, task: Task, observer: Observer) -> None:
        if not self.journal.is_watched:
            return
        status = status_at(task, self.clock.now())
        failed = status in self._lifecycle.terminal
        webhook = None
        if task.callback_url is not None:
            webhook = observer.webhooks.get(task.id, "not due yet")
        reason = task.plan.failure_reason if failed else None
        self.journal.tell(TaskEnd(status, reason, webhook))

    def record_delivery(self, **fields: Any) -> Delivery:
        """Note an attempt, and what it says about the receiver; see `Journal.record_delivery`."""
        return self.journal.record_delivery(self._judged, **fields)

    def _judged(self, delivery: Delivery) -> tuple[ContractWarning, ...]:
        warning, expected = webhook_warning(delivery), self.settings.expect or ()
        code = delivery.status or 0
        wanted = warning is not None and not is_expected(expected, warning.kind, "webhook", code)
        warnings = (warning,) if warning is not None and wanted else ()
        return self.observer.delivery(delivery.task_id, warnings, webhook_outcome(delivery))

    @property
    def held(self) -> str | None:
        """The task whose webhook waits for another one to overtake it."""
        return self._held

    def swap(self, task_id: str) -> str | None:
        """Release the webhook that is held or, if there is none, hold this task's.

        Give the task whose webhook was held before; it can be the same one.
        """
        with self._lock:
            held, self._held = self._held, None if self._held else task_id
            return held

    def count(self, what: str) -> int:
        """Count the next poll of a task, or draw of chance: 1 for the first."""
        with self._lock:
            self._counts[what] += 1
            return self._counts[what]

    def admit(self, now: datetime) -> float:
        """Let a request in under the rate limit; else say for how many seconds it is too early."""
        limit = self.settings.rate_limit
        if limit is None:
            return 0.0
        with self._lock:
            while self._admitted and self._admitted[0] <= now - limit.per:
                self._admitted.popleft()
            if len(self._admitted) < limit.count:
                self._admitted.append(now)
                return 0.0
            return (self._admitted[0] + limit.per - now).total_seconds()

    def new_id(self) -> str:
        """Give a new task's id, a random UUID; a seed makes the sequence repeat."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def get(self, task_id: str) -> Task | None:
        """Find a task of this sandbox."""
        return self._tasks.get(task_id)

    def tasks(self) -> list[Task]:
        """List the tasks in the order of their submission."""
        with self._lock:
            return list(self._tasks.values())

    def add(self, task: Task) -> None:
        """Remember a new task; forget one when there are too many.

        That is the one that ended first or, if none has ended, the oldest.
        """
        with self._lock:
            self._tasks[task.id] = task
            self.version += 1
            self._note_end(task)
            self._account(task)
            if len(self._tasks) > self.settings.max_tasks:
                self._forget_one(task.created_at)

    def _forget_one(self, now: datetime) -> None:
        while self._ends and self._ends[0][0] <= now:
            ended, task_id = heapq.heappop(self._ends)
            task = self._tasks.get(task_id)
            if task is not None and ends_at(task, self._lifecycle) == ended:
                self._forget(task_id)
                return
        self._forget(next(iter(self._tasks)))

    def _forget(self, task_id: str) -> None:
        self._tell_end(self._tasks.pop(task_id), self.observer)
        self._counts.pop(task_id, None)

    def _note_end(self, task: Task) -> None:
        ends = ends_at(task, self._lifecycle)
        if ends is not None:
            heapq.heappush(self._ends, (ends, task.id))

    def update(self, task_id: str, change: Callable[[Task], Task]) -> Task:
        """Replace a task's record by what *change* makes of it, with no other change between.

        Raises KeyError for an unknown task, and whatever *change* raises.
        """
        with self._lock:
            old = self._tasks[task_id]
            new = change(old)
            self._tasks[task_id] = new
            self.version += 1
            self._note_end(new)
            self._account(old, -1)
            self._account(new)
            return new

    def _account(self, task: Task, times: int = 1) -> None:
        """Count what a record of a task is charged; -1 takes it back."""
        self._charged += charge(task, self._lifecycle) * times
        self._unpriced += is_uncounted(task, self._lifecycle) * times
        day = surcharge_day(task, self._lifecycle)
        if day is not None:
            self._surcharged[day] += times

    def surcharged_on(self, day: date) -> int:
        """Count the tasks that fail, or are going to fail, with a surcharge on a UTC day."""
        return self._surcharged[day]

    @property
    def balance(self) -> Decimal | None:
        """US dollars left, after what successful and still running tasks cost; None: unlimited."""
        limit = self.settings.balance
        return None if limit is None else limit - self._charged

    @property
    def spent(self) -> Decimal:
        """US dollars that successful tasks cost, and that running ones will."""
        return self._charged

    @property
    def spent_ever(self) -> Decimal:
        """US dollars spent, and those from before resets."""
        return self._spent_before + self._charged

    @property
    def unpriced(self) -> int:
        """Tasks that are charged for, and nobody knows how much: `spent` is without them."""
        return self._unpriced

    @property
    def unpriced_ever(self) -> int:
        """The same, with those from before resets."""
        return self._unpriced_before + self._unpriced

    def at_rest(self, now: datetime) -> bool:
        """Say whether every task has ended, so that forgetting the sandbox disturbs nobody."""
        return all(status_at(task, now) in self._lifecycle.terminal for task in self.tasks())


_LOOKED_AT = 100
"""Sandboxes among which one at rest is looked for, before the one unused longest has to go."""


class Sandboxes:
    """All sandboxes by API key; the one at rest longest is forgotten when there are too many."""

    def __init__(
        self,
        settings: Settings,
        lifecycle: Lifecycle,
        make_clock: Callable[[], Clock],
        clock_changed: Callable[[Sandbox], object],
        watch: Watch | None = None,
    ) -> None:
        self._settings = settings
        self._lifecycle = lifecycle
        self._make_clock = make_clock
        self._clock_changed = clock_changed
        self._watch = watch
        self._spent_by_forgotten = Decimal()
        self._unpriced_of_forgotten = 0
        self._budget = Budget(settings.journal_bytes)
        self._by_key: OrderedDict[str, Sandbox] = OrderedDict()
        self._by_id: dict[str, Sandbox] = {}
        self._lock = Lock()

    def of_key(self, key: str) -> Sandbox:
        """Give the sandbox of an API key, a new one for a new key."""
        with self._lock:
            sandbox = self._by_key.get(key)
            if sandbox is None:
                sandbox = self._create(key)
            self._by_key.move_to_end(key)
            return sandbox

    def of_id(self, id_: str) -> Sandbox | None:
        """Find a sandbox by the id that its result URLs hold."""
        return self._by_id.get(id_)

    def __iter__(self) -> Iterator[Sandbox]:
        with self._lock:
            return iter(list(self._by_key.values()))

    @property
    def keys(self) -> list[str]:
        """The API keys of all that are not forgotten."""
        with self._lock:
            return list(self._by_key)

    @property
    def spent_ever(self) -> Decimal:
        """US dollars that the tasks of all keys cost, also of those forgotten."""
        return self._spent_by_forgotten + sum(one.spent_ever for one in self)

    @property
    def unpriced_ever(self) -> int:
        """Tasks of all keys, also of those forgotten, whose cost nobody knows."""
        return self._unpriced_of_forgotten + sum(one.unpriced_ever for one in self)

    def _create(self, key: str) -> Sandbox:
        clock = self._make_clock()
        sandbox = Sandbox(
            key, clock, self._settings, self._lifecycle, self._budget, watch=self._watch
        )
        clock.on_change = lambda: self._clock_changed(sandbox)
        self._by_key[key] = self._by_id[sandbox.id] = sandbox
        if len(self._by_key) > self._settings.max_sandboxes:
            self._forget_one(sandbox)
        return sandbox

    def _forget_one(self, newest: Sandbox) -> None:
        looked_at = islice(self._by_key, _LOOKED_AT)
        old = [key for key in looked_at if key and self._by_key[key] is not newest]
        resting = (key for key in old if self._is_resting(self._by_key[key]))
        key = next(resting, old[0] if old else None)
        if key is not None:
            sandbox = self._by_key.pop(key)
            self._spent_by_forgotten += sandbox.spent_ever
            self._unpriced_of_forgotten += sandbox.unpriced_ever
            sandbox.conclude()
            sandbox.journal.clear()
            del self._by_id[sandbox.id]

    @staticmethod
    def _is_resting(sandbox: Sandbox) -> bool:
        return sandbox.at_rest(sandbox.clock.now())


def sandbox_id(key: str) -> str:
    """Derive a sandbox's public id, which does not give the key away."""
    return hashlib.sha256(b"sandbox:" + key.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _randomness(seed: str | None, id_: str) -> random.Random:
    """Ids need to be unique and repeatable, not secret."""
    return random.Random(None if seed is None else f"{seed}:{id_}")  # noqa: S311
