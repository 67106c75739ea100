"""Splits a stream of HTTP/1 bytes into messages, and loses none of the bytes.

The proxy must not change what it passes on, so a parser of messages (which would normalize them,
as h11 does) is not enough. This one splits one direction of a connection into *segments*: slices
of the stream that, in order, are the whole stream. A segment is a head, or a part of a body, or
what belongs to neither (the lines between chunks). To forward the stream, take `wire` of each; to
look at its messages, take `head`, `body` and `ends`.

Where a message ends is decided by its head alone, by the rules of RFC 9112, section 6.3:

1. no body (204, 304, the response to HEAD, a request without a length): the head is the message;
2. `Transfer-Encoding: chunked`: a line with the size in hexadecimal digits, that many bytes, an
   empty line, and so on; after the size 0 come trailer lines, up to an empty one;
3. `Content-Length`: that many bytes;
4. a response with neither: all bytes until the connection is closed.

As for a response 1 and 2 also depend on the request, the parser asks a function for the length of
each body. What has not come completely (half a head, half a line) waits in a buffer, which `rest`
returns at the end of the stream.

Where a head is malformed or ambiguous (two lengths, a length besides chunks), guessing could show
bytes of a body as a request that no client made. So the parser never guesses: it is *lost* from
there on, and everything else is one segment after the other without a meaning.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Literal

_HEAD_LIMIT = 256 * 1024
_LINE_LIMIT = 16 * 1024
"""Bytes of the longest first line, and of the longest line between two chunks."""
_MAX_DIGITS = 15
"""Digits of the largest length that is accepted."""

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST_LINE = re.compile(rb"(%b) ([^\x00-\x20\x7f]+) HTTP/1\.[01]" % _TOKEN)
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: [^\x00]*)?")
_END = re.compile(rb"\r?\n\r?\n")


class BodyEnd(Enum):
    """What ends a body whose length is not given."""

    LAST_CHUNK = "its last chunk"
    CLOSE = "the end of the connection"
    UNKNOWN = "unknown"


BodyLength = int | BodyEnd


@dataclass(frozen=True)
class Head:
    """The head of a message."""

    raw: bytes
    """As it came, up to and including the empty line."""
    words: tuple[str, ...]
    """Method and target of a request; the status of a response."""

    @cached_property
    def headers(self) -> list[tuple[str, str]]:
        """Names and values, in order."""
        found = []
        for line in self.raw.split(b"\n")[1:]:
            name, colon, value = line.partition(b":")
            if colon:
                found.append((name.strip().decode("latin-1"), value.strip().decode("latin-1")))
        return found

    def values(self, name: str) -> list[str]:
        """Return the values of a header, whose name is in lower case."""
        return [value for one, value in self.headers if one.lower() == name]

    def changed(self, **headers: str | None) -> Head:
        """Return the head with other values of some headers, or (None) without them.

        A header that is not there is not added; every other byte stays.
        """
        raw = self.raw
        for name, value in headers.items():
            pattern = re.escape(name.replace("_", "-").encode())
            if value is None:
                raw = re.sub(rb"(?im)^%b[ \t]*:[^\n]*\n" % pattern, b"", raw)
            else:
                new = value.encode("latin-1")
                line = re.compile(rb"(?im)^(%b[ \t]*:[ \t]*)[^\r\n]*" % pattern)
                raw = line.sub(lambda found: found[1] + new, raw)  # noqa: B023 - called at once
        return Head(raw, self.words)

    def to(self, target: str) -> Head:
        """Return the head of the same request to another target."""
        method, _, rest = self.raw.partition(b" ")
        _, _, rest = rest.partition(b" ")
        return Head(method + b" " + target.encode("latin-1") + b" " + rest, (self.words[0], target))


@dataclass(frozen=True, slots=True)
class Segment:
    """A slice of the stream; all of them, in order, are the stream."""

    wire: bytes
    head: Head | None = None
    body: bytes = b""
    """What of it is content of a body: without the sizes of chunks, for example."""
    ends: bool = False
    """Whether the message ends with it."""
    lost: bool = False
    """Whether it is unknown what in it is a head, and what a body."""


class StreamParser:
    """Splits one direction of a connection; *length_of* returns how long the body after a head is.

    Between two calls of `feed` the state is: how much of the body is missing (`_missing`, None
    between two messages) and, within a chunked body, how much of the current chunk and what the
    next line is.
    """

    def __init__(self, line: re.Pattern[bytes], length_of: Callable[[Head], BodyLength]) -> None:
        self._line = line
        self._length_of = length_of
        self._buffer = bytearray()
        self._missing: BodyLength | None = None
        self._missing_in_chunk = 0
        self._next_line: Literal["size", "after chunk", "trailer"] = "size"

    @property
    def lost(self) -> bool:
        """Whether the stream is no longer understood."""
        return self._missing is BodyEnd.UNKNOWN

    @property
    def until_close(self) -> bool:
        """Whether the current message ends with the connection."""
        return self._missing is BodyEnd.CLOSE

    @property
    def between(self) -> bool:
        """Whether no part of a next message has come."""
        return self._missing is None and not self._buffer

    def lose(self) -> None:
        """Give up: from here on, the stream has no meaning."""
        self._missing = BodyEnd.UNKNOWN

    def rest(self) -> bytes:
        """Take what has come and was not returned yet, as it is not a complete segment."""
        rest = self._take(len(self._buffer))
        self.lose()
        return rest

    def feed(self, data: bytes) -> Iterator[Segment]:
        """Take what has come; return the segments that are complete with it."""
        self._buffer += data
        while self._buffer:
            segment = self._next()
            if segment is None:
                return
            yield segment

    def _next(self) -> Segment | None:
        if self._missing is None:
            return self._head()
        if self._missing is BodyEnd.LAST_CHUNK:
            return self._chunked()
        if isinstance(self._missing, int):
            wire = self._take(self._missing)
            self._missing -= len(wire)
            ends = not self._missing
            self._missing = None if ends else self._missing
            return Segment(wire, body=wire, ends=ends)
        wire, lost = self._take(len(self._buffer)), self.lost
        return Segment(wire, body=b"" if lost else wire, lost=lost)

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def _lost(self) -> Segment:
        self.lose()
        return Segment(self._take(len(self._buffer)), lost=True)

    # -- heads -------------------------------------------------------------------------------

    def _head(self) -> Segment | None:
        # Empty lines before a message are allowed (RFC 9112, 2.2); they travel with its head.
        blank = len(self._buffer) - len(self._buffer.lstrip(b"\r\n"))
        end = _END.search(self._buffer, blank)
        line, newline, _ = self._buffer[blank : blank + _LINE_LIMIT].partition(b"\n")
        found = self._line.fullmatch(line.removesuffix(b"\r"))
        if (newline and not found) or not (newline or self._can_begin(line)):
            return self._lost()
        if end is None or found is None:
            return self._lost() if len(self._buffer) > _HEAD_LIMIT else None
        words = tuple(word.decode("latin-1") for word in found.groups())
        skipped = self._take(blank)
        head = Head(self._take(end.end() - blank), words)
        length = self._length_of(head)
        self._missing = None if length == 0 else length
        self._missing_in_chunk, self._next_line = 0, "size"
        return Segment(skipped + head.raw, head, ends=length == 0)

    def _can_begin(self, line: bytearray) -> bool:
        """Return whether the beginning of a first line can still become one.

        Bytes of another protocol (TLS, SSH) may never have a line end; they must not wait for it.
        """
        if len(line) >= _LINE_LIMIT:
            return False
        if self._line is _STATUS_LINE:
            return line.startswith(b"HTTP/1."[: len(line)])
        return not line or re.match(rb"%b(?: |$)" % _TOKEN, line) is not None

    # -- chunks ------------------------------------------------------------------------------

    def _chunked(self) -> Segment | None:
        if self._missing_in_chunk:
            wire = self._take(self._missing_in_chunk)
            self._missing_in_chunk -= len(wire)
            self._next_line = "size" if self._missing_in_chunk else "after chunk"
            return Segment(wire, body=wire)
        end = self._buffer.find(b"\n") + 1
        if not end or end > _LINE_LIMIT:
            return self._lost() if len(self._buffer) > _LINE_LIMIT else None
        text = bytes(self._buffer[:end]).strip()
        if self._next_line == "size" and not self._begins_chunk(text):
            return self._lost()
        if self._next_line == "after chunk":
            if text:
                return self._lost()
            self._next_line = "size"
        elif self._next_line == "trailer" and not text:
            self._missing = None
        return Segment(self._take(end), ends=self._missing is None)

    def _begins_chunk(self, text: bytes) -> bool:
        size = text.partition(b";")[0].strip()
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,%d}" % _MAX_DIGITS, size):
            return False
        self._missing_in_chunk = int(size, 16)
        if not self._missing_in_chunk:
            self._next_line = "trailer"
        return True


def requests() -> StreamParser:
    """Return a parser of what a client sends."""
    return StreamParser(_REQUEST_LINE, _request_body_length)


def responses(length_of: Callable[[Head], BodyLength]) -> StreamParser:
    """Return a parser of what a server sends; *length_of* has to know the requests."""
    return StreamParser(_STATUS_LINE, length_of)


def _request_body_length(head: Head) -> BodyLength:
    lengths, codings = head.values("content-length"), head.values("transfer-encoding")
    if codings:
        return BodyEnd.UNKNOWN if lengths or not _is_chunked(codings) else BodyEnd.LAST_CHUNK
    return _content_length(lengths) if lengths else 0


def response_body_length(head: Head, method: str) -> BodyLength:
    """Return how long the body of a response to a request with *method* is."""
    status, codings = head.words[0], head.values("transfer-encoding")
    if status == "101" or (method == "CONNECT" and status[0] == "2"):
        return BodyEnd.UNKNOWN  # what follows is not HTTP
    if method == "HEAD" or status[0] == "1" or status in ("204", "304"):
        return 0
    if codings:
        return BodyEnd.LAST_CHUNK if _is_chunked(codings) else BodyEnd.CLOSE
    lengths = head.values("content-length")
    return _content_length(lengths) if lengths else BodyEnd.CLOSE


def _is_chunked(codings: list[str]) -> bool:
    return ",".join(codings).lower().rpartition(",")[2].strip() == "chunked"


def _content_length(values: list[str]) -> BodyLength:
    """Read Content-Length; several equal values count as one."""
    numbers = {one.strip() for value in values for one in value.split(",")}
    text = numbers.pop()
    if numbers or not re.fullmatch(f"[0-9]{{1,{_MAX_DIGITS}}}", text):
        return BodyEnd.UNKNOWN
    return int(text)
