"""Each oddity of HTTP/1.1 against each receiver of ours, over real sockets."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from mockserver.contract import Contract, dump_json
from mockserver.engine.service import Service
from mockserver.interception.certificates import Authority, api_hosts
from mockserver.interception.interceptor import Interceptor
from mockserver.settings import make_settings
from mockserver.testing import InboxServer
from mockserver.web.server import Server
from tests.client import SUBMIT, seed
from tests.proxy.upstream import proxied
from tests.web.oddities import GET, ODDITIES, OWN, Answer, Oddity

PATIENCE = 5
"""Real seconds after which what does not come is an error."""


@dataclass(frozen=True)
class Place:
    """A receiver, and a GET and a POST that it likes."""

    name: str
    port: int
    get: str
    post: str
    usual: tuple[int, int]
    """What they get."""
    body: bytes = b"{}"
    kind: str = ""
    """Which of the exceptions of an oddity are about it; by default its name."""
    context: ssl.SSLContext | None = None

    def written(self, raw: bytes) -> bytes:
        """Write an oddity for this place."""
        fields = b"Authorization: Bearer odd\r\nContent-Type: application/json\r\n"
        if re.search(rb"(?m)^Authorization", raw):
            fields = b""
        for name, value in {
            b"<fields>": fields,
            b"<get>": self.get.encode(),
            b"<post>": self.post.encode(),
            b"<n>": b"%d" % len(self.body),
            b"<x>": b"%x" % len(self.body),
            b"<body>": self.body,
        }.items():
            raw = raw.replace(name, value)
        return raw

    def expected(self, oddity: Oddity) -> list[int]:
        """Return the statuses that it is to answer."""
        answers = oddity.but.get(self.name, oddity.but.get(self.kind, oddity.answers))
        if self.name == "own":
            answers = OWN.get(oddity.name, oddity.answers)
        return [self._status(one) for one in answers]

    def _status(self, answer: Answer) -> int:
        return answer if isinstance(answer, int) else self.usual[answer != GET]

    def connect(self) -> socket.socket:
        """Connect to it."""
        connection = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.context is not None:
            return self.context.wrap_socket(connection, server_hostname="api.maxapi.io")
        return connection


@pytest.fixture(scope="module")
def server(contract: Contract) -> Iterator[Server]:
    """The mock."""
    with Server(Service(contract, make_settings(contract, port=0))) as server:
        yield server


@pytest.fixture(scope="module")
def api(server: Server) -> Place:
    """The mock's API."""
    return Place("api", server.port, "/api/v1/task/x", SUBMIT, (404, 200), dump_json(seed()))


@pytest.fixture(scope="module")
def control(server: Server) -> Place:
    """The mock's control plane."""
    return Place("control", server.port, "/__mock/clock", "/__mock/requests/count", (200, 200))


@pytest.fixture(scope="module")
def inbox() -> Iterator[Place]:
    """A webhook receiver of the fixtures."""
    with InboxServer() as server:
        server.owners[""] = lambda _: 202
        port = int(server.url.rpartition(":")[2])
        yield Place("inbox", port, "/", "/hook", (202, 202))


