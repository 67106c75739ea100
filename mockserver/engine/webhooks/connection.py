"""Connections to webhook receivers, which can misbehave in any way, but only until a deadline."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ, EVENT_WRITE
from typing import TypeVar

from mockserver.engine.webhooks.response import ResponseReader
from mockserver.engine.webhooks.waiting import Deadline, Ready

T = TypeVar("T")

_CHUNK = 16 * 1024
_GONE = (ConnectionError, ssl.SSLEOFError)


class HungUp(ConnectionError):
    """The receiver closed the connection before it sent a single byte."""


class Connection:
    """One connection, for one exchange at a time."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        sock.settimeout(0)

    async def exchange(self, request: bytes, method: str, deadline: Deadline) -> tuple[int, bool]:
        """Send a request; return the response's status, and whether another request can follow.

        Raises HungUp, other OSErrors, and NotHttpError.
        """
        sent = await self._send(request, deadline)
        response = ResponseReader(method)
        try:
            while not response.is_done:
                if data := await self._receive(deadline):
                    response.feed(data)
                else:
                    response.end()
        except OSError as error:
            if not response.is_begun and isinstance(error, _GONE):
                raise HungUp from None
            if response.status is None:
                raise
            return response.status, False  # the status decides, whatever becomes of the body
        return response.status or 0, sent and response.can_follow

    async def _send(self, request: bytes, deadline: Deadline) -> bool:
        """Send; return whether all was sent: a receiver can respond early, or hang up."""
        left = memoryview(request)
        try:
            while left:
                try:
                    left = left[self._socket.send(left) :]
                except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError) as error:
                    if not await self._takes_more(error, deadline):
                        return False
        except OSError as error:
            if not isinstance(error, _GONE) and error.errno != errno.EPROTOTYPE:  # on macOS
                raise
            return False  # there can be a response all the same
        return True

    async def _takes_more(self, error: OSError, deadline: Deadline) -> bool:
        """Wait until more can be sent; return False if a response comes first."""
        if isinstance(error, ssl.SSLError):
            await Ready(self._socket, _wanted(error), deadline)
            return True
        return bool(await Ready(self._socket, EVENT_READ | EVENT_WRITE, deadline) & EVENT_WRITE)

    async def _receive(self, deadline: Deadline) -> bytes:
        if not isinstance(self._socket, ssl.SSLSocket):  # which can have bytes that do not show
            await Ready(self._socket, EVENT_READ, deadline)
        return await when_possible(self._socket, partial(self._socket.recv, _CHUNK), deadline)

    def is_quiet(self) -> bool:
        """Return whether the receiver has neither hung up nor sent anything without a request."""
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


async def when_possible(sock: socket.socket, operation: Callable[[], T], deadline: Deadline) -> T:
    """Return the result of *operation* once *sock* lets it happen. Raises OSError."""
    while True:
        try:
            return operation()
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError) as error:
            wanted = _wanted(error)
        await Ready(sock, wanted, deadline)


def _wanted(error: OSError) -> int:
    return EVENT_WRITE if isinstance(error, ssl.SSLWantWriteError) else EVENT_READ
