"""A webhook receiver: answers as it is told, and is waited on by event."""

from __future__ import annotations

import secrets
import socket
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from typing import Any, Self
from urllib.parse import urlsplit

from mockserver.testing.webhook import OnWebhook, Webhook

_LIMIT = 16 * 1024 * 1024
"""Bytes of the largest body that is read."""


class InboxServer:
    """Listens for webhooks on *host*, as a context manager; hands each to whoever owns its path."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.owners: dict[str, OnWebhook] = {}
        """By the first segment of the path; the empty one takes what has no other owner."""
        self._server = _Listener((host, port), _handler(self._hand_over))
        self.url = f"http://{host}:{self._server.server_port}"
        self._thread = Thread(
            target=self._server.serve_forever, args=(0.01,), name="inbox", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()
        self._thread.join()

    def inbox(self) -> Inbox:
        """Open an inbox at a URL of its own."""
        name = secrets.token_hex(8)
        inbox = Inbox(f"{self.url}/{name}")
        self.owners[name] = inbox.receive
        return inbox

    def close(self, inbox: Inbox) -> None:
        """Take no more for *inbox*: what comes late is answered 410."""
        del self.owners[inbox.url.rpartition("/")[2]]

    def _hand_over(self, webhook: Webhook) -> int:
        first = urlsplit(webhook.url).path.lstrip("/").partition("/")[0]
        owner = self.owners.get(first) or self.owners.get("")
        return 410 if owner is None else owner(webhook) or 200


class Inbox:
    """What has come to one URL; safe to use from several threads."""

    def __init__(self, url: str) -> None:
        self.url = url
        """Give it to the app as its callBackUrl."""
        self._arrived = Condition()
        self._received: list[Webhook] = []
        self._answers: deque[int] = deque()

    @property
    def received(self) -> Sequence[Webhook]:
        """What has come so far, the refused ones too."""
        return tuple(self._received)

    def respond(self, *statuses: int) -> None:
        """Answer the next webhooks with *statuses* in turn; after them, 200.

        Raises ValueError for what is no status of an answer.
        """
        for status in statuses:
            if not isinstance(status, int) or not 200 <= status <= 599:
                raise ValueError(f"{status!r} is no status; use an integer from 200 to 599")
        self._answers.extend(statuses)

    def receive(self, webhook: Webhook) -> int:
        """Take a webhook; give the status to answer."""
        with self._arrived:
            self._received.append(webhook)
            self._arrived.notify_all()
            return self._answers.popleft() if self._answers else 200

    def wait(self, count: int = 1, *, check: bool = True, timeout: float = 5) -> Sequence[Webhook]:
        """Await *count* webhooks, counted from the first; give all that have come.

        Fails with AssertionError after *timeout* seconds of real time, or, unless *check* is
        false, when one of them does not conform to the contract.
        """
        __tracebackhide__ = True
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self._received) >= count, timeout):
                raise AssertionError(
                    f"{len(self._received)} webhooks within {timeout:g} s, not {count}; a "
                    "clock that stands still sends none: move it (wait_for, wait_until_idle)"
                )
        received = self.received
        for number, webhook in enumerate(received, 1):
            if check and webhook.violations:
                raise AssertionError(f"webhook {number}: " + " | ".join(webhook.violations))
        return received


class _Listener(ThreadingHTTPServer):
    request_queue_size = 128

    def __init__(self, *arguments: Any) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Note the connection, and serve it in a thread."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection that has ended."""
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End the connections that clients keep, and with them their threads."""
        for connection in tuple(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that hang up."""


def _handler(hand_over: Callable[[Webhook], int]) -> type[BaseHTTPRequestHandler]:
    """Make a handler that gives every request to *hand_over* and answers what it says."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30
        disable_nagle_algorithm = True

        def _take(self) -> None:
            length = self.headers.get("Content-Length", "0")
            size = int(length) if length.isascii() and length.isdigit() else _LIMIT + 1
            if size > _LIMIT:
                self.close_connection = True
                self._answer(413)
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            url = f"http://{headers.get('host', 'localhost')}{self.path}"
            self._answer(hand_over(Webhook(self.command, url, headers, self.rfile.read(size))))

        def _answer(self, status: int) -> None:
            self.send_response(status)
            if status >= 200 and status not in (204, 304):
                self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _take  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Say nothing: whoever owns the path does."""

    return Handler
