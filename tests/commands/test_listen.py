"""`maxapi-mock listen`: a webhook inbox for the terminal."""

from __future__ import annotations

import io
import queue
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
import requests

from mockserver.cli import main
from mockserver.commands import listen
from mockserver.commands.polls import Poll, Polls
from mockserver.testing import InboxServer, MaxapiSandbox, RunningMock, Webhook, running_mock
from tests.client import SUBMIT
from tests.commands.test_run import execute, outside
from tests.engine.scripted import Scripted

pytestmark = pytest.mark.slow

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
        while not lines[-1].startswith("  responded "):
            lines.append(self.line())
        return lines[1:]

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """End it; return its status and its errors."""
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
    """Return the environment that lets the listener poll in a sandbox."""
    return {"MAXAPI_MOCK_URL": sandbox.base_url, "MAXAPI_API_KEY": sandbox.api_key}


def call(sandbox: MaxapiSandbox, url: str, scenario: str = "success") -> str:
    """Let a task end, and its webhooks with it; return its id."""
    document = {
        "model": "gpt-image-2/text-to-image",
        "input": {"prompt": f"a cat #mock:{scenario}"},
        "callBackUrl": url,
    }
    response = requests.post(
        sandbox.base_url + SUBMIT,
        json=document,
        headers={"Authorization": f"Bearer {sandbox.api_key}"},
        timeout=5,
    )
    sandbox.wait_until_idle()
    return str(response.json()["data"]["taskId"])


def test_a_webhook_is_printed_and_compared_with_a_poll(
    tmp_path: Path, sandbox: MaxapiSandbox
) -> None:
    """When it came, where to, of which task, and that all is well."""
    with listening(tmp_path, **polling(sandbox)) as listener:
        task_id = call(sandbox, f"{listener.url}hooks?a=1")
        first, *rest = [listener.line() for _ in range(4)]

    assert first[8:] == f" POST {listener.url}hooks?a=1"
    assert rest == [
        f"  task {task_id} SUCCESS, conforms, attempt 1",
        "  equal to a poll",
        "  responded 200",
    ]
    assert [one["status"] for one in sandbox.deliveries] == [200]


def test_each_difference_to_a_poll_is_shown(tmp_path: Path, sandbox: MaxapiSandbox) -> None:
    """With its place and both values."""
    with listening(tmp_path, **polling(sandbox)) as listener:
        task_id = call(sandbox, listener.url, "webhook-conflicting")
        conforms, differs, *differences, answered = listener.webhook()

    assert conforms == f"  task {task_id} FAILURE, conforms, attempt 1"
    assert differs == "  differs from a poll:"
    assert differences[0] == '    data.status: webhook "FAILURE", poll "SUCCESS"'
    assert differences[1].startswith('    data.result: webhook null, poll {"type": "image", ')
    assert len(differences) == 2
    assert answered == "  responded 200"


@pytest.mark.parametrize(
    ("scenario", "size", "violation"),
    [
        ("webhook-truncated", r'does not conform; \d+ bytes: {"code": 0', "body: not valid JSON: "),
        ("webhook-redirected", r"does not conform; 0 bytes$", "method: GET is not POST"),
    ],
)
def test_what_does_not_conform_is_said(
    tmp_path: Path, sandbox: MaxapiSandbox, scenario: str, size: str, violation: str
) -> None:
    """With its size, its beginning, and what is wrong with it; it gets a response all the same."""
    with listening(tmp_path, **polling(sandbox)) as listener:
        call(sandbox, listener.url, scenario)
        first, second, answered = listener.webhook()

    assert re.match(f"  {size}", first)
    assert second.startswith(f"    {violation}")
    assert answered == "  responded 200"


def test_responses_come_in_turn(tmp_path: Path, sandbox: MaxapiSandbox) -> None:
    """The last one from then on: the mock tries again as long as it fails."""
    with listening(tmp_path, "--respond", "500, 404,200", **polling(sandbox)) as listener:
        for _ in range(2):
            call(sandbox, listener.url)
        printed = [listener.webhook()[-1] for _ in range(4)]

    assert printed == [f"  responded {status}" for status in (500, 404, 200, 200)]
    assert [one["status"] for one in sandbox.deliveries] == [500, 404, 200, 200]


