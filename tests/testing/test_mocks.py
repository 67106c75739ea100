"""Mocks for tests: how they are configured, what they call, and what they leave behind."""

from __future__ import annotations

import json
import socket
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest
import requests

from mockserver.contract import Contract
from mockserver.domain.script import WireFault
from mockserver.engine.messages import Fault, Request
from mockserver.engine.service import Service
from mockserver.settings import SettingError, make_settings
from mockserver.testing import (
    ControlError,
    InboxServer,
    InProcessMock,
    MaxapiSandbox,
    RunningMock,
    Webhook,
    running_mock,
)
from mockserver.web.server import Server
from tests.client import SUBMIT, seed
from tests.web.wsgi_client import call

PROC = Path("/proc/self/fd")


def submit(sandbox: MaxapiSandbox, **more: Any) -> requests.Response:
    """Submit a request with the key of a sandbox."""
    headers = {"Authorization": f"Bearer {sandbox.api_key}"}
    return requests.post(sandbox.base_url + SUBMIT, json=seed() | more, headers=headers, timeout=5)


@contextmanager
def configured(folder: Path, text: str, **settings: Any) -> Iterator[MaxapiSandbox]:
    """Run a mock with a config file and *settings*; return a sandbox."""
    (folder / "maxapi-mock.toml").write_text(text)
    with running_mock(folder, **settings) as mock:
        sandbox = mock.sandbox()
        yield sandbox
        sandbox.close()


# -- settings --------------------------------------------------------------------------------


def test_the_folder_configures_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment takes precedence over it, and the test over both."""
    monkeypatch.setenv("MAXAPI_MOCK_DURATION", "5m")
    text = 'pace = "instant"\nduration = "1m"\nbalance = "1"\nwebhook-tries = 5\n'

    with configured(tmp_path, text, balance=2.5, strict_callbacks=True) as sandbox:
        found = sandbox.settings()

    names = ("pace", "duration", "balance", "strict-callbacks", "webhook-tries", "webhook-timeout")
    assert [found[name] for name in names] == ["instant", "5m", "2.5", "true", "5", "10s"]


@pytest.mark.parametrize(
    "text",
    [
        'host = "0.0.0.0"\nport = 1',
        'control-token = "hush"',
        'api-key = ["only", "these"]',
        'public-url = "https://files.example.com"',
        "tls = true",
        'callback-allow = "app.example.com"',
    ],
)
def test_settings_for_a_shared_server_do_not_count(tmp_path: Path, text: str) -> None:
    """A test's mock is on this machine, for this test, and reaches its inbox."""
    with InboxServer() as inboxes, configured(tmp_path, text) as sandbox:
        inbox = inboxes.inbox()
        response = submit(sandbox, callBackUrl=inbox.url)
        task = sandbox.wait_for(response.json()["data"]["taskId"])

        assert len(inbox.wait()) == 1
    assert task["result"]["urls"][0].startswith("http://127.0.0.1:")


def test_a_test_can_name_the_base_of_result_urls() -> None:
    """The same as on the command line."""
    with running_mock(public_url="https://files.example.com", pace="instant") as mock:
        submit(sandbox := mock.sandbox())
        [task] = sandbox.tasks

    assert task["result"]["urls"][0].startswith("https://files.example.com/images/")


def test_a_test_can_name_the_keys() -> None:
    """Others are rejected then."""
    with running_mock(api_key="mine") as mock:
        headers = {"Authorization": "Bearer another"}
        response = requests.get(f"{mock.url}/api/v1/task/x", headers=headers, timeout=5)

    assert response.status_code == 401


def test_a_test_can_name_a_control_token() -> None:
    """Its sandboxes send it."""
    with running_mock(control_token="hush") as mock:
        sandbox = mock.sandbox()

        assert sandbox.clock.frozen
        sandbox.close()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"pace": "fast"}, r"pace: 'fast' is not accepted; .* \(set by the argument pace\)"),
        ({"webhook_tries": 0}, "webhook-tries: "),
        ({"config": "/none.toml"}, "config: /none.toml: No such file"),
    ],
)
def test_wrong_settings_are_one_clear_line(settings: dict[str, Any], said: str) -> None:
    """Before anything is started."""
    with pytest.raises(SettingError, match=said) as error, running_mock(**settings):
        pass

    assert "\n" not in str(error.value)


