"""`maxapi-mock listen`: a webhook inbox for the terminal."""

from __future__ import annotations

import io
import queue
import re
import signal
import socket
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
import requests

from mockserver.cli import main
from mockserver.commands import listen
from mockserver.testing import InboxServer, MaxapiSandbox, RunningMock, Webhook, running_mock
from tests.client import SUBMIT
from tests.commands.test_run import execute, outside

LISTEN = (sys.executable, "-m", "mockserver", "listen")


@pytest.fixture(scope="module")
def mock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMock]:
    """A real mock, which sends the webhooks."""
    with running_mock(tmp_path_factory.mktemp("mock")) as mock:
        yield mock


@pytest.fixture
def sandbox(mock: RunningMock) -> Iterator[MaxapiSandbox]:
    """A sandbox of the test's own, whose clock stands still."""
    sandbox = mock.sandbox()
    yield sandbox
    sandbox.close()


class Listener:
    """A process that listens, and what it has printed."""

    def __init__(self, folder: Path, options: Sequence[str], environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [*LISTEN, "--port", "0", *options],
            cwd=folder,
            env=outside(folder, **environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()
        self.url = self.line().split()[-1]

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))

    def line(self) -> str:
        """Await a line."""
        return self._lines.get(timeout=10)

    def webhook(self) -> list[str]:
        """Await the lines about one webhook, without the first one, which has the time in it."""
        lines = [self.line()]
        while not lines[-1].startswith("  answered "):
            lines.append(self.line())
        return lines[1:]

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """End it; give its status and its errors."""
        self.process.send_signal(number)
        status = self.process.wait(10)
        self._reader.join(10)
        assert self.process.stderr is not None
        return status, self.process.stderr.read()


@contextmanager
def listening(folder: Path, *options: str, **environment: str) -> Iterator[Listener]:
    """Listen on a free port until the test is done; it has to end well then."""
    listener = Listener(folder, options, environment)
    with listener.process as process:
        try:
            yield listener
            assert listener.end() == (0, "")
        finally:
            process.kill()


def polling(sandbox: MaxapiSandbox) -> dict[str, str]:
    """Give the environment that lets the listener poll in a sandbox."""
    return {"MAXAPI_MOCK_URL": sandbox.base_url, "MAXAPI_API_KEY": sandbox.api_key}


def call(sandbox: MaxapiSandbox, url: str, scenario: str = "success") -> str:
    """Let a task end, and its webhooks with it; give its id."""
    document = {
        "model": "gpt-image-2/text-to-image",
        "input": {"prompt": f"a cat #mock:{scenario}"},
        "callBackUrl": url,
    }
    answer = requests.post(
        sandbox.base_url + SUBMIT,
        json=document,
        headers={"Authorization": f"Bearer {sandbox.api_key}"},
        timeout=5,
    )
    sandbox.wait_until_idle()
    return str(answer.json()["data"]["taskId"])


def test_a_webhook_is_printed_and_compared_with_a_poll(
    tmp_path: Path, sandbox: MaxapiSandbox
) -> None:
    """When it came, where to, of which task, and that all is well."""
    with listening(tmp_path, **polling(sandbox)) as listener:
        task_id = call(sandbox, f"{listener.url}hooks?a=1")
        first, *rest = [listener.line() for _ in range(4)]

    assert first[8:] == f" POST {listener.url}hooks?a=1"
    assert rest == [f"  task {task_id} SUCCESS, conforms", "  equal to a poll", "  answered 200"]
    assert [one["status"] for one in sandbox.deliveries] == [200]


def test_each_difference_to_a_poll_is_shown(tmp_path: Path, sandbox: MaxapiSandbox) -> None:
    """With its place and both values."""
    with listening(tmp_path, **polling(sandbox)) as listener:
        task_id = call(sandbox, listener.url, "webhook-conflicting")
        conforms, differs, *differences, answered = listener.webhook()

    assert conforms == f"  task {task_id} FAILURE, conforms"
    assert differs == "  differs from a poll:"
    assert differences[0] == "    data.status: webhook 'FAILURE', poll 'SUCCESS'"
    assert differences[1].startswith("    data.result: webhook None, poll {'type': 'image', ")
    assert len(differences) == 2
    assert answered == "  answered 200"


