"""A task is an immutable record with a plan; its status is a function of record and moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from sys import getsizeof, intern
from typing import Any

from mockserver.contract import Lifecycle
from mockserver.domain.record import record
from mockserver.domain.scenario import NOTHING, Script

Status = str
"""One of the names in `schemas/task.json`."""


@dataclass(frozen=True, slots=True)
class Step:
    """The entry into a state."""

    after: timedelta | None
    """Time since submission; None until a poll decides (pace `per-poll`)."""
    status: Status


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of a task, fixed when it is submitted."""

    initial: Status
    steps: tuple[Step, ...]
    """Ascending in time; a plan that ends has a terminal state as its last."""
    failure_reason: str | None = None
    surcharge: Decimal = Decimal()
    """Share of the cost that is charged although the plan ends in failure."""

    @property
    def final(self) -> Status:
        """The last state of the plan."""
        return self.steps[-1].status if self.steps else self.initial


@record
class Task:
    """Everything that is known about a task from its submission on."""

    id: str
    model: str
    input: Mapping[str, Any]
    """As submitted."""
    callback_url: str | None
    user_id: str | None
    created_at: datetime
    plan: Plan
    cost: Decimal
    """US dollars, if it succeeds; 0 if the price is unknown."""
    result_type: str
    base: str
    """What its result URLs begin with, for example `http://127.0.0.1:6290`."""
    file_path: str
    """The path of its result files, with placeholders `{taskId}` and `{index}`."""
    count: int
    """The number of its results."""
    script: Script = NOTHING
    """What the scenarios of its submission ask for later on."""
    priced: bool = True
    """Whether the cost is known."""
    source_size: tuple[int, int] | None = None
    """Width and height of its first input image, if they were known when it was submitted."""
    polled: bool = False
    expired: bool = False
    """Whether its results were made to expire by hand."""
    recording: str | None = None
    """The name of the recording that it replays."""

    @property
    def urls(self) -> tuple[str, ...]:
        """The URLs of its results."""
        return tuple(
            self.base + self.file_path.format(taskId=self.id, index=index)
            for index in range(self.count)
        )


def _passed(task: Task, now: datetime) -> Iterator[Step]:
    elapsed = now - task.created_at
    for step in task.plan.steps:
        if step.after is None or step.after > elapsed:
            return
        yield step


def status_at(task: Task, now: datetime) -> Status:
    """Return the status that *task* shows at *now*.

    Pure, so that a poll and a webhook for the same moment never disagree.
    """
    status = task.plan.initial
    for step in _passed(task, now):
        status = step.status
    return status


def updated_at(task: Task, now: datetime) -> datetime:
    """Return when *task* last changed its status, as seen at *now*."""
    moment = task.created_at
    for step in _passed(task, now):
        moment = task.created_at + (step.after or timedelta())
    return moment


def unchanged_during(task: Task, now: datetime) -> tuple[timedelta, timedelta]:
    """Return when after its submission *task* shows what it shows at *now*: from, and until when.

    The end does not belong to that period.
    """
    since, until = timedelta.min, timedelta.max
    for step in task.plan.steps:
        if step.after is None:
            break
        if step.after > now - task.created_at:
            until = step.after
            break
        since = max(since, step.after)
    return since, until


def transitions(task: Task) -> list[tuple[datetime | None, Status]]:
    """List every entry into a state, past and future; None is a moment that a poll decides."""
    planned = [
        (None if step.after is None else task.created_at + step.after, step.status)
        for step in task.plan.steps
    ]
    return [(task.created_at, task.plan.initial), *planned]


def ends_at(task: Task, lifecycle: Lifecycle) -> datetime | None:
    """Return when *task* becomes terminal; None if that is never or not yet decided."""
    if not task.plan.steps or task.plan.final not in lifecycle.terminal:
        return None
    after = task.plan.steps[-1].after
    return None if after is None else task.created_at + after


def ended(task: Task, now: datetime, end: Status, reason: str | None = None) -> Task:
    """Return *task* as ended at *now* in the state *end*; what happened before stays."""
    steps = (*_passed(task, now), Step(now - task.created_at, end))
    return replace(task, plan=Plan(task.plan.initial, steps, reason))


def polled(task: Task, now: datetime) -> Task:
    """Return *task* as it is after a poll at *now*.

    Polls decide only at the pace `per-poll`: the first one changes nothing, and each later one
    moves the task to its next state.
    """
    steps = task.plan.steps
    if not steps or steps[-1].after is not None:  # what polls have not decided yet comes last
        return task
    waiting = next(index for index, step in enumerate(steps) if step.after is None)
    if not task.polled:
        return replace(task, polled=True)
    moved = Step(now - task.created_at, steps[waiting].status)
    decided = (*steps[:waiting], moved, *steps[waiting + 1 :])
    return replace(task, plan=replace(task.plan, steps=decided))


def charge(task: Task, lifecycle: Lifecycle) -> Decimal:
    """Return what *task* finally costs: its cost if it succeeds, else a surcharge or nothing."""
    if task.plan.final == lifecycle.success:
        return task.cost
    return task.cost * task.plan.surcharge


def is_uncounted(task: Task, lifecycle: Lifecycle) -> bool:
    """Return whether *task* is charged, but the amount is unknown."""
    return not task.priced and (task.plan.final == lifecycle.success or bool(task.plan.surcharge))


def surcharge_day(task: Task, lifecycle: Lifecycle) -> date | None:
    """Return the UTC day on which *task* counts as a failure with a surcharge; None if it is not.

    That is the day of its end or, if a poll decides the end, of its submission.
    """
    if not task.plan.surcharge:
        return None
    return (ends_at(task, lifecycle) or task.created_at).astimezone(UTC).date()


_SHORT = 16
"""Characters of a text that probably occurs in many tasks, as a ratio or resolution does."""


def shared_input(submitted: Mapping[str, Any]) -> dict[str, Any]:
    """Return an equal input that shares names and short texts with all other tasks."""
    return {
        intern(name): intern(value) if type(value) is str and len(value) <= _SHORT else value
        for name, value in submitted.items()
    }


_OWN_BYTES = 1000
"""What a task takes besides what was submitted: its record, and what its sandbox notes of it."""


def bytes_of(task: Task) -> int:
    """Estimate the memory that *task* takes; no change of the task changes it."""
    return (
        _OWN_BYTES + _bytes_of(task.input) + getsizeof(task.callback_url) + getsizeof(task.user_id)
    )


def _bytes_of(value: Any) -> int:
    """Return the memory of a JSON value with all that it holds."""
    size = getsizeof(value)
    if isinstance(value, dict):
        return size + sum(map(getsizeof, value)) + sum(map(_bytes_of, value.values()))
    if isinstance(value, list):
        return size + sum(map(_bytes_of, value))
    return size
