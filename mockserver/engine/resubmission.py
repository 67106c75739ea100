"""Finds submissions that were sent again although the first one was accepted."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mockserver.engine.messages import Response
    from mockserver.engine.pending_request import PendingRequest

_WITHIN = timedelta(seconds=30)
"""Between two submissions, by the sandbox's clock; a later one is deliberate."""
_TRIES = 5
"""The most tries of a typical client; one that submits the same more often means to."""
_MOST = 1000


@dataclass(slots=True)
class _Run:
    """Consecutive equal submissions."""

    last: datetime
    tasks: list[str] = field(default_factory=list)
    """The first of them."""


class Resubmissions:
    """Finds equal submissions of which the app only ever used the last task, if any.

    A loop that submits the same on purpose polls its tasks, takes their webhooks, or submits
    more often than a client retries. A response that a scenario lost must be asked for again.
    """

    def __init__(self) -> None:
        self._current: OrderedDict[int, _Run] = OrderedDict()
        self._runs: list[_Run] = []
        """Those of more than one submission."""
        self._unused: OrderedDict[str, None] = OrderedDict()

    def see(self, pending: PendingRequest, response: Response) -> None:
        """Note an accepted submission, or a request about a task."""
        task_id = pending.task_id
        if task_id is None or response.status != 200 or response.fault or pending.script.body_fault:
            return
        if pending.operation == "submit":
            self._submitted(pending, task_id)
        else:
            self.mark_known(task_id)

    def mark_known(self, task_id: str) -> None:
        """Note that the app knows a task: it has polled it, or received its webhook."""
        self._unused.pop(task_id, None)

    def limit(self, most: int) -> None:
        """Remember at most as many submissions as this; the oldest are forgotten first."""
        del self._runs[: max(0, len(self._runs) - most)]
        for kept in (self._current, self._unused):
            while len(kept) > most:
                kept.popitem(last=False)

    def unexplained(self) -> int:
        """Return the number of tasks that were ignored while the same was submitted again."""
        runs = [run for run in self._runs if len(run.tasks) <= _TRIES]
        return sum(task in self._unused for run in runs for task in run.tasks[:-1])

    def _submitted(self, pending: PendingRequest, task_id: str) -> None:
        key = hash(pending.request.body)  # of 64 bits, which are the same by chance only in theory
        run = self._current.pop(key, None)
        if run is None or pending.now - run.last > _WITHIN:
            run = _Run(pending.now)
        run.last = pending.now
        if len(run.tasks) <= _TRIES:
            run.tasks.append(task_id)
            self._unused[task_id] = None
        if len(run.tasks) == 2:
            self._runs.append(run)
        self._current[key] = run
        if len(self._current) > _MOST or len(self._unused) > _MOST or len(self._runs) > _MOST:
            self.limit(_MOST)
