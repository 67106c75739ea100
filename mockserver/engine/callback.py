"""One HTTP POST to a webhook receiver, over kept-alive connections."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from mockserver.engine.receivers import Reach, read_receiver
from mockserver.settings import Settings
from mockserver.version import __version__

if TYPE_CHECKING:
    from urllib3 import PoolManager
    from urllib3.response import BaseHTTPResponse

_ANSWER_LIMIT = 64 * 1024
"""Bytes of a receiver's answer that are read; a longer one costs the connection."""


@dataclass(frozen=True, slots=True)
class Callback:
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
class Outcome:
    """What came of a callback."""

    status: int | None
    """None if the receiver did not answer."""
    error: str | None
    """Why it does not count as delivered; None if it does."""
    latency: float
    """Real seconds."""
    failure: Failure | None = None
    """The kind of *error*."""


def answered(status: int, latency: float) -> Outcome:
    """Say what came of a callback that was answered: any 2xx counts as delivered."""
    if 200 <= status < 300:
        return Outcome(status, None, latency)
    return Outcome(status, f"answered {status}, not 2xx", latency, Failure.STATUS)


Transport = Callable[[Callback], Outcome]
"""Sends one callback; never raises."""


class HttpTransport:
    """Sends callbacks through a pool of connections; follows no redirect, retries nothing.

    It calls only whom *reach* allows, by default this machine.
    """

    def __init__(self, connections: int, reach: Reach | None = None) -> None:
        self._connections = connections
        self._reach = reach or Reach()
        self._pool: PoolManager | None = None

    def __call__(self, callback: Callback) -> Outcome:
        """Send *callback*; any 2xx within its time-out counts as delivered."""
        started = time.perf_counter()
        try:
            receiver = read_receiver(callback.url)
        except ValueError as error:
            return Outcome(None, f"not sent: {error}", 0.0, Failure.BAD_URL)
        forbidden = self._reach.why_not(receiver)
        if forbidden is not None:
            return Outcome(None, f"not sent: {forbidden}", 0.0, Failure.NOT_SENT)
        try:
            status = self._post(callback)
        except Exception as failure:  # a receiver's URL can be wrong in any way
            kind, why = _explain(failure, callback)
            return Outcome(None, why, time.perf_counter() - started, kind)
        return answered(status, time.perf_counter() - started)

    def _post(self, callback: Callback) -> int:
        from urllib3 import Timeout
        from urllib3.exceptions import HTTPError

        headers = {
            "Content-Type": callback.content_type,
            "User-Agent": f"maxapi-mockserver/{__version__}",
            **dict(callback.proof),
        }
        response = self._connected().request(
            callback.method,
            callback.url,
            body=callback.body,
            headers=headers,
            timeout=Timeout(total=callback.timeout),
            retries=False,
            redirect=False,
            preload_content=False,
            decode_content=False,
        )
        with suppress(HTTPError, OSError):  # the status decides, whatever becomes of the body
            _finish(response, time.monotonic() + callback.timeout)
        return response.status

    def _connected(self) -> PoolManager:
        """Import urllib3 with the first webhook: a mock that sends none starts sooner."""
        if self._pool is None:
            import urllib3

            self._pool = urllib3.PoolManager(num_pools=256, maxsize=self._connections)
        return self._pool

    def close(self) -> None:
        """Close all connections."""
        if self._pool is not None:
            self._pool.clear()


def _finish(response: BaseHTTPResponse, deadline: float) -> None:
    """Read a short answer so that its connection can be used again; hang up on a long one."""
    left = _ANSWER_LIMIT
    while left > 0 and time.monotonic() < deadline:
        chunk = response.read1(left)
        if not chunk:
            response.release_conn()
            return
        left -= len(chunk)
    response.close()


def transport_of(settings: Settings) -> HttpTransport:
    """Make what sends webhooks to this machine, and to others only if the settings name them.

    A public mock does not call this machine either: strangers could make it do so.
    """
    reach = Reach(settings.callback_allow or (), own=not settings.is_public)
    return HttpTransport(settings.webhook_concurrency, reach)


def _explain(failure: Exception, callback: Callback) -> tuple[Failure, str]:
    """Tell of what kind a failure is, and say in one line why a receiver gave no answer."""
    from urllib3 import exceptions

    if isinstance(failure, exceptions.NameResolutionError):
        return Failure.NAME_NOT_FOUND, "cannot connect: the name is not found"
    if isinstance(failure, exceptions.NewConnectionError):
        cause = failure.__cause__ or failure
        refused = isinstance(cause, ConnectionRefusedError)
        kind = Failure.CONNECTION_REFUSED if refused else Failure.UNREACHABLE
        return kind, f"cannot connect: {getattr(cause, 'strerror', None) or cause}"
    if isinstance(failure, exceptions.ConnectTimeoutError | exceptions.ReadTimeoutError):
        return Failure.TIMEOUT, f"no answer within {callback.timeout:g} s"
    kind = Failure.TLS if isinstance(failure, exceptions.SSLError) else Failure.CONNECTION_LOST
    return kind, f"{type(failure).__name__}: {failure}"[:300]
