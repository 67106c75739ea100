"""Makes requests of what was received, in every form that HTTP/1.1 allows clients to send."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

from mockserver.engine.messages import Request
from mockserver.network.origin import check_host

_IN_PATHS = "!$&'()*+,/:;=@~"
_SINGLE = ("authorization", "content-type", "host")
"""Headers that are ambiguous if they are sent twice."""

_AFTER_AUTHORITY = re.compile(rb"[/?#]")


class BadRequest(Exception):
    """A request cannot be read; *status* is from 400 to 599, the message says why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(slots=True)
class Received:
    """The parts of a request that has been received completely."""

    method: str
    target: bytes
    headers: dict[str, str]
    """By lower-case name; the values of repeated ones are joined to lists, as HTTP defines."""
    repeated: list[str]
    """The names of repeated ones, once for each repetition."""
    version: str
    body: bytes
    keep_alive: bool
    """Whether the connection is to stay open after the response."""


@lru_cache(maxsize=512)
def header_name(raw: bytes) -> str:
    """Return the name of a header in lower case."""
    return raw.decode("latin-1").lower()


def header_value(raw: bytes) -> str:
    """Return the value of a header: UTF-8, as most clients write it, or else Latin-1."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def make_request(received: Received, scheme: str) -> Request:
    """Return the request that a client has sent; its path is percent-decoded, or `*`.

    Its header `host` is what the client wanted to reach, however it said so. Raises BadRequest.
    """
    headers, target, version = received.headers, received.target, received.version
    for name in received.repeated:
        if name in _SINGLE:
            times = received.repeated.count(name) + 1
            raise BadRequest(400, f"{name.title()}: sent {times} times; send it once")
    if "transfer-encoding" in headers:
        _check_coding(headers["transfer-encoding"], version)
    if not target.startswith(b"/") and target != b"*":
        target, headers["host"] = _without_authority(target)
    try:
        check_host([headers["host"]] if "host" in headers else [], version)
    except ValueError as error:
        raise BadRequest(400, str(error)) from None
    path, _, query = target.partition(b"#")[0].partition(b"?")
    return Request(
        received.method, _decoded(path), headers, received.body, query.decode("latin-1"), scheme
    )


def _check_coding(coding: str, version: str) -> None:
    if version == "1.0":
        raise BadRequest(400, "Transfer-Encoding: unknown in HTTP/1.0; send Content-Length")
    if coding.lower() != "chunked":
        raise BadRequest(501, f"Transfer-Encoding: {coding[:100]!r} is unknown; use chunked")


def _without_authority(target: bytes) -> tuple[bytes, str]:
    """Return the path and query, and the host, of an absolute target. Raises BadRequest."""
    scheme, absolute, rest = target.partition(b"://")
    if not absolute or scheme.lower() not in (b"http", b"https"):
        shown = target[:100].decode("latin-1")
        raise BadRequest(400, f"the target {shown!r} is not a path; use /, for example")
    authority = _AFTER_AUTHORITY.split(rest, maxsplit=1)[0]
    path = rest[len(authority) :]
    return path if path.startswith(b"/") else b"/" + path, authority.decode("latin-1")


def _decoded(path: bytes) -> str:
    """Decode a path, which httptools has found to be ASCII."""
    return (unquote_to_bytes(path) if b"%" in path else path).decode("utf-8", "replace")


def url_of(request: Request) -> str:
    """Return the URL that the client wanted to reach; quoting may differ."""
    host, path = request.headers.get("host", "localhost"), quote(request.path, safe=_IN_PATHS)
    url = f"http://{host}{path}"
    return f"{url}?{request.query}" if request.query else url
