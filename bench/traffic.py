"""Clients and a webhook receiver on raw sockets, which cost little time themselves."""

from __future__ import annotations

import re
import selectors
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from multiprocessing.connection import Connection
from typing import Any, Self

HOST = "127.0.0.1"
PATIENCE = 15
"""Seconds to wait for a response."""
REPORT_EVERY = 500
"""Webhooks between two reports of the receiver."""

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *([0-9]+)")


@dataclass(frozen=True, slots=True)
class Load:
    """The outcome of driving a server."""

    responses: int
    failed: int
    """How many of them had another status than 200."""
    seconds: float

    @property
    def rate(self) -> float:
        """Responses per second."""
        return self.responses / self.seconds


class Client:
    """A connection to a local server, kept alive if the server allows it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connect()

    def _connect(self) -> None:
        self._socket = socket.create_connection((HOST, self._port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for limit in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):  # settimeout would cost more calls
            self._socket.setsockopt(socket.SOL_SOCKET, limit, struct.pack("ll", PATIENCE, 0))
        self.begin = self._socket.sendall
        """Sends a request, without waiting for the response."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def receive(self) -> tuple[int, bytes]:
        """Return status and body of the next response. Raises OSError if none comes."""
        message = self._socket.recv(65536)
        while not _is_complete(message):
            more = self._socket.recv(1 << 20)
            if not more:
                raise ConnectionError("the server closed the connection")
            message += more
        head, _, body = message.partition(b"\r\n\r\n")
        if b"\r\nConnection: close" in head:  # as Flask's development server always says
            self._socket.close()
            self._connect()
        return int(head[9:12]), body

    def send(self, request: bytes) -> bytes:
        """Return the body of the response to *request*. Raises ConnectionError unless it is 200."""
        self.begin(request)
        status, body = self.receive()
        if status != 200:
            raise ConnectionError(f"the server returned {status}: {body[:200]!r}")
        return body


def http_request(method: str, path: str, body: bytes = b"") -> bytes:
    """Write a request with the bench's token."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}", "Authorization: Bearer bench"]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def drive(
    pipe: Connection[Any, Any], port: int, requests: Sequence[bytes], clients: int, seconds: float
) -> None:
    """Keep *clients* requests under way; send a sign at the start, and a `Load` at the end.

    Reads the connections in turn: it keeps the server as busy as a selector, with fewer calls.
    """
    following = cycle(requests).__next__
    connected = [Client(port) for _ in range(clients)]
    begun, responses, failed = time.perf_counter(), 0, 0
    for client in connected:
        client.begin(following())
    pipe.send("begun")
    while (passed := time.perf_counter() - begun) < seconds:
        for client in connected:
            failed += client.receive()[0] != 200
            client.begin(following())
        responses += clients
    pipe.send(Load(responses, failed, passed))


def latencies(port: int, request: bytes, seconds: float) -> list[float]:
    """Send one request after the other; return the seconds that each took."""
    taken, end = [], time.perf_counter() + seconds
    with Client(port) as client:
        while (begun := time.perf_counter()) < end:
            client.send(request)
            taken.append(time.perf_counter() - begun)
    return taken


def receive_posts(pipe: Connection[Any, Any]) -> None:
    """Respond to every POST with 200; send the port, then a sign every `REPORT_EVERY` arrivals."""
    response, arrived = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0
    with socket.create_server((HOST, 0)) as server, selectors.DefaultSelector() as ready:
        ready.register(server, selectors.EVENT_READ)
        pipe.send(server.getsockname()[1])
        while events := ready.select(60):
            for key, _ in events:
                if key.fileobj is server:
                    ready.register(server.accept()[0], selectors.EVENT_READ, bytearray())
                    continue
                assert isinstance(key.fileobj, socket.socket)
                key.data.extend(chunk := key.fileobj.recv(65536))
                if not chunk:
                    ready.unregister(key.fileobj)
                    key.fileobj.close()
                elif _is_complete(key.data):
                    key.data.clear()
                    key.fileobj.sendall(response)
                    arrived += 1
                    if arrived % REPORT_EVERY == 0:
                        pipe.send(arrived)


def _is_complete(message: bytes | bytearray) -> bool:
    """Return whether a message has all the bytes that its Content-Length announces."""
    end = message.find(b"\r\n\r\n")
    length = _LENGTH.search(message, 0, end + 2)
    return end >= 0 and len(message) >= end + 4 + (int(length[1]) if length else 0)
