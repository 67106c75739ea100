"""What the proxy shows of the traffic that it passes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

OBSERVED = 2 * 1024 * 1024
"""Bytes of a body that are kept for the observer; all of them are passed on."""


@dataclass(slots=True, repr=False)
class ObservedExchange:
    """A request that has passed through, and its response; it holds secrets."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    began: float
    """Real seconds, as `time.monotonic` counts them."""
    ended: float = 0.0
    body: bytearray = field(default_factory=bytearray)
    status: int | None = None
    """None if there was no complete response."""
    response_headers: list[tuple[str, str]] = field(default_factory=list)
    response_body: bytearray = field(default_factory=bytearray)
    error: str | None = None
    """Why there was no complete response."""
    sent: bool = False
    """Whether the whole request has been sent."""
    cut: bool = False
    """Whether a body is incomplete here: it was too large, or the response came too early."""
    token: str | None = None
    """That of the address to which a webhook was redirected."""
    webhook_url: str | None = None
    """Where a webhook was passed on to; None for a request to the API."""

    def add(self, body: bytearray, data: bytes) -> None:
        """Add a part to one of the bodies, up to the limit."""
        room = OBSERVED - len(body)
        body += data[:room]
        self.cut |= len(data) > room


@dataclass(frozen=True, slots=True)
class Observer:
    """What is called with everything that passes; both functions return at once."""

    exchange: Callable[[ObservedExchange], object]
    notice: Callable[[str], object]
