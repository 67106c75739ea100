"""Durations and moments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.domain.durations import format_duration, parse_duration, stamp


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2", 2),
        ("1.5", 1.5),
        ("250ms", 0.25),
        ("90s", 90),
        ("5m", 300),
        ("2h", 7200),
        ("6d", 518400),
    ],
)
def test_durations_are_read(text: str, seconds: float) -> None:
    """Seconds, or a number with its unit."""
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "s", "-1s", "1 week", "1e3", "NaN", "5 m", "99999d"])
def test_other_texts_are_rejected(text: str) -> None:
    """The message says what is accepted."""
    with pytest.raises(ValueError, match="; use "):
        parse_duration(text)


@given(st.integers(0, 10**11))
def test_durations_survive_writing(milliseconds: int) -> None:
    """What is written is read back to the millisecond."""
    duration = timedelta(milliseconds=milliseconds)

    written = format_duration(duration)

    assert abs(parse_duration(written) - duration) < timedelta(microseconds=10)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 2, 10, 21, 54, 46, 686768, UTC), "2026-02-10T21:54:46.686768Z"),
        (datetime(2026, 2, 10, 21, 54, 46, 0, UTC), "2026-02-10T21:54:46.000000Z"),
        (
            datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2))),
            "2025-12-31T23:00:00.000000Z",
        ),
    ],
)
def test_moments_are_written_as_the_api_does(moment: datetime, text: str) -> None:
    """UTC, always six decimals, and Z."""
    assert stamp(moment) == text
