"""Each oddity of HTTP/1.1 against each receiver of ours, over real sockets."""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest

from mockserver.contract import Contract, dump_json
from mockserver.engine.service import Service
from mockserver.settings import make_settings
from mockserver.testing import InboxServer
from mockserver.web.interceptor import Interceptor
from mockserver.web.server import Server
from mockserver.web.tls import Authority, api_hosts
from tests.client import SUBMIT, seed
from tests.web.oddities import GET, ODDITIES, Answer, Oddity
from tests.web.upstream import proxied

PATIENCE = 0.4
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
    closes: bool = False
    """Whether it hangs up after each answer."""
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
        """Give the statuses that it is to answer."""
        answers = oddity.but.get(self.name, oddity.but.get(self.kind, oddity.answers))
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
        yield Place("listen", int(found[1]), "/", "/hook", (202, 202), kind="inbox")
        process.terminate()
        assert process.communicate(timeout=PATIENCE)[1] == ""


@pytest.fixture(scope="module")
def proxy(api: Place) -> Iterator[Place]:
    """The proxy before the mock's API."""
    with proxied(f"http://127.0.0.1:{api.port}") as (proxy, _):
        yield Place("proxy", proxy.port, api.get, api.post, api.usual, api.body)


@pytest.fixture(scope="module")
def own(proxy: Place) -> Place:
    """The routes that the proxy answers itself."""
    return Place("own", proxy.port, "/__mock/report", "", (200, 0), closes=True)


@pytest.fixture(scope="module")
def intercepted(contract: Contract, api: Place) -> Iterator[Place]:
    """What leads an app with hard-coded hosts to the mock's API."""
    hosts = api_hosts(contract)
    with (
        Authority(hosts) as authority,
        Interceptor(
            hosts, authority.context(), ("127.0.0.1", api.port), allow_others=False
        ) as interceptor,
    ):
        context = ssl.create_default_context(cafile=authority.authority)
        yield Place(
            "tls", interceptor.tls_port, api.get, api.post, api.usual, api.body, context=context
        )


PLACES = ("api", "control", "inbox", "listen", "proxy", "own", "intercepted")


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Place:
    """The receiver that a test is about."""
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


def rows() -> Iterator[Any]:
    """Pair each oddity with each place that it can be tried at."""
    for name in PLACES:
        for oddity in ODDITIES:
            can = b"<get>" in oddity.raw and b"<post>" not in oddity.raw if name == "own" else True
            if can and not (oddity.half and name == "intercepted"):  # TLS has no half-closed
                yield pytest.param(name, oddity, id=f"{name}: {oddity.name[:60]}")


@pytest.mark.parametrize(("place", "oddity"), [*rows()], indirect=["place"])
def test_oddities(place: Place, oddity: Oddity, caplog: pytest.LogCaptureFixture) -> None:
    """They are answered as the table says, without a trace, and harm no other request."""
    with place.connect() as connection:
        answered = send(connection, place, oddity)

        assert answered == place.expected(oddity)
        if not oddity.half:
            assert plain(connection, place) in ([], [place.usual[0]])
    with place.connect() as connection:
        assert plain(connection, place) == [place.usual[0]]
    assert [record.getMessage() for record in caplog.records] == []


def send(connection: socket.socket, place: Place, oddity: Oddity) -> list[int]:
    """Send an oddity; give the statuses of as many final answers as are to come."""
    raw, count = place.written(oddity.raw), len(place.expected(oddity))
    pieces = [raw[at : at + 1] for at in range(len(raw))] if oddity.split else [raw]
    with suppress(ConnectionError):  # it may have heard enough
        for piece in pieces:
            connection.sendall(piece)
        if oddity.half:
            connection.shutdown(socket.SHUT_WR)
    return list(statuses(connection, max(1, count)))


def plain(connection: socket.socket, place: Place) -> list[int]:
    """Send a plain request; give the status of the answer, if there is one."""
    with suppress(OSError):  # it has hung up
        connection.sendall(place.written(b"GET <get> HTTP/1.1\r\nHost: 127.0.0.1\r\n<fields>\r\n"))
    return list(statuses(connection, 1))


def statuses(connection: socket.socket, count: int) -> Iterator[int]:
    """Read answers until there are so many, or the connection ends; skip those that inform."""
    with suppress(ConnectionError), connection.makefile("rb") as reader:
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
