"""The real server over real sockets."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from mockserver.contract import Contract
from mockserver.engine.service import Service
from mockserver.settings import make_settings
from mockserver.web import listener
from mockserver.web.connection import Connection
from mockserver.web.server import Server, ServerError
from tests.client import SEED, SUBMIT

AUTH = {"Authorization": "Bearer test"}


@pytest.fixture
def server(contract: Contract) -> Iterator[Server]:
    """A server on a free port in this process, whose tasks end at once."""
    settings = make_settings(contract, port=0, pace="instant", max_body=100_000)
    with Server(Service(contract, settings)) as server:
        yield server


def test_end_to_end_in_a_process_of_its_own(contract: Contract) -> None:
    """The seed's request with requests: states, webhook equal to the poll, image, clean end."""
    arrived: queue.Queue[dict[str, Any]] = queue.Queue()
    with _receiver(arrived) as callback_url, _process("--duration", "600ms") as base:
        document = {**SEED, "callBackUrl": callback_url}
        with requests.Session() as session:
            session.headers.update(AUTH)
            submitted = session.post(f"{base}{SUBMIT}", json=document, timeout=5)
            url = f"{base}/api/v1/task/{submitted.json()['data']['taskId']}"
            first = session.get(url, timeout=5).json()

            called = arrived.get(timeout=5)

            last = session.get(url, timeout=5)
            image = requests.get(last.json()["data"]["result"]["urls"][0], timeout=5)
            rejected = session.post(f"{base}{SUBMIT}", json={}, timeout=5)
    assert submitted.headers["Content-Type"] == "application/json"
    assert first["data"]["status"] == "PENDING"
    assert called == last.json()
    assert contract.violations("webhook", called) == []
    assert called["data"]["status"] == "SUCCESS"
    assert image.content.startswith(b"\x89PNG")
    assert image.headers["Content-Type"] == "image/png"
    assert (rejected.status_code, rejected.json()["code"]) == (400, 400)


class _process:  # noqa: N801 - reads as a context manager
    """`maxapi-mock serve` on a free port; ends with SIGTERM, and has to end well."""

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-m", "mockserver", "serve", "--port", "0", *options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found, line
        return found[0]

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.communicate(timeout=10)
        assert self._process.returncode == 0


class _receiver:  # noqa: N801
    """A webhook receiver that puts each body into a queue."""

    def __init__(self, arrived: queue.Queue[dict[str, Any]]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                arrived.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}/hook"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def test_head_has_the_headers_and_no_body(server: Server) -> None:
    """As HTTP says; the connection stays usable."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    lengths = []

    for method in ("GET", "HEAD", "GET"):
        connection.request(method, "/api/v1/task/none", headers=AUTH)
        response = connection.getresponse()
        lengths.append((response.status, response.headers["Content-Length"], len(response.read())))

    connection.close()
    assert lengths == [(404, "45", 45), (404, "45", 0), (404, "45", 45)]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_body_is_rejected_and_the_connection_lives(
    server: Server, *, chunked: bool
) -> None:
    """413 after reading, not a broken pipe; also for a body of unknown length."""
    headers = AUTH | {"Content-Type": "application/json"}
    body = (b"x" * 50_000 for _ in range(20)) if chunked else b"x" * 1_000_000

    with requests.Session() as session:
        rejected = session.post(f"{server.url}{SUBMIT}", data=body, headers=headers, timeout=5)
        after = session.post(f"{server.url}{SUBMIT}", json=SEED, headers=AUTH, timeout=5)

    assert (rejected.status_code, after.status_code) == (413, 200)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/a%20b", "'/a b'"),
        ("/%ff", ""),
        ("/__mock/tasks/%2541", "'%41'"),
        ("/api/v1/task/%2541", "'%41'"),
        ("/__mock/tasks/a%3Fb", "'a?b'"),
        ("/images/%00/x/image-0.png", ""),
    ],
)
def test_paths_are_decoded_once(server: Server, path: str, said: str) -> None:
    """Escapes, broken ones too, end in the API's 404, on every way through the server."""
    answer = requests.get(f"{server.url}{path}", headers=AUTH, timeout=5)

    assert (answer.status_code, answer.json()["code"]) == (404, 404)
    assert said.strip("'") in answer.json()["msg"]


def test_the_control_plane_is_served(server: Server) -> None:
    """Through the same port, with the same token."""
    requests.post(f"{server.url}{SUBMIT}", json=SEED, headers=AUTH, timeout=5)

    listed = requests.get(f"{server.url}/__mock/tasks", headers=AUTH, timeout=5).json()
    reset = requests.post(f"{server.url}/__mock/reset?all=false", headers=AUTH, timeout=5).json()

    assert [task["status"] for task in listed["tasks"]] == ["SUCCESS"]
    assert reset == {"tasks": 1}


