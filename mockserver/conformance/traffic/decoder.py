"""Makes evidence of what has passed through a proxy: readable, and without secrets."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Protocol

import urllib3

from mockserver.conformance.model import WEBHOOK, Exchange
from mockserver.conformance.redaction import Headers, Secrets, without_callback
from mockserver.conformance.session.client import Operations
from mockserver.conformance.session.client import path_of as path_of_url
from mockserver.contract import Contract

_MOST_BYTES = 16 * 1024 * 1024
"""Of a body that was compressed."""
_NOT_SHOWN = {"host", "content-length", "connection", "transfer-encoding", "expect"}
_NOT_SHOWN |= {"keep-alive", "te", "trailer", "upgrade", "accept-encoding"}
"""Headers that whoever sends the request again makes himself."""


class ObservedExchange(Protocol):
    """An exchange as the proxy saw it."""

    @property
    def method(self) -> str:
        """The HTTP method."""

    @property
    def target(self) -> str:
        """What was asked for: path and query."""

    @property
    def headers(self) -> Headers:
        """Those of the request."""

    @property
    def began(self) -> float:
        """Real seconds at which the request came."""

    @property
    def ended(self) -> float:
        """Real seconds at which it was answered."""

    @property
    def body(self) -> bytes | bytearray:
        """That of the request."""

    @property
    def status(self) -> int | None:
        """None if there was no whole answer."""

    @property
    def response_headers(self) -> Headers:
        """Those of the answer."""

    @property
    def response_body(self) -> bytes | bytearray:
        """The body of the answer."""

    @property
    def error(self) -> str | None:
        """Why there was no whole answer."""

    @property
    def cut(self) -> bool:
        """Whether not all of both bodies is here."""

    @property
    def token(self) -> str | None:
        """What is the same for a submission, and for the webhook that it asked for."""

    @property
    def webhook_url(self) -> str | None:
        """Where a webhook went; None for a request to the API."""


def path_of(target: str) -> str:
    """Give the path of what a request asks for."""
    return target.partition("?")[0] if target.startswith("/") else path_of_url(target)


class Decoder:
    """Tells of exchanges; *notice* is told of those that it cannot."""

    def __init__(self, contract: Contract, notice: Callable[[str], object]) -> None:
        self._operations = Operations(contract)
        self._notice = notice
        self._secrets = Secrets()

    def tell(self, passed: ObservedExchange, url: str, path: str) -> Exchange | None:
        """Make evidence of what passed, without secrets; None if it cannot be read."""
        operation = self._operations.name_of(passed.method, path)
        if passed.webhook_url is not None:
            operation = WEBHOOK
        hidden = self._secrets
        hidden.learn(passed.response_headers)
        hidden.learn(passed.headers, passed.target)
        if passed.error is None and passed.cut:
            self._notice("an exchange was too large to be judged, or answered before it was sent")
            return None
        body = b"" if passed.cut else self._decoded(passed.body, passed.headers)
        answer = (
            b"" if passed.error else self._decoded(passed.response_body, passed.response_headers)
        )
        if body is None or answer is None:
            return None
        body, answer = without_callback(body), without_callback(answer)
        return Exchange(
            method=passed.method,
            url=hidden.target(url),
            path=hidden.hidden(path),
            operation=operation,
            headers=_joined(hidden, passed.headers, without=_NOT_SHOWN),
            body=hidden.hidden_bytes(body),
            status=passed.status,
            response_headers=_joined(hidden, passed.response_headers, lower=True),
            response_body=hidden.hidden_bytes(answer),
            error=None if passed.error is None else hidden.hidden(passed.error),
        )

    def _decoded(self, body: bytes | bytearray, headers: Headers) -> bytes | None:
        given = [value for name, value in headers if name.lower() == "content-encoding"]
        codings = [one.strip().lower() for one in ",".join(given).split(",") if one.strip()]
        codings = [one for one in codings if one != "identity"]
        unknown = [one for one in codings if one not in urllib3.HTTPResponse.CONTENT_DECODERS]
        if unknown:
            coding = self._secrets.hidden(unknown[0])[:20]
            self._notice(f"a body is not judged: nothing here reads its coding {coding!r}")
            return None
        if not codings:
            return bytes(body)
        coded = urllib3.HTTPResponse(
            BytesIO(body), {"content-encoding": ", ".join(codings)}, preload_content=False
        )
        try:
            plain = coded.read(_MOST_BYTES)
        except urllib3.exceptions.HTTPError:
            self._notice("a body is not judged: it is not coded as its head says")
            return None
        if len(plain) == _MOST_BYTES:
            self._notice("a body is not judged: it is too large when it is decoded")
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
