"""A sandbox is the isolated world of one API key: its tasks, clock, journal and balance."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from threading import Lock
from typing import Any

from mockserver.contract import Lifecycle
from mockserver.domain.expectation import is_expected
from mockserver.domain.task import Task, status_at
from mockserver.engine.account import Account
from mockserver.engine.clock import Clock, real_timestamp
from mockserver.engine.contract_warnings import ContractWarning, Observer
from mockserver.engine.events import EventKind, EventLog
from mockserver.engine.held import Holds
from mockserver.engine.ids import randomness, uuid_of
from mockserver.engine.journal import Delivery, Journal, TaskEnd, Watch
from mockserver.engine.keeping import MEMORY, Keeper, Kept, KeptSandbox, KeptWebhook
from mockserver.engine.rules import Rules
from mockserver.engine.tasks import TaskBudget, Tasks
from mockserver.engine.unreached import Unreached
from mockserver.engine.webhooks.delivery_warnings import webhook_outcome, webhook_warning
from mockserver.settings import Settings

ChangeSettings = Callable[[Settings, Mapping[str, str]], Settings]
"""Returns settings with the changes that texts of settings ask for."""


class Sandbox:
    """The world of one API key; safe to use from several threads."""

    def __init__(
        self,
        id_: str,
        clock: Clock,
        settings: Settings,
        lifecycle: Lifecycle,
        *,
        log: EventLog,
        task_budget: TaskBudget,
        watch: Watch | None = None,
        keeper: Keeper = MEMORY,
        masked_key: str = "",
    ) -> None:
        self.id = id_
        self.masked_key = masked_key
        """What may be shown of its API key."""
        self.keeper = keeper
        """Is told what changes."""
        self.clock = clock
        self.journal = Journal(self.id, settings.journal_entries, log, watch)
        self.settings = settings
        """Those of the server, unless they were changed for this sandbox."""
        self.rules = Rules()
        self.held = Holds()
        self.observer = Observer()
        """Finds what the app does against the contract; replaced by each reset."""
        self.label: str | None = None
        """What people know it by: the last value of the header `X-Mock-Label`."""
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
        self._is_closed = False
        self._account = Account(lifecycle)
        self._log = log
        self._task_budget = task_budget
        self._first_settings = settings
        self._lifecycle = lifecycle
        self._lock = Lock()
        self._start()

    def _start(self) -> None:
        self.began = self.clock.real()
        """In real seconds, from the clock's origin."""
        self._tasks = Tasks(self._lifecycle)
        self._unreached = Unreached(self._lifecycle, self.settings.result_expiry)
        self._random = randomness(self.settings.seed, self.id)
        self._ids_drawn = 0
        """Ids that a seed has made."""
        self.changed_settings: dict[str, str] = {}
        """The texts of the settings that were changed for this sandbox."""
        self._told_until: datetime | None = None
        self._counts: Counter[str] = Counter()
        self._admitted: deque[datetime] | None = None
        """When the latest requests were admitted, if there is a rate limit."""

    def reset(self, *, keep_clock: bool = False) -> None:
        """Begin anew: no tasks, rules or journal; original settings, balance, ids and clock."""
        self.conclude()
        with self._lock:
            self.settings = self._first_settings
            self._account.reset()
            self._start()
            self.keeper.was_reset(self)
            self._note_size()
            self.generation += 1
            self.version += 1
        self.rules.remove()
        self.journal.clear()
        self.held.drop()
        if not keep_clock:
            self.clock.reset()
        self.keeper.sandbox_changed(self)
        self.note(EventKind.RESET, {})

    def close(self) -> None:
        """Forget everything for good; what is still planned for its tasks becomes void."""
        self.conclude()
        self.discard()

    def discard(self) -> None:
        """Do so without a word to what watches the journal."""
        with self._lock:
            self._tasks = Tasks(self._lifecycle)
            self._note_size()
            self._is_closed = True
            self.generation += 1
            self.version += 1
        self.journal.clear()
        self.held.close()

    def conclude(self) -> None:
        """Report the final state of every task, and the warnings that can no longer be withdrawn.

        They go to what watches the journal.
        """
        with self._lock:
            observer, self.observer = self.observer, Observer()
        for task in self.tasks() if self.journal.is_watched else ():
            self._report_end(task, observer)
        unsettled = observer.unsettled(self.settings.expect or frozenset())
        for warning, times in unsettled.items():
            self.note(EventKind.WARNING, warning.as_json())
            for _ in range(times):
                self.journal.tell(warning)

    @property
    def is_discarded(self) -> bool:
        """Whether it was made anew elsewhere, or forgotten."""
        return self._is_closed

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

    def note(self, kind: EventKind, data: dict[str, Any]) -> None:
        """Record an event that is neither an exchange nor a delivery; *data* is JSON."""
        self.journal.note(self.clock.now(), kind, data)

    def tell_at_once(self, now: datetime) -> None:
        """Do `tell_reached`, if it matters that this is done at once.

        It does while somebody listens, and while the clock stands still, as then the moments of
        what happens do not tell its order. Otherwise it can wait until somebody asks.
        """
        if self._log.listeners or self.clock.speed == 0:
            self.tell_reached(now)

    def tell_reached(self, now: datetime | None = None) -> None:
        """Record which tasks are new, the states that others have entered, and expired results.

        *now* is the sandbox's moment, if it is known.
        """
        moment = now or self.clock.now()
        if not self._unreached.is_due(moment):
            return
        with self._lock:
            self.journal.note_all(self._unreached.due(moment, self._tasks.get))
            self._told_until = moment

    def record_delivery(self, delivery: Delivery) -> Delivery:
        """Record an attempt; return it with its number and its warnings about the receiver."""
        self.tell_at_once(delivery.at)
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

    def change_settings(self, texts: Mapping[str, str], change: ChangeSettings) -> None:
        """Replace the settings by what *change* makes of them with *texts*.

        Raises whatever *change* raises.
        """
        with self._lock:
            self.settings = change(self.settings, texts)
            self.changed_settings |= {name.replace("-", "_"): texts[name] for name in texts}
            self._unreached.change_expiry(self.settings.result_expiry, self._tasks.get)
        self.keeper.sandbox_changed(self)

    def count(self, what: str) -> int:
        """Count the next poll of a task, or random draw, and return its number from 1."""
        with self._lock:
            self._counts[what] += 1
            self.keeper.sandbox_changed(self)
            return self._counts[what]

    def admit(self, now: datetime) -> float:
        """Admit a request under the rate limit, or return the seconds by which it is too early."""
        limit = self.settings.rate_limit
        if limit is None:
            return 0.0
        with self._lock:
            if self._admitted is None:
                self._admitted = deque()
            admitted = self._admitted
            while admitted and admitted[0] <= now - limit.per:
                admitted.popleft()
            if len(admitted) < limit.count:
                admitted.append(now)
                self.keeper.sandbox_changed(self)
                return 0.0
            return (admitted[0] + limit.per - now).total_seconds()

    # -- tasks -------------------------------------------------------------------------------

    def new_id(self) -> str:
        """Return an id for a new task: a random UUID; a seed makes the sequence repeatable."""
        self._ids_drawn += 1
        return uuid_of(self._random.getrandbits(128))

    def get(self, task_id: str) -> Task | None:
        """Find a task of this sandbox."""
        return self._tasks.get(task_id)

    def tasks(self) -> list[Task]:
        """List the tasks in the order of their submission."""
        with self._lock:
            return self._tasks.all()

    def submit(self, make: Callable[[], Task]) -> Task:
        """Add the task that *make* returns; the balance does not change in between."""
        with self._submitting:
            task = make()
            self._add(task)
            return task

    def _add(self, task: Task) -> None:
        """Store a new task; if there are too many, here or in all sandboxes, forget others."""
        with self._lock:
            self._tasks.keep(task)
            self._unreached.add(task)
            self.version += 1
            self._account.add(task)
            self.keeper.task_changed(self, task.id)
            if len(self._tasks) > self.settings.max_tasks:
                self._forget_one(but_not_last=True)
            self._note_size()
        self._task_budget.keep_limit(self)

    def _note_size(self) -> None:
        if not self._is_closed:
            self._task_budget.note(self, self._tasks.size)

    def forget_one(self, *, but_not_last: bool) -> bool:
        """Forget the task that ended first or, if none has ended, the oldest.

        *but_not_last* spares the newest one. Without that, a sandbox that is kept elsewhere is
        soon released as a whole instead. Return whether a task was forgotten.
        """
        if not but_not_last and self.keeper.release(self):
            return False
        with self._lock:
            is_forgotten = self._forget_one(but_not_last=but_not_last)
            self._note_size()
            return is_forgotten

    def _forget_one(self, *, but_not_last: bool) -> bool:
        task = self._tasks.pop_first(self.clock.now(), but_not_last=but_not_last)
        if task is None:
            return False
        self.version += 1
        self._report_end(task, self.observer)
        self._unreached.forget(task.id)
        self._counts.pop(task.id, None)
        self.keeper.task_changed(self, task.id)
        self.observer.forget(task.id, len(self._tasks))
        return True

    def update(self, task_id: str, change: Callable[[Task], Task]) -> Task:
        """Replace a task's record by what *change* makes of it; no other change intervenes.

        Raises KeyError for an unknown task, and whatever *change* raises.
        """
        with self._lock:
            old = self._tasks.get(task_id)
            if old is None:
                raise KeyError(task_id)
            new = change(old)
            self._tasks.keep(new)
            self._unreached.change(old, new)
            self.version += 1
            self._account.remove(old)
            self._account.add(new)
            self.keeper.task_changed(self, task_id)
            return new

    def is_idle(self, now: datetime) -> bool:
        """Return whether every task has ended, so that no app waits for the sandbox."""
        with self._lock:
            return self._tasks.all_ended(now)

    # -- money -------------------------------------------------------------------------------

    def surcharged_on(self, day: date) -> int:
        """Count the tasks that have failed or will fail with a surcharge on a UTC day."""
        return self._account.surcharged[day]

    def set_balance(self, usd: Decimal | None) -> None:
        """Let *usd* US dollars be left to spend; None is unlimited."""
        with self._submitting, self._lock:
            limit = None if usd is None else usd + self._account.charged
            self.settings = replace(self.settings, balance=limit)
            self.changed_settings["balance"] = "unlimited" if limit is None else f"{limit:f}"
        self.keeper.sandbox_changed(self)

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

    # -- what outlives the process -----------------------------------------------------------

    def kept(self) -> Kept:
        """Return everything but tasks, webhooks and events, as it is now."""
        course, first_course = self.clock.kept()
        rules, rules_added = self.rules.kept()
        with self._lock:
            return Kept(
                label=self.label,
                is_controlled=self.is_controlled,
                began=self.began - self.clock.real() + real_timestamp(),
                course=course,
                first_course=first_course,
                settings=dict(self.changed_settings),
                rules=rules,
                rules_added=rules_added,
                counts=dict(self._counts),
                admitted=tuple(self._admitted or ()),
                charged_before=self._account.charged_before,
                unpriced_before=self._account.unpriced_before,
                ids_drawn=self._ids_drawn,
                told_until=self._told_until,
                recorded=self.journal.recorded,
                dropped=self.journal.dropped,
            )

    def whole(self, webhooks: Mapping[str, KeptWebhook]) -> KeptSandbox:
        """Return all of it; *webhooks* are those of its tasks."""
        rings = self.journal.rings
        events = [event for ring in rings for event in tuple(ring.kept)]
        events.sort(key=lambda event: event.number)
        return KeptSandbox(self.id, self.masked_key, self.kept(), self.tasks(), webhooks, events)

    def restore(
        self,
        whole: KeptSandbox,
        change_settings: ChangeSettings,
    ) -> None:
        """Become what was kept; this one must be new, and used by nobody yet.

        Raises whatever *change_settings* raises, which applies texts of settings.
        """
        kept = whole.kept
        self.label, self.is_controlled = kept.label, kept.is_controlled
        self.clock.follow(kept.course, kept.first_course)
        self.began = self.clock.real() - real_timestamp() + kept.began
        self.settings = change_settings(self.settings, kept.settings)
        self.changed_settings = dict(kept.settings)
        self._unreached.change_expiry(self.settings.result_expiry, self._tasks.get)
        self.rules.restore(kept.rules, kept.rules_added)
        self._counts.update(kept.counts)
        self._admitted = deque(kept.admitted) if kept.admitted else None
        self._account.charged_before = kept.charged_before
        self._account.unpriced_before = kept.unpriced_before
        if self.settings.seed is not None:
            for _ in range(kept.ids_drawn):
                self.new_id()
        self._told_until = kept.told_until
        for task in whole.tasks:
            self._tasks.keep(task)
            self._account.add(task)
            self._unreached.restore(task, kept.told_until)
        self.journal.restore(whole.events, kept.recorded, kept.dropped)
        self._note_size()