def test_webhooks_are_passed_on(tmp_path: Path, sandbox: MaxapiSandbox) -> None:
    """As they came; and the other one's response goes back."""
    with InboxServer() as server:
        inbox = server.inbox()
        inbox.respond(503)
        options = ("--forward-to", f"{inbox.url}?b=2")
        with listening(tmp_path, *options, **polling(sandbox)) as listener:
            task_id = call(sandbox, listener.url)
            printed = [listener.webhook()[-2:] for _ in range(2)]

    first, second = inbox.received
    forwarded = f"  forwarded to {inbox.url}?b=2"
    assert printed == [[forwarded, "  responded 503"], [forwarded, "  responded 200"]]
    assert (first.method, first.url) == ("POST", f"{inbox.url}?b=2")
    assert first.headers["content-type"] == "application/json"
    assert first.headers["user-agent"].startswith("maxapi-mockserver/")
    assert first.body == second.body
    assert first.task["taskId"] == task_id


def test_a_dead_receiver_behind_it_is_said(tmp_path: Path, sandbox: MaxapiSandbox) -> None:
    """The mock gets a 502, as from any proxy."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"127.0.0.1:{server.getsockname()[1]}"
    url = f"http://{place}/"
    sandbox.settings(webhook_tries=1)

    with listening(tmp_path, "--forward-to", url, **polling(sandbox)) as listener:
        call(sandbox, listener.url)
        said, answered = listener.webhook()[-2:]

    refused = f"connection refused at {place}; is your app running there?"
    assert said == f"  not forwarded to {url}: {refused}"
    assert answered == "  responded 502"
    assert [one["status"] for one in sandbox.deliveries] == [502]


def test_a_mock_on_this_machine_needs_no_key(tmp_path: Path, sandbox: MaxapiSandbox) -> None:
    """Nor does the comparison count as the app's: its journal holds what the app did."""
    url = sandbox.base_url.removeprefix("http://")
    with listening(tmp_path, "--url", f"{url}/api/v1/") as listener:
        call(sandbox, listener.url)
        printed = listener.webhook()

    assert printed[1:] == ["  equal to a poll", "  responded 200"]
    assert [one["method"] for one in sandbox.requests] == ["POST"]


def test_attempts_and_reasons_are_shown(tmp_path: Path, sandbox: MaxapiSandbox) -> None:
    """Which attempt it is, what became of the one before, and why the task failed."""
    with listening(tmp_path, "--respond", "503,200", MAXAPI_MOCK_URL=sandbox.base_url) as listener:
        task_id = call(sandbox, listener.url, "insufficient-points")
        first, second = listener.webhook(), listener.webhook()

    told = f"  task {task_id} FAILURE (INSUFFICIENT_POINTS), conforms, attempt"
    assert first == [f"{told} 1", "  equal to a poll", "  responded 503"]
    assert second == [
        f"{told} 2",
        "  the attempt before: returned 503, not 2xx",
        "  equal to a poll",
        "  responded 200",
    ]


def test_a_listener_that_comes_late_knows_the_attempts_before(sandbox: MaxapiSandbox) -> None:
    """From the mock: nobody listened then."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"127.0.0.1:{server.getsockname()[1]}"
    sandbox.settings(webhook_tries=1)
    task_id = call(sandbox, f"http://{place}/")

    found = Polls(sandbox.base_url, None, None).of(task_id)

    assert [one["error"] for one in found.attempts] == [f"connection refused at {place}"]
    assert found.response["data"]["status"] == "SUCCESS"


def test_each_task_can_have_its_own_turn(tmp_path: Path, sandbox: MaxapiSandbox) -> None:
    """So that tasks at the same time do not take each other's statuses."""
    options = ("--respond", "500,200", "--per-task")
    with listening(tmp_path, *options, **polling(sandbox)) as listener:
        for _ in range(2):
            call(sandbox, listener.url)
        printed = [listener.webhook()[-1] for _ in range(4)]

    assert printed == [f"  responded {status}" for status in (500, 200, 500, 200)]


def test_a_receiver_can_be_named_without_a_scheme(tmp_path: Path, sandbox: MaxapiSandbox) -> None:
    """As in a browser; what it is not sent are the headers of another connection."""
    with InboxServer() as server:
        inbox = server.inbox()
        there = inbox.url.replace("http://127.0.0.1", "localhost")
        with listening(tmp_path, "--forward-to", there, **polling(sandbox)) as listener:
            call(sandbox, listener.url)
            printed = listener.webhook()

    assert printed[-2:] == [f"  forwarded to http://{there}", "  responded 200"]
    [webhook] = inbox.received
    assert webhook.headers["host"] == there.partition("/")[0]
    assert webhook.violations == []


