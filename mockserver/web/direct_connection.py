"""One client's connection without a socket: it is served in the thread of the client."""

from __future__ import annotations

from collections.abc import Callable

from mockserver.engine.messages import Response
from mockserver.interception.direct_socket import Elsewhere
from mockserver.web.gateway import Gateway, Kind, kind_of
from mockserver.web.incoming import BadRequest, Received, make_request
from mockserver.web.outgoing import CLOSE, KEEP_ALIVE, response_bytes
from mockserver.web.request_reader import RequestReader
from mockserver.web.response_steps import takes_time


class DirectConnection:
    """Responds as `Connection` does, to one request at a time.

    What takes time, or fails on its way, is left to a server: *keep* lets one have a response, and
    returns the path of it.
    """

    def __init__(self, gateway: Gateway, keep: Callable[[Response], str]) -> None:
        self._gateway = gateway
        self._keep = keep
        self._reader = RequestReader(gateway.service.settings.max_body)

    def receive(self, data: bytes) -> bytes | Elsewhere:
        """Return the response to the request that *data* completes; nothing if it does not."""
        self._reader.feed(data)
        if self._reader.complete:
            return self._respond(self._reader.complete.popleft())
        if self._reader.failure is not None:
            return b"".join(response_bytes(self._gateway.reject(self._reader.failure), CLOSE))
        return b""

    def _respond(self, received: Received) -> bytes | Elsewhere:
        try:
            request = make_request(received, "https")
        except BadRequest as error:
            return _written(received, self._gateway.reject(error))
        if kind_of(self._gateway.service, request.path) is Kind.CONTROL:
            return Elsewhere()
        response = self._gateway.respond(request)
        if takes_time(response):
            return Elsewhere(_fetching(received, self._keep(response)))
        return _written(received, response)


def _written(received: Received, response: Response) -> bytes:
    head, body = response_bytes(response, _about_connection(received))
    return head if received.method == "HEAD" else head + body


def _fetching(received: Received, path: str) -> bytes:
    """Return a request for a response that is kept; *received* is the one that it is for."""
    method = "HEAD" if received.method == "HEAD" else "GET"
    line = f"{method} {path} HTTP/{received.version}\r\nHost: localhost\r\n"
    return line.encode() + (b"" if received.keep_alive else CLOSE) + b"\r\n"


def _about_connection(received: Received) -> bytes:
    if not received.keep_alive:
        return CLOSE
    return KEEP_ALIVE if received.version == "1.0" else b""
