"""Webhooks over real sockets, as receivers see them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from mockserver.engine.callback import Callback, HttpTransport, Outcome
from mockserver.version import __version__


class Inbox(ThreadingHTTPServer):
    """A receiver that notes each request, and answers with a status and a body."""

    def __init__(self, status: int = 204, body: bytes = b"", **headers: str) -> None:
        self.seen: list[dict[str, Any]] = []
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                told = {"body": self.rfile.read(length), "peer": self.client_address}
                inbox.seen.append(told | dict(self.headers))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/hook?a=1"

    daemon_threads = True

    def __enter__(self) -> Inbox:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


@pytest.fixture
def transport() -> Iterator[HttpTransport]:
    """A transport whose connections are closed after the test."""
    transport = HttpTransport(2)
    yield transport
    transport.close()


def callback(url: str, timeout: float = 5) -> Callback:
    """A small webhook."""
    return Callback(url, b'{"code": 0}', "application/json", timeout)


@contextmanager
def listening(answer: bytes | None) -> Iterator[str]:
    """Serve one connection: send *answer* and close, or, for None, accept and say nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        release = threading.Event()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                if answer is None:
                    release.wait(5)
                else:
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        release.set()
        thread.join(5)


def test_receivers_see_a_json_post(transport: HttpTransport) -> None:
    """Body, content type and who is calling."""
    with Inbox() as inbox:
        outcome = transport(callback(inbox.url))

    [seen] = inbox.seen
    assert (outcome.status, outcome.error) == (204, None)
    assert outcome.latency > 0
    assert seen["body"] == b'{"code": 0}'
    assert seen["Content-Type"] == "application/json"
    assert seen["User-Agent"] == f"maxapi-mockserver/{__version__}"


@pytest.mark.parametrize("body", [b"", b"thank you" * 100])
def test_connections_are_kept_alive(transport: HttpTransport, body: bytes) -> None:
    """Several webhooks to one receiver use one connection, if it answers briefly."""
    with Inbox(200, body) as inbox:
        for _ in range(3):
            assert transport(callback(inbox.url)).error is None

    assert len({seen["peer"] for seen in inbox.seen}) == 1


def test_a_long_answer_is_not_read_to_its_end(transport: HttpTransport) -> None:
    """It counts as delivered all the same."""
    with Inbox(200, b"x" * 5_000_000) as inbox:
        assert transport(callback(inbox.url)) != Outcome(None, "", 0)
        assert transport(callback(inbox.url)).error is None


@pytest.mark.parametrize("status", [301, 400, 404, 500, 503])
def test_other_statuses_are_failures(transport: HttpTransport, status: int) -> None:
    """A redirect too: it is not followed."""
    with Inbox(status, b"no", Location="http://127.0.0.1:1/") as inbox:
        outcome = transport(callback(inbox.url))

    assert (outcome.status, outcome.error) == (status, f"answered {status}, not 2xx")


def test_a_silent_receiver_times_out(transport: HttpTransport) -> None:
    """After the time it has, and not later."""
    with listening(None) as url:
        outcome = transport(callback(url, timeout=0.05))

    assert (outcome.status, outcome.error) == (None, "no answer within 0.05 s")
    assert 0.05 <= outcome.latency < 2


def test_nobody_there_is_said_plainly(transport: HttpTransport) -> None:
    """As the operating system says it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    outcome = transport(callback(f"http://127.0.0.1:{port}/"))

    assert outcome.status is None
    assert outcome.error == "cannot connect: Connection refused"


@pytest.mark.parametrize("answer", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 2"])
def test_broken_answers_are_failures(transport: HttpTransport, answer: bytes) -> None:
    """A connection closed early, and what is not HTTP."""
    with listening(answer) as url:
        outcome = transport(callback(url))

    assert outcome.status is None
    assert outcome.error
    assert "\n" not in outcome.error


@pytest.mark.parametrize("url", ["http://[", "http://a:99999/", "gopher://a/", "http://a b/"])
def test_impossible_urls_are_failures(transport: HttpTransport, url: str) -> None:
    """Nothing is raised."""
    assert transport(callback(url)).error
