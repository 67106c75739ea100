"""Connections to webhook receivers, which can misbehave in any way, but only until a deadline."""

from __future__ import annotations

import errno
import io
import socket
import ssl
from contextlib import suppress
from functools import cache
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from typing import TYPE_CHECKING, Any, cast

from mockserver.engine.clock import real_seconds

if TYPE_CHECKING:
    from http.client import HTTPResponse

_RESPONSE_LIMIT = 64 * 1024
"""Bytes of a response that are read; a connection with a longer one is not used again."""
_GONE = (ConnectionError, ssl.SSLEOFError)


class HungUp(ConnectionError):
    """The receiver closed the connection before it sent a single byte."""


class Deadline:
    """The real time that one attempt has."""

    def __init__(self, seconds: float) -> None:
        self._ends = real_seconds() + seconds

    def left(self) -> float:
        """Return the seconds that are left. Raises TimeoutError when there are none."""
        left = self._ends - real_seconds()
        if left <= 0:
            raise TimeoutError
        return left


class Connection:
    """One connection, for one exchange at a time."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    def exchange(self, request: bytes, method: str, deadline: Deadline) -> tuple[int, bool]:
        """Send a request; return the response's status, and whether another request can follow.

        Raises HungUp, other OSErrors, and HTTPException for what is not HTTP.
        """
        sent = self._send(request, deadline)
        reader = _Reader(self._socket, deadline)
        source = cast("socket.socket", _Source(reader))
        response = _response_class()(source, method=method)
        try:
            response.begin()
        except _GONE:
            if reader.received:
                raise
            raise HungUp from None
        if reader.ended:  # http.client takes a truncated head for a complete one
            raise ConnectionError
        return response.status, sent and _is_whole(response)

    def _send(self, request: bytes, deadline: Deadline) -> bool:
        """Send; return whether all was sent: a receiver can respond early, or hang up."""
        self._socket.settimeout(deadline.left())
        try:
            if isinstance(self._socket, ssl.SSLSocket):
                self._socket.sendall(request)
                return True
            left = memoryview(request)[self._socket.send(request) :]
            while left and self._takes_more(deadline):
                left = left[self._socket.send(left) :]
        except OSError as error:
            if not isinstance(error, _GONE) and error.errno != errno.EPROTOTYPE:  # on macOS
                raise
            return False  # there can be a response all the same
        return not left

    def _takes_more(self, deadline: Deadline) -> bool:
        """Wait until more can be sent; return False if a response comes first."""
        with DefaultSelector() as selector:
            selector.register(self._socket, EVENT_READ | EVENT_WRITE)
            ready = selector.select(deadline.left())
        if not ready:
            raise TimeoutError
        return any(events & EVENT_WRITE for _, events in ready)

    def is_quiet(self) -> bool:
        """Return whether the receiver has neither hung up nor sent anything without a request."""
        self._socket.settimeout(0)
        try:
            self._socket.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            pass
        return False

    def close(self) -> None:
        """Close the connection."""
        with suppress(OSError):
            self._socket.close()


class _Reader(io.RawIOBase):
    """Reads from a socket until a deadline."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self.received = 0
        self.ended = False
        self._socket = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._socket.settimeout(self._deadline.left())
        size = self._socket.recv_into(buffer)
        self.received += size
        self.ended = not size
        return size


class _Source:
    """Stands for the socket that HTTPResponse wants to read from."""

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self._reader)


@cache
def _response_class() -> type[HTTPResponse]:
    """Import http.client with the first webhook, so that a mock starts sooner."""
    from http.client import HTTPResponse

    class Response(HTTPResponse):
        """Skips informational responses (1xx); of these, only 101 is final."""

        def begin(self) -> None:
            super().begin()
            while self.status < 200 and self.status != 101:
                self.headers = self.msg = None  # type: ignore[assignment]
                super().begin()

    return Response


def _is_whole(response: HTTPResponse) -> bool:
    """Read a short response to its end, so that its connection can be used again."""
    if response.will_close or response.status == 101:
        return False
    if response.status in (204, 304) and (
        response.getheader("Transfer-Encoding") or response.getheader("Content-Length", "0") != "0"
    ):
        return False  # a body where there must be none would be taken for the next response
    left = _RESPONSE_LIMIT
    with suppress(Exception):  # the status decides, whatever becomes of the body
        while left > 0:
            chunk = response.read1(left)
            if not chunk:
                return not response.length
            left -= len(chunk)
    return False
