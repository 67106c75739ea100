"""Webhooks that are redirected through the proxy."""

from __future__ import annotations

import json
import re
import socket

import pytest

from mockserver.proxy import downstream
from mockserver.proxy.webhook_redirect import WebhookRedirect
from tests.proxy.upstream import OK, connect, everything, exactly, proxied, until, upstream

PUBLIC = "https://tunnel.example/base"
TEXT = '{ "model":1.0, "callBackUrl" : %s , "input":{"callBackUrl":"http://a/"},"n":1e2}'


def submission(body: bytes, headers: str = "") -> bytes:
    """Write the request of a submission."""
    head = f"POST /api/v1/task/submit HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def submitted(request: bytes, **options: object) -> tuple[bytes, bytes]:
    """Send a request through a proxy with a public URL; return what arrives, and the response."""
    arrived: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        arrived.append(until(connection, request[-5:]))
        connection.sendall(OK)

    with (
        upstream(serve) as server,
        proxied(server.url, public_url=PUBLIC, **options) as (proxy, _),
    ):
        answered = everything(connect(proxy.port, request))
    return arrived[0].replace(b"127.0.0.1:%d" % server.port, b"x"), answered


def address_in(arrived: bytes) -> str:
    """Return the address that replaces the app's own URL."""
    found = re.search(rb'"(https://tunnel\.example/base/__mock/webhook/[\w-]{20,})"', arrived)
    assert found is not None, arrived
    return found[1].decode()


@pytest.mark.parametrize(
    "url", ['"https://app.example/hook?a=b"', '"http:\\/\\/b\\u00fccher.de:1"']
)
def test_a_submission_asks_for_a_webhook_through_the_proxy(url: str) -> None:
    """Only its own callBackUrl and its length differ."""
    body = (TEXT % url).encode()

    arrived, answered = submitted(submission(body))

    changed = (TEXT % json.dumps(address_in(arrived))).encode()
    assert arrived == submission(changed)
    assert answered == OK


def test_a_submission_in_chunks_stays_one_in_chunks() -> None:
    """Its chunks need not be the same."""
    body = (TEXT % '"http://app.example/"').encode()
    chunks = b"%x\r\n%b\r\n1\r\n%b\r\n0\r\n\r\n" % (len(body) - 1, body[:-1], body[-1:])
    head = b"POST /api/v1/task/submit HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

    arrived, _ = submitted(head + chunks)

    changed = (TEXT % json.dumps(address_in(arrived))).encode()
    assert arrived == head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(changed), changed)


@pytest.mark.parametrize(
    "body",
    [
        b'{"model": "x", "input": {"callBackUrl": "http://app.example/"}}',
        b'{"callBackUrl": "ftp://app.example/"}',
        b'{"callBackUrl": "nowhere"}',
        b'{"callBackUrl": "http://user:password@app.example/"}',
        b'{"callBackUrl": 7}',
        b'{"callBackUrl": "http://a/", "callBackUrl": "http://b/"}',
        b'{"callBackUrl": "http://a/"',
        b'{"callBackUrl": "http://a/"} x',
        b'{"callBackUrl" "http://a/"}',
        b'{"callBackUrl": "http://a/" 1}',
        b'{7: "http://a/"}',
        b'[{"callBackUrl": "http://a/"}]',
        b'{"a": "\xff", "callBackUrl": "http://a/"}',
        b"",
    ],
)
def test_what_has_no_url_to_replace_stays_as_it_is(body: bytes) -> None:
    """Byte for byte, whether it is valid or not."""
    assert WebhookRedirect(PUBLIC).replace(body) is None


@pytest.mark.parametrize("headers", ["", "Content-Encoding: gzip\r\n"])
def test_a_submission_that_cannot_be_read_is_passed_on_as_it_is(headers: str) -> None:
    """It is for the API to say what is wrong with it."""
    request = submission(b"no json, or a coded one }", headers)

    assert submitted(request) == (request, OK)


def test_a_submission_with_malformed_chunks_is_passed_on_as_it_is() -> None:
    """Like any other request that is not understood."""
    head = b"POST /api/v1/task/submit HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    request = head + b"2\r\n{}\r\nno chunk\r\n"

    assert submitted(request) == (request, OK)


def test_without_a_public_url_no_body_is_touched() -> None:
    """The app's callBackUrl goes to the API as it is."""
    request = submission((TEXT % '"http://app.example/"').encode())
    arrived: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        arrived.append(until(connection, request[-9:]))
        connection.sendall(OK)

    with upstream(serve) as server, proxied(server.url) as (proxy, _):
        everything(connect(proxy.port, request))

    assert arrived[0].endswith(request.partition(b"\r\n\r\n")[2])


