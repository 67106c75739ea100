"""The HTTPS proxy whose tunnels to the API's hosts end at the mock."""

from __future__ import annotations

import gc
import logging
import select
import socket
import ssl
import struct
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from unittest.mock import patch

import pytest

from mockserver.contract import Contract
from mockserver.engine.service import Service
from mockserver.interception import interceptor as module
from mockserver.interception.certificates import Authority, api_hosts
from mockserver.interception.interceptor import Interceptor
from mockserver.settings import make_settings
from mockserver.web.server import Server

API, CDN = "api.maxapi.io", "cdn.maxapi.io"
ACCEPTED = b"HTTP/1.1 200 Connection established\r\n\r\n"
GET = f"GET /api/v1/task/x HTTP/1.1\r\nHost: {API}\r\nConnection: close\r\n\r\n".encode()
ANSWER = b"HTTP/1.1 401 "
LOGGER = logging.getLogger("asyncio")
FOREIGN = "is not the API; --allow-others lets it pass"


@pytest.fixture(scope="module")
def server(contract: Contract) -> Iterator[Server]:
    """The mock to which the tunnels go."""
    with Server(Service(contract, make_settings(contract, port=0))) as server:
        yield server


@pytest.fixture(scope="module")
def authority(contract: Contract) -> Iterator[Authority]:
    """Certificates for the API's hosts."""
    with Authority(api_hosts(contract)) as authority:
        yield authority


@pytest.fixture
def trusting(authority: Authority) -> ssl.SSLContext:
    """A client's context that trusts them."""
    return ssl.create_default_context(cafile=authority.authority)


Make = Callable[..., Interceptor]
Intercept = Callable[..., AbstractContextManager[Interceptor]]


@pytest.fixture
def make(contract: Contract, server: Server, authority: Authority) -> Make:
    """Make an interceptor for the mock, or for another port of this machine."""
    hosts, context = api_hosts(contract), authority.context()
    return lambda port=server.port, *, allow_others=False: Interceptor(
        hosts, context, ("127.0.0.1", port), allow_others=allow_others
    )


@pytest.fixture
def intercept(make: Make) -> Intercept:
    """Start interceptors; what they leave behind has a test of its own."""

    @contextmanager
    def start(*port: int, allow_others: bool = False) -> Iterator[Interceptor]:
        with ExitStack() as stack:
            proxy = stack.enter_context(make(*port, allow_others=allow_others))
            try:
                yield proxy
            finally:
                with warnings.catch_warnings(), patch.object(LOGGER, "error", _forget):
                    warnings.simplefilter("ignore", ResourceWarning)
                    stack.close()
                    gc.collect()

    return start


def _forget(*_: object, **__: object) -> None:
    """Keep no record of an error, as it would keep its objects alive."""


@pytest.fixture
def proxy(intercept: Intercept) -> Iterator[Interceptor]:
    """An interceptor that lets no other host pass."""
    with intercept() as proxy:
        yield proxy


def connect(port: int, text: str = "") -> socket.socket:
    """Connect to a port of this machine, and send a text."""
    connection = socket.create_connection(("127.0.0.1", port), 10)
    connection.sendall(text.encode("latin-1"))
    return connection


def head(target: str) -> str:
    """Write a request for a tunnel."""
    return f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n"


def everything(connection: socket.socket) -> bytes:
    """Read until the other side closes the connection, in whatever way."""
    received = b""
    with connection, suppress(ConnectionResetError, ssl.SSLEOFError):
        while chunk := connection.recv(65536):
            received += chunk
    return received


def tunnel(proxy: Interceptor, trusting: ssl.SSLContext, host: str = API) -> ssl.SSLSocket:
    """Open a tunnel, and shake hands with the server for *host* in it."""
    connection = connect(proxy.proxy_port, head(f"{host}:443"))
    received = connection.recv(65536)
    assert received == ACCEPTED
    return trusting.wrap_socket(connection, server_hostname=host.lower())


def is_served(tls: ssl.SSLSocket) -> bool:
    """Return whether the mock responds."""
    tls.sendall(GET)
    return everything(tls).startswith(ANSWER)


@contextmanager
def echo(host: str = "127.0.0.1") -> Iterator[int]:
    """Serve one connection, which gets back what it sends; yields the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, 0), family=family)
    except OSError:
        pytest.skip(f"no {host} on this machine")

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            while chunk := connection.recv(65536):
                connection.sendall(chunk)

    with listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)


@pytest.mark.parametrize("allow_others", [False, True])
@pytest.mark.parametrize("host", [API, CDN])
def test_a_tunnel_to_the_api_ends_in_the_mock(
    intercept: Intercept, trusting: ssl.SSLContext, host: str, *, allow_others: bool
) -> None:
    """With a certificate for the host's own name, whether or not others may pass."""
    with intercept(allow_others=allow_others) as proxy:
        assert is_served(tunnel(proxy, trusting, host))


def test_the_name_of_a_host_has_no_case(proxy: Interceptor, trusting: ssl.SSLContext) -> None:
    """Some clients send it as it was written; if others may pass, it would leave the machine."""
    assert is_served(tunnel(proxy, trusting, API.upper()))


