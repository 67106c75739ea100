"""Webhooks over real sockets, as receivers see them."""

from __future__ import annotations

import base64
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from mockserver.engine.webhooks.attempt import AttemptResult, Failure, WebhookRequest
from mockserver.engine.webhooks.connection import Connection
from mockserver.engine.webhooks.transport import HttpTransport
from mockserver.network.receiver import Reach, read_receiver
from mockserver.version import __version__
from tests.engine.scripted import OK, RESET, Scripted, reset_at_close


class Inbox(ThreadingHTTPServer):
    """A receiver that records each request, and responds with a status and a body."""

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

    def handle_error(self, *_: object) -> None:
        """Log nothing about a client that hangs up on a long response."""

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


def webhook(url: str, timeout: float = 5) -> WebhookRequest:
    """A small webhook."""
    return WebhookRequest(url, b'{"code": 0}', "application/json", timeout)


def test_receivers_see_a_json_post(transport: HttpTransport) -> None:
    """Body, content type and who is calling."""
    with Inbox() as inbox:
        result = transport(webhook(inbox.url))

    [seen] = inbox.seen
    assert (result.status, result.error) == (204, None)
    assert result.latency > 0
    assert seen["body"] == b'{"code": 0}'
    assert seen["Content-Type"] == "application/json"
    assert seen["User-Agent"] == f"maxapi-mockserver/{__version__}"


@pytest.mark.parametrize("body", [b"", b"thank you" * 100])
def test_connections_are_kept_alive(transport: HttpTransport, body: bytes) -> None:
    """Several webhooks to one receiver use one connection if its responses are short."""
    with Inbox(200, body) as inbox:
        for _ in range(3):
            assert transport(webhook(inbox.url)).error is None

    assert len({seen["peer"] for seen in inbox.seen}) == 1


def test_a_long_answer_is_not_read_to_its_end(transport: HttpTransport) -> None:
    """It counts as delivered all the same."""
    with Inbox(200, b"x" * 5_000_000) as inbox:
        assert transport(webhook(inbox.url)) != AttemptResult(None, "", 0)
        assert transport(webhook(inbox.url)).error is None


@pytest.mark.parametrize("status", [301, 400, 404, 500, 503])
def test_other_statuses_are_failures(transport: HttpTransport, status: int) -> None:
    """A redirect too: it is not followed."""
    with Inbox(status, b"no", Location="http://127.0.0.1:1/") as inbox:
        result = transport(webhook(inbox.url))

    assert (result.status, result.error) == (status, f"returned {status}, not 2xx")


def test_a_silent_receiver_times_out(transport: HttpTransport) -> None:
    """After the time it has, and not later."""
    with Scripted([None]) as receiver:
        result = transport(webhook(receiver.url, timeout=0.05))

    assert (result.status, result.error) == (None, "no response within 0.05 s")
    assert result.failure is Failure.TIMEOUT
    assert 0.05 <= result.latency < 2