@pytest.mark.parametrize(
    ("scenario", "size", "violation"),
    [
        ("webhook-truncated", r"does not conform; \d+ bytes: b'{", "body: not valid JSON: "),
        ("webhook-redirected", r"does not conform; 0 bytes: b''$", "method: GET is not POST"),
    ],
)
def test_what_does_not_conform_is_said(
    tmp_path: Path, sandbox: MaxapiSandbox, scenario: str, size: str, violation: str
) -> None:
    """With how much came, how it begins, and what is wrong with it; it is answered all the same."""
    with listening(tmp_path, **polling(sandbox)) as listener:
        call(sandbox, listener.url, scenario)
        first, second, answered = listener.webhook()

    assert re.match(f"  {size}", first)
    assert second.startswith(f"    {violation}")
    assert answered == "  answered 200"


def test_answers_are_given_in_turn(tmp_path: Path, sandbox: MaxapiSandbox) -> None:
    """The last one from then on: the mock tries again as long as it is refused."""
    with listening(tmp_path, "--respond", "500, 404,200", **polling(sandbox)) as listener:
        for _ in range(2):
            call(sandbox, listener.url)
        printed = [listener.webhook()[-1] for _ in range(4)]

    assert printed == [f"  answered {status}" for status in (500, 404, 200, 200)]
    assert [one["status"] for one in sandbox.deliveries] == [500, 404, 200, 200]


def test_webhooks_are_passed_on(tmp_path: Path, sandbox: MaxapiSandbox) -> None:
    """As they came; and what the other one answers goes back."""
    with InboxServer() as server:
        inbox = server.inbox()
        inbox.respond(503)
        options = ("--forward-to", f"{inbox.url}?b=2")
        with listening(tmp_path, *options, **polling(sandbox)) as listener:
            task_id = call(sandbox, listener.url)
            printed = [listener.webhook()[-2:] for _ in range(2)]

    first, second = inbox.received
    forwarded = f"  forwarded to {inbox.url}?b=2"
    assert printed == [[forwarded, "  answered 503"], [forwarded, "  answered 200"]]
    assert (first.method, first.url) == ("POST", f"{inbox.url}?b=2")
    assert first.headers["content-type"] == "application/json"
    assert first.headers["user-agent"].startswith("maxapi-mockserver/")
    assert first.body == second.body
    assert first.task["taskId"] == task_id


def test_a_dead_receiver_behind_it_is_said(tmp_path: Path, sandbox: MaxapiSandbox) -> None:
    """The mock gets a 502, as from any proxy."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
    sandbox.settings(webhook_tries=1)

    with listening(tmp_path, "--forward-to", url, **polling(sandbox)) as listener:
        call(sandbox, listener.url)
        said, answered = listener.webhook()[-2:]

    assert said.startswith("  not forwarded: NewConnectionError: ")
    assert answered == "  answered 502"
    assert [one["status"] for one in sandbox.deliveries] == [502]


def test_without_a_token_nothing_is_polled(tmp_path: Path, sandbox: MaxapiSandbox) -> None:
    """It is said once, and the webhook is still held against the contract."""
    with listening(tmp_path, MAXAPI_MOCK_URL=sandbox.base_url) as listener:
        said = listener.line()
        task_id = call(sandbox, listener.url)
        printed = listener.webhook()

    assert said == "not compared with polls: MAXAPI_API_KEY is not set"
    assert printed == [f"  task {task_id} SUCCESS, conforms", "  answered 200"]
    assert [one["method"] for one in sandbox.requests] == ["POST"]


def test_the_options_go_before_the_environment(tmp_path: Path, sandbox: MaxapiSandbox) -> None:
    """Which API is polled, and with which token."""
    options = ("--url", f"{sandbox.base_url}/", "--token-env", "MINE")
    environment = {"MAXAPI_MOCK_URL": "http://127.0.0.1:9", "MAXAPI_API_KEY": "other"}

    with listening(tmp_path, *options, MINE=sandbox.api_key, **environment) as listener:
        call(sandbox, listener.url)

        assert listener.webhook()[1:] == ["  equal to a poll", "  answered 200"]


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"MAXAPI_API_KEY": "other"}, "not compared: the poll answered 404 {'code': 404, 'msg': "),
        ({"MAXAPI_MOCK_URL": "http://127.0.0.1:9"}, "not compared with a poll: NewConnectionError"),
        ({"MAXAPI_API_KEY": "line\nbreak"}, "not compared with a poll: "),
    ],
)
def test_a_poll_that_fails_is_said(
    tmp_path: Path, sandbox: MaxapiSandbox, environment: dict[str, str], said: str
) -> None:
    """The webhook is answered all the same."""
    with listening(tmp_path, **(polling(sandbox) | environment)) as listener:
        call(sandbox, listener.url)
        lines = listener.webhook()

    assert lines[1].startswith(f"  {said}")
    assert lines[2:] == ["  answered 200"]


class _Written(io.StringIO):
    """A terminal that notes each write: between two of them, another thread may write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []

    def write(self, text: str) -> int:
        self.writes.append(text)
        return len(text)