def test_the_other_port_is_the_api_without_a_proxy(
    proxy: Interceptor, trusting: ssl.SSLContext
) -> None:
    """For clients that are redirected without a proxy."""
    assert is_served(trusting.wrap_socket(connect(proxy.tls_port), server_hostname=API))


def test_both_directions_carry_megabytes(intercept: Intercept, trusting: ssl.SSLContext) -> None:
    """Megabytes there and back, at the same time."""
    text, sent, received = bytes(range(256)) * 10_000, 0, bytearray()
    not_now = suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError)

    with echo() as port, intercept(port) as proxy, tunnel(proxy, trusting) as tls:
        tls.setblocking(False)  # and not two threads: OpenSSL crashes where both use one connection
        while len(received) < len(text):
            select.select([tls], [tls] if sent < len(text) else [], [], 10)
            with not_now:
                sent += tls.send(text[sent : sent + 65536])
            with not_now:
                while piece := tls.recv(65536):
                    received += piece

    assert bytes(received) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (head("example.com:443"), f"example.com {FOREIGN}"),
        (head("[::1]:443"), f"[::1] {FOREIGN}"),
        (head(f"{API}.example.com:443"), f"{API}.example.com {FOREIGN}"),
        ("GET http://example.com/ HTTP/1.1\r\n\r\n", "this proxy is for HTTPS only"),
        (f"POST / HTTP/1.1\r\nHost: {API}\r\n\r\n", "this proxy is for HTTPS only"),
        (head(f"{API}:8443"), "8443"),
        (head("example.com"), "example.com"),
        ("garbage\r\n\r\n", "maxapi-mock"),
    ],
)
def test_everything_else_is_rejected_with_the_reason(
    proxy: Interceptor, text: str, reason: str
) -> None:
    """In a complete HTTP response, after which the connection ends."""
    response = everything(connect(proxy.proxy_port, text))

    about, _, body = response.decode().partition("\r\n\r\n")
    assert about.startswith("HTTP/1.1 4")
    assert f"Content-Length: {len(body)}" in about
    assert body.startswith("maxapi-mock: ")
    assert reason in body


@pytest.mark.parametrize(
    "text", ["", "CONNECT api", "\x16\x03\x01", "x" * 200_000, head(f"{API}:443")]
)
def test_a_client_that_leaves_affects_no_other(
    proxy: Interceptor, trusting: ssl.SSLContext, text: str
) -> None:
    """However far it got; the next one is served."""
    with suppress(OSError), connect(proxy.proxy_port) as left:
        left.sendall(text.encode("latin-1"))

    assert is_served(tunnel(proxy, trusting))


