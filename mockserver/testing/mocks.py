"""Mocks for tests: one with sockets, one without, one that somebody else has started."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from mockserver.engine.clock import Clock
from mockserver.engine.messages import Request, Response
from mockserver.engine.service import Service
from mockserver.engine.webhooks.attempt import AttemptResult, Failure, WebhookRequest
from mockserver.engine.webhooks.transport import transport_of
from mockserver.settings import Resolved, resolve_settings
from mockserver.testing.control import ControlClient
from mockserver.testing.names import ServerSettings
from mockserver.testing.sandbox import MaxapiSandbox
from mockserver.testing.webhook import OnWebhook, Webhook
from mockserver.web.gateway import Gateway
from mockserver.web.wsgi import call

if TYPE_CHECKING:
    from flask import Flask

    from mockserver.web.server import Server


@dataclass(frozen=True, slots=True)
class RunningMock:
    """A mock that answers at a URL."""

    url: str
    control_token: str | None = field(default=None, repr=False)

    def sandbox(self, api_key: str | None = None) -> MaxapiSandbox:
        """Give a sandbox whose clock stands still; its key is new unless one is given.

        Raises ControlError if the URL is not a mock's, or it does not let itself be controlled.
        """
        key = api_key or new_key()
        control = ControlClient(self.url, key, control_token=self.control_token)
        control.freeze()
        return MaxapiSandbox(self.url, key, control)


@contextmanager
def running_mock(
    folder: Path | None = None,
    *,
    service: Callable[..., Service] = Service,
    **settings: Unpack[ServerSettings],
) -> Iterator[RunningMock]:
    """Run a mock on a free port of this machine, configured by *folder*, by default this one.

    *settings* go before those of the environment and the config file; their values are those of
    the command line: `running_mock(duration="5m", webhook_tries=5)`. Webhooks go to this machine
    only, unless `callback_allow` names other hosts. *service* makes what answers, of the arguments
    of `Service`. Raises SettingError.
    """
    from mockserver.web.server import Server

    resolved = _settled(folder, settings)
    transport = transport_of(resolved.settings)
    made = service(resolved.contract, resolved.settings, transport=transport)
    with Server(made) as server:
        yield RunningMock(server.url, resolved.settings.control_token)


class InProcessMock:
    """A mock that is called in the process, whose clocks stand still.

    *url* is what the app under test takes for the API's; for *folder* and *settings* see
    `running_mock`. Raises SettingError.
    """

    def __init__(
        self, url: str, folder: Path | None = None, **settings: Unpack[ServerSettings]
    ) -> None:
        self.url = url
        resolved = _settled(folder, {"tls": True} | settings)
        self.on_webhook: OnWebhook | None = None
        """Takes the webhooks; without it they go to receivers on this machine, by HTTP."""
        self._nearby = transport_of(resolved.settings)
        self._service = Service(
            resolved.contract,
            resolved.settings,
            make_clock=lambda: Clock(speed=0),
            transport=self._deliver,
        )
        self._whole = Gateway(self._service)
        self._server: Server | None = None

    def listen(self) -> tuple[int, str]:
        """Answer by HTTPS, too: give the port of this machine, and the authority's certificate.

        Raises ServerError.
        """
        from mockserver.web.server import Server

        if self._server is None:
            self._server = Server(self._service, bundled=False)
            self._server.start()
        authority = self._server.authority
        return self._server.port, "" if authority is None else authority.pem

    @property
    def app(self) -> Flask:
        """The mock as a WSGI application."""
        return self._whole.app

    def answer(self, request: Request) -> Response:
        """Answer a request; what is to go wrong with its connection is left to the caller."""
        response = self._whole.respond(request)
        if response.first is not None:
            response.first()
        return response

    def sandbox(self, api_key: str | None = None) -> MaxapiSandbox:
        """Give a sandbox whose clock stands still; its key is new unless one is given."""
        key = api_key or new_key()
        token = self._service.settings.control_token
        control = ControlClient(_HERE, key, control_token=token, send=self._send)
        control.freeze()  # it stands still already; from now on its key is known to be somebody's
        return MaxapiSandbox(self.url, key, control)

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[int, bytes]:
        status, _, data = call(self.app, method, url, headers, body or b"")
        return status, data

    def _deliver(self, callback: WebhookRequest) -> AttemptResult:
        if self.on_webhook is None:
            return self._nearby(callback)
        headers = {name.lower(): value for name, value in callback.proof}
        headers["content-type"] = callback.content_type
        webhook = Webhook(callback.method, callback.url, headers, callback.body)
        try:
            return AttemptResult.of_status(int(self.on_webhook(webhook) or 200), 0.0)
        except Exception as error:  # the receiver's own fault, as the mock would see it
            why = f"raised {type(error).__name__}: {error}"
            return AttemptResult(500, why, 0.0, Failure.STATUS)

    def close(self) -> None:
        """Let its threads go."""
        if self._server is not None:
            self._server.stop()
        self._service.close()
        self._nearby.close()


_HERE = "http://localhost"
"""What the control plane of a mock without sockets takes for its own host."""


def new_key() -> str:
    """Make an API key that nobody else has."""
    return f"test-{secrets.token_hex(8)}"


def _settled(folder: Path | None, changes: Mapping[str, Any]) -> Resolved:
    """Give the settings of a folder and the environment, but those of a server for others."""
    texts = {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in changes.items()
    }
    own = {"host": "127.0.0.1", "port": "0", "tls": "false"}
    resolved = resolve_settings(own | texts, folder=folder)
    private = {
        name: None for name in ("control_token", "api_key", "public_url") if name not in changes
    }
    return dataclasses.replace(
        resolved,
        settings=dataclasses.replace(resolved.settings, **private),  # type: ignore[arg-type]
    )
