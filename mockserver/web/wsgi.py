"""WSGI without a server: calls an application, and lets one fail like a connection."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes, urlsplit

from mockserver.domain.script import WireFault

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

Received = tuple[int, list[tuple[str, str]], bytes]
"""Status, headers and body."""

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


def call(
    app: WSGIApplication,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes = b"",
) -> Received:
    """Send a request to *app*, and return its response."""
    parts = urlsplit(url)
    named = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    content_type, _ = named.pop("HTTP_CONTENT_TYPE", ""), named.pop("HTTP_CONTENT_LENGTH", "")
    environ = {
        **named,
        "HTTP_HOST": named.get("HTTP_HOST", parts.netloc),
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(parts.path or "/").decode("latin-1"),
        "QUERY_STRING": parts.query,
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(body)),
        "SERVER_NAME": parts.hostname or "localhost",
        "SERVER_PORT": str(parts.port or (443 if parts.scheme == "https" else 80)),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": parts.scheme,
        "wsgi.input": BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start(status: str, headers: list[tuple[str, str]], _failure: Any = None) -> Any:
        started.append((status, headers))

    chunks: Iterable[bytes] = app(environ, start)
    try:
        data = b"".join(chunks)
    finally:
        getattr(chunks, "close", lambda: None)()
    status, given = started[-1]
    return int(status.partition(" ")[0]), given, data