def test_an_unknown_setting_is_named() -> None:
    """A typing error must not go unnoticed."""
    said = r"paec: no such setting \(in the arguments\), did you mean pace\?"

    with pytest.raises(SettingError, match=said), running_mock(paec="instant"):  # type: ignore[call-arg]
        pass


# -- sandboxes -------------------------------------------------------------------------------


def test_each_sandbox_has_a_new_key_and_a_clock_that_stands() -> None:
    """Unless a key is given."""
    with running_mock() as mock:
        sandboxes = [mock.sandbox(), mock.sandbox(), mock.sandbox("mine")]
        frozen = [one.clock.frozen for one in sandboxes]
        for one in sandboxes:
            one.close()

    assert frozen == [True] * 3
    assert len({one.api_key for one in sandboxes}) == 3
    assert sandboxes[2].api_key == "mine"
    assert {one.base_url for one in sandboxes} == {mock.url}


def test_a_control_token_is_sent(contract: Contract) -> None:
    """A mock that has one cannot be controlled without it."""
    settings = make_settings(contract, port=0, control_token="hush")
    with Server(Service(contract, settings)) as server:
        with pytest.raises(ControlError, match="needs its token") as rejection:
            RunningMock(server.url).sandbox()
        sandbox = RunningMock(server.url, "hush").sandbox()

        assert sandbox.clock.frozen
        sandbox.close()
    assert rejection.value.status == 403


@pytest.fixture
def web_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server that is not a mock and responds with the parameter to everything; yields its URL."""
    status, body = request.param

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST  # noqa: N815 - the library's own name

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    "web_server",
    [
        (200, b"<html>"),
        (404, b""),
        (200, b"\xff\x00"),
        (302, b"moved"),
        (500, b'{"error": "out of order"}'),
        (404, b"[]"),
        (200, b"null"),
        (200, b"{}"),
    ],
    indirect=True,
)
def test_what_is_not_a_mock_is_recognized(web_server: str) -> None:
    """Whatever it responds, the error is one that callers expect."""
    with pytest.raises(ControlError):
        RunningMock(web_server).sandbox().settings()


def test_threads_that_ask_at_once_get_one_application(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is made once, for the first of them."""
    made: list[object] = []
    together = Barrier(2)

    def create_app(_service: Service) -> object:
        made.append(object())
        with suppress(BrokenBarrierError):
            together.wait(0.2)  # for another one, which must not come
        return made[-1]

    monkeypatch.setattr("mockserver.web.app.create_app", create_app)
    with closing(InProcessMock("https://api.example.com")) as mock, ThreadPoolExecutor(2) as pool:
        apps = [one.result(5) for one in [pool.submit(lambda: mock.app) for _ in range(2)]]

    assert apps == made * 2
    assert len(made) == 1


