"""A client and a server see the same of each other as without the proxy."""

from __future__ import annotations

import json
import re
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import urllib3

from mockserver.interception.certificates import Authority
from mockserver.testing.mocks import running_mock
from tests.proxy.upstream import (
    OK,
    PATIENCE,
    Script,
    connect,
    everything,
    exactly,
    proxied,
    until,
    upstream,
)

GET = b"GET /path?query HTTP/1.1\r\nHost: example.com\r\nAccept: */*\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost:  example.com\r\nContent-Length: 7\r\n\r\nhello\0\xff"
CHUNKED = (
    b"POST / HTTP/1.1\r\nHost: example.com\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nTrailer: x\r\n\r\n"
)
HEAD = b"HEAD / HTTP/1.1\r\nHost: example.com\r\nAccept: */*\r\n\r\n"
LARGE = bytes(range(256)) * 12_000 + b"and over!"


def sized(count: int, body: bytes) -> bytes:
    """Write a response that claims to have *count* bytes."""
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % count + body


def answering(response_body: bytes, request: bytes, arrived: list[bytes]) -> Script:
    """Read a complete request, respond, and close the connection."""

    def serve(connection: socket.socket) -> None:
        arrived.append(until(connection, request[-9:]))
        connection.sendall(response_body)

    return serve


