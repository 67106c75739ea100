"""A server that follows a script, byte by byte, and a proxy in front of it."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from queue import Queue
from typing import Any

from mockserver.proxy.observer import ObservedExchange
from mockserver.proxy.proxy import Proxy

GET = b"GET /path HTTP/1.1\r\nHost: x\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
PATIENCE = 10
"""Real seconds to wait for something before the test fails."""

Script = Callable[[socket.socket], None]
"""Serves one connection."""


@dataclass
class Upstream:
    """A server on this machine."""

    port: int
    failures: list[Exception] = field(default_factory=list)
    """The exceptions that its scripts raised."""

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def upstream(script: Script) -> Iterator[Upstream]:
    """Serve every connection with *script*; a script that raises fails the test."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        running = Upstream(server.getsockname()[1])
        threads: list[threading.Thread] = []

        def serve(connection: socket.socket) -> None:
            with connection:
                connection.settimeout(PATIENCE)
                try:
                    script(connection)
                except Exception as error:
                    running.failures.append(error)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    thread = threading.Thread(target=serve, args=server.accept()[:1], daemon=True)
                    threads.append(thread)
                    thread.start()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        yield running
        server.shutdown(socket.SHUT_RDWR)
        accepting.join(PATIENCE)
    for thread in threads:
        thread.join(PATIENCE)
    assert running.failures == []


@dataclass
class Seen:
    """What a proxy has reported."""

    exchanges: Queue[ObservedExchange] = field(default_factory=Queue)
    notices: Queue[str] = field(default_factory=Queue)

    def next(self) -> ObservedExchange:
        """Await the next exchange."""
        return self.exchanges.get(timeout=PATIENCE)

    def notice(self) -> str:
        """Await the next notice."""
        return self.notices.get(timeout=PATIENCE)


@contextmanager
def proxied(url: str, **options: Any) -> Iterator[tuple[Proxy, Seen]]:
    """Run a proxy in front of *url*."""
    seen = Seen()
    given = {
        "observer": seen.exchanges.put,
        "notice": seen.notices.put,
        "report": lambda html: b"<html>" if html else b"{}",
    }
    with Proxy(url, **(given | options)) as proxy:
        yield proxy, seen


def connect(port: int, data: bytes = b"") -> socket.socket:
    """Connect to a port of this machine, and send *data*."""
    connection = socket.create_connection(("127.0.0.1", port), PATIENCE)
    connection.sendall(data)
    return connection


def everything(connection: socket.socket) -> bytes:
    """Read until the other side closes the connection."""
    received = b""
    with connection:
        while chunk := connection.recv(65536):
            received += chunk
    return received


def exactly(connection: socket.socket, count: int) -> bytes:
    """Read *count* bytes."""
    received = b""
    while len(received) < count:
        chunk = connection.recv(count - len(received))
        assert chunk, f"only {received!r}"
        received += chunk
    return received


def until(connection: socket.socket, tail: bytes) -> bytes:
    """Read until *tail* has come."""
    received = b""
    while not received.endswith(tail):
        chunk = connection.recv(65536)
        assert chunk, f"{tail!r} did not come: {received!r}"
        received += chunk
    return received


def crash(connection: socket.socket) -> None:
    """End a connection with a reset, as a crash would."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def saying(*parts: bytes) -> Script:
    """Respond to each request with one part, and close the connection after the last."""

    def serve(connection: socket.socket) -> None:
        for part in parts:
            until(connection, b"\r\n\r\n")
            connection.sendall(part)

    return serve