def test_nobody_there_is_said_plainly(transport: HttpTransport) -> None:
    """As the operating system says it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    result = transport(webhook(f"http://127.0.0.1:{port}/"))

    assert result.status is None
    assert result.error == f"connection refused at 127.0.0.1:{port}"
    assert result.failure is Failure.CONNECTION_REFUSED


NO = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 3\r\n\r\n"

ANSWERS = {
    "length": (OK, 200),
    "chunked": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200),
    "until it closes": (b"HTTP/1.1 200 OK\r\n\r\nok", 200),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\n\r\nok", 200),
    "without a reason": (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200),
    "bare line feeds": (b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", 200),
    "close": (b"HTTP/1.1 202 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 202),
    "nothing": (b"HTTP/1.1 204 No Content\r\n\r\n", 204),
    "a body of nothing": (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nthere", 204),
    "informed": (b"HTTP/1.1 100 Continue\r\n\r\n" + EARLY * 3 + OK, 200),
    "informed of processing": (b"HTTP/1.1 102 Processing\r\n\r\n" + NO, 500),
    "another protocol": (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", 101),
    "cut body": (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", 200),
    "wrong length": (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nok", 200),
    "negative length": (b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok", 200),
    "wrong chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz", 200),
    "long headers": (
        b"HTTP/1.1 200 OK\r\nA: %s\r\nContent-Length: 0\r\n\r\n" % (b"x" * 60_000),
        200,
    ),
    "no header": (b"HTTP/1.1 200 OK\r\nno header\r\nContent-Length: 0\r\n\r\n", 200),
    "strange bytes": (b"HTTP/1.1 200 \xff\r\nA: \xff\x00\r\nContent-Length: 0\r\n\r\n", 200),
    "strange status": (b"HTTP/1.1 799 Hm\r\nContent-Length: 0\r\n\r\n", 799),
    "redirect": (b"HTTP/1.1 308 There\r\nLocation: http://127.0.0.1:1/\r\n\r\n", 308),
    "two answers": (OK + NO, 200),
}

FAILURES = {
    "no answer": (b"", Failure.CONNECTION_LOST, "the receiver hung up without a response"),
    "half an answer": (
        b"HTTP/1.1 200 OK\r\nContent-Le",
        Failure.CONNECTION_LOST,
        "the receiver hung up in the middle of its response",
    ),
    "half a head": (b"HTTP/1.1 200 OK\r\n", Failure.CONNECTION_LOST, "in the middle"),
    "half a status": (b"HTTP/1.1 2", Failure.NOT_HTTP, ": 'HTTP/1.1 2'"),
    "only informed": (EARLY, Failure.CONNECTION_LOST, "in the middle of its response"),
    "garbage": (b"garb\x00\xffage\r\n\r\n", Failure.NOT_HTTP, ": 'garb\\x00ÿage"),
    "another version": (b"HTTP/2 200\r\n\r\n", Failure.NOT_HTTP, ": 'HTTP/2'"),
    "no number": (b"HTTP/1.1 OK\r\n\r\n", Failure.NOT_HTTP, ": 'HTTP/1.1 OK"),
    "TLS": (b"\x15\x03\x01\x00\x02\x02\x46", Failure.NOT_HTTP, r": '\x15\x03"),
    "too long a header": (
        b"HTTP/1.1 200 OK\r\nA: %s\r\n\r\n" % (b"x" * 70_000),
        Failure.NOT_HTTP,
        "more than 65536 bytes",
    ),
    "too many headers": (
        b"HTTP/1.1 200 OK\r\n%s\r\n" % (b"A: b\r\n" * 101),
        Failure.NOT_HTTP,
        "more than 100 headers",
    ),
}


@pytest.mark.parametrize("oddity", ANSWERS)
def test_whatever_is_an_answer_counts_by_its_status(transport: HttpTransport, oddity: str) -> None:
    """Whatever becomes of its body; and the next webhook gets a response of its own."""
    answer, status = ANSWERS[oddity]

    with Scripted([answer], [OK]) as receiver:
        result = transport(webhook(receiver.url))
        receiver.closed.get(timeout=5)
        following = transport(webhook(receiver.url))

    assert result.status == status
    assert result.error == (None if status < 300 else f"returned {status}, not 2xx") or status < 200
    assert result.failure == (None if 200 <= status < 300 else Failure.STATUS)
    assert following == AttemptResult(200, None, following.latency)
    assert len(receiver.requests) == 2


@pytest.mark.parametrize("oddity", FAILURES)
def test_whatever_is_not_a_response_is_said_in_one_line(
    transport: HttpTransport, oddity: str
) -> None:
    """And nothing is sent again on a connection that was new."""
    answer, failure, said = FAILURES[oddity]

    with Scripted([answer], [OK]) as receiver:
        result = transport(webhook(receiver.url))
        following = transport(webhook(receiver.url))

    assert (result.status, result.failure) == (None, failure)
    assert result.error is not None
    assert said in result.error
    assert result.error.isprintable()
    assert following.status == 200
    assert len(receiver.requests) == 2


def test_a_kept_connection_that_has_ended_is_not_a_failure(transport: HttpTransport) -> None:
    """The receiver had closed it, as it may: the webhook goes out on a new one."""
    with Scripted([OK], [OK]) as receiver:
        first = transport(webhook(receiver.url))
        receiver.closed.get(timeout=5)
        second = transport(webhook(receiver.url))

    assert [first.error, second.error] == [None, None]
    assert len(receiver.requests) == 2


@pytest.mark.parametrize("ending", ["closes", "resets"])
def test_a_kept_connection_that_ends_meanwhile_is_not_a_failure(
    transport: HttpTransport, ending: str
) -> None:
    """Also if it closes it just as the webhook comes: once, for it cannot tell from a failure."""
    closes = b"" if ending == "closes" else RESET
    with Scripted([OK, closes], [OK]) as receiver:
        first = transport(webhook(receiver.url))
        second = transport(webhook(receiver.url))

    assert [first.error, second.error] == [None, None]
    assert len(receiver.requests) == 3


def test_a_forked_child_has_connections_of_its_own(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes on one connection would read each other's responses."""
    with Scripted([OK]) as receiver:
        transport(webhook(receiver.url))
        monkeypatch.setattr(os, "getpid", lambda: -1)
        of_the_child = transport._connections.take(read_receiver(receiver.url))
        transport.close()

    assert of_the_child is None


