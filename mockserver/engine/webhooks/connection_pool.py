"""Opens connections to webhook receivers, looks names up only if it must, and keeps connections."""

from __future__ import annotations

import os
import socket
from collections import OrderedDict, deque
from collections.abc import Sequence
from functools import partial
from selectors import EVENT_WRITE
from threading import Lock
from typing import Any

from mockserver.engine.webhooks.connection import Connection
from mockserver.engine.webhooks.waiting import Deadline, LookUp, Ready
from mockserver.network.receiver import Receiver

_MOST_RECEIVERS = 256
"""Receivers whose connections are kept; those of the least recently used are closed first."""
_LOCAL = ("::1", "127.0.0.1")
"""What localhost means; a resolver might ask the network."""


class ConnectionPool:
    """Keeps up to *most* idle connections for each receiver; safe to use from several threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._idle: OrderedDict[tuple[str | int, ...], deque[Connection]] = OrderedDict()
        self._closed = False
        self._lock = Lock()

    def take(self, receiver: Receiver) -> Connection | None:
        """Take a connection that is still usable; None if there is none."""
        while (connection := self._next(receiver)) is not None:
            if connection.is_quiet():
                return connection
            connection.close()
        return None

    def _next(self, receiver: Receiver) -> Connection | None:
        with self._lock:
            idle = self._idle.get(_key(receiver))
            return idle.pop() if idle else None

    def keep(self, receiver: Receiver, connection: Connection) -> None:
        """Keep a connection for the next webhook, and close the oldest if there are too many."""
        surplus = [connection]
        with self._lock:
            if not self._closed:
                idle = self._idle.setdefault(_key(receiver), deque())
                self._idle.move_to_end(_key(receiver))
                idle.append(surplus.pop())
                if len(idle) > self._most:
                    surplus.append(idle.popleft())
                if len(self._idle) > _MOST_RECEIVERS:
                    surplus += self._idle.popitem(last=False)[1]
        for one in surplus:
            one.close()

    def close(self) -> None:
        """Close all connections, and those that come back later."""
        with self._lock:
            self._closed = True
            surplus = [one for idle in self._idle.values() for one in idle]
            self._idle.clear()
        for one in surplus:
            one.close()


def _key(receiver: Receiver) -> tuple[str | int, ...]:
    """Return what identifies a receiver; a forked child must not use its parent's connections."""
    return os.getpid(), receiver.scheme, receiver.host, receiver.port


async def connect(receiver: Receiver, deadline: Deadline) -> socket.socket:
    """Connect to the first of a receiver's addresses that accepts. Raises OSError."""
    places = await _places(receiver, deadline)
    for number, (family, address) in enumerate(places):
        to_try = len(places) - number
        try:
            return await _connected(family, address, Deadline(deadline.left() / to_try))
        except OSError:
            if to_try == 1:
                raise
    raise OSError("the name has no address")


async def _connected(family: int, address: Any, deadline: Deadline) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(0)
        try:
            sock.connect(address)
        except BlockingIOError:
            await Ready(sock, EVENT_WRITE, deadline)
            failed = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if failed:
                raise OSError(failed, os.strerror(failed)) from None
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        sock.close()
        raise
    return sock


async def _places(receiver: Receiver, deadline: Deadline) -> list[tuple[int, Any]]:
    """List families and addresses; only names of other machines are looked up. Raises OSError.

    The address of all interfaces (0.0.0.0), which apps print at their start, means this machine.
    """
    if receiver.address is None and not receiver.is_loopback:
        look_up = partial(_addresses, receiver.host, receiver.port, 0)
        found: list[tuple[int, Any]] = await LookUp(receiver.host, look_up, deadline)
        return found
    hosts: Sequence[str] = (receiver.host,)
    if receiver.is_loopback and (receiver.address is None or receiver.address.is_unspecified):
        hosts = _LOCAL
    numeric = socket.AI_NUMERICHOST
    return [place for host in hosts for place in _addresses(host, receiver.port, numeric)]


def _addresses(host: str, port: int, flags: int) -> list[tuple[int, Any]]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [(family, address) for family, *_, address in found]
