"""The clock of a sandbox: it can run, run faster, stand still and be advanced.

Only a reset sets it back, as nothing that it has dated is left then.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Lock

from mockserver.engine.keeping import KeptCourse


def _unfrozen(name: str, fallback: Callable[[], float]) -> Callable[[], float]:
    """Return what reads a clock of the system, even in a test that freezes time.

    Freezegun and others replace the *fallback*, but not this, where the system has it.
    """
    has_clocks = hasattr(time, "clock_gettime")
    return partial(time.clock_gettime, getattr(time, name)) if has_clocks else fallback


real_seconds = _unfrozen("CLOCK_MONOTONIC", time.monotonic)
"""Returns real seconds from any origin: whatever waits for the network must measure real time."""
real_timestamp = _unfrozen("CLOCK_REALTIME", time.time)
"""Returns real seconds since 1970."""


@dataclass(frozen=True, slots=True)
class _Course:
    """The clock shows *moment* at the real time *real*, and runs at *speed* from there."""

    moment: datetime
    real: float
    speed: float


class Clock:
    """Shows the moment in a sandbox.

    *real* returns real seconds from any origin, never decreasing; *start* is the first moment.
    Safe to use from several threads.
    """

    def __init__(
        self,
        start: datetime | None = None,
        *,
        speed: float = 1.0,
        real: Callable[[], float] = real_seconds,
    ) -> None:
        self._real = real
        self._lock = Lock()
        self.on_change: Callable[[], object] = lambda: None
        """Called after somebody has changed the course of the clock."""
        self._course = self._first = _Course(start or datetime.now(UTC), real(), speed)
        self.epoch = 0
        """Changes with each reset."""
        self.taken_over: float | None = None
        """While an advance has stopped the clock, the speed at which it goes on."""

    def real(self) -> float:
        """Return real seconds, from any origin."""
        return self._real()

    @property
    def speed(self) -> float:
        """How much faster than real time the clock runs; 0 when it stands still."""
        return self._course.speed

    def now(self) -> datetime:
        """Return the current moment, in UTC."""
        course = self._course
        return self._shown(course, self._real())

    def reset(self) -> None:
        """Go back to the original course, as if nobody had ever changed it."""
        with self._lock:
            self._course = self._first
            self.epoch += 1
        self.on_change()

    def run(self, speed: float) -> None:
        """Continue from the current moment at *speed*; 0 stops the clock."""
        with self._lock:
            real = self._real()
            self._course = _Course(self._shown(self._course, real), real, speed)
        self.on_change()

    def advance(self, duration: timedelta) -> datetime:
        """Jump ahead by *duration*, which must not be negative, and return the new moment."""
        if duration < timedelta():
            raise ValueError("a clock cannot go back; advance it by a positive duration")
        with self._lock:
            course = self._course
            self._course = _Course(course.moment + duration, course.real, course.speed)
        self.on_change()
        return self.now()

    def advance_to(self, moment: datetime) -> None:
        """Jump ahead to *moment*; do nothing if it has passed."""
        with self._lock:
            course = self._course
            left = max(moment - self._shown(course, self._real()), timedelta())
            self._course = _Course(course.moment + left, course.real, course.speed)
        self.on_change()

    def delay_until(self, moment: datetime) -> float | None:
        """Return the real seconds until the clock shows *moment*; None if it stands still."""
        left = (moment - self.now()).total_seconds()
        if left <= 0:
            return 0.0
        return None if self.speed == 0 else left / self.speed

    def kept(self) -> tuple[KeptCourse, KeptCourse]:
        """Return the course and the original one, as other processes can follow them."""
        with self._lock:
            course, first, speed = self._course, self._first, self.taken_over
            offset = real_timestamp() - self._real()
        kept = KeptCourse(course.moment, course.real + offset, course.speed)
        if speed is not None:  # whoever takes up after a crash knows of no advance
            kept = KeptCourse(self._shown(course, self._real()), self._real() + offset, speed)
        return kept, KeptCourse(first.moment, first.real + offset, first.speed)

    def follow(self, course: KeptCourse, first: KeptCourse) -> None:
        """Follow a course that was kept, as if it had never been interrupted."""
        with self._lock:
            offset = real_timestamp() - self._real()
            self._course = _Course(course.moment, course.real - offset, course.speed)
            self._first = _Course(first.moment, first.real - offset, first.speed)

    @staticmethod
    def _shown(course: _Course, real: float) -> datetime:
        return course.moment + timedelta(seconds=max(0.0, real - course.real) * course.speed)
