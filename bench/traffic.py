"""Clients and a webhook receiver on raw sockets, so that the server is what costs time."""

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
"""Seconds after which an answer that does not come is an error."""
REPORT_EVERY = 500
"""Webhooks between two reports of the receiver."""

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *([0-9]+)")


@dataclass(frozen=True, slots=True)
class Load:
    """What came of driving a server."""

    answered: int
    failed: int
    """Of those answered, how many with another status than 200."""
    seconds: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answered / self.seconds


class Line:
    """A connection to a local server, kept alive if the server lets it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connect()

    def _connect(self) -> None:
        self._socket = socket.create_connection((HOST, self._port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for limit in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):  # settimeout would cost more calls
            self._socket.setsockopt(socket.SOL_SOCKET, limit, struct.pack("ll", PATIENCE, 0))
        self.send = self._socket.sendall

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def receive(self) -> tuple[int, bytes]:
        """Give status and body of the next answer. Raises OSError if none comes."""
        message = self._socket.recv(65536)
        while not _is_whole(message):
            more = self._socket.recv(1 << 20)
            if not more:
                raise ConnectionError("the server hung up")
            message += more
        head, _, body = message.partition(b"\r\n\r\n")
        if b"\r\nConnection: close" in head:  # as Flask's development server always says
            self._socket.close()
            self._connect()
        return int(head[9:12]), body

    def ask(self, request: bytes) -> bytes:
        """Give the body of the answer to *request*. Raises ConnectionError unless it is a 200."""
        self.send(request)
        status, body = self.receive()
        if status != 200:
            raise ConnectionError(f"answered {status}: {body[:200]!r}")
        return body


def http_request(method: str, path: str, body: bytes = b"") -> bytes:
    """Write a request with the bench's token."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}", "Authorization: Bearer bench"]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def drive(
    pipe: Connection[Any, Any], port: int, requests: Sequence[bytes], lines: int, seconds: float
) -> None:
    """Keep *lines* requests under way; send a sign when begun, and in the end a `Load`.

    Reads the connections in turn: that is as busy as a selector, and costs fewer calls.
    """
    following = cycle(requests).__next__
    open_lines = [Line(port) for _ in range(lines)]
    begun, answered, failed = time.perf_counter(), 0, 0
    for line in open_lines:
        line.send(following())
    pipe.send("begun")
    while (passed := time.perf_counter() - begun) < seconds:
        for line in open_lines:
            failed += line.receive()[0] != 200
            line.send(following())
        answered += lines
    pipe.send(Load(answered, failed, passed))


def latencies(port: int, request: bytes, seconds: float) -> list[float]:
    """Ask one request after the other; give how long each took, in seconds."""
    taken, end = [], time.perf_counter() + seconds
    with Line(port) as line:
        while (begun := time.perf_counter()) < end:
            line.ask(request)
            taken.append(time.perf_counter() - begun)
    return taken


def receive_posts(pipe: Connection[Any, Any]) -> None:
    """Answer every POST with 200; send the port, then a sign at each `REPORT_EVERY` arrivals."""
    answer, arrived = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0
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
                elif _is_whole(key.data):
                    key.data.clear()
                    key.fileobj.sendall(answer)
                    arrived += 1
                    if arrived % REPORT_EVERY == 0:
                        pipe.send(arrived)


def _is_whole(message: bytes | bytearray) -> bool:
    """Say whether a message has all the bytes that its Content-Length announces."""
    end = message.find(b"\r\n\r\n")
    length = _LENGTH.search(message, 0, end + 2)
    return end >= 0 and len(message) >= end + 4 + (int(length[1]) if length else 0)
