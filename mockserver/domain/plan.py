"""Makes a task's plan from a pace and an outcome."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Literal, get_args

from mockserver.contract import Lifecycle
from mockserver.domain.task import Plan, Status, Step

PaceName = Literal["realtime", "instant", "per-poll"]
"""Tasks take their time, end at once, or take one step with each poll."""
PACES: tuple[PaceName, ...] = get_args(PaceName)


@dataclass(frozen=True, slots=True)
class Pace:
    """When a task enters its states."""

    name: PaceName
    duration: timedelta | None
    """From submission to the end; None is the model's typical one."""
    entered_at: tuple[float, ...]
    """When each state after the first is entered, as fractions of the duration."""


@lru_cache(maxsize=1024)
def make_plan(
    lifecycle: Lifecycle,
    pace: Pace,
    typical: tuple[float, float],
    end: Status | None,
    failure_reason: str | None = None,
) -> Plan:
    """Plan a task that ends in the state *end*, or never if that is None.

    *typical* is the model's usual duration, shortest and longest, in seconds. Equal arguments
    share one plan.
    """
    states = (*lifecycle.path[1:], *([] if end is None else [end]))
    if pace.name == "per-poll":
        steps = tuple(Step(None, status) for status in states)
    else:
        total = timedelta() if pace.name == "instant" else _duration(pace, typical)
        moments = (total * fraction for fraction in pace.entered_at)
        steps = tuple(map(Step, moments, states))
    return Plan(lifecycle.path[0], steps, failure_reason)


def _duration(pace: Pace, typical: tuple[float, float]) -> timedelta:
    """Return the middle of a typical duration on a logarithmic scale: 22 min for 2 min to 4 h."""
    if pace.duration is not None:
        return pace.duration
    shortest, longest = typical
    return timedelta(seconds=round((shortest * longest) ** 0.5))
