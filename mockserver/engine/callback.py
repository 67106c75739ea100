"""One HTTP POST to a webhook receiver, over kept-alive connections."""

from __future__ import annotations

import ipaddress
import socket
import time
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

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


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a callback."""

    status: int | None
    """None if the receiver did not answer."""
    error: str | None
    """Why it does not count as delivered; None if it does."""
    latency: float
    """Real seconds."""


def answered(status: int, latency: float) -> Outcome:
    """Say what came of a callback that was answered: any 2xx counts as delivered."""
    delivered = 200 <= status < 300
    return Outcome(status, None if delivered else f"answered {status}, not 2xx", latency)


Transport = Callable[[Callback], Outcome]
"""Sends one callback; never raises."""


class HttpTransport:
    """Sends callbacks through a pool of connections; follows no redirect, retries nothing."""

    def __init__(self, connections: int) -> None:
        self._connections = connections
        self._pool: PoolManager | None = None

    def __call__(self, callback: Callback) -> Outcome:
        """Send *callback*; any 2xx within its time-out counts as delivered."""
        started = time.perf_counter()
        try:
            status = self._post(callback)
        except Exception as failure:  # a receiver's URL can be wrong in any way
            return Outcome(None, _explain(failure, callback), time.perf_counter() - started)
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


def _explain(failure: Exception, callback: Callback) -> str:
    """Say in one line why a receiver gave no answer."""
    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ReadTimeoutError

    if isinstance(failure, NewConnectionError):
        cause = failure.__cause__ or failure
        return f"cannot connect: {getattr(cause, 'strerror', None) or cause}"
    if isinstance(failure, ConnectTimeoutError | ReadTimeoutError):
        return f"no answer within {callback.timeout:g} s"
    return f"{type(failure).__name__}: {failure}"[:300]


def is_this_machine(url: str) -> bool:
    """Say whether a URL's host is a name or any spelling of an address of the loopback."""
    try:
        host = unicodedata.normalize("NFKC", unquote(urlsplit(url).hostname or "")).rstrip(".")
    except ValueError:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = _address(host)
    if address is None:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return mapped.is_loopback or mapped.is_unspecified


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:  # the short and numeric spellings: 127.1, 2130706433, 0x7f000001
        return ipaddress.IPv4Address(socket.inet_aton(host)) if host[:1].isdigit() else None
    except OSError:
        return None
