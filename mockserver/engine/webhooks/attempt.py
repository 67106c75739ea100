"""A webhook to be sent, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A webhook to be sent."""

    url: str
    body: bytes
    content_type: str
    timeout: float
    """Real seconds that the receiver has to answer."""
    method: str = "POST"
    proof: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Further headers, which can hold a secret."""


class Failure(StrEnum):
    """In which way an attempt failed."""

    STATUS = "status"
    """The receiver answered, but not with 2xx; a redirect is not followed."""
    CONNECTION_REFUSED = "connection-refused"
    """Nobody listens there."""
    UNREACHABLE = "unreachable"
    NAME_NOT_FOUND = "name-not-found"
    TIMEOUT = "timeout"
    TLS = "tls"
    CONNECTION_LOST = "connection-lost"
    """The receiver hung up before it had answered."""
    NOT_HTTP = "not-http"
    BAD_URL = "bad-url"
    """Nobody can call this URL; nothing was sent."""
    NOT_SENT = "not-sent"
    """`--callback-allow` does not name the host; nothing was sent."""
    LOST = "lost"
    """A scenario let it get lost; nothing was sent."""


NEVER_SENT = frozenset((Failure.BAD_URL, Failure.NOT_SENT))
"""What another attempt would not change."""


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """What came of a callback."""

    status: int | None
    """None if the receiver did not answer."""
    error: str | None
    """Why it does not count as delivered; None if it does."""
    latency: float
    """Real seconds."""
    failure: Failure | None = None
    """The kind of *error*."""


def answered(status: int, latency: float) -> AttemptResult:
    """Say what came of a callback that was answered: any 2xx counts as delivered."""
    if 200 <= status < 300:
        return AttemptResult(status, None, latency)
    return AttemptResult(status, f"answered {status}, not 2xx", latency, Failure.STATUS)


Transport = Callable[[WebhookRequest], AttemptResult]
"""Sends one callback; never raises."""
