"""A sandbox is the isolated world of one API key: its tasks, clock, journal and balance."""

from __future__ import annotations

import hashlib
import heapq
import random
import uuid
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from threading import Lock

from mockserver.contract import Lifecycle
from mockserver.domain.expectation import is_expected
from mockserver.domain.task import Task, ends_at, status_at
from mockserver.engine.account import Account
from mockserver.engine.clock import Clock
from mockserver.engine.contract_warnings import ContractWarning, Observer
from mockserver.engine.journal import Budget, Delivery, Journal, TaskEnd, Watch
from mockserver.engine.rules import Rules
from mockserver.engine.webhooks.delivery_warnings import webhook_outcome, webhook_warning
from mockserver.settings import Settings


class Sandbox:
    """The world of one API key; safe to use from several threads."""

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
        """Finds what the app does against the contract; replaced by each reset."""
        self.is_controlled = False
        """Whether the control plane has been used with its key."""
        self.advancing = Lock()
        """Held while the clock is being advanced, or its speed changed."""
        self.generation = 0
        """Changes with each reset."""
        self.version = 0
        """Changes whenever a task does."""
        self._submitting = Lock()
        """Held from reading the balance to charging it."""
        self._account = Account(lifecycle)
        self._first_settings = settings
        self._lifecycle = lifecycle
        self._lock = Lock()
        self._start()

    def _start(self) -> None:
        self.began = self.clock.real()
        """In real seconds, from the clock's origin."""
        self._tasks: OrderedDict[str, Task] = OrderedDict()
        self._ends: list[tuple[datetime, str]] = []
        self._random = _randomness(self.settings.seed, self.id)
        self._counts: Counter[str] = Counter()
        self._admitted: deque[datetime] = deque()

    def reset(self, *, keep_clock: bool = False) -> None:
        """Begin anew: no tasks, rules or journal; original settings, balance, ids and clock."""
        self.conclude()
        with self._lock:
            self.settings = self._first_settings
            self._account.reset()
            self._start()
            self.generation += 1
            self.version += 1
        self.rules.remove()
        self.journal.clear()
        if not keep_clock:
            self.clock.reset()

    def conclude(self) -> None:
        """Report the final state of every task, and the warnings that can no longer be withdrawn.

        They go to what watches the journal.
        """
        with self._lock:
            observer, self.observer = self.observer, Observer()
        if not self.journal.is_watched:
            return
        for task in self.tasks():
            self._report_end(task, observer)
        unsettled = observer.unsettled(self.settings.expect or frozenset())
        for warning, times in unsettled.items():
            for _ in range(times):
                self.journal.tell(warning)

    def _report_end(self, task: Task, observer: Observer) -> None:
        if not self.journal.is_watched:
            return
        status = status_at(task, self.clock.now())
        has_ended = status in self._lifecycle.terminal
        webhook = None
        if task.callback_url is not None:
            webhook = observer.webhooks.get(task.id, "not due yet")
        reason = task.plan.failure_reason if has_ended else None
        self.journal.tell(TaskEnd(status, reason, webhook))

    def record_delivery(self, delivery: Delivery) -> Delivery:
        """Record an attempt; return it with its number and its warnings about the receiver."""
        return self.journal.record_delivery(delivery, self._warnings_about)

    def _warnings_about(self, delivery: Delivery) -> tuple[ContractWarning, ...]:
        warning, expected = webhook_warning(delivery), self.settings.expect or ()
        code = delivery.status or 0
        wanted = warning is not None and not is_expected(expected, warning.kind, "webhook", code)
        warnings = (warning,) if warning is not None and wanted else ()
        return self.observer.delivery(delivery.task_id, warnings, webhook_outcome(delivery))

    def run_clock(self, speed: float) -> None:
        """Let the clock run at *speed*; 0 stops it.

        This waits for an advance, which would restore the old speed at its end.
        """
        with self.advancing:
            self.clock.run(speed)

    def change_settings(self, change: Callable[[Settings], Settings]) -> None:
        """Replace the settings by what *change* makes of them. Raises whatever *change* raises."""
        with self._lock:
            self.settings = change(self.settings)

    def count(self, what: str) -> int:
        """Count the next poll of a task, or random draw, and return its number from 1."""
        with self._lock:
            self._counts[what] += 1
            return self._counts[what]

    def admit(self, now: datetime) -> float:
        """Admit a request under the rate limit, or return the seconds by which it is too early."""
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

    # -- tasks -------------------------------------------------------------------------------

    def new_id(self) -> str:
        """Return an id for a new task: a random UUID; a seed makes the sequence repeatable."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def get(self, task_id: str) -> Task | None:
        """Find a task of this sandbox."""
        return self._tasks.get(task_id)

    def tasks(self) -> list[Task]:
        """List the tasks in the order of their submission."""
        with self._lock:
            return list(self._tasks.values())

    def submit(self, make: Callable[[], Task]) -> Task:
        """Add the task that *make* returns; the balance does not change in between."""
        with self._submitting:
            task = make()
            self._add(task)
            return task

    def _add(self, task: Task) -> None:
        """Store a new task; if there are too many, forget one.

        That is the first one that ended or, if none has ended, the oldest.
        """
        with self._lock:
            self._tasks[task.id] = task
            self.version += 1
            self._note_end(task)
            self._account.add(task)
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
        self._report_end(self._tasks.pop(task_id), self.observer)
        self._counts.pop(task_id, None)

    def _note_end(self, task: Task) -> None:
        ends = ends_at(task, self._lifecycle)
        if ends is not None:
            heapq.heappush(self._ends, (ends, task.id))

    def update(self, task_id: str, change: Callable[[Task], Task]) -> Task:
        """Replace a task's record by what *change* makes of it; no other change intervenes.

        Raises KeyError for an unknown task, and whatever *change* raises.
        """
        with self._lock:
            old = self._tasks[task_id]
            new = change(old)
            self._tasks[task_id] = new
            self.version += 1
            self._note_end(new)
            self._account.remove(old)
            self._account.add(new)
            return new

    def is_idle(self, now: datetime) -> bool:
        """Return whether every task has ended, so that no app waits for the sandbox."""
        return all(status_at(task, now) in self._lifecycle.terminal for task in self.tasks())

    # -- money -------------------------------------------------------------------------------

    def surcharged_on(self, day: date) -> int:
        """Count the tasks that have failed or will fail with a surcharge on a UTC day."""
        return self._account.surcharged[day]

    def set_balance(self, usd: Decimal | None) -> None:
        """Let *usd* US dollars be left to spend; None is unlimited."""
        with self._submitting, self._lock:
            limit = None if usd is None else usd + self._account.charged
            self.settings = replace(self.settings, balance=limit)

    @property
    def balance(self) -> Decimal | None:
        """US dollars left after the cost of successful and running tasks; None is unlimited."""
        limit = self.settings.balance
        return None if limit is None else limit - self._account.charged

    @property
    def spent(self) -> Decimal:
        """US dollars that successful tasks have cost, and that running ones will cost."""
        return self._account.charged

    @property
    def spent_ever(self) -> Decimal:
        """US dollars spent, including those before resets."""
        return self._account.charged_before + self._account.charged

    @property
    def unpriced(self) -> int:
        """Charged tasks whose cost is unknown, so that `spent` does not include it."""
        return self._account.unpriced

    @property
    def unpriced_ever(self) -> int:
        """Charged tasks whose cost is unknown, including those before resets."""
        return self._account.unpriced_before + self._account.unpriced


def sandbox_id(key: str) -> str:
    """Derive a sandbox's public id, which does not reveal the key."""
    return hashlib.sha256(b"sandbox:" + key.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _randomness(seed: str | None, id_: str) -> random.Random:
    """Return a source of ids, which must be unique and repeatable, but not secret."""
    return random.Random(None if seed is None else f"{seed}:{id_}")  # noqa: S311