def test_a_receiver_that_hangs_up_twice_has_failed(transport: HttpTransport) -> None:
    """A new connection is not a reason to try again."""
    with Scripted([OK, b""], [b""]) as receiver:
        transport(webhook(receiver.url))
        result = transport(webhook(receiver.url))

    assert (result.status, result.failure) == (None, Failure.CONNECTION_LOST)
    assert result.error == "the receiver hung up without a response"
    assert len(receiver.requests) == 3


def test_half_an_answer_on_a_kept_connection_is_a_failure(transport: HttpTransport) -> None:
    """It has been received: to send it again would be a second webhook."""
    with Scripted([OK, OK[:20]]) as receiver:
        transport(webhook(receiver.url))
        result = transport(webhook(receiver.url))

    assert result.failure is Failure.CONNECTION_LOST
    assert len(receiver.requests) == 2


def test_what_nobody_asked_for_is_not_a_response(transport: HttpTransport) -> None:
    """A second response to the first webhook is not taken for that to the second."""
    with Scripted([OK + NO, OK], [OK]) as receiver:
        first = transport(webhook(receiver.url))
        second = transport(webhook(receiver.url))

    assert [first.status, second.status] == [200, 200]


@pytest.mark.parametrize(
    ("ending", "failure"),
    [
        ("answers", Failure.STATUS),
        ("resets", Failure.CONNECTION_LOST),
        ("waits", Failure.TIMEOUT),
    ],
)
def test_a_long_webhook_need_not_be_read(
    transport: HttpTransport, ending: str, failure: Failure
) -> None:
    """An early response counts, and a receiver that neither reads nor responds delays no other."""
    release = threading.Event()

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(100)
            if ending == "resets":
                reset_at_close(connection)
                return
            if ending == "answers":
                connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
            release.wait(5)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        timeout = 0.3 if ending == "waits" else 5
        result = transport(WebhookRequest(url, b"x" * 20_000_000, "application/json", timeout))
        release.set()
        thread.join(5)

    assert (result.status, result.failure) == (413 if ending == "answers" else None, failure)