@pytest.mark.parametrize("text", ["", "CONNECT api"])
def test_a_silent_client_is_disconnected(
    proxy: Interceptor, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """After a while, which is short here."""
    monkeypatch.setattr(module, "_PATIENCE", 0.01)

    assert everything(connect(proxy.proxy_port, text)) == b""


def test_a_head_without_end_is_disconnected(proxy: Interceptor) -> None:
    """It is not collected for ever."""
    with connect(proxy.proxy_port, "CONNECT ") as connection, pytest.raises(ConnectionError):
        connection.sendall(bytes(100_000_000))


def test_a_head_can_come_in_pieces(proxy: Interceptor, trusting: ssl.SSLContext) -> None:
    """Networks split it anywhere."""
    connection = connect(proxy.proxy_port)
    for letter in head(f"{API}:443"):
        connection.sendall(letter.encode())

    received = connection.recv(65536)

    assert received == ACCEPTED
    assert is_served(trusting.wrap_socket(connection, server_hostname=API))


def test_a_client_that_does_not_trust_affects_no_other(
    proxy: Interceptor, trusting: ssl.SSLContext, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its handshake fails by its own choice; nothing is printed, and the next one is served."""
    with pytest.raises(ssl.SSLCertVerificationError):
        tunnel(proxy, ssl.create_default_context())

    assert is_served(tunnel(proxy, trusting))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "other.example"])
def test_others_pass_if_they_may(
    intercept: Intercept, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """Their bytes are not decrypted; the interceptor resolves the name."""
    address = host.strip("[]").replace("other.example", "127.0.0.1")
    look_up = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda name, *more, **by: look_up(address if name == host else name, *more, **by),
    )

    with echo(address) as port, intercept(allow_others=True) as proxy:
        connection = connect(proxy.proxy_port, head(f"{host}:{port}"))
        first = connection.recv(65536)
        connection.sendall(b"\0\xff no TLS")
        connection.shutdown(socket.SHUT_WR)
        response = everything(connection)

    assert (first, response) == (ACCEPTED, b"\0\xff no TLS")


@pytest.mark.parametrize(
    ("error", "why"), [(OSError(0, "it is far"), ": it is far"), (TimeoutError(), " in time")]
)
def test_another_host_that_is_not_reached_is_an_error(
    intercept: Intercept, monkeypatch: pytest.MonkeyPatch, error: OSError, why: str
) -> None:
    """With its name, its port and the reason."""

    async def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("asyncio.open_connection", fail)
    with intercept(allow_others=True) as proxy:
        response = everything(connect(proxy.proxy_port, head("other.example:9"))).decode()

    said = response.rpartition("maxapi-mock: ")[2]
    assert said == f"cannot connect to other.example:9{why}\n"


@pytest.mark.parametrize("port", ["x", "", "-1", "65536", "9" * 30])
def test_another_host_at_an_impossible_port_affects_no_other(
    intercept: Intercept, trusting: ssl.SSLContext, port: str
) -> None:
    """The connection ends; the next one is served."""
    with intercept(allow_others=True) as proxy:
        response = everything(connect(proxy.proxy_port, head(f"127.0.0.1:{port}")))

        assert ACCEPTED not in response
        assert is_served(tunnel(proxy, trusting))


def test_many_tunnels_at_once(proxy: Interceptor, trusting: ssl.SSLContext) -> None:
    """All are open before the first is used."""
    tunnels = [tunnel(proxy, trusting) for _ in range(50)]

    assert all(is_served(tls) for tls in tunnels)


def test_a_mock_that_is_gone_ends_the_tunnel(
    intercept: Intercept, trusting: ssl.SSLContext
) -> None:
    """The client is not kept waiting."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with intercept(port) as proxy:
        assert everything(tunnel(proxy, trusting)) == b""


@contextmanager
def in_use(
    proxy: Interceptor, listener: socket.socket, trusting: ssl.SSLContext
) -> Iterator[tuple[ssl.SSLSocket, socket.socket]]:
    """Open a tunnel in use; yields the client's end and the mock's."""
    with tunnel(proxy, trusting) as tls:
        tls.sendall(b"half a req")
        far, _ = listener.accept()
        with far:
            for end in (tls, far):
                end.settimeout(2)
            assert far.recv(100) == b"half a req"
            yield tls, far


@pytest.mark.parametrize("how", ["close", ("reset")])
@pytest.mark.parametrize("first", ["client", "host"])
def test_the_end_of_one_side_is_passed_on(
    intercept: Intercept, trusting: ssl.SSLContext, first: str, how: str
) -> None:
    """Even if a process was killed: its connections may be reset."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        intercept(listener.getsockname()[1]) as proxy,
        in_use(proxy, listener, trusting) as (tls, far),
    ):
        leaving: socket.socket = tls.unwrap() if how == "close" and first == "client" else tls
        leaving, other = (leaving, far) if first == "client" else (far, tls)
        if how == "reset":
            leaving.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        leaving.close()

        assert everything(other) == b""


def test_the_end_waits_for_no_client(intercept: Intercept, trusting: ssl.SSLContext) -> None:
    """Tunnels in use, half a head, half a handshake: the thread ends, and nothing listens."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        with intercept(listener.getsockname()[1]) as proxy:
            stack.enter_context(in_use(proxy, listener, trusting))
            stack.enter_context(connect(proxy.proxy_port, "CONNECT api"))
            stack.enter_context(connect(proxy.proxy_port, head(f"{API}:443")))
            stack.enter_context(connect(proxy.tls_port))

    assert "tls" not in {thread.name for thread in threading.enumerate()}
    for port in (proxy.proxy_port, proxy.tls_port):
        with pytest.raises(ConnectionRefusedError):
            connect(port)


def test_the_end_does_not_wait_for_unread_bytes(
    intercept: Intercept, trusting: ssl.SSLContext
) -> None:
    """A host that has stopped reading must not keep the command from ending."""
    with ExitStack() as stack, ExitStack() as ends:
        listener = ends.enter_context(socket.create_server(("127.0.0.1", 0)))
        proxy = stack.enter_context(intercept(listener.getsockname()[1]))
        tls, _ = ends.enter_context(in_use(proxy, listener, trusting))
        tls.settimeout(0.2)
        with suppress(TimeoutError):
            tls.sendall(bytes(100_000_000))

        ending = threading.Thread(target=stack.close, daemon=True)
        ending.start()
        ending.join(30)
        has_ended = not ending.is_alive()
        ends.close()
        ending.join(10)

    assert has_ended


def test_the_end_closes_what_is_open(make: Make, trusting: ssl.SSLContext) -> None:
    """Both ends see it, no socket is left, and nothing is printed."""
    gc.collect()
    before, said = _descriptors(), []
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        ExitStack() as stack,
        patch.object(LOGGER, "error", lambda text, **_: said.append(text)),
    ):
        with make(listener.getsockname()[1]) as proxy:
            ends = list(stack.enter_context(in_use(proxy, listener, trusting)))
            ends.append(stack.enter_context(connect(proxy.proxy_port, head(f"{API}:443"))))
            accepted = ends[-1].recv(65536)
        told = [_is_told(end) for end in ends]
    left = _descriptors()
    del proxy
    gc.collect()  # what is left belongs to this test

    assert accepted == ACCEPTED
    assert told == [True, True, True]
    assert left <= before  # the mock may let go of those of other tests
    assert said == []


def _descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def _is_told(end: socket.socket) -> bool:
    end.settimeout(2)
    try:
        return everything(end) == b""
    except TimeoutError:
        return False
