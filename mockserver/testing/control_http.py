"""How requests reach the control plane of a mock: over HTTP, with connections kept alive."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import urllib3
    from urllib3.exceptions import HTTPError

__tracebackhide__ = True
"""A test whose request is rejected shows its own line, not those in here."""

Send = Callable[[str, str, Mapping[str, str], bytes | None], tuple[int, bytes]]
"""Sends one request (method, URL, headers, body); returns status and body of its response."""

_CONNECT_TIMEOUT, _READ_TIMEOUT = 10.0, 300.0
"""Real seconds; an advance responds once every webhook that falls due has been tried."""


class ControlError(Exception):
    """The mock rejected a control request, or there is no mock; the message says why."""

    def __init__(self, status: int | None, message: str) -> None:
        super().__init__(message)
        self.status = status
        """The HTTP status of the response; None if there was no response."""


class ControlHttp:
    """A `Send` over kept-alive connections; urllib3 is imported with the first request."""

    def __init__(self) -> None:
        self._pool: urllib3.PoolManager | None = None

    def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[int, bytes]:
        """Send one request. Raises ControlError if there is no response."""
        scheme = url.partition("://")[0] if "://" in url else "none"
        if scheme not in ("http", "https"):
            problem = f"an http or https URL is needed, not one of scheme {scheme}"
            raise ControlError(None, f"no mock answers: {problem}")
        from urllib3.exceptions import HTTPError

        self._pool = self._pool or _new_pool()
        try:
            response = self._pool.request(method, url, body=body, headers=headers)
        except HTTPError as error:
            raise ControlError(None, f"no mock answers: {_why(error, url)}") from None
        except ValueError as error:  # a key that no header can hold
            raise ControlError(None, f"not sent: {error}") from None
        return response.status, response.data

    def close(self) -> None:
        """Close the connections."""
        if self._pool is not None:
            self._pool.clear()


def _why(error: HTTPError, url: str) -> str:
    """Return why there is no response, and what to do about a mock that does not run."""
    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

    from mockserver.network.outbound import place_of, why_not_connected

    if not isinstance(error, NewConnectionError | ConnectTimeoutError):
        return str(error)
    why = why_not_connected(error, place_of(url), _CONNECT_TIMEOUT)
    return f"{why}; `maxapi-mock serve` starts one"


def _new_pool() -> urllib3.PoolManager:
    from urllib3 import PoolManager, Timeout

    return PoolManager(retries=False, timeout=Timeout(connect=_CONNECT_TIMEOUT, read=_READ_TIMEOUT))
