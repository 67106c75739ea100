"""A webhook receiver of raw sockets that does what a script says."""

from __future__ import annotations

import re
import socket
import ssl
import struct
import threading
from collections.abc import Sequence
from contextlib import suppress
from queue import Queue

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
RESET = b"RST"
"""Closes a connection in the rude way."""


class Scripted:
    """A receiver of raw sockets: one script for each connection, one response for each request.

    None leaves a request without a response, and keeps the connection open.
    """

    def __init__(
        self,
        *scripts: Sequence[bytes | None],
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
        greeting: bool = False,
    ) -> None:
        self.requests: list[bytes] = []
        self._scripts = scripts
        self._tls = tls
        self._greeting = greeting
        """Whether anything that comes is a request, whole or not."""
        self._done = threading.Event()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._server = socket.create_server((host, 0), family=family)
        self._server.settimeout(5)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.port = self._server.getsockname()[1]
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}/hook"
        self.closed: Queue[int] = Queue()
        """Gets a connection's number once it has been closed."""

    def _serve(self) -> None:
        for number, script in enumerate(self._scripts):
            connection, _ = self._server.accept()
            if self._done.is_set():
                connection.close()
                return
            connection.settimeout(5)
            if RESET in script:
                reset_at_close(connection)
            with connection:
                self._follow(script, connection)
            self.closed.put(number)

    def _follow(self, script: Sequence[bytes | None], connection: socket.socket) -> None:
        with suppress(ssl.SSLError, ConnectionError):  # a client that hangs up does not matter here
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection:
                for answer in script:
                    self._answer(connection, answer)

    def _answer(self, connection: socket.socket, answer: bytes | None) -> None:
        request = b""
        while not (request and self._greeting) and not _is_complete(request):
            piece = connection.recv(65536)
            if not piece:
                return
            request += piece
        self.requests.append(request)
        if answer is RESET:
            pass
        elif answer is None:
            self._done.wait(5)
        else:
            connection.sendall(answer)

    def __enter__(self) -> Scripted:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        with suppress(OSError), socket.socket(self._server.family) as last:
            last.connect(self._server.getsockname())  # a script may still wait for it
        self._thread.join(5)
        self._server.close()


def reset_at_close(connection: socket.socket) -> None:
    """Let the end of a connection be a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _is_complete(request: bytes) -> bool:
    head, end, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    return bool(end) and len(body) >= int(length[1] if length else 0)
