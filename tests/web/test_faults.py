"""The faults of a connection as users see them: raw bytes, requests, httpx and Node."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import requests

from mockserver.contract import Contract, dump_json
from mockserver.engine.service import Service
from mockserver.interception.certificates import Authority, api_hosts
from mockserver.interception.interceptor import Interceptor
from mockserver.settings import make_settings
from mockserver.testing import ControlClient
from mockserver.web.server import Server
from tests.client import SUBMIT, seed

PATIENCE = 10


@dataclass(frozen=True)
class Seen:
    """What the clients of a fault see: the name of an error, or of nothing wrong."""

    requests: str
    httpx: str
    node: str


FINE = Seen("", "", "")
SEEN = {
    "connection-reset": Seen("ConnectionError", "ReadError", "ECONNRESET"),
    "connection-closed": Seen("ConnectionError", "RemoteProtocolError", "UND_ERR_SOCKET"),
    "half-headers": Seen("JSONDecodeError", "RemoteProtocolError", "UND_ERR_SOCKET"),
    "garbage-then-close": Seen("ConnectionError", "RemoteProtocolError", "HPE_INVALID_CONSTANT"),
    "malformed-chunk": Seen(
        "ChunkedEncodingError", "RemoteProtocolError", "HPE_INVALID_CHUNK_SIZE"
    ),
    "truncated": Seen("ChunkedEncodingError", "RemoteProtocolError", "UND_ERR_SOCKET"),
    "hang": Seen("ReadTimeout", "ReadTimeout", "TimeoutError"),
    "drip=30/1ms": FINE,
    "keep-alive-broken": FINE,
}


@pytest.fixture(scope="module")
def server(contract: Contract) -> Iterator[Server]:
    """The mock."""
    with Server(Service(contract, make_settings(contract, port=0))) as server:
        yield server


def body(scenario: str) -> bytes:
    """Return a submission with a scenario."""
    return dump_json(seed(prompt=f"a cat #mock:{scenario}"))


HEADERS = {"Authorization": "Bearer faults", "Content-Type": "application/json"}


@pytest.mark.parametrize(("scenario", "seen"), SEEN.items())
def test_with_requests(server: Server, scenario: str, seen: Seen) -> None:
    """The exception that apps with requests have to handle."""
    assert by_requests(server.url, scenario) == seen.requests


def by_requests(base: str, scenario: str) -> str:
    """Submit; return the name of the exception, or nothing."""
    timeout = 0.2 if scenario == "hang" else PATIENCE
    try:
        requests.post(base + SUBMIT, body(scenario), headers=HEADERS, timeout=timeout).json()
    except requests.RequestException as error:
        return type(error).__name__
    return ""


@pytest.mark.parametrize(("scenario", "seen"), SEEN.items())
def test_with_httpx(server: Server, scenario: str, seen: Seen) -> None:
    """The exception that apps with httpx have to handle."""
    timeout = 0.2 if scenario == "hang" else PATIENCE
    error = ""

    try:
        httpx.post(
            server.url + SUBMIT, content=body(scenario), headers=HEADERS, timeout=timeout
        ).json()
    except httpx.HTTPError as raised:
        error = type(raised).__name__

    assert error == seen.httpx


NODE = """
const [base, headers, documents] = JSON.parse(process.argv[1]);
const seen = {};
for (const [scenario, body] of Object.entries(documents)) {
  const signal = AbortSignal.timeout(scenario === "hang" ? 200 : 10000);
  try {
    await (await fetch(base, { method: "POST", headers, body, signal })).json();
    seen[scenario] = "";
  } catch (error) {
    seen[scenario] = error.cause?.code ?? error.name;
  }
}
console.log(JSON.stringify(seen));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_with_node(server: Server) -> None:
    """The codes that apps with Node's own fetch have to handle."""
    documents = {scenario: body(scenario).decode() for scenario in SEEN}
    arguments = json.dumps([server.url + SUBMIT, HEADERS, documents])

    done = subprocess.run(
        ["node", "--input-type=module", "-e", NODE, arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert json.loads(done.stdout) == {name: seen.node for name, seen in SEEN.items()}


def raw(server: Server, scenario: str) -> tuple[bytes, str]:
    """Return all bytes of a response, and how the connection ended."""
    fields = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
    sent = body(scenario)
    head = f"POST {SUBMIT} HTTP/1.1\r\nHost: a\r\n{fields}Content-Length: {len(sent)}\r\n\r\n"
    received = b""
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as connection:
        connection.sendall(head.encode() + sent)
        try:
            while data := connection.recv(65536):
                received += data
        except ConnectionResetError:
            return received, "reset"
    return received, "closed"


def test_what_is_on_the_wire(server: Server) -> None:
    """Each fault is what its name says, byte for byte."""
    quick = SEEN.keys() - {"hang", "drip=30/1ms", "keep-alive-broken"}
    sent = {name: raw(server, name) for name in quick}

    assert sent["connection-reset"] == (b"", "reset")
    assert sent["connection-closed"] == (b"", "closed")
    assert {how for name, (_, how) in sent.items() if name != "connection-reset"} == {"closed"}
    assert sent["half-headers"][0].startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\n\r\n" not in sent["half-headers"][0]
    assert not sent["garbage-then-close"][0].startswith(b"HTTP")
    head, _, chunks = sent["malformed-chunk"][0].partition(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in head
    assert int(chunks.partition(b"\r\n")[0], 16) > 0
    assert chunks.endswith(b"\r\nnot a size\r\n")


def test_a_task_of_a_lost_response_exists(server: Server) -> None:
    """The request has been processed, whatever became of its response."""
    headers = HEADERS | {"Authorization": "Bearer exists"}
    control = ControlClient(server.url, "exists")

    for scenario in ("connection-reset", "connection-closed", "garbage-then-close"):
        with pytest.raises(requests.ConnectionError):
            requests.post(server.url + SUBMIT, body(scenario), headers=headers, timeout=PATIENCE)

    assert len(control.tasks()) == 3
    assert [one["scenarios"] for one in control.requests()] == [
        ["connection-reset"], ["connection-closed"], ["garbage-then-close"]
    ]  # fmt: skip


def test_the_next_request_on_a_broken_connection_is_not_processed(server: Server) -> None:
    """A client that reuses it finds it reset, and cannot know whether its request was read."""
    control = ControlClient(server.url, "broken")
    headers = HEADERS | {"Authorization": "Bearer broken"}
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    connection.request("POST", SUBMIT, body("keep-alive-broken"), headers)
    first = connection.getresponse()
    kept = (first.status, first.headers["Connection"], first.read() != b"")

    def ask_again() -> None:  # the reset can come while it is being sent, or afterwards
        connection.request("POST", SUBMIT, body("success"), headers)
        connection.getresponse()

    with pytest.raises(ConnectionResetError):
        ask_again()

    connection.close()
    assert kept == (200, None, True)
    assert len(control.tasks()) == 1


@pytest.mark.parametrize("scenario", ["connection-reset", "truncated", "malformed-chunk"])
def test_through_the_interception(server: Server, contract: Contract, scenario: str) -> None:
    """An app with hard-coded hosts sees the same; below TLS, a reset can look like an end."""
    mock = ("127.0.0.1", server.port)
    with Authority(api_hosts(contract)) as authority:
        context = ssl.create_default_context(cafile=authority.authority)
        with Interceptor(
            api_hosts(contract), authority.context(), mock, allow_others=False
        ) as interceptor:
            opened = socket.create_connection(("127.0.0.1", interceptor.tls_port), PATIENCE)
            with context.wrap_socket(opened, server_hostname="api.maxapi.io") as secure:
                connection = http.client.HTTPConnection("api.maxapi.io")
                connection.sock = secure
                connection.request("POST", SUBMIT, body(scenario), HEADERS)
                try:
                    connection.getresponse().read()
                    error: type[Exception] | None = None
                except (OSError, http.client.HTTPException) as raised:
                    error = type(raised)

    reset, cut = ConnectionResetError, http.client.IncompleteRead
    assert error is not None
    assert issubclass(error, reset if scenario == "connection-reset" else cut)


def test_the_page_says_what_clients_see() -> None:
    """The table in docs/faults.md is the one that the tests try."""
    page = (Path(__file__).parents[2] / "docs" / "faults.md").read_text()
    rows = re.findall(r"(?m)^\| `([^`]+)` \| (.*) \| (.*) \| (.*) \|$", page)

    assert {name: Seen(*(cell.strip("`") for cell in cells)) for name, *cells in rows} == SEEN
