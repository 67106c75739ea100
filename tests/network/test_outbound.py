"""Calls that leave this machine go through the user's proxy, and no others do."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from queue import Queue

import pytest
import trustme

from mockserver.conformance.session.client import Client
from mockserver.conformance.session.spending import Money
from mockserver.contract import load_contract
from mockserver.interception import interceptor as intercepting
from mockserver.network.outbound import UserProxyError, proxy_for
from tests.proxy.upstream import Script, connect, everything, proxied, saying, until, upstream

NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
REQUEST = b"GET /api/v1/task/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
CONNECTED = b"HTTP/1.1 200 Connection established\r\n\r\n"
BASIC = "Basic dXNlcjpwQHNz"
"""`user:p@ss`."""

Set = Callable[..., None]


@pytest.fixture
def set_(monkeypatch: pytest.MonkeyPatch) -> Set:
    """Set the variables of proxies, and no others."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)

    def choose(**variables: str) -> None:
        for name, text in variables.items():
            monkeypatch.setenv(name, text)

    return choose


def proxy(heads: Queue[bytes], serve: Script | None = None) -> Script:
    """Make a proxy that records the host to connect to, and then acts as that host itself."""

    def script(connection: socket.socket) -> None:
        heads.put(until(connection, b"\r\n\r\n"))
        connection.sendall(CONNECTED)
        (serve or saying(ANSWER))(connection)

    return script