def test_a_silent_receiver_behind_it_is_a_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """504, as from any proxy; and a password of its URL is not printed."""
    monkeypatch.setattr(listen, "_PATIENCE", 0.05)
    lines: list[str] = []
    with Scripted([None]) as receiver:
        url = receiver.url.replace("//", "//me:hush@")
        status = listen._forward(Webhook("POST", "http://a/", {"te": "x"}, b"{}"), url, lines)

    assert status == 504
    [line] = lines
    assert line.endswith("no response within 0.05 s")
    assert "hush" not in line
    assert b"\r\nte: x" not in receiver.requests[0]


API = "/api/v1/task/t"
JSON = b"HTTP/1.1 %d .\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"


def written(status: int, body: bytes) -> bytes:
    """Write a response."""
    return JSON % (status, len(body), body)


def test_what_is_not_a_mock_is_polled_with_the_key() -> None:
    """The proxy on this machine, for one."""
    with Scripted([written(404, b"{}"), written(200, b'{"a": null}')]) as api:
        poll = Polls(f"http://127.0.0.1:{api.port}/", "hush", None).of("t")

    assert poll == Poll({"a": None})
    control, asked = api.requests
    assert control.startswith(b"GET /__mock/tasks/t/poll HTTP/1.1\r\n")
    assert b"hush" not in control
    assert asked.startswith(f"GET {API} HTTP/1.1\r\n".encode())
    assert b"\r\nAuthorization: Bearer hush\r\n" in asked


@pytest.mark.parametrize(
    ("responses_", "key", "said"),
    [
        (
            [written(404, b'{"code": 404, "msg": "task t not found"}')],
            None,
            "404: task t not found",
        ),
        ([written(200, b"<html>")], None, "responded 200: <html>"),
        ([written(200, b"[null]")], None, "responded 200: [null]"),
        ([written(404, b"{}"), written(401, b'{"code": 401}')], "k", 'got 401 {"code": 401}'),
        ([written(404, b"{}"), written(502, b"x" * 999)], "k", "got 502 " + "x" * 160 + "…"),
        ([written(404, b"{}"), written(302, b"")], "k", "the poll got 302 "),
        ([b"garbage\r\n\r\n"], None, "garbage"),
    ],
)
def test_a_poll_that_fails_says_why(responses_: list[bytes], key: str | None, said: str) -> None:
    """In plain words, on one line."""
    with Scripted(responses_) as api:
        poll = Polls(f"http://127.0.0.1:{api.port}", key, None).of("t")

    assert poll.response is None
    assert said in poll.why_not
    assert not re.search(r"None|b'|object at|Traceback|\n", poll.why_not)


def test_a_mock_that_is_not_there_is_said(tmp_path: Path, sandbox: MaxapiSandbox) -> None:
    """The webhook gets a response all the same."""
    with listening(tmp_path, "--url", "localhost:9") as listener:
        call(sandbox, listener.url)
        lines = listener.webhook()

    why = "connection refused at localhost:9; --url names the API to poll"
    assert lines[1:] == [f"  not compared with a poll: {why}", "  responded 200"]


def test_a_closed_control_plane_is_said(tmp_path: Path) -> None:
    """With the token that opens it, it is compared."""
    with running_mock(tmp_path, control_token="let-me") as mock:
        sandbox = mock.sandbox()
        task_id = call(sandbox, "http://127.0.0.1:9/")
        closed = Polls(mock.url, None, None).of(task_id)
        opened = Polls(mock.url, None, "let-me").of(task_id)
        sandbox.close()

    assert "responded 403: the control plane needs its token" in closed.why_not
    assert opened.response["data"]["taskId"] == task_id


@pytest.mark.parametrize("key", [None, "", "line\nbreak", "ü"])
def test_elsewhere_a_key_is_needed(tmp_path: Path, key: str | None) -> None:
    """One that a header can hold; it is said once, and never shown."""
    environment = {} if key is None else {"MAXAPI_API_KEY": key}

    with listening(tmp_path, "--url", "https://api.example", **environment) as listener:
        said = listener.line()

    assert said == "not compared with polls: MAXAPI_API_KEY does not hold a key that can be sent"