def test_a_connection_that_was_reset_is_not_quiet() -> None:
    """It is not used again."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
        reset_at_close(accepted)
        quiet = Connection(client).is_quiet()
        accepted.close()
        gone = Connection(client).is_quiet()
        client.close()

    assert (quiet, gone) == (True, False)


@pytest.mark.parametrize("trickle", [b"HTTP/1.1 100 Continue\r\n\r\n", b"H", OK[:-2] + b"x"])
def test_an_answer_without_end_ends_with_the_time_out(
    transport: HttpTransport, trickle: bytes
) -> None:
    """Each byte in time is not enough: a worker must not be held for ever."""
    stop = threading.Event()

    def serve() -> None:
        connection, _ = server.accept()
        with connection, suppress(OSError):
            while not stop.wait(0.01):
                connection.sendall(trickle)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        result = transport(webhook(f"http://127.0.0.1:{server.getsockname()[1]}/", timeout=0.3))
        stop.set()
        thread.join(5)

    assert result.latency < 4
    assert result.failure is not None or result.status == 200


def test_frozen_time_holds_nobody_up(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is a webhook given up when a test begins to freeze time while it is on its way."""
    frozen = iter((0.0, 1e9))
    for name in ("monotonic", "perf_counter"):
        monkeypatch.setattr(time, name, lambda: next(frozen, 2e9))

    with Scripted([None]) as silent, Scripted([OK]) as receiver:
        lost = transport(webhook(silent.url, timeout=0.05))
        delivered = transport(webhook(receiver.url))

    assert lost.failure is Failure.TIMEOUT
    assert 0.05 <= lost.latency < 5
    assert delivered.status == 200
    assert delivered.latency < 5


@pytest.mark.parametrize(
    ("userinfo", "header"),
    [
        ("me:hush", "me:hush"),
        ("me", "me:"),
        (":hush", ":hush"),
        ("m%40e:h%3Au%2fsh", "m@e:h:u/sh"),
        ("jürgen:schlüssel", "jürgen:schlüssel"),
        ("me:a\tb%0d%0aX: y", "me:ab\r\nX: y"),
    ],
)
def test_user_and_password_of_a_url_are_sent(
    transport: HttpTransport, userinfo: str, header: str
) -> None:
    """As Basic authentication; they stand in no other place."""
    with Scripted([OK]) as receiver:
        result = transport(webhook(receiver.url.replace("//", f"//{userinfo}@")))

    [request] = receiver.requests
    sent = re.search(rb"\r\nAuthorization: Basic (.*)\r\n", request)
    assert result.status == 200
    assert sent is not None
    assert base64.b64decode(sent[1]).decode() == header
    assert f"\r\nHost: 127.0.0.1:{receiver.port}\r\n".encode() in request


def test_a_header_of_the_settings_goes_before_the_urls_password(transport: HttpTransport) -> None:
    """Two of a kind would be no request."""
    with Scripted([OK]) as receiver:
        url = receiver.url.replace("//", "//me:hush@")
        transport(replace(webhook(url), proof=(("authorization", "Bearer x"),)))

    assert re.findall(rb"(?i)authorization: (.*)\r\n", receiver.requests[0]) == [b"Bearer x"]