def test_a_submission_too_large_to_be_held_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its webhooks do not come through the proxy; that is reported."""
    monkeypatch.setattr(downstream, "_MAX_HELD", 100)
    request = submission((TEXT % f'"http://app.example/{"x" * 200}"').encode())

    def serve(connection: socket.socket) -> None:
        assert until(connection, request[-9:]).endswith(request.partition(b"\r\n\r\n")[2])
        connection.sendall(OK)

    with upstream(serve) as server, proxied(server.url, public_url=PUBLIC) as (proxy, seen):
        assert everything(connect(proxy.port, request)) == OK

        assert seen.notice() == (
            "a submission is too large for its callBackUrl to be replaced; "
            "its webhooks do not come through the proxy"
        )


def test_a_client_that_waits_is_told_to_send_its_submission() -> None:
    """The proxy needs all of it, so it does not wait for the server to ask for it."""
    body = (TEXT % '"http://app.example/"').encode()
    request = submission(body, "Expect: 100-continue\r\n")

    def serve(connection: socket.socket) -> None:
        arrived = until(connection, b"}")
        assert b"Expect" not in arrived
        assert address_in(arrived)
        connection.sendall(OK)

    with upstream(serve) as server, proxied(server.url, public_url=PUBLIC) as (proxy, _):
        client = connect(proxy.port, request.removesuffix(body))
        assert exactly(client, 25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(body)

        assert everything(client) == OK


def test_half_a_submission_is_passed_on_as_such() -> None:
    """The server sees where it ends."""
    request = submission((TEXT % '"http://app.example/"').encode())[:-1]

    def serve(connection: socket.socket) -> None:
        received = everything(connection.dup())
        assert received.endswith(request.partition(b"\r\n\r\n")[2])

    with upstream(serve) as server, proxied(server.url, public_url=PUBLIC) as (proxy, seen):
        client = connect(proxy.port, request)
        client.shutdown(socket.SHUT_WR)

        assert everything(client) == b""

    assert seen.exchanges.empty()


@pytest.mark.parametrize("prefix", ["/base", ""])
def test_a_webhook_goes_on_to_the_app(prefix: str) -> None:
    """To its own URL, with every header except Host, and the app's response goes back."""
    body = b"\0webhook"
    head = "POST %s HTTP/1.1\r\nhost: %s\r\nX-Signature: s\r\nContent-Length: 8\r\n\r\n"
    response_body = OK.replace(b"200 OK", b"299 Odd")
    arrived: list[bytes] = []

    def app(connection: socket.socket) -> None:
        arrived.append(until(connection, body))
        connection.sendall(response_body)

    def api(connection: socket.socket) -> None:
        arrived.append(until(connection, b"}"))
        connection.sendall(OK)

    with (
        upstream(app) as own,
        upstream(api) as server,
        proxied(server.url, public_url=PUBLIC) as (proxy, seen),
    ):
        url = f"{own.url}/hook?a=%20b&c=d"
        everything(connect(proxy.port, submission((TEXT % json.dumps(url)).encode())))
        path = address_in(arrived[0]).removeprefix(PUBLIC)
        webhook = (head % (prefix + path, "tunnel.example")).encode() + body
        answered = everything(connect(proxy.port, webhook))
        exchanges = [seen.next(), seen.next()]

    assert answered == response_body
    assert arrived[1] == (head % ("/hook?a=%20b&c=d", own.url[7:])).encode() + body
    assert [one.token for one in exchanges] == [path.rpartition("/")[2]] * 2
    assert [one.webhook_url for one in exchanges] == [None, url]
    assert (bytes(exchanges[1].body), exchanges[1].status) == (body, 299)


def test_one_connection_can_bring_webhooks_and_requests() -> None:
    """In turn, each to where it belongs."""
    webhook = "POST /__mock/webhook/%s HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    get = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    arrived: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        arrived.append(until(connection, b"\r\n\r\n").split(b" HTTP/")[0])
        connection.sendall(OK)
        assert connection.recv(1) == b""

    with (
        upstream(serve) as own,
        upstream(serve) as server,
        proxied(server.url, public_url=PUBLIC) as (proxy, seen),
    ):
        webhooks = proxy._config.webhooks
        found = webhooks.replace((TEXT % json.dumps(f"{own.url}/hook")).encode())
        assert found is not None
        hook = (webhook % found[1]).encode()
        with connect(proxy.port, get + hook + get) as client:
            answered = exactly(client, 3 * len(OK))

        exchanges = [seen.next() for _ in range(3)]

    assert answered == OK * 3
    assert arrived == [b"GET /", b"POST /hook", b"GET /"]
    assert [one.method for one in exchanges] == ["GET", "POST", "GET"]


@pytest.mark.parametrize("token", ["unknown", ""])
def test_a_webhook_with_an_unknown_token_is_rejected(token: str) -> None:
    """It goes neither to the app nor to the API."""
    request = f"POST /__mock/webhook/{token} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}"
    with proxied("http://127.0.0.1:9", public_url=PUBLIC) as (proxy, seen):
        answered = everything(connect(proxy.port, request.encode()))

    assert answered.startswith(b"HTTP/1.1 410 Gone\r\n")
    assert seen.exchanges.empty()