def test_the_options_go_before_the_environment(tmp_path: Path, sandbox: MaxapiSandbox) -> None:
    """Which API is polled."""
    options = ("--url", f"{sandbox.base_url}/")

    with listening(tmp_path, *options, MAXAPI_MOCK_URL="http://127.0.0.1:9") as listener:
        call(sandbox, listener.url)

        assert listener.webhook()[1:] == ["  equal to a poll", "  responded 200"]


def test_an_odd_webhook_is_printed_on_lines_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in it can write to the terminal as it likes."""
    receiver = listen._Receiver(Polls("https://a", None, None), responses(), None)
    monkeypatch.setattr(sys, "stdout", written := io.StringIO())

    receiver(Webhook("POST", "http://a/\x1b[2J", {}, b"\xff\x1b[31m\nNone"))
    receiver(Webhook("POST", "http://a/", {}, b"x"))

    lines = written.getvalue().splitlines()
    assert lines[1] == "  does not conform; 11 bytes: \ufffd\\x1b[31m\\nNone"
    assert lines[5].startswith("  does not conform; 1 byte: x")
    assert "\x1b" not in written.getvalue()


def test_a_key_is_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the sender does with it; nor a part of it, where a body is cut."""
    receiver = listen._Receiver(Polls("https://a", None, None), responses(), None, ["sk-hush-0123"])
    monkeypatch.setattr(sys, "stdout", written := io.StringIO())
    body = "x" * 190 + "sk-hush-0123"

    receiver(Webhook("POST", "http://u:hush@a/sk%2Dhush-0123?token=hush", {}, body.encode()))

    assert "hush" not in written.getvalue()
    assert "POST http://[redacted]@a/$MAXAPI_API_KEY?token=[redacted]" in written.getvalue()


def test_a_key_in_the_place_of_its_variable_is_not_printed(tmp_path: Path) -> None:
    """Nor can it be the name of one."""
    options = ("--url", "https://api.example.com", "--token-env", "sk-hush")

    with listening(tmp_path, *options) as listener:
        said = listener.line()

    assert said == "not compared with polls: --token-env does not hold a key that can be sent"


def responses() -> listen._Responses:
    """Respond with 200."""
    return listen._Responses([200], per_task=False)


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
    receiver = listen._Receiver(Polls("https://a", None, None), responses(), None)
    monkeypatch.setattr(sys, "stdout", written := _Written())

    receiver(Webhook("GET", "http://127.0.0.1/", {}, b""))

    [text] = written.writes
    assert text.endswith("  responded 200\n")


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
        (
            ["--respond", "500,,200"],
            "--respond: '500,,200' is not accepted; use statuses, for example 500,500,",
        ),
        (["--respond", "100"], "--respond: '100' is not accepted"),
        (["--respond", ""], "--respond: '' is not accepted"),
        (["--port", "65536"], "--port: '65536' is not accepted; use an integer from 0 to 65535"),
        (["--port", "x"], "--port: 'x' is not accepted; use an integer from 0 to 65535"),
        (
            ["--url", "ftp://a"],
            "--url: 'ftp://a' is not accepted: the URL is not an http or https URL; use one",
        ),
        (["--url", "http://[a"], "--url: 'http://[a' is not accepted"),
        (
            ["--forward-to", "here"],
            "--forward-to: 'here' is not accepted: the URL is not an http or https URL",
        ),
        (["--forward-to", "http://a:x"], "--forward-to: 'http://a:x' is not accepted"),
        (
            ["--respond", "500", "--forward-to", "http://a"],
            "--respond: not allowed with --forward-to; use one of them",
        ),
        (["--forward-to", "http://me:hush@a:x"], "--forward-to: 'http://[redacted]@a:x' is not"),
        (
            ["--forward-to", "localhost:x/hook"],
            "'localhost:x/hook' is not accepted: the URL's port is not a number",
        ),
        (
            ["--forward-to", "a:99999"],
            "'a:99999' is not accepted: the URL's port is not a number from 1 to",
        ),
        (
            ["--per-task", "--forward-to", "http://a"],
            "--per-task: not allowed with --forward-to; use one",
        ),
        (["--prot", "1"], "no such option: --prot, did you mean --port?"),
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


def test_it_responds_though_nobody_reads(tmp_path: Path, sandbox: MaxapiSandbox) -> None:
    """`maxapi-mock listen | head -3` is not a failure of the app that sends webhooks."""
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
