"""Estimates how long a run against a real target takes, before it begins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mockserver.conformance.session.session import Options
from mockserver.conformance.session.verification import PlannedCheck
from mockserver.contract import Contract

_POLLS_PLANNED = 10
"""The least polls of a planned task of two seconds; a check with fewer waits for no task."""


@dataclass(frozen=True)
class Forecast:
    """How long a run may take, in seconds."""

    requests: int
    rate: float
    shortest: float
    longest: float
    task: tuple[float, float]
    """How long a task takes by the cards of the models, but no longer than the run's patience."""
    weights: Mapping[str, float]
    """About how long each check takes."""

    def __str__(self) -> str:
        first, last = (in_words(one) for one in (self.shortest, self.longest))
        about = first if first == last else f"{first} to {last}"
        shortest, longest = (in_words(one) for one in self.task)
        tasks = f", and tasks of {shortest} to {longest} each" if self.task[1] else ""
        sent = f"{self.requests} requests at {self.rate:g} a second{tasks}"
        return f"this will take about {about}, by estimate: {sent}"


def forecast(
    planned: Iterable[PlannedCheck], options: Options, contract: Contract, rate: float
) -> Forecast:
    """Estimate a run from its plan, whose polls are those of tasks of two seconds.

    A check that follows tasks to their end waits for all of them together, and polls them as often
    as its interval and the rate allow.
    """
    rows = list(planned)
    typical = [contract.cards[model].typical_duration for model in options.models]
    waits = any(_tasks(one) for one in rows)
    shortest = min((one[0] for one in typical), default=0.0)
    longest = max((one[1] for one in typical), default=0.0)
    task = tuple(min(one, options.patience) if waits else 0.0 for one in (shortest, longest))
    low = {one.check: _seconds(one, task[0], options.interval, rate) for one in rows}
    high = {one.check: _seconds(one, task[1], options.interval, rate) for one in rows}
    return Forecast(
        requests=sum(one.requests for one in rows),
        rate=rate,
        shortest=sum(low.values()),
        longest=sum(high.values()),
        task=(task[0], task[1]),
        weights={check: (low[check] + high[check]) / 2 for check in low},
    )


def _tasks(planned: PlannedCheck) -> int:
    """Return how many tasks a check follows to their end."""
    polls = planned.requests - planned.submissions
    return polls // _POLLS_PLANNED if planned.submissions else 0


def _seconds(planned: PlannedCheck, task: float, interval: float, rate: float) -> float:
    tasks = _tasks(planned)
    if not tasks:
        return planned.requests / rate
    polling = tasks * task / interval / rate
    return planned.submissions / rate + max(task, polling)


def in_words(seconds: float) -> str:
    """Write a time as roughly as it is known."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
