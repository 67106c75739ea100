"""Calls that leave this machine go through the user's proxy, and no others do."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from queue import Queue

import pytest
import trustme
import urllib3

from mockserver.conformance.session.client import Client
from mockserver.conformance.session.spending import Money
from mockserver.contract import load_contract
from mockserver.interception import interceptor as intercepting
from mockserver.network.outbound import UserProxyError, place_of, proxy_for, why_not_connected
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


def by_socket(place: tuple[str, int]) -> None:
    """Connect with a socket."""
    socket.create_connection(place).close()


def by_asyncio(place: tuple[str, int]) -> None:
    """Connect with asyncio, which tries several addresses."""
    asyncio.run(asyncio.wait_for(asyncio.open_connection(*place), 30))


def by_urllib3(place: tuple[str, int]) -> None:
    """Send a request."""
    urllib3.PoolManager(retries=False).request("GET", "http://{}:{}/".format(*place))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("connect_to", [by_socket, by_asyncio, by_urllib3])
def test_a_closed_port_is_said_in_the_same_words(
    connect_to: Callable[[tuple[str, int]], None], host: str
) -> None:
    """Whichever library found it, and whether the host has one address or several."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(Exception, match=r"\b111\b|\b61\b") as caught:
        connect_to((host, port))

    assert why_not_connected(caught.value, f"{host}:{port}") == (
        f"connection refused at {host}:{port}"
    )


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (OSError(101, "Network is unreachable"), "cannot connect to a:1: Network is unreachable"),
        (
            OSError("Multiple exceptions: [Errno 113] Connect call failed ('a', 1), [Errno 113] C"),
            "cannot connect to a:1: No route to host",
        ),
        (TimeoutError(), "cannot connect to a:1 within 3 s"),
        (socket.gaierror(-2, "unknown"), "cannot connect to a:1: unknown"),
        (RuntimeError("two\nlines"), "cannot connect to a:1: two lines"),
        (RuntimeError(), "cannot connect to a:1: RuntimeError"),
        (ConnectionRefusedError(111, "maxapi: a: why"), "cannot connect to a:1: maxapi: a: why"),
    ],
)
def test_why_there_is_no_connection(error: Exception, why: str) -> None:
    """On one line, without the numbers and names of a library."""
    assert why_not_connected(error, "a:1", 3) == why


def test_a_port_without_tls_is_said_in_words() -> None:
    """With what may help."""
    pool = urllib3.PoolManager(retries=False)

    def serve(connection: socket.socket) -> None:
        connection.recv(1)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with upstream(serve) as plain, pytest.raises(urllib3.exceptions.SSLError) as caught:
        pool.request("GET", f"https://127.0.0.1:{plain.port}/")

    assert why_not_connected(caught.value, "a:1") == (
        "a:1 does not speak TLS; use http:// if it serves plain HTTP"
    )


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("http://me:hush@127.0.0.1/x?y", "127.0.0.1:80"),
        ("https://[::1]/", "[::1]:443"),
        ("http://me:hush@a:99999/x", "a:99999"),
    ],
)
def test_the_place_in_a_url_has_no_secrets(url: str, place: str) -> None:
    """Only host and port, also of a URL that cannot be used."""
    assert place_of(url) == place


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

    assert f"connection refused at the proxy 127.0.0.1:{port}" in seen.notice()


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
    assert exchange.error == (
        f"cannot connect to the proxy 127.0.0.1:{users.port}: Tunnel connection failed: 407 X"
    )
    assert exchange.never_sent