@pytest.mark.parametrize(
    ("request_", "response_body"),
    [
        pytest.param(GET, OK, id="get"),
        pytest.param(POST, OK, id="post"),
        pytest.param(CHUNKED, OK, id="chunked-request"),
        pytest.param(b"\r\n" + GET, OK, id="blank-line-first"),
        pytest.param(b"GET / HTTP/1.0\r\nAccept: */*\r\n\r\n", OK, id="http-1.0-without-host"),
        pytest.param(b"GET / HTTP/1.1\nHost: example.com\nAccept: a\n\n", OK, id="line-feeds"),
        pytest.param(
            b"GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\nA: x\r\n\r\n", OK, id="proxy"
        ),
        pytest.param(
            b"OPTIONS * HTTP/1.1\r\nHost: example.com\r\nX: \xe4\r\nX:\t2 \r\n\r\n", OK, id="odd"
        ),
        pytest.param(POST.replace(b"POST /", b"POST /" + b"x" * 15_000), OK, id="long-path"),
        pytest.param(sized(len(LARGE), LARGE).replace(b"HTTP/1.1 200 OK", b"PUT /a HTTP/1.1"), OK,
                     id="large-request"),
        pytest.param(GET, sized(len(LARGE), LARGE), id="large-response"),
        pytest.param(GET, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n"
                     b"0\r\nTrailer: y\r\n\r\n", id="chunked-response"),
        pytest.param(GET, b"HTTP/1.1 200 OK\r\n\r\n" + LARGE, id="until-close"),
        pytest.param(GET, b"HTTP/1.1 204 \r\nX: 1\r\nX: 2\r\nx:\xff\r\n\r\n", id="204"),
        pytest.param(GET, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", id="304"),
        pytest.param(GET, b"HTTP/1.1 302 Found\r\nLocation: https://else.where/x\r\n"
                     b"Content-Length: 0\r\n\r\n", id="redirect"),
        pytest.param(GET, b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK, id="hints-first"),
        pytest.param(HEAD, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", id="head"),
        pytest.param(GET, b"HTTP/1.1 502 Bad\r\n\r\n<html>", id="gateway"),
        pytest.param(GET, sized(9, b"half"), id="truncated"),
        pytest.param(GET, b"HTTP/1.1 200 OK\r\nContent-Len", id="truncated-head"),
        pytest.param(GET, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nha",
                     id="truncated-chunk"),
        pytest.param(GET, b"\0\1garbage\xff" * 99, id="garbage"),
        pytest.param(GET, OK + b"and more", id="more-than-asked-for"),
        pytest.param(GET, b"", id="nothing"),
    ],
)  # fmt: skip
def test_both_see_the_same_bytes_as_without_the_proxy(
    request_: bytes, response_body: bytes
) -> None:
    """Only the value of Host differs, and each end of a connection is passed on."""
    arrived: list[bytes] = []
    with (
        upstream(answering(response_body, request_, arrived)) as server,
        proxied(server.url) as (proxy, _),
    ):
        direct = everything(connect(server.port, request_))

        through = everything(connect(proxy.port, request_))

    assert through == direct == response_body
    host = b"127.0.0.1:%d" % server.port
    assert arrived == [request_, re.sub(rb"(?i)(\nhost:\s*)[a-z.]+", rb"\g<1>" + host, request_)]


def test_bodies_are_not_buffered() -> None:
    """The first part of one arrives before the next is sent, in both directions."""
    first_has_arrived, first_has_returned = threading.Event(), threading.Event()

    def serve(connection: socket.socket) -> None:
        until(connection, b"first")
        first_has_arrived.set()
        until(connection, b"last")
        connection.sendall(sized(9, b"first"))
        assert first_has_returned.wait(PATIENCE)
        connection.sendall(b"last")

    with upstream(serve) as server, proxied(server.url) as (proxy, _):
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"
        client = connect(proxy.port, head + b"first")
        assert first_has_arrived.wait(PATIENCE)
        client.sendall(b"last")
        until(client, b"first")
        first_has_returned.set()

        assert everything(client) == b"last"


def test_a_connection_is_kept_for_many_requests() -> None:
    """Also to the server: one connection for each of the client's."""
    connections: list[int] = []

    def serve(connection: socket.socket) -> None:
        connections.append(1)
        for _ in range(3):
            until(connection, b"\r\n\r\n")
            connection.sendall(OK)

    with upstream(serve) as server, proxied(server.url) as (proxy, seen):
        with connect(proxy.port) as client:
            for _ in range(3):
                client.sendall(GET)
                assert exactly(client, len(OK)) == OK
            assert client.recv(1) == b""

        exchanges = [seen.next() for _ in range(3)]

    assert connections == [1]
    assert [
        (one.method, one.target, one.status, bytes(one.response_body)) for one in exchanges
    ] == [("GET", "/path?query", 200, b"ok")] * 3


def test_requests_can_be_pipelined() -> None:
    """Those for the proxy itself too, which are answered in their turn."""
    health = b"GET /__mock/health HTTP/1.1\r\nHost: x\r\n\r\n"

    def serve(connection: socket.socket) -> None:
        exactly(connection, len(re.sub(b"example.com", server.url[7:].encode(), GET + POST)))
        connection.sendall(OK)
        connection.sendall(OK.replace(b"ok", b"no"))
        assert connection.recv(1) == b""

    with upstream(serve) as server, proxied(server.url) as (proxy, seen):
        answered = everything(connect(proxy.port, GET + POST + health))

        exchanges = [seen.next(), seen.next()]

    assert answered.startswith(OK + OK.replace(b"ok", b"no") + b"HTTP/1.1 200 OK\r\n")
    assert answered.endswith(b'{"status": "ok"}')
    assert [(bytes(one.body), bytes(one.response_body)) for one in exchanges] == [
        (b"", b"ok"),
        (b"hello\0\xff", b"no"),
    ]


def test_a_client_may_wait_for_the_server_to_continue() -> None:
    """`Expect: 100-continue` is a matter between the two."""

    def serve(connection: socket.socket) -> None:
        until(connection, b"\r\n\r\n")
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        until(connection, b"body")
        connection.sendall(OK)

    head = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
    with upstream(serve) as server, proxied(server.url) as (proxy, seen):
        client = connect(proxy.port, head)
        until(client, b"100 Continue\r\n\r\n")
        client.sendall(b"body")

        assert everything(client) == OK
        exchange = seen.next()

    assert (bytes(exchange.body), exchange.status) == (b"body", 200)


def test_half_a_connection_can_be_closed() -> None:
    """A client that sends no more still gets its response."""

    def serve(connection: socket.socket) -> None:
        assert everything(connection.dup()).endswith(b"*/*\r\n\r\n")
        connection.sendall(OK)

    with upstream(serve) as server, proxied(server.url) as (proxy, _):
        client = connect(proxy.port, GET)
        client.shutdown(socket.SHUT_WR)

        assert everything(client) == OK


def test_another_protocol_passes_both_ways() -> None:
    """After an upgrade the bytes are not parsed."""

    def serve(connection: socket.socket) -> None:
        until(connection, b"\r\n\r\n")
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n")
        connection.sendall(exactly(connection, 5)[::-1])

    with upstream(serve) as server, proxied(server.url) as (proxy, seen):
        client = connect(proxy.port, GET)
        until(client, b"\r\n\r\n")
        client.sendall(b"\0\1GET")

        assert everything(client) == b"TEG\1\0"
        assert seen.next().status == 101


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nbody",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n",
    ],
)
def test_what_is_not_understood_passes_anyway(request_: bytes) -> None:
    """Its connection becomes a tunnel, which is reported once."""
    arrived: list[bytes] = []
    with upstream(answering(OK, request_, arrived)) as server, proxied(server.url) as (proxy, seen):
        answered = everything(connect(proxy.port, request_))

        notice = seen.notice()

    assert answered == OK
    assert arrived == [request_.replace(b"Host: x", b"Host: 127.0.0.1:%d" % server.port)]
    assert notice == "a connection is not understood, and is passed on without being checked"
    assert seen.exchanges.empty()


