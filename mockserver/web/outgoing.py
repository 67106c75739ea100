"""Responses as bytes of HTTP/1.1, and the ways in which those bytes can be wrong."""

from __future__ import annotations

import re
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from mockserver.domain.script import WireFault
from mockserver.engine.clock import real_timestamp
from mockserver.engine.messages import Response

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CLOSE, KEEP_ALIVE = b"Connection: close\r\n", b"Connection: keep-alive\r\n"

_FRAMING = ("content-length", "transfer-encoding", "connection", "date", "server")
"""Headers that are written here, whatever an application says."""
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_BODILESS = (204, 304)
_GARBAGE = b"\x00\x9d\xff<<<{{{\r\n\x07\x1b}}}>>>\xfe\r\n\r\n"


def response_bytes(
    response: Response, connection: bytes, fault: WireFault | None = None
) -> tuple[bytes, bytes]:
    """Return what is sent for a response: its head and its body, each as far as it is sent.

    *connection* is the header about the connection, with its line break, or empty. *fault* is
    what goes wrong meanwhile.
    """
    body = response.body
    match fault:
        case None | WireFault.KEEP_ALIVE_BROKEN:
            return _head(response, connection, len(body)), body
        case WireFault.TRUNCATED:  # it promises the complete body
            return _head(response, b"", max(1, len(body))), body[: len(body) // 2]
        case WireFault.HALF_HEADERS:
            head = _head(response, b"", len(body))
            return head[: len(head) // 2], b""
        case WireFault.MALFORMED_CHUNK:
            half = body[: len(body) // 2]
            chunk = b"%x\r\n%b\r\n" % (len(half), half) if half else b""
            return _head(response, b"", None), chunk + b"not a size\r\n"
        case WireFault.GARBAGE:
            return _GARBAGE, b""
        case WireFault.HANG | WireFault.CLOSED | WireFault.RESET:
            return b"", b""


def stream_head(response: Response, version: str) -> bytes:
    """Return the head of a response whose body goes on: in chunks, or until the end in HTTP/1.0."""
    beginning = _beginning(response.status, response.headers)
    coding = b"" if version == "1.0" else b"Transfer-Encoding: chunked\r\n"
    return b"%b%b%b%b\r\n" % (beginning, _date(int(real_timestamp())), CLOSE, coding)


def stream_part(data: bytes, version: str) -> bytes:
    """Return how a part of such a body is sent; one without bytes is its end."""
    return data if version == "1.0" else b"%x\r\n%b\r\n" % (len(data), data)


def _head(response: Response, connection: bytes, length: int | None) -> bytes:
    """Return the status line and the headers; *length* None is for a body in chunks."""
    beginning = _beginning(response.status, response.headers)
    date = _date(int(real_timestamp()))
    if length is None:
        return b"%b%bTransfer-Encoding: chunked\r\n\r\n" % (beginning, date)
    if response.status in _BODILESS:
        return b"%b%b%b\r\n" % (beginning, date, connection)
    return b"%b%b%bContent-Length: %d\r\n\r\n" % (beginning, date, connection, length)


@lru_cache(maxsize=256)
def _beginning(status: int, headers: tuple[tuple[str, str], ...]) -> bytes:
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = ""
    lines = [f"HTTP/1.1 {status} {reason}", "Server: maxapi-mock"]
    lines += [f"{name}: {value}" for name, value in headers if name.lower() not in _FRAMING]
    text = "\r\n".join(_UNPRINTABLE.sub(" ", line) for line in lines)
    return f"{text}\r\n".encode("latin-1", "replace")


@lru_cache(maxsize=1)
def _date(second: int) -> bytes:
    return f"Date: {formatdate(second, usegmt=True)}\r\n".encode()
