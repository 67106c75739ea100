"""`maxapi-mock logs`, `tasks`, `task` and `trigger`, and what `serve` prints."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from mockserver.cli import main
from mockserver.commands.event_log import EventLog, EventWriter
from mockserver.commands.har import har_of
from mockserver.contract import Contract
from mockserver.engine.clock import Clock
from mockserver.engine.ids import sandbox_id
from mockserver.engine.service import Service
from mockserver.settings import make_settings
from mockserver.testing import MaxapiSandbox, RunningMock, running_mock
from tests.client import Client, seed
from tests.conftest import START, MakeClient

Capture = pytest.CaptureFixture[str]
MODEL = "gpt-image-2/text-to-image"
KEY = "sk-live-0123456789abcdef"


@pytest.fixture
def mock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[RunningMock]:
    """A mock that the environment names."""
    monkeypatch.chdir(tmp_path)
    with running_mock() as running:
        monkeypatch.setenv("MAXAPI_MOCK_URL", running.url)
        yield running


@pytest.fixture
def sandbox(mock: RunningMock) -> MaxapiSandbox:
    """A sandbox with a key of the user's, and a label."""
    return mock.sandbox(KEY, label="checkout")


def submit(sandbox: MaxapiSandbox, callback_url: str | None = None) -> str:
    """Submit a task; return its id."""
    document = seed()
    return sandbox.control.submit(document["model"], document["input"], callback_url=callback_url)


def timeless(text: str) -> list[str]:
    """Return lines without their times."""
    return [re.sub(r"\d\d:\d\d:\d\d\.\d{6}  ", "", line) for line in text.splitlines()]


# -- logs ----------------------------------------------------------------------------------------


def test_the_log_tells_what_happened(mock: RunningMock, capsys: Capture) -> None:
    """A line for each event, with the sandbox once there are several."""
    task_id = submit(mock.sandbox(KEY, label="checkout"))
    other = mock.sandbox("other-key-0123456789")

    assert main(["logs"]) == 0

    lines = timeless(capsys.readouterr().out)
    assert re.fullmatch(r"-- \d{4}-\d\d-\d\d", lines[0])
    assert re.fullmatch(r"clock shows \S+ and stands still", lines[1])
    assert lines[2:4] == [
        f"POST /api/v1/task/submit -> 200 task {task_id[:8]}",
        f"  task {task_id[:8]} PENDING",
    ]
    assert lines[4].startswith("[…6789] clock shows ")
    assert other.api_key not in "".join(lines)


@pytest.mark.parametrize(
    "named", [["--key", KEY], ["--sandbox", "checkout"], ["--sandbox", "cdef"]]
)
def test_one_sandbox_can_be_asked_for(
    mock: RunningMock, sandbox: MaxapiSandbox, capsys: Capture, named: list[str]
) -> None:
    """By its key, its label, or the end of its key."""
    submit(mock.sandbox())
    task_id = submit(sandbox)

    assert main(["logs", "--json", *named]) == 0

    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {one["sandbox"] for one in events} == {events[0]["sandbox"]}
    assert [one["data"].get("taskId") for one in events][1:] == [task_id, task_id]