@pytest.fixture(scope="module")
def listen() -> Iterator[Place]:
    """The command; what it prints on its standard error would be a traceback."""
    command = [sys.executable, "-m", "mockserver", "listen", "--port", "0", "--respond", "202"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        found = re.search(r":(\d+)/", process.stdout.readline())
        assert found is not None
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield Place("listen", int(found[1]), "/", "/hook", (202, 202), kind="inbox")
        process.terminate()
        assert process.stderr is not None
        assert process.stderr.read() == ""


@pytest.fixture(scope="module")
def proxy(api: Place) -> Iterator[Place]:
    """The proxy before the mock's API."""
    with proxied(f"http://127.0.0.1:{api.port}") as (proxy, _):
        yield Place("proxy", proxy.port, api.get, api.post, api.usual, api.body)


@pytest.fixture(scope="module")
def own(proxy: Place) -> Place:
    """The proxy's own routes."""
    return Place("own", proxy.port, "/__mock/report", "", (200, 0))


@pytest.fixture(scope="module")
def authority(contract: Contract) -> Iterator[Authority]:
    """Certificates for the API's hosts."""
    with Authority(api_hosts(contract)) as authority:
        yield authority


@pytest.fixture(scope="module")
def interceptor(contract: Contract, authority: Authority, api: Place) -> Iterator[Interceptor]:
    """What leads an app with hard-coded hosts to the mock's API."""
    hosts, mock = api_hosts(contract), ("127.0.0.1", api.port)
    with Interceptor(hosts, authority.context(), mock, allow_others=False) as interceptor:
        yield interceptor


@pytest.fixture(scope="module")
def intercepted(interceptor: Interceptor, authority: Authority, api: Place) -> Place:
    """The API as such an app sees it."""
    context = ssl.create_default_context(cafile=authority.authority)
    port = interceptor.tls_port
    return Place("tls", port, api.get, api.post, api.usual, api.body, context=context)


PLACES = ("api", "control", "inbox", "listen", "proxy", "own", "intercepted")


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Place:
    """The receiver that a test is about."""
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


def rows() -> Iterator[Any]:
    """Pair each oddity with each place that it can be tried at."""
    for name in PLACES:
        for oddity in ODDITIES:
            can = name != "own" or (b"<get>" in oddity.raw and b"<post>" not in oddity.raw)
            if name == "own" and oddity.name == "two spaces":
                continue  # for the proxy it is no request, so all that follows is the upstream's
            if can and not (oddity.half and name == "intercepted"):  # TLS has no half-closed
                yield pytest.param(name, oddity, id=f"{name}: {oddity.name[:60]}")


@pytest.mark.parametrize(("place", "oddity"), [*rows()], indirect=["place"])
def test_oddities(place: Place, oddity: Oddity, caplog: pytest.LogCaptureFixture) -> None:
    """The responses are those of the table; nothing is logged, and no other request is harmed."""
    with place.connect() as connection:
        answered = send(connection, place, oddity)

        if oddity.early:  # how much a server takes depends on how it arrives
            assert all(status < 500 for status in answered)
        else:
            assert answered == place.expected(oddity)
        if not (oddity.half or oddity.early):
            assert plain(connection, place) in ([], [place.usual[0]])
    with place.connect() as connection:
        assert plain(connection, place) == [place.usual[0]]
    assert [record.getMessage() for record in caplog.records] == []


def send(connection: socket.socket, place: Place, oddity: Oddity) -> list[int]:
    """Send an oddity; return the statuses of as many final responses as are expected."""
    raw, count = place.written(oddity.raw), len(place.expected(oddity))
    pieces = [raw[at : at + 1] for at in range(len(raw))] if oddity.split else [raw]
    with suppress(OSError):  # it may have heard enough
        for piece in pieces:
            connection.sendall(piece)
        if oddity.half:
            connection.shutdown(socket.SHUT_WR)
    return list(statuses(connection, max(1, count)))


def plain(connection: socket.socket, place: Place) -> list[int]:
    """Send a plain request; return the status of the response, if there is one."""
    with suppress(OSError):  # it has hung up
        connection.sendall(place.written(b"GET <get> HTTP/1.1\r\nHost: 127.0.0.1\r\n<fields>\r\n"))
    return list(statuses(connection, 1))


def statuses(connection: socket.socket, count: int) -> Iterator[int]:
    """Read a number of responses, or until the connection ends; skip informational ones."""
    with suppress(ConnectionError, ssl.SSLError), connection.makefile("rb") as reader:
        while count:
            line = reader.readline()
            if not line:
                return
            status = int(line.split()[1])
            length = 0
            while (header := reader.readline().strip().lower()) != b"":
                name, _, value = header.partition(b":")
                length = int(value) if name == b"content-length" else length
            assert len(reader.read(length)) == length
            if status >= 200:
                yield status
                count -= 1


TUNNELS = [
    ("CONNECT api.maxapi.io:443 HTTP/1.1\r\nHost: api.maxapi.io:443\r\n\r\n", 200),
    ("CONNECT API.MAXAPI.IO.:443 HTTP/1.1\r\n\r\n", 200),
    ("CONNECT api.maxapi.io:443 HTTP/1.0\r\nProxy-Connection: keep-alive\r\n\r\n", 200),
    ("CONNECT api.maxapi.io:443 HTTP/1.1\nHost: [::1\n\n", 200),
    ("\r\n\r\nCONNECT api.maxapi.io:443 HTTP/1.1\r\nHost: \xff\r\n folded\r\n\r\n", 200),
    ("CONNECT api.maxapi.io:443 HTTP/1.1\r\nX-A: " + "a" * 60_000 + "\r\n\r\n", 200),
    ("CONNECT api.maxapi.io:443 HTTP/1.1\r\nX-A: " + "a" * 200_000 + "\r\n\r\n", None),
    ("connect api.maxapi.io:443 HTTP/1.1\r\n\r\n", 403),
    ("CONNECT api.maxapi.io:80 HTTP/1.1\r\n\r\n", 403),
    ("CONNECT api.maxapi.io:999999 HTTP/1.1\r\n\r\n", 403),
    ("CONNECT api.maxapi.io: HTTP/1.1\r\n\r\n", 403),
    ("CONNECT api.maxapi.io HTTP/1.1\r\n\r\n", 403),
    ("CONNECT user:secret@api.maxapi.io:443 HTTP/1.1\r\n\r\n", 403),
    ("CONNECT https://api.maxapi.io:443 HTTP/1.1\r\n\r\n", 403),
    ("CONNECT [::1:443 HTTP/1.1\r\n\r\n", 403),
    ("CONNECT [::1]:443 HTTP/1.1\r\n\r\n", 403),
    ("CONNECT api.maxapi.io%00:443 HTTP/1.1\r\n\r\n", 403),
    ("CONNECT \xff:443 HTTP/1.1\r\n\r\n", 403),
    ("CONNECT  HTTP/1.1\r\n\r\n", 403),
    ("CONNECT\r\n\r\n", 403),
    ("GET / HTTP/1.1\r\n\r\n", 403),
    ("GET https://api.maxapi.io/ HTTP/1.1\r\nHost: api.maxapi.io\r\n\r\n", 403),
    ("OPTIONS * HTTP/1.1\r\n\r\n", 403),
    ("POST / HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n{}", 403),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 403),
    ("\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + "\0" * 160, None),
    ("\0\x01garbage\r\n\r\n", None),
    (" CONNECT api.maxapi.io:443 HTTP/1.1\r\n\r\n", None),
]


@pytest.mark.parametrize(("text", "status"), TUNNELS, ids=lambda value: str(value)[:60])
def test_odd_tunnels(
    interceptor: Interceptor, text: str, status: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    """A tunnel is opened or rejected, at once; what cannot be a request ends the connection."""
    with socket.create_connection(("127.0.0.1", interceptor.proxy_port), PATIENCE) as connection:
        with suppress(ConnectionError):
            connection.sendall(text.encode("latin-1"))

        answered = list(statuses(connection, 1))

    assert answered == ([] if status is None else [status])
    assert [record.getMessage() for record in caplog.records] == []
