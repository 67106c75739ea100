"""What scenarios ask for, put together: one value that goes along with a request and its task."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Script:
    """What the scenarios in force ask for; an empty one asks for nothing."""

    names: tuple[str, ...] = ()
    """The scenarios as they were named, for the journal."""

    # what becomes of the task
    end: str | None = None
    """The part that the final state plays in the lifecycle: success, failure or timeout."""
    reason: str | None = None
    """What the failure reason stands for, as in `Contract.reasons`."""
    stuck: bool = False
    duration: timedelta | None = None

    # what becomes of the exchange
    flagged: tuple[str, ...] = ()
    """Categories that moderation flags."""
    rejection: int | None = None
    retry_after: int | None = None
    html: bool = False
    latency: timedelta | None = None
    hang: bool = False
    body_fault: str | None = None
    """What is wrong with the response's body: truncated, garbled or empty."""
    accepted_but: int | str | None = None
    """What the client of a request that was accepted sees: the code of an error, or CUT."""

    # what becomes of a cancellation
    cancel_too_late: bool = False

    # what becomes of later polls of the task
    flaky_poll: int | None = None
    stale_poll: timedelta | None = None
    unknown_at_first: int = 0

    # what becomes of the webhook
    webhook: frozenset[str] = frozenset()
    """Among lost, twice, early, reordered, conflicting, truncated, redirected, unsigned, forged."""
    webhook_late: timedelta = timedelta()

    # what becomes of the results
    fewer_results: int | None = None
    """How many there are at most, whatever was asked for."""
    result: str | None = None
    """Among missing, expired, truncated, html, wrong-size."""
    result_latency: timedelta | None = None


CUT = "cut"
"""Stands for a connection that is cut, in the place of a code."""

NOTHING = Script()
"""The script of whoever asks for nothing."""
