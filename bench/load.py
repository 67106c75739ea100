"""Clients and a server on raw sockets, which cost little time themselves."""

from __future__ import annotations

import os
import re
import select
import socket
import struct
import time
from array import array
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import cycle
from math import inf
from multiprocessing.connection import Connection
from typing import Any, Self

HOST = "127.0.0.1"
PATIENCE = 15
"""Seconds to wait for a response."""

_MOST = 1 << 16  # a larger one would be allocated anew by the system each time
_FRAMING = re.compile(rb"(?i)\r\n(?:content-length: *([0-9]+)|transfer-encoding: *chunked)")


@dataclass(frozen=True, slots=True)
class Order:
    """What a load generator is to do: to send *requests* in turn, again and again."""

    port: int
    requests: Sequence[bytes]
    seconds: float = inf
    """When it ends, unless it has sent *count* requests before."""
    count: float = inf
    connections: int = 8
    """Each of them has one request under way."""


@dataclass(frozen=True, slots=True)
class Load:
    """What became of an order."""

    responses: int
    seconds: float
    p99: float
    """Milliseconds within which 99% of the responses came."""
    failed: int
    """How many responses had another status than 200."""
    failure: bytes
    """How one of them begins."""

    @property
    def rate(self) -> float:
        """Responses per second."""
        return self.responses / self.seconds


class Client:
    """A connection to a local server; it is made with the first request."""

    def __init__(self, port: int) -> None:
        self.closed = True
        """Whether there is no connection, or the server has said that it closes it."""
        self.begun = 0.0
        """When the last request was sent."""
        self._port = port
        self._received = b""
        self._socket = socket.socket()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def connect(self) -> None:
        """Connect anew. Raises OSError."""
        self._socket.close()
        self._socket = socket.create_connection((HOST, self._port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for limit in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):  # settimeout would cost more calls
            self._socket.setsockopt(socket.SOL_SOCKET, limit, struct.pack("ll", PATIENCE, 0))
        self.closed = False

    def fileno(self) -> int:
        """Return the socket's number."""
        return self._socket.fileno()

    def begin(self, request: bytes) -> None:
        """Send a request, without waiting for the response. Raises OSError."""
        if self.closed:
            self.connect()
        self.begun = time.perf_counter()
        self._socket.sendall(request)

    def receive(self) -> bytes:
        """Receive once; return the response if it is complete, else nothing. Raises OSError."""
        received = self._socket.recv(_MOST)
        if not received:
            raise ConnectionError("the server closed the connection")
        message = self._received + received
        if not _is_complete(message):
            self._received = message
            return b""
        self._received = b""
        self.closed = b"\r\nConnection: close\r\n" in message  # as Flask's server always says
        return message

    def send(self, request: bytes) -> bytes:
        """Return the body of the response to *request*. Raises OSError unless it is 200."""
        self.begin(request)
        while not (message := self.receive()):
            pass
        if message[9:12] != b"200":
            raise ConnectionError(f"the server returned {message[:300]!r}")
        return message.partition(b"\r\n\r\n")[2]


def http_request(method: str, path: str, body: bytes = b"", key: str = "bench") -> bytes:
    """Write a request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}", f"Authorization: Bearer {key}"]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def generate(pipe: Connection[Any, Any]) -> None:
    """Execute the orders that come, one after the other; send a `Load` for each."""
    while True:
        pipe.send(execute(pipe.recv()))


def execute(order: Order) -> Load:
    """Send requests until the order's end, and then wait for the responses that are due."""
    following, taken, failures = cycle(order.requests).__next__, array("d"), []
    waiting: dict[int, Client] = {}
    with ExitStack() as stack, select.epoll() as ready:

        def begin(client: Client) -> None:
            is_new = client.closed
            client.begin(following())
            if is_new:
                waiting[client.fileno()] = client
                ready.register(client, select.EPOLLIN)

        begun = now = time.perf_counter()
        connections = int(min(order.connections, order.count))
        left = order.count - connections
        for _ in range(connections):
            begin(stack.enter_context(Client(order.port)))
        while waiting:
            for number, _ in _some(ready):
                client = waiting[number]
                if not (response := client.receive()):
                    continue
                now = time.perf_counter()
                taken.append(now - client.begun)
                if response[9:12] != b"200":
                    failures.append(response[:300])
                is_over = left <= 0 or now - begun > order.seconds
                if is_over or client.closed:
                    del waiting[number]
                    ready.unregister(number)
                if not is_over:
                    left -= 1
                    begin(client)
    p99 = 1000 * sorted(taken)[len(taken) * 99 // 100]
    return Load(len(taken), now - begun, p99, len(failures), b"".join(failures[:1]))


def respond(pipe: Connection[Any, Any], body: bytes) -> None:
    """Respond to every request with *body*; send port and process id.

    When a number comes through the pipe, send it back as soon as so many requests have come.
    """
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
    response, arrived, awaited = head.encode() + body, 0, inf
    accepted: dict[int, tuple[socket.socket, bytearray]] = {}
    with socket.create_server((HOST, 0)) as server, select.epoll() as ready:
        for one in (server, pipe):
            ready.register(one, select.EPOLLIN)
        pipe.send((server.getsockname()[1], os.getpid()))
        while True:
            for number, _ in ready.poll():
                if number == server.fileno():
                    connection = server.accept()[0]
                    accepted[connection.fileno()] = connection, bytearray()
                    ready.register(connection, select.EPOLLIN)
                elif number == pipe.fileno():
                    awaited = pipe.recv()
                elif _receive(*accepted[number]):
                    arrived += 1
                    accepted[number][0].sendall(response)
                elif accepted[number][0].fileno() < 0:
                    del accepted[number]
            if arrived >= awaited:
                pipe.send(awaited)
                awaited = inf


def _receive(connection: socket.socket, begun: bytearray) -> bool:
    """Receive once; return whether a request is complete. Close what the client has closed."""
    received = connection.recv(_MOST)
    begun += received
    is_complete = bool(received) and _is_complete(begun)
    if not received:
        connection.close()
    elif is_complete:
        begun.clear()
    return is_complete


def _some(ready: select.epoll) -> Sequence[tuple[int, int]]:
    if events := ready.poll(PATIENCE):
        return events
    raise TimeoutError("the server does not respond")


def _is_complete(message: bytes | bytearray) -> bool:
    """Return whether a message has all the bytes that its head announces."""
    end = message.find(b"\r\n\r\n")
    framing = _FRAMING.search(message, 0, end + 2)
    if framing is None or framing[1] is None:
        return message.endswith(b"\r\n0\r\n\r\n" if framing else b"\r\n\r\n")
    return len(message) >= end + 4 + int(framing[1])
