"""The layer in which a drift lives: between a mock and whoever talks with it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache, partial
from typing import Any

from mockserver.conformance.session.client import Operations
from mockserver.contract import Contract, load_contract
from mockserver.engine.messages import Request, Response
from mockserver.engine.service import Service
from mockserver.engine.webhooks.attempt import AttemptResult, Transport, WebhookRequest
from mockserver.engine.webhooks.transport import HttpTransport
from mockserver.settings import Settings
from mockserver.testing.mocks import RunningMock, running_mock

Ask = Callable[[Request], Response]
"""Has the mock answer a request."""


class Layer:
    """Hands everything on as it is; each of the others changes one thing."""

    post: Transport
    """Really sends a webhook."""
    service: Service
    """The mock itself."""
    faults: list[Exception]
    """What went wrong in the layer or in the mock itself, which is no drift but a mistake."""

    def contract(self, contract: Contract) -> Contract:
        """Give the contract that the mock is to keep."""
        return contract

    def answer(self, request: Request, ask: Ask) -> Response:
        """Answer a request."""
        return ask(request)

    def send(self, callback: WebhookRequest) -> AttemptResult:
        """Send a webhook."""
        return self.post(callback)


MakeLayer = Callable[[], Layer]
"""Makes a layer for one run: what it remembers is of that run."""


class _Layered(Service):
    """A service behind a layer."""

    def __init__(
        self, layer: Layer, contract: Contract, settings: Settings, *, transport: HttpTransport
    ) -> None:
        self._layer, self._post = layer, transport
        layer.post, layer.service, layer.faults = transport, self, []
        super().__init__(layer.contract(contract), settings, transport=layer.send)

    def respond(self, request: Request) -> Response:
        """Respond to any request, through the layer."""
        try:
            return self._layer.answer(request, super().respond)
        except Exception as fault:
            self._layer.faults.append(fault)
            raise

    def close(self) -> None:
        """Stop sending webhooks, and keeping anybody waiting."""
        super().close()
        self._post.close()


def start_behind(layer: Layer, **more: Any) -> Callable[..., AbstractContextManager[RunningMock]]:
    """Make what starts a mock behind *layer*; *more* are settings of the mock."""
    return partial(running_mock, service=partial(_Layered, layer), **more)


@cache
def _operations() -> Operations:
    return Operations(load_contract())


def operation_of(request: Request) -> str | None:
    """Name the operation that a request calls."""
    return _operations().name_of(request.method, request.path)


def is_of_the_api(request: Request) -> bool:
    """Say whether a request is one that needs a token, and not one for a result file."""
    prefix: str = load_contract().service["authentication"]["prefix"]
    return request.path.startswith(prefix)


def task_of(request: Request) -> str:
    """Give the task's id that is in the path of a poll or a cancellation."""
    return request.path.split("/")[4]
