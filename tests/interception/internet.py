"""An internet with one server, on this machine: the real API, which must never be reached."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import trustme

_ADDRESS = "127.87.109.98"
"""The address of every name; nothing listens there."""
HOSTS = ("api.maxapi.io", "cdn.maxapi.io")


@dataclass(slots=True)
class Internet:
    """What was resolved, and what came to the server that stands for the real API."""

    port: int
    authority: str
    looked_up: list[str] = field(default_factory=list)
    connections: int = 0
    came: list[bytes] = field(default_factory=list)

    @property
    def reached(self) -> bool:
        """Whether a byte of a request came to the real API."""
        return bool(self.came)

    def context(self) -> ssl.SSLContext:
        """Make a client's context that trusts the real API."""
        return ssl.create_default_context(cafile=self.authority)


@contextmanager
def internet(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Internet]:
    """Let all names except those of this machine resolve to one server, and record its requests."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*HOSTS).configure_cert(context)
    authority.cert_pem.write_to_path(folder / "real.pem")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made = Internet(listener.getsockname()[1], str(folder / "real.pem"))
        resolve = socket.getaddrinfo

        def lead(host: Any, port: Any, *args: Any, **more: Any) -> Any:
            name = host.decode() if isinstance(host, bytes) else host
            if name in {None, "localhost"} or name.startswith("127."):
                return resolve(host, port, *args, **more)
            made.looked_up.append(name)
            return resolve(_ADDRESS, port, *args, **more)

        def connect(self: socket.socket, address: Any) -> Any:
            led = ("127.0.0.1", made.port) if address == (_ADDRESS, 443) else address
            return go(self, led)

        go = socket.socket.connect
        monkeypatch.setattr(socket, "getaddrinfo", lead)
        monkeypatch.setattr(socket.socket, "connect", connect)
        for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
            monkeypatch.setenv(name, made.authority)
        thread = Thread(target=_serve, args=(listener, context, made), daemon=True)
        thread.start()
        yield made
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def _serve(listener: socket.socket, context: ssl.SSLContext, made: Internet) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        made.connections += 1
        Thread(target=_respond, args=(connection, context, made), daemon=True).start()


def _respond(connection: socket.socket, context: ssl.SSLContext, made: Internet) -> None:
    """Respond as the real API does to every request that gets here."""
    body = b'{"code": 0, "msg": "ok", "data": {"taskId": "that costs money"}}'
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    try:
        with connection, context.wrap_socket(connection, server_side=True) as secure:
            while received := secure.recv(65536):
                made.came.append(received)
                if received.endswith(b"}") or b"Content-Length" not in received:
                    secure.sendall(head + body)
    except OSError:
        pass