def test_https_is_spoken_with_a_server_that_can_prove_its_name(tmp_path: Path) -> None:
    """The name is that of the upstream URL; the certificate is verified."""
    with Authority(["localhost"], tmp_path) as authority:
        context = authority.context()

        def serve(connection: socket.socket) -> None:
            with context.wrap_socket(connection.dup(), server_side=True) as tls:
                assert until(tls, b"\r\n\r\n").count(b"\r\nHost: localhost:") == 1
                tls.sendall(OK)
                until(tls, b"\r\n\r\n")
                tls.sendall(OK)

        trusting = ssl.create_default_context(cafile=authority.authority)
        with upstream(serve) as server:
            url = f"https://localhost:{server.port}"
            with proxied(url, context=trusting) as (proxy, _), connect(proxy.port, GET) as client:
                assert exactly(client, len(OK)) == OK
                client.sendall(GET)
                answered = everything(client)

    assert answered == OK


def test_twenty_clients_at_once_get_their_own_responses() -> None:
    """Each for its own task, from a real mock."""
    with running_mock() as mock, proxied(mock.url) as (proxy, seen):
        with urllib3.PoolManager(20, maxsize=20, block=True, retries=False) as http:

            def follow(number: int) -> bool:
                draw = {"model": "gpt-image-2/text-to-image", "input": {"prompt": f"{number}"}}
                headers = {"Authorization": f"Bearer client-{number}"}
                url = f"{proxy.url}/api/v1/task"
                submitted = http.request("POST", f"{url}/submit", json=draw, headers=headers)
                task = f"{url}/{submitted.json()['data']['taskId']}"
                polls = [http.request("GET", task, headers=headers).json() for _ in range(10)]
                return all(one["data"]["input"]["prompt"] == f"{number}" for one in polls)

            with ThreadPoolExecutor(20) as pool:
                responses = list(pool.map(follow, range(20)))

        exchanges = [seen.next() for _ in range(20 * 11)]

    assert responses == [True] * 20
    assert {one.status for one in exchanges} == {200}
    assert len({json.loads(one.response_body)["data"]["taskId"] for one in exchanges}) == 20
