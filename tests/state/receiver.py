"""A receiver of webhooks that remembers what came, and when to fail."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Event, Thread
from typing import Any, Self

DEADLINE = 90.0
"""Real seconds: against what hangs, not for pace."""


class Receiver:
    """Receives webhooks at `url`.

    Paths that begin with `/failing` get 500, and those with `/slow` no response before `go` is set.
    """

    def __init__(self) -> None:
        self._received: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self._came = Condition()
        self.go = Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver._receive(json.loads(body))
                if self.path.startswith("/slow"):
                    receiver.go.wait(DEADLINE)
                self.send_response(500 if self.path.startswith("/failing") else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_: object) -> None:
                """A mock that was killed has left."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _receive(self, body: dict[str, Any]) -> None:
        with self._came:
            self._received[str(body["data"]["taskId"])].append(body)
            self._came.notify_all()

    def of(self, task_id: str) -> list[dict[str, Any]]:
        """Return what came for a task."""
        with self._came:
            return list(self._received[task_id])

    def wait_for(self, is_true: Callable[[], bool]) -> bool:
        """Wait until something *is_true* after a webhook came; return whether it is."""
        with self._came:
            return self._came.wait_for(is_true, DEADLINE)

    def wait_for_all(self, times: dict[str, int]) -> bool:
        """Wait until each task has come so many *times*; return whether all have."""
        return self.wait_for(
            lambda: all(len(self._received[one]) >= number for one, number in times.items())
        )
