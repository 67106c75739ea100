"""The layer between a mock and its clients, in which a mutant differs from the mock."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache, partial
from typing import Any

from mockserver.conformance.operations import Operations
from mockserver.contract import Contract, load_contract
from mockserver.engine.messages import Request, Response
from mockserver.engine.service import Service
from mockserver.engine.webhooks.attempt import AttemptResult, Transport, WebhookRequest
from mockserver.engine.webhooks.transport import HttpTransport
from mockserver.settings import Settings
from mockserver.testing.mocks import RunningMock, running_mock

Ask = Callable[[Request], Response]
"""Lets the mock respond to a request."""


class Layer:
    """Passes everything on unchanged; subclasses change one thing each."""

    post: Transport
    """Actually sends a webhook."""
    service: Service
    """The mock itself."""
    faults: list[Exception]
    """What went wrong in the layer or in the mock itself, which is a mistake, not a finding."""

    def contract(self, contract: Contract) -> Contract:
        """Return the contract that the mock is to keep."""
        return contract

    def respond(self, request: Request, ask: Ask) -> Response:
        """Return the response to a request."""
        return ask(request)

    def send(self, webhook: WebhookRequest) -> AttemptResult:
        """Send a webhook."""
        return self.post(webhook)


MakeLayer = Callable[[], Layer]
"""Makes a layer for one run, so that it remembers nothing from another."""


class _Layered(Service):
    """A service behind a layer."""

    def __init__(
        self, layer: Layer, contract: Contract, settings: Settings, *, transport: HttpTransport
    ) -> None:
        self._layer, self._post = layer, transport
        layer.post, layer.service, layer.faults = transport, self, []
        super().__init__(layer.contract(contract), settings, transport=layer.send)

    def respond(self, request: Request) -> Response:
        """Return the response to any request, through the layer."""
        try:
            return self._layer.respond(request, super().respond)
        except Exception as fault:
            self._layer.faults.append(fault)
            raise

    def close(self) -> None:
        """Stop sending webhooks, and release whatever waits for one."""
        super().close()
        self._post.close()


def start_behind(layer: Layer, **more: Any) -> Callable[..., AbstractContextManager[RunningMock]]:
    """Return what starts a mock behind *layer*; *more* are settings of the mock."""
    return partial(running_mock, service=partial(_Layered, layer), **more)


@cache
def _operations() -> Operations:
    return Operations(load_contract())


def operation_of(request: Request) -> str | None:
    """Return the operation that a request uses."""
    return _operations().name_of(request.method, request.path)


def is_of_the_api(request: Request) -> bool:
    """Return whether a request is one that needs a token, and not one for a result file."""
    prefix: str = load_contract().service["authentication"]["prefix"]
    return request.path.startswith(prefix)


def task_of(request: Request) -> str:
    """Return the task's id that is in the path of a poll or a cancellation."""
    return request.path.split("/")[4]
