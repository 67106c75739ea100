"""Arbitrary bytes through the proxy."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mockserver.proxy.proxy import Proxy
from tests.proxy.upstream import Upstream, connect, everything, proxied, upstream

PARTS = [
    b"GET / HTTP/1.1\r\n",
    b"POST /api/v1/task/submit HTTP/1.1\r\n",
    b"HEAD / HTTP/1.0\r\n",
    b"CONNECT a:1 HTTP/1.1\r\n",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 101 Switching\r\n",
    b"HTTP/1.1 204 No Content\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: x\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Expect: 100-continue\r\n",
    b"Connection: close\r\n",
    b"\r\n",
    b"\n",
    b"5\r\nhello\r\n",
    b"0\r\n\r\n",
    b"hello",
]
streams = st.lists(st.sampled_from(PARTS) | st.binary(max_size=9), max_size=9).map(b"".join)
responses: list[bytes] = [b""]
arrived: list[bytes] = []


def serve(connection: socket.socket) -> None:
    """Read everything, and only then respond."""
    arrived.append(everything(connection.dup()))
    connection.sendall(responses[0])


Running = tuple[Upstream, Proxy]


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    """A server, and a proxy in front of it that copes with everything that came."""
    with upstream(serve) as server:
        with proxied(server.url) as (proxy, seen):
            yield server, proxy
        notices = [seen.notices.get() for _ in range(seen.notices.qsize())]
    assert [
        one for one in notices if "error in the proxy" in one or "could not be parsed" in one
    ] == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(request=streams, response_body=streams)
def test_any_bytes_are_the_same_as_without_the_proxy(
    running: Running, request: bytes, response_body: bytes
) -> None:
    """Whatever the client sends and the server returns; it is over when both have closed."""
    server, proxy = running
    responses[:], arrived[:] = [response_body], []

    received = []
    for port in (server.port, proxy.port):
        client = connect(port, request)
        client.shutdown(socket.SHUT_WR)
        received.append(everything(client))

    if request:
        assert received == [response_body, response_body]
        assert arrived == [request, request]
