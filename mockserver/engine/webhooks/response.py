"""Reads the response of a webhook receiver as its bytes come.

Only its status counts, so this accepts whatever has one, as lenient clients do. All the rest only
decides whether its connection can be used again, and there any doubt means no.
"""

from __future__ import annotations

import re

_LINE_LIMIT = 64 * 1024
_MOST_HEADERS = 100
_BODY_LIMIT = 64 * 1024
"""Bytes of a body that are read; a connection with a longer one is not used again."""

_CHUNK = re.compile(rb"([0-9a-fA-F]{1,5})\r\n")
_BEGUN_CHUNK = re.compile(rb"[0-9a-fA-F]{0,5}\r?")
_LAST_CHUNK = b"0\r\n\r\n"


class NotHttpError(ValueError):
    """What the receiver sent is not HTTP; the message quotes or describes it."""


class ResponseReader:
    """Reads one response to a request of *method*."""

    def __init__(self, method: str) -> None:
        self.status: int | None = None
        """That of the response, once all of its head has come; one of 1xx announces another."""
        self.is_begun = False
        """Whether any byte has come."""
        self.is_done = False
        """Whether nothing that may still come matters."""
        self.can_follow = method != "HEAD"
        """Whether another request can follow on the connection, as far as the bytes tell."""
        self._bytes = b""
        """What has come and is not part of a line that has been read."""
        self._begin_head()

    def _begin_head(self) -> None:
        self._code: int | None = None
        """The status of a head that has not come to its end."""
        self._headers = 0
        self._is_chunked = False
        self._length: int | None = None

    def feed(self, data: bytes) -> None:
        """Take what came. Raises NotHttpError."""
        self.is_begun = True
        self._bytes += data
        while self.status is None:
            line, end, rest = self._bytes.partition(b"\n")
            if len(line) > _LINE_LIMIT:
                raise NotHttpError(f"got more than {_LINE_LIMIT} bytes in a line")
            if not end:
                return
            self._bytes = rest
            self._read_line(line.removesuffix(b"\r"))
        self._check_body()

    def end(self) -> None:
        """Take the end of the connection. Raises NotHttpError, or ConnectionError in a head."""
        self.is_done, self.can_follow = True, False
        if self.status is None:
            if self._code is None and self._bytes:
                self._read_status(self._bytes)
            raise ConnectionError

    def _read_line(self, line: bytes) -> None:
        if self._code is None:
            self._read_status(line)
        elif line:
            self._read_header(line)
        elif self._code >= 200 or self._code == 101:
            self.status = self._code
        else:
            self._begin_head()

    def _read_status(self, line: bytes) -> None:
        version, code, *_ = *line.split(None, 2), b"", b""
        if version.startswith(b"HTTP/") and not version.startswith(b"HTTP/1."):
            raise NotHttpError(version.decode("latin-1"))
        if not version.startswith(b"HTTP/1.") or not code.isdigit() or not 100 <= int(code) < 1000:
            raise NotHttpError(line.decode("latin-1"))
        self._code = int(code)
        self.can_follow = self.can_follow and version == b"HTTP/1.1"

    def _read_header(self, line: bytes) -> None:
        self._headers += 1
        if self._headers > _MOST_HEADERS:
            raise NotHttpError(f"got more than {_MOST_HEADERS} headers")
        name, colon, value = line.partition(b":")
        name, value = name.lower(), value.strip().lower()
        if not colon or name != name.strip():
            self.can_follow = False
        elif name == b"content-length":
            self.can_follow &= self._length is None and value.isdigit() and len(value) < 10
            self._length = int(value) if self.can_follow else 0
        elif name == b"transfer-encoding":
            self.can_follow &= value == b"chunked"
            self._is_chunked = True
        elif name == b"connection":
            self.can_follow &= b"close" not in value

    def _check_body(self) -> None:
        """Find out whether the body is whole, and whether its end is certain."""
        if self.status in (204, 304):  # a body there would be taken for the next response
            self._length = self._length or 0
            self.can_follow &= self._length == 0
        if self.status == 101 or self._is_chunked == (self._length is not None):
            self.can_follow = False
        size = len(self._bytes)
        missing = self._missing_chunks() if self._length is None else self._length - size
        self.can_follow &= 0 <= missing <= _BODY_LIMIT >= size
        self.is_done = missing <= 0 or not self.can_follow

    def _missing_chunks(self) -> int:
        """Return 0 if the last chunk has come, 1 if it has not, and -1 if the end is uncertain."""
        at = 0
        while (chunk := _CHUNK.match(self._bytes, at)) is not None and int(chunk[1], 16):
            at = chunk.end() + int(chunk[1], 16) + len(b"\r\n")
        left = self._bytes[at:]
        if left == _LAST_CHUNK:
            return 0
        begun = _LAST_CHUNK.startswith(left) or _BEGUN_CHUNK.fullmatch(left)
        return 1 if begun else -1