@pytest.mark.parametrize(
    ("variables", "url", "expected"),
    [
        ({}, "https://api.example", None),
        ({"HTTPS_PROXY": "http://p:1"}, "https://api.example", "http://p:1"),
        ({"https_proxy": "p:1"}, "https://api.example", "http://p:1"),
        ({"HTTPS_PROXY": "http://[::9]:1"}, "https://api.example", "http://[::9]:1"),
        ({"ALL_PROXY": "http://p"}, "https://api.example", "http://p:80"),
        ({"HTTP_PROXY": "http://p:1"}, "https://api.example", None),
        ({"http_proxy": "http://p:1"}, "http://api.example", "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".example"}, "https://api.example", None),
        ({"HTTPS_PROXY": "http://p:1", "no_proxy": "*"}, "https://api.example", None),
        ({"HTTPS_PROXY": "http://p:1", "ALL_PROXY": "p:1"}, "https://127.0.0.1:5", None),
        ({"HTTP_PROXY": "http://p:1"}, "http://localhost:5", None),
        ({"HTTP_PROXY": "http://p:1"}, "http://[::1]:5", None),
    ],
)
def test_variables_say_which_proxy(
    set_: Set, variables: dict[str, str], url: str, expected: str | None
) -> None:
    """In either case; never for this machine, whatever they say."""
    set_(**variables)

    found = proxy_for(url)

    assert (found.url if found else None) == expected


@pytest.mark.parametrize("text", ["socks5://me:s3cret@p:1", "https://p", "http://p:x", "http://:1"])
def test_a_proxy_that_cannot_be_used_is_an_error(set_: Set, text: str) -> None:
    """Its user does not want calls that bypass it; no password is shown."""
    set_(ALL_PROXY=text)

    with pytest.raises(UserProxyError, match="use ") as caught:
        proxy_for("https://api.example")

    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("user", ["", "user:p%40ss@"])
def test_our_proxy_uses_the_users_proxy(set_: Set, user: str) -> None:
    """With CONNECT, and with the password from the variable, if it has one."""
    heads: Queue[bytes] = Queue()
    with upstream(proxy(heads)) as users:
        set_(HTTP_PROXY=f"http://{user}127.0.0.1:{users.port}")
        with proxied("http://api.example") as (running, seen):
            response = everything(connect(running.port, REQUEST))

            assert seen.next().status == 200

    head = heads.get(timeout=5).decode()
    assert response == ANSWER
    assert head.startswith("CONNECT api.example:80 HTTP/1.1\r\nHost: api.example:80\r\n")
    assert (f"Proxy-Authorization: {BASIC}\r\n" in head) == bool(user)


def test_tls_goes_through_the_users_proxy(set_: Set) -> None:
    """It ends at the host, whose certificate is checked."""
    heads: Queue[bytes] = Queue()
    authority, theirs = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("api.example").configure_cert(theirs)
    ours = ssl.create_default_context()
    authority.configure_trust(ours)

    def serve(connection: socket.socket) -> None:
        with theirs.wrap_socket(connection.dup(), server_side=True) as decrypted:
            saying(ANSWER)(decrypted)

    with upstream(proxy(heads, serve)) as users:
        set_(HTTPS_PROXY=f"http://127.0.0.1:{users.port}")
        with proxied("https://api.example", context=ours) as (running, _):
            response = everything(connect(running.port, REQUEST))

    assert response == ANSWER
    assert heads.get(timeout=5).startswith(b"CONNECT api.example:443 ")


@pytest.mark.parametrize(
    ("response", "notice"),
    [
        (b"HTTP/1.1 407 Who are you?\r\n\r\n", "does not connect to api.example:80: 407 Who"),
        (b"SSH-2.0", "does not answer CONNECT: b'SSH-2.0'"),
    ],
)
def test_a_proxy_that_does_not_connect_is_reported(set_: Set, response: bytes, notice: str) -> None:
    """The app sees that the API cannot be reached; the notice says why."""
    with upstream(saying(response)) as users:
        set_(HTTP_PROXY=f"http://127.0.0.1:{users.port}")
        with proxied("http://api.example") as (running, seen), pytest.raises(ConnectionError):
            everything(connect(running.port, REQUEST))

    assert notice in seen.notice()


def test_a_proxy_that_does_not_exist_is_reported(set_: Set) -> None:
    """The notice has its address."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    set_(HTTP_PROXY=f"http://127.0.0.1:{port}")

    with proxied("http://api.example") as (running, seen), pytest.raises(ConnectionError):
        everything(connect(running.port, REQUEST))

    assert f"the proxy http://127.0.0.1:{port} cannot be reached" in seen.notice()


def test_other_hosts_are_called_through_the_users_proxy(set_: Set) -> None:
    """If they may pass at all."""
    heads: Queue[bytes] = Queue()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    hosts = ("api.maxapi.io",)
    with upstream(proxy(heads)) as users:
        set_(HTTPS_PROXY=f"http://127.0.0.1:{users.port}")
        with intercepting.Interceptor(
            hosts, context, ("127.0.0.1", 1), allow_others=True
        ) as running:
            near = connect(running.proxy_port, b"CONNECT other.example:443 HTTP/1.1\r\n\r\n")
            until(near, CONNECTED)
            near.sendall(REQUEST)

            assert everything(near) == ANSWER

    assert heads.get(timeout=5).startswith(b"CONNECT other.example:443 ")


def target(url: str) -> Client:
    """Make a target without a spending limit."""
    return Client(url, "a-token", Money(load_contract(), None, Decimal()), lambda _one: None)


def test_a_live_target_is_called_through_the_users_proxy(set_: Set) -> None:
    """With its password; targets on this machine are called directly."""
    heads: Queue[bytes] = Queue()

    def script(connection: socket.socket) -> None:
        heads.put(until(connection, b"\r\n\r\n"))
        connection.sendall(ANSWER)

    with upstream(script) as users, upstream(saying(ANSWER)) as near:
        set_(ALL_PROXY=f"http://user:p%40ss@127.0.0.1:{users.port}")
        for url in ("http://api.example", near.url):
            with closing(target(url)) as called:
                assert called.poll("x").status == 200

    head = heads.get(timeout=5)
    assert head.startswith(b"GET http://api.example/api/v1/task/x HTTP/1.1\r\n")
    assert f"Proxy-Authorization: {BASIC}\r\n".encode() in head
    assert heads.empty()


def test_a_submission_that_its_proxy_rejects_was_not_sent(set_: Set) -> None:
    """The exchange has an error, in words."""
    with upstream(saying(b"HTTP/1.1 407 X\r\nContent-Length: 0\r\n\r\n")) as users:
        set_(HTTPS_PROXY=f"http://127.0.0.1:{users.port}")
        with closing(target("https://api.example")) as called:
            called.attempts = 1
            exchange = called.poll("x")

    assert exchange.status is None
    assert (exchange.error or "").startswith("ProxyError: ")