def test_the_lines_of_a_webhook_stand_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of another one, which comes at the same time, do not get between them."""
    options = Namespace(forward_to=None, url="http://127.0.0.1:9")
    receiver = listen._Receiver(options, [200], None)
    monkeypatch.setattr(sys, "stdout", written := _Written())

    receiver(Webhook("GET", "http://127.0.0.1/", {}, b""))

    [text] = written.writes
    assert text.endswith("  answered 200\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it(tmp_path: Path, number: signal.Signals) -> None:
    """With status 0 and not a word; the port is free again."""
    with listening(tmp_path) as listener:
        ended = listener.end(number)

        assert ended == (0, "")
        with pytest.raises(requests.ConnectionError):
            requests.post(listener.url, timeout=5)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--respond", "500,,200"], "--respond: '500,,200' is not accepted; use such as 500,500,"),
        (["--respond", "100"], "--respond: '100' is not accepted"),
        (["--respond", ""], "--respond: '' is not accepted"),
        (["--port", "65536"], "--port: 65536 is not accepted; use an integer from 0 to 65535"),
        (["--port", "x"], "argument --port: invalid int value: 'x'"),
        (["--url", "ftp://a"], "--url: 'ftp://a' is not accepted; use an http URL"),
        (["--url", "http://[a"], "--url: 'http://[a' is not accepted"),
        (["--forward-to", "here"], "--forward-to: 'here' is not accepted; use an http URL"),
        (["--forward-to", "http://a:x"], "--forward-to: 'http://a:x' is not accepted"),
        (["--respond", "500", "--forward-to", "http://a"], "not allowed with argument --respond"),
        (["--prot", "1"], "unrecognized arguments: --prot"),
    ],
)
def test_wrong_options_end_with_2_and_one_line(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    said: str,
) -> None:
    """It says what is wrong, and listens to nobody."""
    monkeypatch.setattr("mockserver.testing.inbox.InboxServer", lambda **_: pytest.fail("listens"))

    try:
        status = main(["listen", *options])
    except SystemExit as stop:
        status = int(stop.code or 0)

    out, err = capsys.readouterr()
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("maxapi-mock")
    assert said in err


def test_a_port_in_use_is_said_in_one_line(tmp_path: Path) -> None:
    """With the system's reason."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = execute(tmp_path, [*LISTEN, "--port", str(port)])

    assert (done.returncode, done.stdout) == (2, "")
    said = f"cannot listen on 127.0.0.1:{port}: Address already in use; --port 0 takes a free one"
    assert done.stderr == f"maxapi-mock listen: {said} (see maxapi-mock listen --help)\n"


def test_nobody_who_reads_is_no_reason_not_to_answer(
    tmp_path: Path, sandbox: MaxapiSandbox
) -> None:
    """`maxapi-mock listen | head -3` is no failure of the app that sends webhooks."""
    sandbox.settings(webhook_tries=1)
    process = subprocess.Popen(
        [*LISTEN, "--port", "0"],
        cwd=tmp_path,
        env=outside(tmp_path, **polling(sandbox)),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        process.stdout.close()
        call(sandbox, url)
        process.terminate()

    assert [one["status"] for one in sandbox.deliveries] == [200]