def test_a_sandbox_can_be_asked_for_by_the_beginning_of_its_id(
    mock: RunningMock, capsys: Capture
) -> None:
    """As it is shown where the key is too short to be recognized by its end."""
    task_id = submit(mock.sandbox("short"))
    submit(mock.sandbox("brief"))
    shown = sandbox_id("short")[:8]

    assert main(["tasks", "--sandbox", shown]) == 0
    listed = capsys.readouterr().out
    assert main(["tasks", "--sandbox", "nobody"]) != 0

    assert [line.split()[0] for line in listed.splitlines()] == [task_id]
    assert listed.rstrip().endswith(f"[… {shown}]")
    assert f"… {shown}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("token", "said"),
    [
        (None, "needs its token; send X-Mock-Control-Token; set MAXAPI_MOCK_CONTROL_TOKEN"),
        ("wrong", "not the control token of this mock; correct MAXAPI_MOCK_CONTROL_TOKEN"),
    ],
)
def test_what_is_wrong_with_the_control_token_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, token: str | None, said: str
) -> None:
    """Whether it is missing, or another."""
    monkeypatch.delenv("MAXAPI_MOCK_CONTROL_TOKEN", raising=False)
    if token is not None:
        monkeypatch.setenv("MAXAPI_MOCK_CONTROL_TOKEN", token)

    with running_mock(control_token="secret") as mock:
        status = main(["tasks", "--url", mock.url])

    assert status != 0
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["logs", "--sandbox", "nobody"], "--sandbox: 'nobody' unknown; this mock has: "),
        (["logs", "--key", "sk-unknown-123"], "--key: there was no request with it"),
        (["logs", "--har", "a.har", "--follow"], "--follow: not allowed with --har"),
        (["logs", "--har", "none/a.har"], "No such file or directory"),
        (["task", "abcdef"], "task 'abcdef' not found; see maxapi-mock tasks"),
        (["trigger", "nope"], "model: 'nope' is not accepted; use one of"),
        (["trigger", MODEL, "--input", "[]"], "--input: '[]' is not a JSON object"),
        (["trigger", MODEL, "--scenario", "fail"], "'fail' is not a scenario"),
        (["tasks", "--url", "http://127.0.0.1:9"], "start one with maxapi-mock serve"),
        (["tasks", "--url", "no url"], "'no url' is not accepted: "),
    ],
)
def test_what_is_wrong_is_said(
    mock: RunningMock, capsys: Capture, arguments: list[str], said: str
) -> None:
    """On one line, with what to do."""
    status = main(arguments)

    error = capsys.readouterr().err
    assert status != 0
    assert said in error
    assert "sk-unknown" not in error
    assert error.count("\n") == 1
    assert mock.sandbox().tasks == []


