"""A server that is slow, breaks off or crashes: the client notices the same as without a proxy."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

import pytest

from mockserver.proxy.observer import OBSERVED
from tests.proxy.upstream import (
    GET,
    OK,
    PATIENCE,
    connect,
    crash,
    everything,
    exactly,
    proxied,
    saying,
    until,
    upstream,
)


@pytest.mark.parametrize(
    ("response_body", "error"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
         "the connection ended after 4 bytes of a 200"),
        (b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
         "the connection ended after 4 bytes of a 500"),
        (b"HTTP/1.1 200 OK\r\nConte", "the connection ended after b'HTTP/1.1 200 OK\\r\\nConte'"),
        (b"", "the connection ended without a response"),
        (b"\0garbage", "the response was not HTTP: b'\\x00garbage'"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhalf\r\n",
         "the response was a body with malformed chunks: b'half\\r\\n'"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: four\r\n\r\nhalf",
         "the response had no readable length"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_response_is_reported(response_body: bytes, error: str) -> None:
    """The client gets what there was of it; the observer learns why it is not complete."""
    with upstream(saying(response_body)) as server, proxied(server.url) as (proxy, seen):
        answered = everything(connect(proxy.port, GET))

        exchange = seen.next()

    assert answered == response_body
    assert (exchange.status, exchange.error) == (None, error)


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
def test_a_crash_of_the_server_is_one_for_the_client(sent: bytes) -> None:
    """Its connection is reset after the same byte."""
    has_arrived = threading.Event()

    def serve(connection: socket.socket) -> None:
        until(connection, b"\r\n\r\n")
        connection.sendall(sent)
        assert has_arrived.wait(PATIENCE)
        crash(connection)

    with upstream(serve) as server, proxied(server.url) as (proxy, seen):
        with connect(proxy.port, GET) as client:
            assert exactly(client, len(sent)) == sent
            has_arrived.set()

            with pytest.raises(ConnectionResetError):
                client.recv(1)
        exchange = seen.next()

    assert exchange.error is not None
    assert exchange.error.startswith("the connection was reset ")


def test_a_crash_of_the_client_is_one_for_the_server() -> None:
    """Its connection is reset too; the exchange is not reported, as the server is not to blame."""
    has_ended, outcome = threading.Event(), list[str]()

    def serve(connection: socket.socket) -> None:
        until(connection, b"\r\n\r\n")
        connection.sendall(OK[:-1])
        try:
            connection.recv(1)
        except ConnectionResetError:
            outcome.append("reset")
        has_ended.set()

    with upstream(serve) as server, proxied(server.url) as (proxy, seen):
        client = connect(proxy.port, GET)
        until(client, OK[-3:-1])
        crash(client)

        assert has_ended.wait(PATIENCE)

    assert outcome == ["reset"]
    assert seen.exchanges.empty()


@pytest.mark.parametrize(
    "half", [b"GET / HTT", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf"]
)
def test_half_a_request_is_passed_on_as_such(half: bytes) -> None:
    """The server sees where it ends; its response to that is not checked."""
    arrived = []

    def serve(connection: socket.socket) -> None:
        arrived.append(everything(connection.dup()))

    with upstream(serve) as server, proxied(server.url) as (proxy, seen):
        client = connect(proxy.port, half)
        client.shutdown(socket.SHUT_WR)

        assert everything(client) == b""

    assert arrived == [half]
    assert seen.exchanges.empty()


def test_an_idle_connection_may_be_closed_without_a_response() -> None:
    """Servers do that, and clients send the request again: it is not an error."""

    def serve(connection: socket.socket) -> None:
        until(connection, b"\r\n\r\n")
        connection.sendall(OK)
        until(connection, b"\r\n\r\n")

    with upstream(serve) as server, proxied(server.url) as (proxy, seen):
        client = connect(proxy.port, GET)
        exactly(client, len(OK))
        client.sendall(GET)

        assert everything(client) == b""
        assert seen.next().status == 200

    assert seen.exchanges.empty()


def test_a_request_that_comes_too_late_is_reset() -> None:
    """The server has closed the connection, and the client has seen that."""
    with upstream(saying(OK)) as server, proxied(server.url) as (proxy, seen):
        with connect(proxy.port, GET) as client:
            assert until(client, OK) == OK
            assert client.recv(1) == b""

            with pytest.raises(ConnectionError):
                client.sendall(GET * 1_000_000)  # the first of them do not know yet
        assert seen.next().status == 200

    assert seen.exchanges.empty()


def test_requests_after_a_garbled_response_are_not_checked() -> None:
    """It is unknown which response is theirs; the bytes pass, and that is reported."""
    with upstream(saying(b"garbage")) as server, proxied(server.url) as (proxy, seen):
        assert everything(connect(proxy.port, GET * 3)) == b"garbage"

        assert seen.next().error == "the response was not HTTP: b'garbage'"
        assert seen.notice() == "responses that were not observed: 2"


def test_an_error_in_parsing_costs_no_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy stops parsing, and goes on passing bytes."""
    monkeypatch.delattr("mockserver.proxy.upstream.response_body_length")
    with upstream(saying(OK, OK)) as server, proxied(server.url) as (proxy, seen):
        client = connect(proxy.port, GET)
        assert exactly(client, len(OK)) == OK
        client.sendall(GET)

        assert everything(client) == OK
        assert seen.notice() == "a response could not be parsed: NameError"
        assert seen.notice() == "responses that were not observed: 1"


