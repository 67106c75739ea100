"""How requests reach the control plane of a mock: over HTTP, with connections kept alive."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mockserver.domain.redaction import HIDDEN, Redactor, is_ours, without_url_secrets

if TYPE_CHECKING:
    import urllib3

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
            raise ControlError(None, f"no mock answers: {error}") from None
        except ValueError as error:  # a key that no header can hold
            raise ControlError(None, f"not sent: {error}") from None
        return response.status, response.data

    def close(self) -> None:
        """Close the connections."""
        if self._pool is not None:
            self._pool.clear()


class ControlCalls:
    """Calls of the control plane of the mock at *base_url*, for the sandbox of *api_key*."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        control_token: str | None = None,
        send: Send | None = None,
    ) -> None:
        self._base = f"{base_url.rstrip('/')}/__mock/"
        self._headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}
        if control_token is not None:
            self._headers["X-Mock-Control-Token"] = control_token
        self._keys = Redactor(() if is_ours(api_key) else (api_key,))
        self._tokens = Redactor(() if control_token is None else (control_token,), HIDDEN)
        self.stands_still = False
        """Whether the clock is to stand still after a reset too, as in the fixtures."""
        self._http = ControlHttp()
        self._send = send or self._http

    def close(self) -> None:
        """Close the connections to the mock."""
        self._http.close()

    def shown(self, text: str) -> str:
        """Return *text* without secrets: those in URLs, and those that `without_keys` hides."""
        return without_url_secrets(self.without_keys(text))

    def without_keys(self, text: str) -> str:
        """Return *text* without the control token, and without an API key of the user's own."""
        return self._tokens.text(self._keys.text(text))

    def _call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        try:
            text = None if body is None else json.dumps(body).encode()
        except TypeError as error:
            raise ControlError(None, f"not sent: {error}; use JSON values") from None
        try:
            status, data = self._send(method, self._base + path, self._headers, text)
        except ControlError as error:
            raise ControlError(error.status, self.shown(str(error))) from None
        document = None
        with suppress(ValueError):
            document = json.loads(data)
        if not isinstance(document, dict):
            raise self._not_a_mock(status, self.shown(data.decode("utf-8", "replace")))
        if status != 200:
            raise ControlError(status, self.shown(str(document.get("msg", document))))
        return document

    def _not_a_mock(self, status: int, response: str) -> ControlError:
        shown = self.shown(self._base)
        return ControlError(status, f"{shown} is not a mock: it returned {response[:80]!r}")


def _new_pool() -> urllib3.PoolManager:
    from urllib3 import PoolManager, Timeout

    return PoolManager(retries=False, timeout=Timeout(connect=_CONNECT_TIMEOUT, read=_READ_TIMEOUT))
