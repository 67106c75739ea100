"""`maxapi-mock proxy`: an app's own traffic, checked by the contract."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
import urllib3

from mockserver.testing.inbox import InboxServer
from mockserver.testing.mocks import RunningMock, running_mock
from tests.proxy.upstream import saying, upstream

pytestmark = pytest.mark.slow

KEY = "the-own-key-of-the-app"
DRAW: dict[str, Any] = {"model": "gpt-image-2/text-to-image", "input": {"prompt": "a cat"}}
GATEWAY = b"HTTP/1.1 502 Bad\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"
SUBMIT = "/api/v1/task/submit"
PROXY = (sys.executable, "-m", "mockserver", "proxy")


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    """An upstream that keeps the contract."""
    with running_mock() as mock:
        yield mock


@pytest.fixture
def http() -> Iterator[urllib3.PoolManager]:
    """A client with the app's key."""
    headers = {"Authorization": f"Bearer {KEY}"}
    with urllib3.PoolManager(headers=headers, retries=False, timeout=10) as http:
        yield http


class Running:
    """The command, and what it prints."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.printed = ""
        self.url = self.until("passes everything to").split()[2]
        self.until("findings are printed here")

    def until(self, words: str) -> str:
        """Await a line with *words*; return it."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.printed += line
            if words in line:
                return line
        raise AssertionError(f"{words!r} was not printed: {self.printed}")

    def ends(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send a signal; return the exit status."""
        assert self.process.stdout is not None
        self.process.send_signal(number)
        self.printed += self.process.stdout.read()
        return self.process.wait(30)


@contextmanager
def running(folder: Path, upstream: str, *options: str) -> Iterator[Running]:
    """Run the command next to the test; it has a minute."""
    process = subprocess.Popen(
        [*PROXY, "--upstream", upstream, "--port", "0", *options],
        cwd=folder,
        env={k: v for k, v in os.environ.items() if not k.startswith("MAXAPI")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = Timer(60, process.kill)
    deadline.start()
    with process:
        try:
            yield Running(process)
        finally:
            deadline.cancel()
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_traffic_that_conforms_ends_with_success(
    tmp_path: Path, mock: RunningMock, http: urllib3.PoolManager, number: signal.Signals
) -> None:
    """Whichever signal ends it; what passed is counted."""
    with running(tmp_path, mock.url) as proxy:
        task = http.request("POST", proxy.url + SUBMIT, json=DRAW).json()["data"]["taskId"]
        polled = http.request("GET", f"{proxy.url}/api/v1/task/{task}").json()

        status = proxy.ends(number)

    assert polled["data"]["taskId"] == task
    assert status == 0
    assert proxy.printed.startswith(
        f"maxapi-mock proxy {proxy.url} passes everything to {mock.url}\n"
        f"findings are printed here, and returned by GET {proxy.url}/__mock/report\n"
        "maxapi-mock proxy: no drift"
    )
    assert "requests   2, 1 of them submissions\n" in proxy.printed


def test_drift_is_printed_as_it_comes_and_ends_with_failure(
    tmp_path: Path, http: urllib3.PoolManager
) -> None:
    """With clause, what was expected and what was observed; once, and how often at the end."""
    with (
        upstream(saying(GATEWAY, GATEWAY)) as server,
        running(tmp_path, server.url, "--report", "report") as proxy,
    ):
        for _ in range(2):
            answer = http.request("GET", f"{proxy.url}/api/v1/task/x?token={KEY}")
        proxy.until("drift: A request")
        proxy.until("exchange")

        status = proxy.ends()

    report = json.loads((tmp_path / "report/report.json").read_text())
    assert answer.data == b"<html>"
    assert status == 1
    assert proxy.printed.count("drift: A request returned ") == 1
    assert "seen       2 of 2 times: A request returned 502" in proxy.printed
    for line in (
        "  expected   a JSON object\n",
        "  observed   502, text/html: '<html>'\n",
        "  clause     envelope.json#\n",
        "  exchange   GET /api/v1/task/x -> 502\n",
        "maxapi-mock proxy: 1 finding of drift",
    ):
        assert line in proxy.printed
    assert [one["check"] for one in report["findings"]] == ["responses"]


def test_reports_and_recordings_have_all_but_secrets(
    tmp_path: Path, mock: RunningMock, http: urllib3.PoolManager
) -> None:
    """A webhook that comes by is checked too; no token and no address of the app is anywhere."""
    with InboxServer() as inboxes, socket.create_server(("127.0.0.1", 0)) as free:
        inbox, port = inboxes.inbox(), free.getsockname()[1]
        free.close()
        public = f"http://127.0.0.1:{port}"
        options = ("--port", f"{port}", "--public-url", public, "--record", "a/b", "--report", "c")
        sandbox = mock.sandbox(KEY)
        with running(tmp_path, mock.url, *options) as proxy:
            hook = f"{inbox.url}?password=a-secret-word"
            document = {**DRAW, "callBackUrl": hook, "user_id": "jane@app.example"}
            http.request("POST", proxy.url + SUBMIT, json={**DRAW, "input": {}})
            submitted = http.request("POST", proxy.url + SUBMIT, json=document).json()
            url = f"{proxy.url}/api/v1/task/{submitted['data']['taskId']}"
            http.request("GET", url)
            sandbox.wait_for(submitted["data"]["taskId"])
            polled = http.request("GET", url).json()
            [webhook] = inbox.wait()
            shown = http.request("GET", f"{proxy.url}/__mock/report")
            page = http.request(
                "GET", f"{proxy.url}/__mock/report", headers={"Accept": "text/html"}
            )

            status = proxy.ends()
        sandbox.close()

    written = {str(one.relative_to(tmp_path)): one.read_text() for one in _files(tmp_path)}
    passed = {one["check"] for one in shown.json()["checks"] if one["status"] == "passed"}
    assert status == 0, proxy.printed
    assert webhook.json == polled
    assert webhook.url == hook
    assert {"webhook-conforms", "webhook-equals-poll", "webhook-after-end"} <= passed
    assert (
        "warning: The app itself submitted an invalid document: input.prompt missing"
        in proxy.printed
    )
    assert json.loads(written["c/report.json"])["checks"] == shown.json()["checks"]
    assert page.data.startswith(b"<!doctype html>")
    assert {name.split("/")[2] for name in written if name.startswith("a/b/")} == {
        "submit-request",
        "submit-response",
        "task-response",
        "webhook",
        "error",
        "recordings",
    }
    assert f"recorded   {sum('recorded' in name for name in written)} new documents\n" in (
        proxy.printed
    )
    everything = [proxy.printed, shown.data.decode(), page.data.decode(), *written.values()]
    for secret in (KEY, "a-secret-word", inbox.url.rpartition("/")[2]):
        assert [one for one in everything if secret in one] == []
    assert "jane" not in "".join(text for name, text in written.items() if name.startswith("a/b"))


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def test_an_upstream_that_is_down_is_reported(tmp_path: Path, http: urllib3.PoolManager) -> None:
    """It is not drift, but nothing was checked; no response is invented for the client."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        nobody = f"127.0.0.1:{server.getsockname()[1]}"
    with running(tmp_path, f"http://{nobody}", "--report", "out") as proxy:
        for _ in range(2):
            with pytest.raises(urllib3.exceptions.ProtocolError):
                http.request("GET", f"{proxy.url}/api/v1/task/x")

        notice = proxy.until("notice: ")
        status = proxy.ends()

    why = f"--upstream: connection refused at {nobody}; is it running, and is the URL right?"
    assert notice == f"notice: {why}\n"
    assert status == 2
    assert "maxapi-mock proxy: nothing was checked\n" in proxy.printed
    assert "(2 times)\n" in proxy.printed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--upstream", "nowhere"],
            "--upstream: 'nowhere' is not accepted: the URL is not an http or https URL",
        ),
        (["--upstream", "ftp://a"], "--upstream: 'ftp://a' is not accepted"),
        (["--upstream", "http://a/api"], "--upstream: 'http://a/api' is not accepted"),
        (["--upstream", "http://u@a"], "--upstream: 'http://[redacted]@a' is not accepted"),
        (["--upstream", "http://a:99999"], "--upstream: 'http://a:99999' is not accepted"),
        (["--upstream", "http://" + "a" * 70], "is not accepted"),
        (["--public-url", "https://a/?b"], "--public-url: 'https://a/?b' is not accepted"),
        (["--port", "65536"], "--port: '65536' is not accepted; use an integer from 0 to 65535"),
        (["--port", "x"], "--port: 'x' is not accepted; use an integer from 0 to 65535"),
        (["--record", "file"], "--record: file: File exists; use a folder"),
        (["--report", "file/a"], "--report: file/a: Not a directory; use a folder"),
        (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1:0: "),
        (["x"], "unrecognized arguments: x"),
    ],
)
def test_wrong_options_are_rejected_in_one_line(
    tmp_path: Path, options: list[str], message: str
) -> None:
    """With what is accepted, and the status of wrong usage."""
    (tmp_path / "file").write_text("")

    done = subprocess.run(
        [*PROXY, "--port", "0", *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("maxapi-mock")
    assert message in done.stderr
    assert done.stderr.endswith("--help)\n")
    assert done.stderr.count("\n") == 1


def test_it_can_neither_take_a_port_in_use_nor_be_its_own_upstream(tmp_path: Path) -> None:
    """The one is told as such, and the other would go round for ever."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = f"{server.getsockname()[1]}"
        taken = _run(tmp_path, "--port", port)

    itself = _run(tmp_path, "--port", port, "--upstream", f"http://localhost:{port}")

    assert (taken.returncode, itself.returncode) == (2, 2)
    assert f"cannot listen on 127.0.0.1:{port}: " in taken.stderr
    assert f"--upstream: http://localhost:{port} is this proxy itself" in itself.stderr


def _run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROXY, *options], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
