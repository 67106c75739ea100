"""Makes a task's plan from a pace and an outcome."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, get_args

from mockserver.contract import Lifecycle
from mockserver.domain.task import Plan, Status, Step

PaceName = Literal["realtime", "instant", "per-poll"]
"""Tasks take their time, end at once, or take one step with each poll."""
PACES: tuple[PaceName, ...] = get_args(PaceName)

Duration = timedelta | tuple[float, float]
"""From submission to the end; a model's usual one is the shortest and the longest, in seconds."""


def make_plan(
    pace: PaceName,
    duration: Duration,
    end: Status | None,
    failure_reason: str | None = None,
    *,
    lifecycle: Lifecycle,
    entered_at: tuple[float, ...],
) -> Plan:
    """Plan a task that ends in the state *end*, or never if that is None.

    It enters the states after the first at *entered_at*, which are fractions of *duration*.
    """
    states = (*lifecycle.path[1:], *([] if end is None else [end]))
    if pace == "per-poll":
        steps = tuple(Step(None, status) for status in states)
    else:
        total = timedelta() if pace == "instant" else _middle(duration)
        moments = (total * fraction for fraction in entered_at)
        steps = tuple(map(Step, moments, states))
    return Plan(lifecycle.path[0], steps, failure_reason)


def _middle(duration: Duration) -> timedelta:
    """Return the middle of a usual duration on a logarithmic scale: 22 min for 2 min to 4 h."""
    if isinstance(duration, timedelta):
        return duration
    shortest, longest = duration
    return timedelta(seconds=round((shortest * longest) ** 0.5))
