"""Splits the bytes of a connection into requests, within limits; httptools parses them."""

from __future__ import annotations

from collections import deque
from enum import Enum, auto

from httptools import (
    HttpParserError,
    HttpParserInvalidMethodError,
    HttpParserInvalidURLError,
    HttpParserUpgrade,
    HttpRequestParser,
)

from mockserver.web.incoming import BadRequest, Received, header_name, header_value

_TARGET_LIMIT = 64 * 1024
_HEAD_LIMIT = 128 * 1024
_MOST_HEADERS = 128
_DISCARDED = 64 * 1024 * 1024
"""Bytes that are read of a body beyond the application's limit."""


class Phase(Enum):
    """What a reader is reading."""

    BETWEEN = auto()
    """Nothing: the last request is complete."""
    HEAD = auto()
    BODY = auto()
    END = auto()
    """Nothing any more."""


class RequestReader:
    """Reads requests from the bytes of one connection, and keeps *limit* + 1 bytes of each body."""

    def __init__(self, limit: int) -> None:
        self.complete: deque[Received] = deque()
        """The requests that have been read and not yet been taken."""
        self.failure: BadRequest | None = None
        """Why nothing more can be read, if it is the client's fault."""
        self.phase = Phase.BETWEEN
        self.wants_continue = False
        """Whether the client waits for `100 Continue` before it sends the body."""
        self._limit = limit
        self._target = b""
        self._headers: dict[str, str] = {}
        self._repeated: list[str] = []
        self._body: list[bytes] = []
        self._head_size = self._body_size = 0
        self._is_shared = False
        """Whether an earlier request ended in what is being fed."""
        self._framing = b""
        """A head for httptools to read the body by, which it skips if there is an `Upgrade`."""
        self._parser: HttpRequestParser | None = None

    def feed(self, data: bytes) -> None:
        """Read *data*; nothing after the last request, or after a failure."""
        if self._parser is None:
            self._renew()
        self._is_shared = False
        while self._parser is not None and data:
            try:
                self._parser.feed_data(data)
            except HttpParserUpgrade as upgrade:  # which is declined, as HTTP allows
                data = self._framing + data[upgrade.args[0] :]
                self._framing = b""
                self._renew()
                continue
            except HttpParserInvalidMethodError:
                self.fail(400, "its method is unknown; use GET or POST, in upper case")
            except HttpParserInvalidURLError:
                self.fail(400, "its target is not a URL; percent-encode what is not ASCII")
            except HttpParserError as error:
                self.fail(400, str(error))
            self._limit_head(len(data))
            break
        if self.phase is Phase.END:
            self.close()

    def _limit_head(self, size: int) -> None:
        """Limit the bytes of one head; *size* is how many were fed last."""
        if self.phase is Phase.HEAD and not self._is_shared:
            self._head_size += size
            if self._head_size > _HEAD_LIMIT:
                self.fail(431, f"its headers have more than {_HEAD_LIMIT} bytes")

    def _renew(self) -> None:
        if self.phase is Phase.END:
            return
        self._parser = HttpRequestParser(self)
        # RFC 9112 lets a server read a bare LF, and ignore a length besides chunks.
        self._parser.set_dangerous_leniencies(
            lenient_chunked_length=True, lenient_optional_cr_before_lf=True
        )

    def end(self) -> None:
        """Note that the client sends no more."""
        if self.phase is Phase.BODY:
            self.fail(400, "the body ended early")
        self.close()

    def close(self) -> None:
        """Read no more; the parser and its reader are free without a garbage collector."""
        self.phase = Phase.END
        self._parser = None

    def fail(self, status: int, problem: str) -> None:
        """Read no more, because of a *problem* with the current request."""
        if self.phase is not Phase.END:
            self.failure = BadRequest(status, f"the request cannot be read: {problem}")
            self.phase = Phase.END
            self.wants_continue = False

    # -- called by httptools --------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Begin a request."""
        if self.phase is not Phase.BETWEEN:
            return
        self.phase = Phase.HEAD
        self.wants_continue = False
        self._target, self._headers, self._repeated, self._body = b"", {}, [], []
        self._head_size = self._body_size = 0

    def on_url(self, part: bytes) -> None:
        """Read a part of the target."""
        if self.phase is not Phase.HEAD:
            return
        self._target += part
        if len(self._target) > _TARGET_LIMIT:
            self.fail(414, f"its target has more than {_TARGET_LIMIT} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Read a header, or a trailer."""
        if self.phase is not Phase.HEAD:  # a trailer, which may be ignored
            return
        key, text = header_name(name), header_value(value)
        if key in self._headers:
            self._repeated.append(key)
            text = f"{self._headers[key]}, {text}"
        self._headers[key] = text

    def on_headers_complete(self) -> None:
        """Look at what the head says of the body."""
        if self.phase is not Phase.HEAD:
            return
        self.phase = Phase.BODY
        headers = self._headers
        if len(headers) + len(self._repeated) > _MOST_HEADERS:
            self.fail(431, f"it has more than {_MOST_HEADERS} headers")
        elif int(headers.get("content-length") or 0) > self._limit + _DISCARDED:
            self.fail(413, f"its body has more than {self._limit + _DISCARDED} bytes")
        elif not headers.get("transfer-encoding", "chunked").lower().endswith("chunked"):
            self.fail(400, "its Transfer-Encoding does not end with chunked")
        elif headers.get("expect", "").lower() == "100-continue" and self._parser is not None:
            self.wants_continue = self._parser.get_http_version() != "1.0"
        self._keep_framing()

    def _keep_framing(self) -> None:
        """Keep what an `Upgrade` would lose; Java's client sends one with each first request."""
        parser = self._parser
        if parser is None or self.phase is not Phase.BODY or not parser.should_upgrade():
            return
        method = parser.get_method().decode("ascii")
        if method == "CONNECT":  # which has no body
            return
        framing = [
            f"{name}: {self._headers[name]}\r\n"
            for name in ("content-length", "transfer-encoding", "connection")
            if name in self._headers
        ]
        line = f"{method} / HTTP/{parser.get_http_version()}\r\n"
        self._framing = f"{line}{''.join(framing)}\r\n".encode("latin-1")

    def on_body(self, part: bytes) -> None:
        """Read a part of the body."""
        if self.phase is not Phase.BODY:
            return
        self.wants_continue = False
        room = self._limit + 1 - self._body_size
        self._body_size += len(part)
        if room > 0:
            self._body.append(part if len(part) <= room else part[:room])
        elif self._body_size > self._limit + _DISCARDED:
            self.fail(413, f"its body has more than {self._limit + _DISCARDED} bytes")

    def on_message_complete(self) -> None:
        """Keep the request."""
        if self.phase is not Phase.BODY or self._parser is None or self._framing:
            return
        version, headers = self._parser.get_http_version(), self._headers
        if version not in ("1.0", "1.1"):
            self.fail(505, f"it is HTTP/{version}; use HTTP/1.1")
            return
        keep_alive = self._parser.should_keep_alive()
        if "transfer-encoding" in headers and "content-length" in headers:
            keep_alive = False  # as RFC 9112 demands: what follows could be part of the body
        self.wants_continue, self._is_shared = False, True
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self.complete.append(
            Received(
                self._parser.get_method().decode("ascii"),
                self._target,
                headers,
                self._repeated,
                version,
                body,
                keep_alive,
            )
        )
        self.phase = Phase.BETWEEN if keep_alive else Phase.END