@pytest.mark.parametrize(
    "host", ["localhost", "app.localhost", "127.1", "LOCALHOST.", "2130706433", "0.0.0.0", "0"]
)
def test_this_machine_is_found_without_a_look_up(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """A resolver that does not know the name could ask others."""
    look_up = socket.getaddrinfo

    def numeric(*arguments: Any, flags: int = 0, **more: Any) -> Any:
        assert flags & socket.AI_NUMERICHOST
        return look_up(*arguments, flags=flags, **more)  # type: ignore[misc]

    monkeypatch.setattr(socket, "getaddrinfo", numeric)
    with Scripted([OK]) as receiver:
        result = transport(webhook(receiver.url.replace("127.0.0.1", host)))

    assert result == AttemptResult(200, None, result.latency)


@pytest.mark.parametrize("host", ["localhost", "[::1]", "[::1%25lo]"])
def test_a_receiver_of_ipv6_alone_is_found(transport: HttpTransport, host: str) -> None:
    """By the name of this machine, too; and a zone, which only we know, is not told to it."""
    with Scripted([OK], host="::1") as receiver:
        result = transport(webhook(f"http://{host}:{receiver.port}/"))

    assert result == AttemptResult(200, None, result.latency)
    told = host.replace("%25lo", "")
    assert f"\r\nHost: {told}:{receiver.port}\r\n".encode() in receiver.requests[0]


def test_a_name_that_is_named_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of its addresses that responds is used; the error of a look-up is reported."""
    addresses: dict[str, list[str]] = {
        "app.example": ["127.0.0.2", "127.0.0.1"],
        "none.example": [],
    }

    def look_up(host: str, port: int, **_: Any) -> Any:
        if host not in addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, 0, 0, "", (one, port)) for one in addresses[host]]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    transport = HttpTransport(1, Reach(["*"]))
    with Scripted([OK]) as receiver:
        named = transport(webhook(receiver.url.replace("127.0.0.1", "app.example")))
        empty = transport(webhook(receiver.url.replace("127.0.0.1", "none.example")))
        unknown = transport(webhook(receiver.url.replace("127.0.0.1", "who.example")))
    transport.close()

    assert named.status == 200
    assert (empty.failure, empty.error) == (
        Failure.UNREACHABLE,
        f"cannot connect to none.example:{receiver.port}: the name has no address",
    )
    assert (unknown.failure, unknown.error) == (
        Failure.NAME_NOT_FOUND,
        f"cannot connect to who.example:{receiver.port}: Name or service not known",
    )


def test_who_cannot_be_connected_to_in_time_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the time that it had."""

    def connect(*_: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(socket.socket, "connect", connect)
    result = HttpTransport(1)(webhook("http://127.0.0.1:9/", timeout=3))

    assert (result.failure, result.error) == (
        Failure.TIMEOUT,
        "cannot connect to 127.0.0.1:9 within 3 s",
    )


def test_a_test_that_forbids_sockets_is_told(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its own words; nothing is raised where nobody would see it."""

    def forbidden(*_: object) -> None:
        raise RuntimeError("no sockets in this test")

    monkeypatch.setattr(socket, "socket", forbidden)
    near, far = (transport(webhook(f"http://{host}:9/")) for host in ("127.0.0.1", "10.0.0.7"))

    said = "cannot connect to 127.0.0.1:9: no sockets in this test"
    assert (near.failure, near.error) == (Failure.UNREACHABLE, said)
    assert far.failure is Failure.NOT_SENT


def test_closed_connections_stay_closed() -> None:
    """Those of attempts that end later, too."""
    transport = HttpTransport(1)
    with Scripted([OK]) as receiver:
        transport.close()
        result = transport(webhook(receiver.url))

        assert result.status == 200
        assert receiver.closed.get(timeout=5) == 0


def test_only_so_many_connections_are_kept() -> None:
    """For a receiver, and for all of them together."""
    transport = HttpTransport(1)
    kept = transport._connections
    receiver = read_receiver("http://127.0.0.1:1/")
    pairs = [socket.socketpair() for _ in range(2)]
    for mine, _ in pairs:
        kept.keep(receiver, Connection(mine))

    assert pairs[0][0].fileno() == -1
    for number in range(2, 258):
        mine, theirs = socket.socketpair()
        kept.keep(read_receiver(f"http://127.0.0.1:{number}/"), Connection(mine))
        pairs.append((mine, theirs))
    assert pairs[1][0].fileno() == -1
    assert pairs[2][0].fileno() != -1
    transport.close()
    for mine, theirs in pairs:
        theirs.close()
        assert mine.fileno() == -1


@pytest.mark.parametrize("url", ["http://[", "http://a:99999/", "gopher://a/", "http://a b/"])
def test_impossible_urls_are_failures(transport: HttpTransport, url: str) -> None:
    """Nothing is raised."""
    assert transport(webhook(url)).error
