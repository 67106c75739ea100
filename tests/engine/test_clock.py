"""The clock of a sandbox."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.engine.clock import Clock
from tests.conftest import START, seconds


class Real:
    """Real time that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


STEPS = st.lists(
    st.tuples(st.sampled_from(["wait", "run", "advance"]), st.floats(0, 1000)), max_size=20
)


@given(STEPS)
def test_never_goes_backwards(steps: list[tuple[str, float]]) -> None:
    """Whatever is done to it: waiting, freezing, speeding, advancing."""
    real = Real()
    clock, seen = Clock(START, real=real), START

    for action, amount in steps:
        if action == "wait":
            real.now += amount
        elif action == "run":
            clock.run(amount)
        else:
            clock.advance(seconds(amount))
        now = clock.now()
        assert now >= seen
        seen = now


def test_runs_with_real_time_unless_told_otherwise() -> None:
    """Real, ten times as fast, and standing still."""
    real = Real()
    clock, shown = Clock(START, real=real), []

    for speed in (1, 10, 0):
        clock.run(speed)
        real.now += 2
        shown.append(clock.now() - START)

    assert shown == [seconds(2), seconds(22), seconds(22)]


def test_starts_now_if_not_told_otherwise() -> None:
    """The default clock shows the real moment."""
    before = datetime.now(UTC)

    now = Clock().now()

    assert before <= now <= datetime.now(UTC)


def test_says_how_long_to_wait() -> None:
    """In real seconds; for ever when it stands still; not at all for the past."""
    clock = Clock(START, speed=4, real=Real())
    moment = START + seconds(8)

    running, past = clock.delay_until(moment), clock.delay_until(START - seconds(1))
    clock.run(0)

    assert (running, past, clock.delay_until(moment)) == (2.0, 0.0, None)


def test_cannot_be_advanced_backwards() -> None:
    """The caller is told."""
    with pytest.raises(ValueError, match="cannot go back"):
        Clock(START).advance(timedelta(seconds=-1))


def test_tells_of_each_change() -> None:
    """Whoever waits for a moment has to look again."""
    clock, told = Clock(START), []
    clock.on_change = lambda: told.append(clock.speed)

    clock.run(3)
    clock.advance(seconds(1))

    assert told == [3, 3]
