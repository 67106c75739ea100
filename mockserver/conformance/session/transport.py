"""Sends one HTTP request of a run, without redirects, retries or limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import urllib3

from mockserver.network.outbound import UserProxy, place_of, proxy_for, why_not_connected

_TIMEOUT = 30.0
"""Seconds to wait for a response."""
_MOST_BYTES = 64 * 1024 * 1024

FAILURES = (urllib3.exceptions.HTTPError, OSError, ValueError)
"""What sending a request can raise."""
NOT_SENT = (
    "ProxyError",
    "UserProxyError",
    "NewConnectionError",
    "NameResolutionError",
    "ConnectTimeoutError",
)
"""Names of the failures that happen before anything was sent."""


def explained(failure: Exception, url: str) -> str:
    """Return why a request to *url* has no response."""
    if type(failure).__name__ not in NOT_SENT:
        return f"{type(failure).__name__}: {failure}"
    proxy = proxy_for(url) if isinstance(failure, urllib3.exceptions.ProxyError) else None
    place = place_of(url) if proxy is None else f"the proxy {place_of(proxy.url)}"
    return why_not_connected(failure, place, _TIMEOUT)


class Outgoing(NamedTuple):
    """A request to send."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""
    operation: str | None = None
    """The operation that it uses, if any."""


class Incoming(NamedTuple):
    """A response."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes


class HttpClient:
    """Keeps connections open, directly or through the user's proxy."""

    def __init__(self) -> None:
        self._pools: dict[UserProxy | None, urllib3.PoolManager] = {}

    def close(self) -> None:
        """Close the connections, including those that the traceback of an error keeps alive."""
        for pool in self._pools.values():
            for key in pool.pools.keys():  # noqa: SIM118 - the container is not iterable
                pool.pools[key].close()
            pool.clear()

    def send(self, request: Outgoing) -> Incoming:
        """Return the response to a request. Raises one of FAILURES."""
        response = self._pool_for(request.url).request(
            request.method,
            request.url,
            headers=dict(request.headers),
            body=request.body or None,
            redirect=False,
            timeout=urllib3.Timeout(total=_TIMEOUT),
            preload_content=False,
        )
        headers = {name.lower(): value for name, value in response.headers.items()}
        body = response.read(_MOST_BYTES)
        response.release_conn()
        return Incoming(response.status, headers, body)

    def _pool_for(self, url: str) -> urllib3.PoolManager:
        """Return the connections for *url*, through the user's proxy if that is for it."""
        proxy = proxy_for(url)
        if proxy not in self._pools:
            self._pools[proxy] = _pool(proxy)
        return self._pools[proxy]


def _pool(proxy: UserProxy | None) -> urllib3.PoolManager:
    if proxy is None:
        return urllib3.PoolManager(retries=False, maxsize=4)
    known = proxy.authorization
    headers = {"Proxy-Authorization": known} if known else None
    return urllib3.ProxyManager(proxy.url, proxy_headers=headers, retries=False, maxsize=4)
