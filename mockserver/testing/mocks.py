"""Mocks for tests: on a port, in the process, or started by another program."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Unpack
from urllib.parse import unquote, urlsplit

from mockserver.engine.clock import Clock
from mockserver.engine.messages import Request, Response
from mockserver.engine.service import Service
from mockserver.engine.webhooks.attempt import AttemptResult, Failure, WebhookRequest
from mockserver.engine.webhooks.transport import transport_of
from mockserver.interception.certificates import api_hosts, own_certificates
from mockserver.interception.direct_socket import Receive
from mockserver.network.loopback import LOOPBACK_HOSTS
from mockserver.settings import Resolved, resolve_settings
from mockserver.testing.control import ControlClient
from mockserver.testing.control_http import ControlError, Send
from mockserver.testing.names import ServerSettings
from mockserver.testing.sandbox import MaxapiSandbox
from mockserver.testing.webhook import OnWebhook, Webhook
from mockserver.web.direct_connection import DirectConnection
from mockserver.web.gateway import Gateway
from mockserver.web.response_steps import Run, Wait, finish, steps_of

if TYPE_CHECKING:
    from flask import Flask

    from mockserver.web.server import Server


@dataclass(frozen=True, slots=True)
class RunningMock:
    """A mock that listens at *url*; *control_token* is the one that it was started with, if any."""

    url: str
    control_token: str | None = field(default=None, repr=False)
    _send: Send | None = field(default=None, repr=False)
    """How its control plane is reached; None is by HTTP."""

    def sandbox(self, api_key: str | None = None, *, label: str | None = None) -> MaxapiSandbox:
        """Return the sandbox of *api_key*, or of a new key, and stop its clock.

        *label* is what people then know it by. Raises ControlError if there is no mock at the URL,
        or it rejects the control token.
        """
        key = api_key or new_key()
        control = ControlClient(
            self.url, key, label=label, control_token=self.control_token, send=self._send
        )
        control.freeze()
        return MaxapiSandbox(self.url, key, control)


@contextmanager
def running_mock(
    folder: Path | None = None,
    *,
    service: Callable[..., Service] = Service,
    **settings: Unpack[ServerSettings],
) -> Iterator[RunningMock]:
    """Run a mock on a free port of this machine until the block ends.

    *folder* is where the config file is looked for, by default the current one. *settings* take
    precedence over the environment and the config file; their names and values are those of the
    command line, and durations are seconds or texts like `5m`. Webhooks are sent to this machine
    only, unless `callback_allow` names other hosts. *service* is what makes the service that
    responds, called like `Service`. Raises SettingError, or ServerError if it cannot listen.

    >>> import requests
    >>> from mockserver.testing import running_mock
    >>> with running_mock(duration="5m", webhook_tries=5) as mock:
    ...     sandbox = mock.sandbox()
    ...     requests.get(f"{mock.url}/__mock/health").json()
    {'status': 'ok'}
    """
    from mockserver.web.server import Server

    resolved = _settled(folder, settings)
    transport = transport_of(resolved.settings)
    made = service(resolved.contract, resolved.settings, transport=transport)
    with Server(made) as server:
        yield RunningMock(server.url, resolved.settings.control_token, sender(Gateway(made)))


class InProcessMock:
    """A mock without a port, whose clocks stand still.

    *url* is the base URL that the app under test uses for the API; for *folder* and *settings* see
    `running_mock`. `app` is for clients that take a WSGI application as their transport. Raises
    SettingError.
    """

    def __init__(
        self, url: str, folder: Path | None = None, **settings: Unpack[ServerSettings]
    ) -> None:
        self.url = url
        resolved = _settled(folder, {"tls": True} | settings)
        self.on_webhook: OnWebhook | None = None
        """Called with the webhooks; if None, they are sent by HTTP to receivers on this machine."""
        self._transport = transport_of(resolved.settings)
        self._service = Service(
            resolved.contract,
            resolved.settings,
            make_clock=lambda: Clock(speed=0),
            transport=self._deliver,
        )
        self._gateway = Gateway(self._service)
        self._server: Server | None = None
        self._starting = Lock()

    def listen(self) -> tuple[int, str]:
        """Listen for HTTPS too; return the port, and the authority's certificate (PEM).

        Raises ServerError.
        """
        server, authority = self._listening()
        return server.port, authority

    def receiver(self) -> Receive:
        """Make what responds to the requests of one client without a connection."""
        return DirectConnection(self._gateway, self._keep).receive

    def _keep(self, response: Response) -> str:
        return self._listening()[0].keep(response)

    def _listening(self) -> tuple[Server, str]:
        from mockserver.web.server import Server, ServerError

        names = {*api_hosts(self._service.contract), *LOOPBACK_HOSTS}
        with self._starting:
            if self._service.closed.is_set():
                raise ServerError("the mock has ended")
            try:
                context, authority = own_certificates(tuple(sorted(names)))
            except OSError as error:
                problem = f"temporary files: {error.strerror}; set TMPDIR to a writable folder"
                raise ServerError(problem) from None
            if self._server is None:
                server = Server(self._service, context)
                server.start()
                self._server = server
            return self._server, authority

    @cached_property
    def app(self) -> Flask:
        """The mock as a WSGI application."""
        from mockserver.web.app import create_app

        return create_app(self._service)

    def answer(self, request: Request) -> Response:
        """Return the response to a request; faults of the connection are left to the caller."""
        response = self._gateway.respond(request)
        for step in steps_of(response):
            match step:
                case Run(function):
                    function()
                case Wait(held):
                    held.wait()
        finish(response)
        return response

    def sandbox(self, api_key: str | None = None, *, label: str | None = None) -> MaxapiSandbox:
        """Return the sandbox of *api_key*, or of a new key; its clock stands still.

        *label* is what people then know it by.
        """
        key = api_key or new_key()
        token = self._service.settings.control_token
        send = sender(self._gateway)
        control = ControlClient(_HERE, key, label=label, control_token=token, send=send)
        control.freeze()  # it stands still already; this makes its key one that is controlled
        return MaxapiSandbox(self.url, key, control)

    def _deliver(self, sent: WebhookRequest) -> AttemptResult:
        if self.on_webhook is None:
            return self._transport(sent)
        headers = {name.lower(): value for name, value in sent.proof}
        headers["content-type"] = sent.content_type
        webhook = Webhook(sent.method, sent.url, headers, sent.body)
        try:
            return AttemptResult.of_status(int(self.on_webhook(webhook) or 200), 0.0)
        except Exception as error:  # an error of the receiver, which responds 500 then
            why = f"raised {type(error).__name__}: {error}"
            return AttemptResult(500, why, 0.0, Failure.STATUS)

    def close(self) -> None:
        """End its threads and connections."""
        with self._starting:
            self._service.closed.set()
        if self._server is not None:
            self._server.stop()
        self._service.close()
        self._transport.close()


_HERE = "http://localhost"
"""The host under which the control plane of a mock without a port is called."""


def sender(gateway: Gateway) -> Send:
    """Return what sends control requests to a mock in this process, until it is closed."""

    def send(
        method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[int, bytes]:
        if gateway.service.closed.is_set():
            raise ControlError(None, "no mock answers: it has ended")
        parts = urlsplit(url)
        named = {name.lower(): _sendable(value) for name, value in headers.items()}
        response = gateway.respond(
            Request(method, unquote(parts.path), named, body or b"", parts.query, parts.scheme)
        )
        return response.status, response.body

    return send


def _sendable(value: str) -> str:
    """Return the value of a header. Raises ControlError if no client could send it."""
    if {"\r", "\n"} & set(value) or max(value, default="") > "\xff":
        raise ControlError(
            None,
            "not sent: a header cannot hold it; use one line of Latin-1",
        )
    return value


def new_key() -> str:
    """Make an API key that is not in use."""
    return f"test-{secrets.token_hex(8)}"


def _settled(folder: Path | None, changes: Mapping[str, object]) -> Resolved:
    """Resolve the settings, without those that only make sense for a server of others."""
    texts = {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in changes.items()
    }
    own = {"host": "127.0.0.1", "port": "0", "tls": "false"}
    resolved = resolve_settings(own | texts, folder=folder, names="the argument {}".format)
    private = {
        name: None for name in ("control_token", "api_key", "public_url") if name not in changes
    }
    return dataclasses.replace(
        resolved,
        settings=dataclasses.replace(resolved.settings, **private),  # type: ignore[arg-type]
    )
