"""Responses to polls; one is made again only when its task would show something else."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from mockserver.contract import Contract
from mockserver.domain.document import Form, task_document
from mockserver.domain.task import Status, Task, ends_at, unchanged_during
from mockserver.engine.messages import Response, json_response, success

_MOST = 1000
"""Responses that are kept; the oldest are dropped first."""
_LARGEST = 4096
"""Bytes of a body that is kept."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What polls of a task show from one moment until another."""

    task: Task
    form: Form
    since: timedelta
    """After the task's submission; the period includes this moment."""
    until: timedelta
    """After the task's submission; the period ends before this moment."""
    response: Response
    status: Status
    has_ended: bool
    """Whether that status is final."""
    waits_for_clock: bool
    """Whether that status changes with time, without further polls."""

    def still_holds(self, task: Task, now: datetime, form: Form) -> bool:
        """Return whether a poll at *now* shows this of *task*, which each change replaces."""
        if self.task is not task or self.form != form:
            return False
        return self.since <= now - task.created_at < self.until


class PollResponses:
    """Makes the responses to polls, and keeps the last ones; safe to use from several threads."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._kept: OrderedDict[str, Shown] = OrderedDict()
        self._lock = Lock()
        """Held while something is kept or dropped."""

    def shown(self, task: Task, now: datetime, form: Form) -> Shown:
        """Return what a poll of *task* shows at *now*."""
        kept = self._kept.get(task.id)
        if kept is not None and kept.still_holds(task, now, form):
            return kept
        new = self._make(task, now, form)
        with self._lock:
            self._kept.pop(task.id, None)
            if len(new.response.body) <= _LARGEST:
                self._kept[task.id] = new
            if len(self._kept) > _MOST:
                self._kept.popitem(last=False)
        return new

    def _make(self, task: Task, now: datetime, form: Form) -> Shown:
        lifecycle = self._contract.lifecycle
        document = task_document(task, now, lifecycle, form)
        status = str(document["status"])
        since, until = unchanged_during(task, now)
        return Shown(
            task,
            form,
            since,
            until,
            json_response(200, success(self._contract, document)),
            status,
            has_ended=status in lifecycle.terminal,
            waits_for_clock=ends_at(task, lifecycle) is not None,
        )