# -- webhooks --------------------------------------------------------------------------------


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A receiver on this machine under the name of another one; yields its URL."""
    look_up = socket.getaddrinfo

    def nearby(host: Any, *more: Any, **options: Any) -> Any:
        return look_up("127.0.0.1" if host == "app.example.com" else host, *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", nearby)
    with InboxServer() as server:
        yield server.inbox().url.replace("127.0.0.1", "app.example.com")


@pytest.mark.parametrize(
    ("allowed", "error"),
    [
        ({}, "not sent: app.example.com is not this machine; --callback-allow names others"),
        ({"callback_allow": "app.example.com"}, None),
        ({"callback_allow": "other.example.com,*.example.com"}, None),
    ],
)
def test_webhooks_stay_on_this_machine_unless_a_host_is_named(
    far: str, allowed: dict[str, Any], error: str | None
) -> None:
    """So no test calls other machines."""
    with running_mock(webhook_tries=1, **allowed) as mock:
        submit(sandbox := mock.sandbox(), callBackUrl=far)
        sandbox.wait_until_idle()

        assert [one["error"] for one in sandbox.deliveries] == [error]
        sandbox.close()


@pytest.mark.parametrize(
    ("host", "sent"),
    [
        ("localhost", True),
        ("127.1", True),
        ("2130706433", True),
        ("me@127.0.0.1", True),
        ("127.0.0.1@app.example.com", False),
        ("127.0.0.1.example.com", False),
        ("localhost.example.com", False),
        ("app.example.com/@127.0.0.1", False),
        ("app.example.com?@localhost", False),
    ],
)
def test_spellings_of_this_machine(host: str, *, sent: bool) -> None:
    """The host decides, wherever else a URL mentions this machine."""
    with InboxServer() as inboxes, running_mock(webhook_tries=1) as mock:
        port = inboxes.url.rpartition(":")[2]
        inboxes.owners[""] = lambda _: None
        submit(sandbox := mock.sandbox(), callBackUrl=f"http://{host}:{port}/")
        sandbox.wait_until_idle()

        [delivery] = sandbox.deliveries
        sandbox.close()
    assert (delivery["status"], str(delivery["error"]).startswith("not sent: ")) == (
        (200, False) if sent else (None, True)
    )


# -- without sockets -------------------------------------------------------------------------


def test_a_mock_in_the_process_opens_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """From submission to webhook and file; nor does it start a thread."""
    monkeypatch.setattr(socket, "socket", lambda *_, **__: pytest.fail("a socket"))
    came: list[Webhook] = []
    threads = threading.active_count()
    with closing(InProcessMock("https://api.example.com")) as mock:
        mock.on_webhook = came.append
        sandbox = mock.sandbox()
        headers = {
            "Authorization": f"Bearer {sandbox.api_key}",
            "Content-Type": "application/json",
        }
        body = json.dumps(seed() | {"callBackUrl": "https://app.example.com/hook"}).encode()

        submitted = call(mock.app, "POST", mock.url + SUBMIT, headers, body)
        task = sandbox.wait_for(json.loads(submitted[2])["data"]["taskId"])
        [url] = task["result"]["urls"]
        image = call(mock.app, "GET", url, {})

        assert threading.active_count() == threads
    assert sandbox.base_url == "https://api.example.com"
    assert url.startswith("https://api.example.com/images/")
    assert image[2].startswith(b"\x89PNG")
    assert [one.task["taskId"] for one in came] == [task["taskId"]]


@pytest.mark.parametrize(
    ("scenario", "fault"),
    [
        ("hang", Fault(wire=WireFault.HANG)),
        ("latency=1h, truncated", Fault(latency=3600.0, wire=WireFault.TRUNCATED)),
        ("unavailable", None),
    ],
)
def test_faults_of_the_connection_are_left_to_the_caller(
    scenario: str, fault: Fault | None
) -> None:
    """Without a connection, nothing is late and nothing is cut."""
    headers = {
        "authorization": "Bearer test",
        "content-type": "application/json",
        "x-mock-scenario": scenario,
    }
    with closing(InProcessMock("https://api.example.com")) as mock:
        response = mock.answer(Request("POST", SUBMIT, headers, json.dumps(seed()).encode()))

    assert response.fault == fault
    assert json.loads(response.body)["code"] == (503 if fault is None else 0)


def test_a_held_response_waits_for_its_release() -> None:
    """In the thread of its caller."""
    headers = {"authorization": "Bearer test", "content-type": "application/json"}
    request = Request("POST", SUBMIT, headers, json.dumps(seed()).encode())
    with closing(InProcessMock("https://api.example.com")) as mock, ThreadPoolExecutor(1) as pool:
        sandbox = mock.sandbox("test")
        sandbox.scenario("held", times=1)
        answer = pool.submit(mock.answer, request)
        sandbox.wait_until_held()

        sandbox.release()

        assert answer.result(5).status == 200
        assert len(sandbox.requests) == 1


# -- the end ---------------------------------------------------------------------------------


def use_a_mock() -> list[threading.Thread]:
    """Run a mock, and have it send a webhook; return the threads that stay."""
    before = set(threading.enumerate())
    with InboxServer() as inboxes, running_mock() as mock:
        inbox = inboxes.inbox()
        sandbox = mock.sandbox()
        submit(sandbox, callBackUrl=inbox.url)
        sandbox.clock.run(speed=1000)
        inbox.wait()
        sandbox.close()
    late = set(threading.enumerate()) - before
    for thread in late:
        thread.join(5)
    return [thread for thread in late if thread.is_alive()]


def test_no_thread_and_no_file_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither of the server, nor of the webhooks, nor of the inbox."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    left = use_a_mock()

    assert left == []
    assert list(tmp_path.iterdir()) == []


def sockets() -> set[str]:
    """List the sockets of this process."""
    links = {str(path.readlink()) for path in PROC.iterdir() if path.is_symlink()}
    return {link for link in links if link.startswith("socket:")}


@pytest.mark.skipif(not PROC.is_dir(), reason="the system does not list the files of a process")
def test_no_socket_is_left() -> None:
    """A session that starts many mocks does not run out of files."""
    before = sockets()

    use_a_mock()

    assert sockets() - before == set()
