"""Durations as people write them, and moments as the API writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?")
LATEST = datetime(9000, 1, 1, tzinfo=UTC)
"""Planned moments beyond this could exceed what datetime can represent."""

LONGEST = timedelta(days=3650)
"""The longest duration that can be given."""


def parse_duration(text: str) -> timedelta:
    """Read `2`, `1.5` (seconds), `250ms`, `90s`, `5m`, `2h` or `6d`.

    Raises ValueError with a message that says what is accepted.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a duration; use seconds or 250ms, 90s, 5m, 2h, 6d")
    seconds = float(match[1]) * _UNITS[match[2] or "s"]
    if seconds > LONGEST.total_seconds():
        raise ValueError(f"{text!r} is too long; use at most {LONGEST.days}d")
    return timedelta(seconds=seconds)


def format_duration(duration: timedelta) -> str:
    """Write a duration so that `parse_duration` reads it back to the millisecond."""
    milliseconds = round(duration / timedelta(milliseconds=1))
    for unit in ("d", "h", "m", "s"):
        count, rest = divmod(milliseconds, round(_UNITS[unit] * 1000))
        if count and not rest:
            return f"{count}{unit}"
    if milliseconds > 1000:
        return f"{milliseconds / 1000:.3f}".rstrip("0") + "s"
    return f"{milliseconds}ms" if milliseconds else "0s"


def stamp(moment: datetime) -> str:
    """Write a moment as the API does: UTC, microseconds, `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