def test_a_response_can_come_before_the_request_is_sent() -> None:
    """It passes at once, and so does what is still sent."""
    has_answered = threading.Event()
    early = OK.replace(b"200 OK", b"413 Too Large")

    def serve(connection: socket.socket) -> None:
        until(connection, b"first")
        connection.sendall(early)
        assert has_answered.wait(PATIENCE)
        until(connection, b"last")

    with upstream(serve) as server, proxied(server.url) as (proxy, seen):
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"
        client = connect(proxy.port, head + b"first")
        assert exactly(client, len(early)) == early
        has_answered.set()
        client.sendall(b"last")

        assert everything(client) == b""
        exchange = seen.next()

    assert (exchange.status, exchange.cut) == (413, True)


def test_a_large_body_is_observed_in_part_and_passed_on_completely() -> None:
    """The proxy keeps a limited part of it in memory."""
    size = OBSERVED + 12_345

    def serve(connection: socket.socket) -> None:
        until(connection, b"\r\n\r\n")
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)

    with upstream(serve) as server, proxied(server.url) as (proxy, seen):
        everything(connect(proxy.port, GET))
        exchange = seen.next()

    assert (len(exchange.response_body), exchange.cut) == (OBSERVED, True)


def test_a_slow_server_slows_the_client_down_and_loses_nothing() -> None:
    """What it does not take is not read from the client; later it gets everything."""
    is_stuck, size = threading.Event(), 30_000_000

    def serve(connection: socket.socket) -> None:
        head = exactly(connection, 10)
        assert is_stuck.wait(PATIENCE)
        received = len(head)
        while chunk := connection.recv(1 << 20):
            received += len(chunk)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n%d" % received)

    head = b"PUT / HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % size
    with upstream(serve) as server, proxied(server.url) as (proxy, _):
        client = connect(proxy.port, head)
        client.settimeout(0.5)
        sent = 0
        with suppress(TimeoutError):
            while sent < size:
                sent += client.send(b"x" * min(100_000, size - sent))
        was_stuck = sent < size
        is_stuck.set()
        client.settimeout(PATIENCE)
        client.sendall(b"x" * (size - sent))
        client.shutdown(socket.SHUT_WR)

        assert everything(client).endswith(b"\r\n%d" % (len(head) + size))

    assert was_stuck


def test_a_slow_client_slows_the_server_down() -> None:
    """What it does not take is not read from the server, so the proxy's memory stays limited."""
    is_stuck, is_over = threading.Event(), threading.Event()

    def serve(connection: socket.socket) -> None:
        until(connection, b"\r\n\r\n")
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        connection.settimeout(0.5)
        with suppress(TimeoutError):
            for _ in range(1000):
                connection.sendall(b"x" * 100_000)
            is_over.set()
        is_stuck.set()

    with upstream(serve) as server, proxied(server.url) as (proxy, _), connect(proxy.port, GET):
        assert is_stuck.wait(PATIENCE)

    assert not is_over.is_set()
