"""Cuts a stream of HTTP/1 bytes into the messages that it is made of, and loses none of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

_HEAD_LIMIT = 256 * 1024
_LINE_LIMIT = 16 * 1024
"""Bytes of the longest first line, and of the longest line between two chunks."""
_DIGITS = 15
"""Of the largest length that is believed."""

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST_LINE = re.compile(rb"(%b) ([^\x00-\x20\x7f]+) HTTP/1\.[01]" % _TOKEN)
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: [^\x00]*)?")
_END = re.compile(rb"\r?\n\r?\n")


class Until(Enum):
    """Where a body ends that has no length."""

    CHUNKS = "its last chunk"
    CLOSE = "the end of the connection"
    UNKNOWN = "nobody knows"


Length = int | Until


@dataclass(frozen=True)
class Head:
    """The head of a message."""

    raw: bytes
    """As it came, with the empty line at its end."""
    words: tuple[str, ...]
    """Method and target of a request; the status of an answer."""

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
        """Give the values of a header, whose name is in lower case."""
        return [value for one, value in self.headers if one.lower() == name]

    def with_value(self, name: str, value: str) -> bytes:
        """Give the bytes with another value of a header, if it is there."""
        line = re.compile(rb"(?im)^(%b[ \t]*:[ \t]*)[^\r\n]*" % re.escape(name.encode()))
        return line.sub(lambda found: found[1] + value.encode("latin-1"), self.raw)

    def changed(self, **headers: str | None) -> Head:
        """Give the head with other values of some headers, or without them."""
        head = self
        for name, value in headers.items():
            spelled = name.replace("_", "-")
            if value is None:
                line = re.compile(rb"(?im)^%b[ \t]*:[^\n]*\n" % re.escape(spelled.encode()))
                head = Head(line.sub(b"", head.raw), head.words)
            else:
                head = Head(head.with_value(spelled, value), head.words)
        return head

    def to(self, target: str) -> Head:
        """Give the head of the same request to another target."""
        method, _, rest = self.raw.partition(b" ")
        _, _, rest = rest.partition(b" ")
        return Head(method + b" " + target.encode("latin-1") + b" " + rest, (self.words[0], target))


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of the stream; the pieces together are the stream."""

    wire: bytes
    head: Head | None = None
    body: bytes = b""
    """What of it is the content of a body."""
    ends: bool = False
    """Whether the message ends with it."""
    lost: bool = False
    """Whether it cannot be told any longer what is a head, and what a body."""


class StreamParser:
    """Cuts one direction of a connection; *body_of* says of each head how long its body is."""

    def __init__(self, line: re.Pattern[bytes], body_of: Callable[[Head], Length]) -> None:
        self._line = line
        self._body_of = body_of
        self._buffer = bytearray()
        self._left: Length | None = None
        """Bytes that are missing from the body; None between two messages."""
        self._chunk = 0
        """Bytes that are missing from the chunk."""
        self._part = "size"

    @property
    def lost(self) -> bool:
        """Whether the stream is no longer understood."""
        return self._left is Until.UNKNOWN

    @property
    def until_close(self) -> bool:
        """Whether the end of the connection is that of the message."""
        return self._left is Until.CLOSE

    @property
    def between(self) -> bool:
        """Whether nothing of a message is there."""
        return self._left is None and not self._buffer

    def lose(self) -> None:
        """Give up: from here on, the stream is only passed on."""
        self._left = Until.UNKNOWN

    def rest(self) -> bytes:
        """Take what has come and was not given out, as it is no whole piece."""
        rest = self._take(len(self._buffer))
        self.lose()
        return rest

    def feed(self, data: bytes) -> Iterator[Segment]:
        """Take what has come; give what that makes."""
        self._buffer += data
        while self._buffer:
            segment = self._next()
            if segment is None:
                return
            yield segment

    def _next(self) -> Segment | None:
        if self._left is None:
            return self._head()
        if self._left is Until.CHUNKS:
            return self._in_chunks()
        if isinstance(self._left, int):
            wire = self._take(self._left)
            self._left -= len(wire)
            ends = not self._left
            self._left = None if ends else self._left
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
        length = self._body_of(head)
        self._left = None if length == 0 else length
        self._chunk, self._part = 0, "size"
        return Segment(skipped + head.raw, head, ends=length == 0)

    def _can_begin(self, line: bytearray) -> bool:
        """Say whether the beginning of a first line can still become one."""
        if len(line) >= _LINE_LIMIT:
            return False
        if self._line is _STATUS_LINE:
            return line.startswith(b"HTTP/1."[: len(line)])
        return not line or re.match(rb"%b(?: |$)" % _TOKEN, line) is not None

    # -- chunks ------------------------------------------------------------------------------

    def _in_chunks(self) -> Segment | None:
        if self._chunk:
            wire = self._take(self._chunk)
            self._chunk -= len(wire)
            self._part = "size" if self._chunk else "after"
            return Segment(wire, body=wire)
        end = self._buffer.find(b"\n") + 1
        if not end or end > _LINE_LIMIT:
            return self._lost() if len(self._buffer) > _LINE_LIMIT else None
        text = bytes(self._buffer[:end]).strip()
        if self._part == "size" and not self._begins_chunk(text):
            return self._lost()
        if self._part == "after":
            if text:
                return self._lost()
            self._part = "size"
        elif self._part == "trailer" and not text:
            self._left = None
        return Segment(self._take(end), ends=self._left is None)

    def _begins_chunk(self, text: bytes) -> bool:
        size = text.partition(b";")[0].strip()
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,%d}" % _DIGITS, size):
            return False
        self._chunk = int(size, 16)
        if not self._chunk:
            self._part = "trailer"
        return True


def requests() -> StreamParser:
    """Cut what a client sends."""
    return StreamParser(_REQUEST_LINE, _request_length)


def responses(body_of: Callable[[Head], Length]) -> StreamParser:
    """Cut what a server sends; only who knows the requests can say how long the bodies are."""
    return StreamParser(_STATUS_LINE, body_of)


def _request_length(head: Head) -> Length:
    lengths, codings = head.values("content-length"), head.values("transfer-encoding")
    if codings:
        return Until.UNKNOWN if lengths or not _is_chunked(codings) else Until.CHUNKS
    return _length(lengths) if lengths else 0


def response_length(head: Head, method: str) -> Length:
    """Say how long the body of a final answer to a request with *method* is."""
    status, codings = head.words[0], head.values("transfer-encoding")
    if status == "101" or (method == "CONNECT" and status[0] == "2"):
        return Until.UNKNOWN
    if method == "HEAD" or status[0] == "1" or status in ("204", "304"):
        return 0
    if codings:
        return Until.CHUNKS if _is_chunked(codings) else Until.CLOSE
    lengths = head.values("content-length")
    return _length(lengths) if lengths else Until.CLOSE


def _is_chunked(codings: list[str]) -> bool:
    return ",".join(codings).lower().rpartition(",")[2].strip() == "chunked"


def _length(values: list[str]) -> Length:
    """Read Content-Length; several that are equal count as one."""
    numbers = {one.strip() for value in values for one in value.split(",")}
    text = numbers.pop()
    if numbers or not re.fullmatch(f"[0-9]{{1,{_DIGITS}}}", text):
        return Until.UNKNOWN
    return int(text)
