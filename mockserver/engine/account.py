"""What the tasks of a sandbox cost."""

from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import Decimal

from mockserver.contract import Lifecycle
from mockserver.domain.task import Task, charge, is_uncounted, surcharge_day


class Account:
    """Sums of what tasks are charged; the sandbox's lock guards its changes."""

    def __init__(self, lifecycle: Lifecycle) -> None:
        self._lifecycle = lifecycle
        self.charged_before = Decimal()
        """US dollars charged before the last reset."""
        self.unpriced_before = 0
        """Tasks charged before the last reset whose cost is unknown."""
        self._start()

    def _start(self) -> None:
        self.charged = Decimal()
        """US dollars; running tasks are charged what they will cost."""
        self.unpriced = 0
        """Charged tasks whose cost is unknown."""
        self.surcharged: Counter[date] = Counter()
        """Tasks that fail with a surcharge, by UTC day."""

    def reset(self) -> None:
        """Begin anew, and remember the sums so far."""
        self.charged_before += self.charged
        self.unpriced_before += self.unpriced
        self._start()

    def add(self, task: Task) -> None:
        """Charge a task's record."""
        self._count(task, 1)

    def remove(self, task: Task) -> None:
        """Take back what was charged for a task's record, which another one replaces."""
        self._count(task, -1)

    def _count(self, task: Task, times: int) -> None:
        self.charged += charge(task, self._lifecycle) * times
        self.unpriced += is_uncounted(task, self._lifecycle) * times
        day = surcharge_day(task, self._lifecycle)
        if day is not None:
            self.surcharged[day] += times
