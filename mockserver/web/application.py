"""What a server is given: the application behind its connections."""

from __future__ import annotations

from collections.abc import Awaitable
from concurrent.futures import Executor
from typing import Protocol

from mockserver.engine.messages import Request, Response
from mockserver.web.incoming import BadRequest


async def response_of(responding: Response | Awaitable[Response]) -> Response:
    """Return what an application responds, once it is there."""
    return responding if isinstance(responding, Response) else await responding


class Application(Protocol):
    """What responds to the requests of a server."""

    @property
    def limit(self) -> int:
        """Return how many bytes of a body are kept; of a larger one, one more is kept."""

    @property
    def executor(self) -> Executor:
        """Return what runs functions that may take long."""

    def respond(self, request: Request) -> Response | Awaitable[Response]:
        """Return the response, or what is awaited for it; neither may fail."""

    def reject(self, error: BadRequest) -> Response:
        """Return the response to a request that cannot be read."""
