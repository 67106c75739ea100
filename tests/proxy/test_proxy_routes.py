"""The requests that the proxy answers itself."""

from __future__ import annotations

import pytest

from tests.proxy.upstream import OK, connect, everything, proxied, saying, upstream


@pytest.mark.parametrize(
    ("method", "path", "headers", "expected"),
    [
        ("GET", "health", "", (b"400 Bad Request", b"")),
        ("GET", "health", "Host: tunnel.example\r\n", (b"200 OK", b'{"status": "ok"}')),
        ("HEAD", "health", "Host: tunnel.example\r\n", (b"200 OK", b"")),
        ("GET", "report", "Host: 127.0.0.1:6292\r\n", (b"200 OK", b"{}")),
        ("GET", "report?x", "Host: [::1]:6292\r\n", (b"200 OK", b"{}")),
        ("GET", "report", "Host: LOCALHOST\r\nAccept: text/html,*/*\r\n", (b"200 OK", b"<html>")),
        ("GET", "report", "Host: a.localhost:1\r\nOrigin: http://a.localhost:1\r\n",
         (b"200 OK", b"{}")),
        ("GET", "report", "Host: localhost\r\nOrigin: https://evil.example\r\n",
         (b"403 Forbidden", b"")),
        ("GET", "report", "Host: tunnel.example\r\n", (b"403 Forbidden", b"")),
        ("GET", "report", "Host: localhost\r\nHost: localhost\r\n", (b"400 Bad Request", b"")),
        ("GET", "report", "", (b"400 Bad Request", b"")),
    ],
)  # fmt: skip
def test_the_proxy_has_two_routes_of_its_own(
    method: str, path: str, headers: str, expected: tuple[bytes, bytes]
) -> None:
    """Only programs on this machine can read the report: no web page, and no other machine."""
    with proxied("http://127.0.0.1:9") as (proxy, _):
        request = f"{method} /__mock/{path} HTTP/1.1\r\n{headers}\r\n"
        head, _, body = everything(connect(proxy.port, request.encode())).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 " + expected[0])
    assert body.endswith(expected[1])
    assert f"Content-Length: {len(body)}".encode() in head or method == "HEAD"


@pytest.mark.parametrize("request_", [b"POST /__mock/report", b"GET /__mock/clock", b"GET /report"])
def test_every_other_route_is_the_upstreams(request_: bytes) -> None:
    """Also those of a mock."""
    with upstream(saying(OK)) as server, proxied(server.url) as (proxy, _):
        request = request_ + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"

        assert everything(connect(proxy.port, request)) == OK


def test_a_report_has_everything_that_was_answered_before() -> None:
    """It is made after what passed before has been observed."""
    observed: list[object] = []

    def report(_: bool) -> bytes:  # noqa: FBT001
        return f"{len(observed)}".encode()

    request = b"GET /__mock/report HTTP/1.1\r\nHost: localhost\r\n\r\n"
    get = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    with (
        upstream(saying(OK)) as server,
        proxied(server.url, observer=observed.append, report=report) as (proxy, _),
    ):
        for _ in range(3):
            everything(connect(proxy.port, get))
        answered = everything(connect(proxy.port, request))

    assert answered.endswith(b"\r\n\r\n3")
