"""Keeps to the rate that a run may send at, and waits when the target returns 429."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from mockserver.conformance.model import Exchange

_MOST_WAITS = 8
"""How many times in a row one request is sent again after 429."""
_LONGEST_WAIT = 60.0
"""Seconds to wait after one 429, whatever its Retry-After asks for."""


class RateLimited(Exception):
    """The target keeps returning 429; the message says how often it did."""


class RateLimit:
    """Sends requests no faster than *rate* a second, and again after 429.

    *pause* lets time pass for the target: real time, or that of a mock.
    """

    def __init__(self, pause: Callable[[float], object], rate: float | None = None) -> None:
        self.waits, self.waited = 0, 0.0
        """How often, and for how many seconds, 429 made this run wait."""
        self._pause = pause
        self._is_exhausted = False
        self._gap = 0.0 if rate is None else 1 / rate
        self._next = 0.0

    def send(self, what: str, send_once: Callable[[], Exchange]) -> Exchange:
        """Call *send_once* until it gets anything but 429; *what* names the request in errors.

        Raises RateLimited after too many waits, and from then on at once: otherwise a target that
        does not recover would cost the same waits for each request that is left.
        """
        for waits in range(0 if self._is_exhausted else _MOST_WAITS):
            self._keep_the_rate()
            exchange = send_once()
            if exchange.status != HTTPStatus.TOO_MANY_REQUESTS:
                return exchange
            self._wait(_asked_to_wait(exchange.response_headers, otherwise=2.0**waits))
        self._is_exhausted = True
        raise RateLimited(f"{_MOST_WAITS} times in a row, {what} returned 429")

    def _wait(self, seconds: float) -> None:
        bounded = min(seconds, _LONGEST_WAIT)
        self.waits, self.waited = self.waits + 1, self.waited + bounded
        self._pause(bounded)

    def _keep_the_rate(self) -> None:
        now = time.monotonic()
        if self._gap and now < self._next:
            time.sleep(self._next - now)
        self._next = max(now, self._next) + self._gap


def _asked_to_wait(headers: Mapping[str, str], *, otherwise: float) -> float:
    """Return the seconds that Retry-After asks for, as a number or as a date."""
    asked = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", asked):
        return float(asked)
    try:
        moment, now = (parsedate_to_datetime(one) for one in (asked, headers.get("date", "")))
        return max(0.0, (moment - now).total_seconds())
    except (TypeError, ValueError):
        return otherwise