def test_a_failure_of_the_mock_is_a_500_in_the_envelope(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged with its traceback, and the client learns nothing of the inside."""
    server.service.respond = lambda _: 1 / 0  # type: ignore[assignment,method-assign,return-value]

    answer = requests.get(f"{server.url}/api/v1/task/x", headers=AUTH, timeout=5)

    assert answer.json() == {"code": 500, "msg": "internal server error"}
    assert "ZeroDivisionError" in caplog.text


def test_a_port_in_use_is_said(server: Server, contract: Contract) -> None:
    """A second server would share the port, and each would get half of the requests."""
    settings = make_settings(contract, port=server.port)

    with pytest.raises(ServerError, match=r"cannot listen on .*: Address already in use"):
        Server(Service(contract, settings)).start()


def test_a_host_that_is_not_here_is_said(contract: Contract) -> None:
    """The message names the address and the system's reason."""
    settings = make_settings(contract, port=0, host="192.0.2.1")

    with pytest.raises(ServerError, match=r"cannot listen on 192\.0\.2\.1:0: "):
        Server(Service(contract, settings)).start()


def test_a_server_that_cannot_start_says_why(
    contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its exception, not by a traceback of a thread."""

    def fail(*_: object) -> None:
        raise RuntimeError("no more threads")

    monkeypatch.setattr("mockserver.web.listener.LoopThread.start", fail)

    with pytest.raises(ServerError, match=r"127\.0\.0\.1:.* did not start: no more threads$"):
        Server(Service(contract, make_settings(contract, port=0))).start()


def test_an_unfinished_request_does_not_keep_the_server(server: Server) -> None:
    """Nobody waits for the rest of it when the server stops."""
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"POST /api/v1/task/submit HTTP/1.1\r\nContent-Length: 10\r\n")
        requests.get(f"{server.url}/__mock/health", timeout=5)

        started = time.monotonic()
        server.stop()

        assert time.monotonic() - started < 5


@pytest.mark.parametrize("tls", [False, True])
def test_idle_clients_do_not_delay_the_end(contract: Contract, *, tls: bool) -> None:
    """A kept connection is closed, and its client need not reply to that."""
    server = Server(Service(contract, make_settings(contract, port=0, tls=tls)))
    server.start()
    verify = str(server.authority.authority) if server.authority else True
    with requests.Session() as session:
        session.get(f"{server.url}/__mock/health", timeout=5, verify=verify)
        started = time.monotonic()

        server.stop()

        assert time.monotonic() - started < listener._GRACE


def test_small_pieces_are_sent_at_once(server: Server) -> None:
    """Nagle's algorithm would delay the second piece of a response by 40 ms."""
    seen = queue.Queue[int]()

    class Seeing(Connection):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            opened = transport.get_extra_info("socket")
            seen.put(opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            super().connection_made(transport)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mockserver.web.listener.Connection", Seeing)
        requests.get(f"{server.url}/__mock/health", timeout=5)

    assert seen.get(timeout=5) != 0


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:"),
        ("localhost", "http://127.0.0.1:"),
        ("::1", "http://[::1]:"),
    ],
)
def test_other_addresses(contract: Contract, host: str, url: str) -> None:
    """All interfaces, and IPv6; the URL is one that works here."""
    if host == "::1" and not _has_ipv6():
        pytest.skip("no IPv6 loopback on this machine")
    settings = make_settings(contract, port=0, host=host)

    with Server(Service(contract, settings)) as server:
        answer = requests.get(f"{server.url}/__mock/health", timeout=5)

    assert server.url.startswith(url)
    assert answer.json() == {"status": "ok"}


def _has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def test_serving_imports_no_test_tool_and_no_image_library() -> None:
    """What a start does not need is not loaded: it has to be quick."""
    code = (
        "import sys, threading, urllib.request\n"
        "from mockserver.cli import main\n"
        "import mockserver.web.server as s\n"
        "start = s.Server.start\n"
        "def stop_soon(self):\n"
        "    start(self)\n"
        "    urllib.request.urlopen(self.url + '/__mock/health').read()\n"
        "    bad = {'hypothesis', 'pytest', 'PIL', 'urllib3', 'jsonschema'} & set(sys.modules)\n"
        "    print(sorted(bad))\n"
        "    import os, signal; os.kill(os.getpid(), signal.SIGINT)\n"
        "s.Server.start = stop_soon\n"
        "raise SystemExit(main(['serve', '--port', '0']))\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
        env={name: value for name, value in os.environ.items() if "COV" not in name},
    )

    assert done.stdout.splitlines()[0] == "[]"
