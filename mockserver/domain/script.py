"""What scenarios ask for, combined into one value that accompanies a request and its task."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Literal, TypedDict

End = Literal["success", "failure", "timeout"]
"""A role in the lifecycle in which a scenario can end a task."""
Reason = Literal["moderation", "invalid", "points"]
"""A meaning of a failure reason."""
BodyFault = Literal["garbled", "empty"]
ResultFault = Literal["missing", "expired", "html", "wrong-size"]


class WireFault(StrEnum):
    """What can go wrong on a connection instead of, or after, a complete response."""

    HANG = "hang"
    TRUNCATED = "truncated"
    CLOSED = "closed"
    RESET = "reset"
    HALF_HEADERS = "half-headers"
    MALFORMED_CHUNK = "malformed-chunk"
    GARBAGE = "garbage"
    KEEP_ALIVE_BROKEN = "keep-alive-broken"


@dataclass(frozen=True, slots=True)
class Drip:
    """A body arrives in pieces of *size* bytes, with *pause* of real time before each."""

    size: int
    pause: timedelta


class WebhookFault(StrEnum):
    """What can be wrong with a webhook; several can be at once."""

    LOST = "lost"
    TWICE = "twice"
    EARLY = "early"
    REORDERED = "reordered"
    CONFLICTING = "conflicting"
    TRUNCATED = "truncated"
    REDIRECTED = "redirected"
    UNSIGNED = "unsigned"
    FORGED = "forged"


@dataclass(frozen=True, slots=True)
class Script:
    """What the scenarios in force ask for; a default one asks for nothing."""

    names: tuple[str, ...] = ()
    """The scenarios as they were named, for the journal."""

    # what becomes of the task
    end: End | None = None
    """The role of the final state in the lifecycle; None is success."""
    reason: Reason | None = None
    """The meaning of the failure reason: a key of `Contract.reasons`."""
    stuck: bool = False
    duration: timedelta | None = None

    # what becomes of the exchange
    flagged: tuple[str, ...] = ()
    """Categories that moderation flags."""
    rejection: int | None = None
    retry_after: int | None = None
    html: bool = False
    latency: timedelta | None = None
    body_fault: BodyFault | None = None
    """What is wrong with the response's body."""
    wire: WireFault | None = None
    """What goes wrong on the connection."""
    drip: Drip | None = None
    held: str | None = None
    """The name by which the response is released; None if it does not wait."""
    accepted_but: int | str | None = None
    """What the client of an accepted request sees: the code of an error, or CUT."""

    # what becomes of a cancellation
    cancel_too_late: bool = False

    # what becomes of later polls of the task
    flaky_poll: int | None = None
    stale_poll: timedelta | None = None
    unknown_at_first: int = 0

    # what becomes of the webhook
    webhook: frozenset[WebhookFault] = frozenset()
    """Everything that is wrong with the webhook."""
    webhook_late: timedelta = timedelta()
    webhook_held: str | None = None
    """The name by which the webhook is released; None if it does not wait."""

    # what becomes of the results
    fewer_results: int | None = None
    """The most results that there are, whatever was asked for."""
    result: ResultFault | None = None
    """What is wrong with the result files."""
    result_latency: timedelta | None = None
    result_wire: WireFault | None = None
    """What goes wrong on the connection of a result file."""
    result_drip: Drip | None = None


class ScriptChanges(TypedDict, total=False):
    """Some fields of Script, with new values."""

    end: End
    reason: Reason
    stuck: bool
    duration: timedelta
    flagged: tuple[str, ...]
    rejection: int
    retry_after: int
    html: bool
    latency: timedelta
    body_fault: BodyFault
    wire: WireFault
    drip: Drip
    held: str
    accepted_but: int | str
    cancel_too_late: bool
    flaky_poll: int
    stale_poll: timedelta
    unknown_at_first: int
    webhook: frozenset[WebhookFault]
    webhook_late: timedelta
    webhook_held: str
    fewer_results: int
    result: ResultFault
    result_latency: timedelta
    result_wire: WireFault
    result_drip: Drip


CUT = "cut"
"""Stands for a cut connection, instead of a code."""

NOTHING = Script()
"""The script that asks for nothing."""
