"""Decodes exchanges that have passed through a proxy, and removes their secrets."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Protocol

import urllib3

from mockserver.conformance.model import WEBHOOK, Exchange
from mockserver.conformance.operations import Operations
from mockserver.conformance.redaction import Headers, Secrets, without_callback
from mockserver.contract import Contract

_MOST_BYTES = 16 * 1024 * 1024
"""Bytes of a body after decompression."""
_NOT_SHOWN = {"host", "content-length", "connection", "transfer-encoding", "expect"}
_NOT_SHOWN |= {"keep-alive", "te", "trailer", "upgrade", "accept-encoding"}
"""Headers that any client sets by itself when the request is sent again."""


class ObservedExchange(Protocol):
    """An exchange as the proxy saw it."""

    @property
    def method(self) -> str:
        """The HTTP method."""

    @property
    def target(self) -> str:
        """Path and query."""

    @property
    def headers(self) -> Headers:
        """The headers of the request."""

    @property
    def began(self) -> float:
        """When the request arrived, in real seconds."""

    @property
    def ended(self) -> float:
        """When the response ended, in real seconds."""

    @property
    def body(self) -> bytes | bytearray:
        """The body of the request."""

    @property
    def status(self) -> int | None:
        """None if there was no complete response."""

    @property
    def response_headers(self) -> Headers:
        """The headers of the response."""

    @property
    def response_body(self) -> bytes | bytearray:
        """The body of the response."""

    @property
    def error(self) -> str | None:
        """Why there was no complete response."""

    @property
    def cut(self) -> bool:
        """Whether one of the bodies is incomplete here."""

    @property
    def token(self) -> str | None:
        """What a submission and its webhook have in common."""

    @property
    def webhook_url(self) -> str | None:
        """The URL that a webhook went to; None for a request to the API."""


class Decoder:
    """Turns observed exchanges into evidence; *notice* gets the reason where that fails."""

    def __init__(self, contract: Contract, notice: Callable[[str], object]) -> None:
        self._operations = Operations(contract)
        self._notice = notice
        self._secrets = Secrets()

    def decode(self, passed: ObservedExchange, url: str, path: str) -> Exchange | None:
        """Return an exchange without secrets; None if it cannot be evaluated."""
        operation = self._operations.name_of(passed.method, path)
        if passed.webhook_url is not None:
            operation = WEBHOOK
        hidden = self._secrets
        hidden.learn(passed.response_headers)
        hidden.learn(passed.headers, passed.target)
        if passed.error is None and passed.cut:
            self._notice(
                "an exchange was not checked: it is too large, or its response preceded its request"
            )
            return None
        body = b"" if passed.cut else self._decoded(passed.body, passed.headers)
        response_body = (
            b"" if passed.error else self._decoded(passed.response_body, passed.response_headers)
        )
        if body is None or response_body is None:
            return None
        body, response_body = without_callback(body), without_callback(response_body)
        return Exchange(
            method=passed.method,
            url=hidden.target(url),
            path=hidden.hidden(path),
            operation=operation,
            headers=_joined(hidden, passed.headers, without=_NOT_SHOWN),
            body=hidden.hidden_bytes(body),
            status=passed.status,
            response_headers=_joined(hidden, passed.response_headers, lower=True),
            response_body=hidden.hidden_bytes(response_body),
            error=None if passed.error is None else hidden.hidden(passed.error),
        )

    def _decoded(self, body: bytes | bytearray, headers: Headers) -> bytes | None:
        stated = [value for name, value in headers if name.lower() == "content-encoding"]
        codings = [one.strip().lower() for one in ",".join(stated).split(",") if one.strip()]
        codings = [one for one in codings if one != "identity"]
        unknown = [one for one in codings if one not in urllib3.HTTPResponse.CONTENT_DECODERS]
        if unknown:
            coding = self._secrets.hidden(unknown[0])[:20]
            self._notice(f"a body was not checked: its encoding {coding!r} is not supported")
            return None
        if not codings:
            return bytes(body)
        coded = urllib3.HTTPResponse(
            BytesIO(body), {"content-encoding": ", ".join(codings)}, preload_content=False
        )
        try:
            plain = coded.read(_MOST_BYTES)
        except urllib3.exceptions.HTTPError:
            self._notice("a body was not checked: it is not encoded as its headers say")
            return None
        if len(plain) == _MOST_BYTES:
            self._notice("a body was not checked: it is too large when it is decoded")
            return None
        return plain


def _joined(
    hidden: Secrets, headers: Headers, *, without: set[str] | None = None, lower: bool = False
) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in hidden.headers(headers):
        if name.lower() not in (without or ()):
            shown = name.lower() if lower else name
            joined[shown] = f"{joined[shown]}, {value}" if shown in joined else value
    return joined
