"""WSGI without a server: lets an application fail like a connection."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from mockserver.domain.script import WireFault

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

FAULT = "maxapi.fault"
"""The key of the environment that the application sets to a fault of the connection, or to None."""


def failing(app: WSGIApplication) -> WSGIApplication:
    """Let *app* raise the error that a client gets if its connection fails.

    Transports for WSGI have no time-outs, so a response that never comes is a time-out at once.
    """

    def run(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        body = app(environ, start)
        match environ.get(FAULT):
            case None | WireFault.KEEP_ALIVE_BROKEN:  # there is no connection to be kept
                return body
            case WireFault.TRUNCATED | WireFault.MALFORMED_CHUNK:
                return _cut(body)
            case WireFault.HANG:
                why = "no response: it hangs, as the scenario says"
                raise _error("ReadTimeout", TimeoutError, why)
            case WireFault.RESET:
                raise _error("ReadError", ConnectionResetError, "the connection was reset")
            case _:
                why = "the connection ended without a response that can be read"
                raise _error("RemoteProtocolError", ConnectionResetError, why)

    return run


def _cut(body: Iterable[bytes]) -> Iterator[bytes]:
    complete = b"".join(body)
    yield complete[: len(complete) // 2]
    raise _error("RemoteProtocolError", ConnectionResetError, "it ended within the body")


def _error(name: str, other: type[Exception], message: str) -> Exception:
    """Make the error of httpx, whose transport for WSGI is common, or Python's own."""
    kind: type[Exception] = getattr(sys.modules.get("httpx"), name, other)
    return kind(message)