def test_following_goes_on(sandbox: MaxapiSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it is interrupted, each event once."""
    written: list[str] = []

    class Reader:
        """A terminal at which somebody presses Ctrl-C after the third event."""

        @staticmethod
        def isatty() -> bool:
            return False

        @staticmethod
        def write(text: str) -> None:
            written.extend(text.splitlines())
            if len(written) == 1:
                submit(sandbox)
            else:
                raise KeyboardInterrupt

        @staticmethod
        def flush() -> None:
            pass

    monkeypatch.setattr(sys, "stdout", Reader())

    assert main(["logs", "--follow", "--json"]) == 0

    numbers = [json.loads(line)["number"] for line in written]
    assert numbers == sorted(set(numbers))
    assert len(numbers) > 1


def test_a_har_file_has_the_exchanges(
    sandbox: MaxapiSandbox, capsys: Capture, tmp_path: Path
) -> None:
    """Without the key and other secrets, and with what HAR 1.2 demands."""
    submit(sandbox, "http://user:hush@127.0.0.1:9/hook?token=hush")

    assert main(["logs", "--har", "a.har"]) == 0

    assert capsys.readouterr().out == "1 exchange written to a.har\n"
    text = (tmp_path / "a.har").read_text("utf-8")
    assert KEY not in text
    assert "hush" not in text
    (entry,) = json.loads(text)["log"]["entries"]
    assert entry["request"]["method"] == "POST"
    assert entry["request"]["url"].endswith("/api/v1/task/submit")
    assert json.loads(entry["request"]["postData"]["text"]) == {
        **seed(),
        "callBackUrl": "http://[redacted]@127.0.0.1:9/hook?token=[redacted]",
    }
    assert entry["response"]["content"]["mimeType"] == "application/json"
    assert {"startedDateTime", "time", "request", "response", "cache", "timings"} <= entry.keys()
    head = {"httpVersion", "cookies", "headers", "headersSize", "bodySize"}
    assert head | {"method", "url", "queryString"} <= entry["request"].keys()
    assert head | {"status", "statusText", "content", "redirectURL"} <= entry["response"].keys()


def test_a_har_entry_says_what_the_mock_did(client: Client) -> None:
    """Its comment has scenarios and warnings; queries are pairs; odd statuses have no text."""
    client.request("GET", "/api/v1/task/none", headers={"x-mock-scenario": "status=599"})
    request = client.control("requests").json["requests"][0] | {"query": "a=1&b="}

    (entry,) = har_of([request], "http://mock.test")["log"]["entries"]

    assert entry["comment"].startswith("scenario status=599")
    assert entry["request"]["queryString"] == [
        {"name": "a", "value": "1"},
        {"name": "b", "value": ""},
    ]
    assert (entry["response"]["status"], entry["response"]["statusText"]) == (599, "")


# -- tasks ---------------------------------------------------------------------------------------


def test_a_sample_is_submitted_and_listed(mock: RunningMock, capsys: Capture) -> None:
    """In a sandbox of its own, which is known by a label; the list says how to see more."""
    assert main(["tasks"]) == 0
    assert main(["trigger", MODEL, "--prompt", "a cat", "--scenario", "slow=90s"]) == 0
    assert main(["tasks"]) == 0

    empty, submitted, listed = capsys.readouterr().out.splitlines()
    task_id = submitted.split()[1].rstrip(";")
    assert empty == "no tasks; submit one, or try maxapi-mock trigger"
    assert submitted == f"submitted {task_id}; see: maxapi-mock task {task_id[:8]}"
    assert re.fullmatch(rf"{task_id}  PENDING +\$0\.02  {MODEL}  \[maxapi-mock-trigger\]", listed)
    assert mock.sandbox("maxapi-mock-trigger").requests[0]["body"]["input"]["prompt"] == "a cat"


@pytest.mark.parametrize("named", [["--key", KEY], ["--sandbox", "checkout"]])
def test_a_sample_is_submitted_where_it_is_asked_for(
    sandbox: MaxapiSandbox, named: list[str]
) -> None:
    """In the sandbox of the app, with fields of the user's."""
    assert main(["trigger", MODEL, *named, "--input", '{"n": 2}']) == 0

    (task,) = sandbox.tasks
    assert sandbox.requests[0]["body"]["input"]["n"] == 2
    assert task["model"] == MODEL


def test_a_task_is_shown(sandbox: MaxapiSandbox, capsys: Capture) -> None:
    """What happened, what is to come, why nothing comes while the clock stands, and curl lines."""
    submit(sandbox)
    task_id = submit(sandbox, "http://127.0.0.1:9/hook")
    sandbox.wait_for(task_id, "PROCESSING")

    assert main(["task", task_id[:8]]) == 0

    lines = timeless(capsys.readouterr().out)
    short = task_id[:8]
    assert lines[:5] == [
        f"task {task_id}: PROCESSING, gpt-image-2/image-to-image, $0.02",
        "",
        f"POST /api/v1/task/submit -> 200 task {short}",
        f"  task {short} PENDING",
        f"  task {short} PROCESSING",
    ]
    assert lines[6] == "to come:"
    assert [line.split(" at ")[0] for line in lines[7:10]] == [
        f"  task {short} SUBMITTED",
        f"  task {short} SUCCESS",
        f"  task {short} webhook, attempt 1",
    ]
    assert "the clock stands still" in lines[10]
    assert any("curl" in line and "/api/v1/task/submit" in line for line in lines[11:])


def test_why_a_task_failed(sandbox: MaxapiSandbox, capsys: Capture) -> None:
    """Its reason is among the first lines."""
    task_id = submit(sandbox)
    sandbox.control.fail(task_id, "CONTENT_MODERATION")

    assert main(["task", task_id]) == 0

    lines = timeless(capsys.readouterr().out)
    assert lines[1] == "  failure_reason CONTENT_MODERATION"
    assert f"  task {task_id[:8]} FAILURE, failure_reason CONTENT_MODERATION" in lines


def test_what_an_app_does_wrong_with_a_task_is_shown(
    sandbox: MaxapiSandbox, capsys: Capture
) -> None:
    """An app that does not know the final state polls without end."""
    task_id = submit(sandbox)
    sandbox.control.fail(task_id)
    headers = {"Authorization": f"Bearer {sandbox.api_key}"}
    for _ in range(10):
        requests.get(f"{sandbox.base_url}/api/v1/task/{task_id}", headers=headers, timeout=5)

    assert main(["task", task_id]) == 0

    lines = capsys.readouterr().out.splitlines()
    said = lines[lines.index("contract warnings:") + 1]
    assert "does the app know that FAILURE is final?" in said


def test_a_beginning_that_several_tasks_share_is_not_enough(
    mock: RunningMock, capsys: Capture
) -> None:
    """More of the id is asked for."""
    sandbox = mock.sandbox("seeded")
    submit(sandbox)
    ids = [one["taskId"] for one in sandbox.tasks]

    status = main(["task", ids[0][:3]])

    assert status != 0
    assert "not found" in capsys.readouterr().err


# -- serve ---------------------------------------------------------------------------------------


def printed(service: Service, writer: EventWriter, act: Any) -> None:
    """Let a log print what *act* does."""
    log = EventLog(service.sandboxes, writer)
    log.start()
    act()
    log.stop()


def test_the_server_prints_what_happens(client: Client, capsys: Capture) -> None:
    """Also the last lines before its end; a warning the first time, a rejection only once."""
    headers = {"x-mock-label": "checkout"}

    def act() -> None:
        for _ in range(2):
            client.submit(seed(aspect_ratio="3:4"), **headers)
        client.submit(b"{", **headers)
        client.control("reset", "POST")

    printed(client.service, EventWriter("all"), act)

    lines = timeless(capsys.readouterr().out)
    assert lines[0] == "-- 2026-02-10"
    assert sum("input.aspect_ratio" in line for line in lines) == 1
    assert any("warning: submitted again" in line for line in lines)
    assert sum("-> 400" in line for line in lines) == 1
    assert lines[-1] == "the sandbox was reset"


def test_a_warning_about_polls_is_printed_for_each_task(client: Client, capsys: Capture) -> None:
    """The second run of an app with the same mistake is told as the first was."""

    def act() -> None:
        for _ in range(2):
            task_id = client.submitted(seed(prompt="a cat #mock:instant"))
            for _ in range(10):
                client.poll(task_id)

    printed(client.service, EventWriter("all"), act)

    lines = capsys.readouterr().out.splitlines()
    assert sum("does the app know that SUCCESS is final?" in line for line in lines) == 2


def test_only_requests_can_be_printed(client: Client, capsys: Capture) -> None:
    """Neither states nor what a test changes."""
    printed(client.service, EventWriter("requests"), lambda: client.submitted(seed()))

    lines = timeless(capsys.readouterr().out)
    assert [line[:4] for line in lines] == ["-- 2", "POST"]


def test_no_key_is_printed(make_client: MakeClient, capsys: Capture) -> None:
    """Wherever the app has put it; and no control character of the app's reaches the terminal."""
    client = make_client().as_key(KEY)

    def act() -> None:
        client.request("GET", f"/api/v1/task/{KEY}\x1b[31m\n")

    printed(client.service, EventWriter("all", lambda: client.service.sandboxes.keys), act)

    text = capsys.readouterr().out
    assert KEY not in text
    assert "\x1b" not in text
    assert r"\x1b[31m\n" in text


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_lines_are_coloured_on_a_terminal(
    client: Client,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    no_color: str,
    *,
    coloured: bool,
) -> None:
    """Unless NO_COLOR is set."""
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

    printed(client.service, EventWriter("all"), lambda: client.submit(b"{"))

    assert ("\x1b[31m" in capsys.readouterr().out) is coloured


def test_a_reader_that_has_gone_ends_the_log(
    contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing else: the mock goes on."""
    service = Service(contract, make_settings(contract), make_clock=lambda: Clock(START, speed=0))
    client = Client(service)

    class Gone:
        """A pipe without a reader."""

        @staticmethod
        def isatty() -> bool:
            return False

        @staticmethod
        def write(_: str) -> None:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Gone())

    printed(service, EventWriter("all"), lambda: client.submitted(seed()))

    assert service.sandboxes.log.listeners == ()
    assert client.submitted(seed())
    service.close()


def test_what_is_not_printed_in_time_is_left_out(
    client: Client, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mock does not wait for the terminal, and the log says so."""
    monkeypatch.setattr("mockserver.engine.listener._MOST_QUEUED", 1)

    def act() -> None:
        client.submitted(seed())
        client.submitted(seed())

    log = EventLog(client.service.sandboxes, EventWriter("requests"))
    act()
    log.start()
    log.stop()

    assert "some lines are left out" in capsys.readouterr().out
