"""A webhook to be sent, and the result of an attempt to send it."""

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
    """Real seconds in which the receiver must respond."""
    method: str = "POST"
    proof: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Additional headers, which can hold a secret."""


class Failure(StrEnum):
    """How an attempt failed."""

    STATUS = "status"
    """The receiver responded, but not with 2xx; redirects are not followed."""
    CONNECTION_REFUSED = "connection-refused"
    """Nothing listens there."""
    UNREACHABLE = "unreachable"
    NAME_NOT_FOUND = "name-not-found"
    TIMEOUT = "timeout"
    TLS = "tls"
    CONNECTION_LOST = "connection-lost"
    """The receiver hung up before it had responded."""
    NOT_HTTP = "not-http"
    BAD_URL = "bad-url"
    """No client could use this URL; nothing was sent."""
    NOT_SENT = "not-sent"
    """`--callback-allow` does not name the host; nothing was sent."""
    LOST = "lost"
    """A scenario says that the webhook is lost; nothing was sent."""


NEVER_SENT = frozenset((Failure.BAD_URL, Failure.NOT_SENT))
"""Failures that another attempt would not change."""


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """The result of an attempt to send a webhook."""

    status: int | None
    """None if the receiver did not respond."""
    error: str | None
    """Why the webhook does not count as delivered; None if it does."""
    latency: float
    """Real seconds."""
    failure: Failure | None = None
    """The kind of *error*."""

    @classmethod
    def of_status(cls, status: int, latency: float) -> AttemptResult:
        """Return the result of an attempt that got a response: any 2xx counts as delivered."""
        if 200 <= status < 300:
            return cls(status, None, latency)
        return cls(status, f"returned {status}, not 2xx", latency, Failure.STATUS)


Transport = Callable[[WebhookRequest], AttemptResult]
"""Sends one webhook; never raises."""
