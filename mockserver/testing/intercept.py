"""Answers an app's `requests` calls to the API in the process: no socket, no server."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import urllib3

from mockserver.contract import load_contract
from mockserver.engine.exchange import Mischief, Request
from mockserver.testing.mocks import InProcessMock
from mockserver.testing.sandbox import MaxapiSandbox
from mockserver.testing.webhook import OnWebhook

if TYPE_CHECKING:
    from flask import Flask
    from requests import PreparedRequest
    from responses import BaseResponse, CallbackResponse
    from responses.registries import FirstMatchRegistry

_Answer = tuple[int, list[tuple[str, str]], bytes | Exception]


class Intercepted(MaxapiSandbox):
    """The sandbox of an app whose calls are answered in the process."""

    def __init__(self, mock: InProcessMock, api_key: str | None) -> None:
        of_key = mock.sandbox(api_key)
        super().__init__(of_key.base_url, of_key.api_key, of_key.control)
        self._mock = mock

    @property
    def app(self) -> Flask:
        """The mock as a WSGI application, for clients that take one as their transport."""
        return self._mock.app

    @property
    def on_webhook(self) -> OnWebhook | None:
        """What takes the webhooks; without it they go to receivers on this machine, by HTTP."""
        return self._mock.on_webhook

    @on_webhook.setter
    def on_webhook(self, receiver: OnWebhook | None) -> None:
        self._mock.on_webhook = receiver


@contextmanager
def intercept(
    *,
    api_key: str | None = None,
    on_webhook: OnWebhook | None = None,
    allow_others: bool = False,
    folder: Path | None = None,
    **settings: Any,
) -> Iterator[Intercepted]:
    """Answer every `requests` call to `https://api.maxapi.io` and `https://cdn.maxapi.io`.

    *api_key* is the one that the app sends, and so names the sandbox that is given. Webhooks go
    to *on_webhook*. A call to any other host is refused with requests.ConnectionError, unless
    *allow_others* lets it pass. For *folder* and *settings* see `running_mock`. The clock stands
    still. Raises SettingError.
    """
    mock = mock_of_the_api(folder, **settings)
    try:
        with intercept_with(mock, api_key, allow_others=allow_others) as sandbox:
            sandbox.on_webhook = on_webhook
            yield sandbox
    finally:
        mock.close()


def mock_of_the_api(folder: Path | None = None, **settings: Any) -> InProcessMock:
    """Make a mock that takes the API's own place: its URLs are those of the API."""
    contract = load_contract()
    return InProcessMock(
        contract.fact("base_url"), folder, **{"public_url": contract.fact("cdn_url")} | settings
    )


@contextmanager
def intercept_with(
    mock: InProcessMock, api_key: str | None, *, allow_others: bool = False
) -> Iterator[Intercepted]:
    """Do as `intercept`, with a mock that there is already."""
    import responses

    contract = load_contract()
    hosts = [contract.fact(name) for name in ("base_url", "cdn_url")]
    sandbox = Intercepted(mock, api_key)
    ours = responses.CallbackResponse("GET", hosts[0], _Caller(mock), content_type=None)
    interception = responses.RequestsMock(
        assert_all_requests_are_fired=False,
        registry=_by_host(ours, hosts, allow_others=allow_others),
    )
    interception.add_passthru("http")  # counts where the registry has no answer
    with interception:
        try:
            yield sandbox
        finally:
            sandbox.close()


def _by_host(
    response: CallbackResponse, hosts: Sequence[str], *, allow_others: bool
) -> type[FirstMatchRegistry]:
    """Make a registry with one answer for all of *hosts*, whatever the method."""
    import requests
    from responses.registries import FirstMatchRegistry

    class Registry(FirstMatchRegistry):
        def find(self, request: PreparedRequest) -> tuple[BaseResponse | None, list[str]]:
            base = "://".join(urlsplit(str(request.url))[:2]).removesuffix(":443")
            if base in hosts:
                return response, []
            if allow_others:
                return None, []
            advice = "only the API is here; intercept(allow_others=True) lets others pass"
            raise requests.ConnectionError(f"{request.method} {base}: {advice}", request=request)

    return Registry


class _Caller:
    """Gives a call to the mock, and what came of it as `responses` wants it."""

    def __init__(self, mock: InProcessMock) -> None:
        self._mock = mock

    def __call__(self, request: PreparedRequest) -> _Answer:
        parts = urlsplit(str(request.url))
        headers = {_text(name).lower(): _text(value) for name, value in request.headers.items()}
        response = self._mock.answer(
            Request(
                str(request.method),
                unquote(parts.path, errors="replace"),
                {"host": parts.netloc} | headers,
                _whole(request.body),
                parts.query,
                parts.scheme,
            )
        )
        failure = response.mischief and _fault_of(request, response.mischief)
        body = b"" if request.method == "HEAD" else response.body
        given = list(response.headers)
        if response.status != 204 and "content-length" not in {name.lower() for name, _ in given}:
            given.append(("Content-Length", str(len(response.body))))
        return response.status, given, failure or body


def _text(given: str | bytes) -> str:
    return given.decode("latin-1") if isinstance(given, bytes) else given


def _whole(body: Any) -> bytes:
    """Give a body that `requests` may hold as text, bytes, a file or an iterator."""
    if hasattr(body, "read"):
        body = body.read()
    elif body is not None and not isinstance(body, str | bytes | bytearray | memoryview):
        body = b"".join(body)
    return body.encode() if isinstance(body, str) else bytes(body or b"")


def _fault_of(request: PreparedRequest, mischief: Mischief) -> Exception | None:
    """Be as late as the mischief says, or give what `requests` raises for it."""
    import requests

    patience = _patience(request)
    if mischief.hang or (patience is not None and mischief.latency > patience):
        return requests.ReadTimeout("no answer: the mock hangs, as the scenario says")
    time.sleep(mischief.latency)
    if mischief.cut:
        return requests.exceptions.ChunkedEncodingError("the connection ended inside the body")
    return None


def _patience(request: PreparedRequest) -> float | None:
    """Give the seconds that the app waits for an answer; None if it would wait for ever."""
    timeout = getattr(request, "req_kwargs", {}).get("timeout")
    if isinstance(timeout, urllib3.Timeout):
        timeout = timeout.clone()
        timeout.start_connect()
        timeout = timeout.read_timeout
    read = timeout[1] if isinstance(timeout, tuple) else timeout
    return read if isinstance(read, int | float) else None
