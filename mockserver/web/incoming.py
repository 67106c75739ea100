"""Reads a request in every form that HTTP/1.1 allows, for all servers of this package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from mockserver.network.origin import check_host

if TYPE_CHECKING:
    from granian._granian import RSGIHTTPProtocol as HTTPProtocol
    from granian.rsgi import Scope

UNREADABLE = "\N{REPLACEMENT CHARACTER}"
"""Replaces the value of a header that is not ASCII, which granian withholds."""
_IN_PATHS = "!$&'()*+,/:;=@~"
_SINGLE = ("authorization", "content-type", "host")
"""Headers that are ambiguous if they are sent twice."""


class BadRequest(Exception):
    """A request cannot be read; *status* is from 400 to 599, the message says why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as it was received."""

    method: str
    path: str
    """Percent-decoded, or `*`."""
    query: str
    """As it was sent."""
    headers: dict[str, str]
    """By lower-case name; `host` is what the client wanted to reach, however it said so."""
    body: bytes
    """May be cut one byte after the limit with which it was read."""

    @property
    def url(self) -> str:
        """The URL that the client wanted to reach; quoting may differ."""
        host, path = self.headers.get("host", "localhost"), quote(self.path, safe=_IN_PATHS)
        return f"http://{host}{path}?{self.query}" if self.query else f"http://{host}{path}"


async def take(scope: Scope, proto: HTTPProtocol, limit: int) -> Incoming:
    """Read a request, but keep at most *limit* + 1 bytes of its body. Raises BadRequest."""
    pairs = scope.headers.items()
    unread = scope.headers.keys()
    if len(unread) != len(pairs):  # some were sent twice, or are not ASCII
        pairs += [(name, UNREADABLE) for name in set(unread) - {name for name, _ in pairs}]
    headers = _by_name(pairs)
    body = await _body(headers, proto, limit)  # first, so that the client has sent it
    if len(headers) < len(pairs):
        _check_single([name for name, _ in pairs if name in _SINGLE])
    if scope.authority is not None:
        headers["host"] = scope.authority
    try:
        check_host([headers["host"]] if "host" in headers else [], scope.http_version)
    except ValueError as error:
        raise BadRequest(400, str(error)) from None
    if not scope.path:
        raise BadRequest(
            400, f"the target {scope.authority!r:.100} is not a path; use /, for example"
        )
    return Incoming(scope.method, scope.path, scope.query_string, headers, body)


def _by_name(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Return the headers by name; repeated ones are joined to a list, as HTTP defines."""
    headers = dict(pairs)
    if len(headers) < len(pairs):
        for name in headers:
            headers[name] = ", ".join(value for key, value in pairs if key == name)
    return headers


def _check_single(names: list[str]) -> None:
    for name in set(names):
        if names.count(name) > 1:
            raise BadRequest(400, f"{name.title()}: sent {names.count(name)} times; send it once")


async def _body(headers: dict[str, str], proto: HTTPProtocol, limit: int) -> bytes:
    length, coding = headers.get("content-length"), headers.get("transfer-encoding", "chunked")
    if length is None and "transfer-encoding" not in headers:
        return b""
    if length is not None and int(length) > limit:
        return await _beginning(proto, limit + 1)
    try:
        body = await proto()
    except RuntimeError:  # granian's RSGIProtocolClosed
        raise BadRequest(400, "the body ended early, or its chunks cannot be read") from None
    if coding.lower() != "chunked":
        raise BadRequest(501, f"Transfer-Encoding: {coding[:100]!r} is unknown; use chunked")
    return body[: limit + 1]


async def _beginning(proto: HTTPProtocol, count: int) -> bytes:
    """Read a large body to its end, but keep only its first *count* bytes."""
    kept = bytearray()
    async for chunk in proto:
        kept += chunk[: count - len(kept)]
    return bytes(kept)
