"""`maxapi-mock mcp`, asked by the SDK's own client."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import requests
from mcp import Client, StdioServerParameters

from mockserver.cli import main
from mockserver.commands.assistant import make_server
from mockserver.testing import MaxapiSandbox, RunningMock, running_mock
from tests.client import seed

ROOT = Path(__file__).parents[2]
MODEL = "gpt-image-2/text-to-image"
KEY = "sk-live-0123456789abcdef"
NOWHERE = "http://127.0.0.1:9"
CLIENT = {"name": "test", "version": "1"}
READING = {
    *("sandboxes", "events", "requests", "explain_request", "tasks", "task", "webhooks"),
    *("contract_warnings", "validate_submission", "models", "model", "scenarios", "rules", "clock"),
}
CHANGING = {"trigger", "add_rule", "clear_rules", "advance_clock", "run_clock"}

Call = tuple[str, Mapping[str, Any]]


@pytest.fixture
def mock(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningMock]:
    """A mock of which the environment knows the control token."""
    monkeypatch.setenv("MAXAPI_MOCK_CONTROL_TOKEN", "token-0123456789")
    with running_mock(control_token="token-0123456789") as running:
        yield running


@pytest.fixture
def sandbox(mock: RunningMock) -> MaxapiSandbox:
    """A sandbox with a key of the user's, and a label."""
    return mock.sandbox(KEY, label="checkout")


async def replies(client: Client, *calls: Call) -> list[tuple[bool, str]]:
    """Call tools; return of each whether it failed, and its text."""
    found = []
    async with client:
        for name, arguments in calls:
            result = await client.call_tool(name, dict(arguments))
            [content] = result.content
            found.append((bool(result.is_error), str(getattr(content, "text", ""))))
    return found


def ask(url: str, name: str, /, *, allow_changes: bool = False, **arguments: Any) -> Any:
    """Call one tool that must succeed, without a process; return its result."""
    server = make_server(url, allow_changes=allow_changes)
    [(failed, text)] = asyncio.run(replies(Client(server), (name, arguments)))
    assert not failed, text
    return json.loads(text) if text[:1] in ("{", "[") else text


def error_of(url: str, name: str, /, **arguments: Any) -> str:
    """Call one tool that must fail, without a process; return what it says."""
    server = make_server(url, allow_changes=True)
    [(failed, text)] = asyncio.run(replies(Client(server), (name, arguments)))
    assert failed, text
    return text


def over_stdio(*options: str) -> Client:
    """Return a client that starts the command, as an assistant does."""
    command = ["-m", "mockserver", "mcp", *options]
    return Client(
        StdioServerParameters(command=sys.executable, args=command, env=dict(os.environ)),
        read_timeout_seconds=60,
    )


def rejected(sandbox: MaxapiSandbox) -> None:
    """Submit what the contract rejects."""
    body = {"model": MODEL, "input": {"promt": "a"}}
    headers = {"Authorization": f"Bearer {sandbox.api_key}"}
    url = f"{sandbox.base_url}/api/v1/task/submit"
    requests.post(f"{url}?api_key=hush", json=body, headers=headers, timeout=5)


@pytest.mark.slow
def test_an_assistant_learns_over_stdio_why_a_request_was_rejected(sandbox: MaxapiSandbox) -> None:
    """From the list of requests to the clause and the page."""
    rejected(sandbox)

    client = over_stdio("--url", sandbox.base_url)
    found = asyncio.run(
        replies(
            client,
            ("requests", {"only_rejected": True}),
            ("explain_request", {"number": 1, "sandbox": "checkout"}),
        )
    )

    [listed], shown = (json.loads(text) for _, text in found)
    [reason, _] = shown["explanation"]
    assert (listed["sandbox"], listed["number"], listed["status"]) == ("checkout", 1, 400)
    assert reason["text"] == "input.prompt: missing; use a non-empty string"
    assert reason["page"] == MODEL
    assert not [word for word in (KEY, "hush") if word in str(found)]


@pytest.mark.slow
def test_the_server_stays_up_without_a_mock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each tool says how to start one, and finds it once it runs."""

    async def session() -> tuple[list[str], bool]:
        async with over_stdio() as client:
            before = [await client.call_tool("tasks", {}), await client.call_tool("models", {})]
            said = [str(getattr(one.content[0], "text", "")) for one in before if one.is_error]
            return said, bool((await client.list_tools()).tools)

    monkeypatch.setenv("MAXAPI_MOCK_URL", NOWHERE)
    said, is_up = asyncio.run(session())

    assert len(said) == 2
    assert all("no mock at http://127.0.0.1:9; start one with maxapi-mock serve" in s for s in said)
    assert is_up


@pytest.mark.parametrize("allow_changes", [False, True])
def test_nothing_can_be_changed_unless_that_is_allowed(*, allow_changes: bool) -> None:
    """Tools that change something are not even there; the others say that they only read."""
    server = make_server(NOWHERE, allow_changes=allow_changes)

    tools = asyncio.run(server.list_tools())

    reading = {one.name for one in tools if one.annotations and one.annotations.read_only_hint}
    assert reading == READING
    assert {one.name for one in tools} - reading == (CHANGING if allow_changes else set())
    assert all(one.description for one in tools)
    assert "explain_request" in (server.instructions or "")


@pytest.mark.parametrize("name", sorted(READING - {"explain_request", "task", "model"}))
def test_what_only_reads_leaves_the_mock_as_it_was(sandbox: MaxapiSandbox, name: str) -> None:
    """No event, request or sandbox comes of it, and no key is shown."""
    rejected(sandbox)
    before = sandbox.control.events(everything=True), len(sandbox.control.sandboxes())
    given: dict[str, Any] = {"submission": seed()} if name == "validate_submission" else {}

    result = ask(sandbox.base_url, name, **given)

    assert isinstance(result, dict | list)
    assert KEY not in str(result)
    assert (sandbox.control.events(everything=True), len(sandbox.control.sandboxes())) == before


def test_what_happened_is_told_in_lines(mock: RunningMock, sandbox: MaxapiSandbox) -> None:
    """With the sandbox of each, all or those since a number; one sandbox can be asked for."""
    rejected(sandbox)
    mock.sandbox("other").control.freeze()

    everything = ask(mock.url, "events")
    later = ask(mock.url, "events", since=everything["last"])
    own = ask(mock.url, "events", sandbox="checkout")

    assert any("[checkout]" in one and "-> 400" in one for one in everything["lines"])
    assert {one.partition("]")[0] for one in own["lines"]} == {"[checkout"}
    assert len(own["lines"]) < len(everything["lines"])
    assert later == {"lines": [], "last": everything["last"], "complete": True}


def test_the_story_of_a_task_is_told(sandbox: MaxapiSandbox) -> None:
    """By the beginning of its id; its webhook and the warnings about it are listed, too."""
    document = seed()
    task_id = sandbox.control.submit(
        document["model"], document["input"], callback_url=f"{NOWHERE}/hook?token=hush"
    )
    sandbox.wait_until_idle()

    story = ask(sandbox.base_url, "task", task_id=task_id[:8])
    [task] = ask(sandbox.base_url, "tasks")
    attempts = ask(sandbox.base_url, "webhooks")
    warned = ask(sandbox.base_url, "contract_warnings", sandbox="checkout")

    assert story["task"]["taskId"] == task_id
    assert (task["status"], task["sandbox"]) == ("SUCCESS", "checkout")
    assert {one["taskId"] for one in attempts} == {task_id}
    assert {one["kind"] for one in warned} == {"webhook-unanswered"}
    assert "hush" not in str((story, task, attempts, warned))


def test_changes_can_be_allowed(mock: RunningMock) -> None:
    """A sample is submitted, a rule fails the next request, the clock ends the task."""
    sample = {"model": MODEL, "input": {"n": 2}, "scenario": "slow=90s"}
    task_id = ask(mock.url, "trigger", allow_changes=True, **sample)
    own: dict[str, Any] = {"allow_changes": True, "sandbox": "maxapi-mock-trigger"}
    rule = ask(mock.url, "add_rule", scenario="unavailable", times=1, match={"path": "*"}, **own)
    stopped = ask(mock.url, "run_clock", speed=0, **own)
    moved = ask(mock.url, "advance_clock", task_id=task_id[:8], status="PROCESSING", **own)
    ask(mock.url, "advance_clock", duration="1s", allow_changes=True)
    ask(mock.url, "advance_clock", allow_changes=True)
    started = ask(mock.url, "run_clock", speed=2, allow_changes=True)

    rules = ask(mock.url, "rules")
    cleared = ask(mock.url, "clear_rules", allow_changes=True)

    assert rules == [rule]
    assert (stopped["frozen"], started["speed"]) == (True, 2)
    assert moved["happened"][-1]["status"] == "PROCESSING"
    assert ask(mock.url, "tasks")[0]["status"] == "SUCCESS"
    assert (cleared, ask(mock.url, "rules")) == ("deleted", [])


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("clock", {}, "say which `sandbox` is meant; there are: checkout, "),
        ("clock", {"sandbox": "nobody"}, "sandbox: 'nobody' unknown; this mock has: "),
        ("task", {"task_id": "abcdef"}, "task 'abcdef' not found"),
        ("model", {"name": "nope"}, "model: 'nope' is unknown; "),
        ("explain_request", {"number": 7, "sandbox": "checkout"}, "request '7' not found"),
        ("add_rule", {"scenario": "fail", "sandbox": "checkout"}, "'fail' is not a scenario"),
        ("add_rule", {"scenario": "stuck", "match": {"a": 1}, "sandbox": "checkout"}, "match"),
        ("trigger", {"model": "nope"}, "model: 'nope' is not accepted; use one of"),
        ("advance_clock", {"duration": "1s", "status": "SUCCESS"}, "not both"),
        ("advance_clock", {"status": "SUCCESS"}, "task_id and status belong together"),
        ("validate_submission", {"submission": "x"}, "valid dict"),
    ],
)
def test_what_is_wrong_is_said_to_the_assistant(
    mock: RunningMock, sandbox: MaxapiSandbox, name: str, arguments: dict[str, Any], said: str
) -> None:
    """And what would be accepted."""
    sandbox.control.freeze()
    mock.sandbox("another-key-0123456789").control.freeze()

    error = error_of(mock.url, name, **arguments)

    assert said in error
    assert KEY not in error


def test_no_secret_of_the_environment_is_shown(
    sandbox: MaxapiSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if the app has put it where nobody looks for one."""
    monkeypatch.setenv("MAXAPI_API_KEY", "sk-another-key-of-mine")
    document = seed(prompt="my key is sk-another-key-of-mine")
    task_id = sandbox.control.submit(document["model"], document["input"])

    story = ask(sandbox.base_url, "task", task_id=task_id)

    assert story["request"]["body"]["input"]["prompt"] == "my key is $MAXAPI_API_KEY"


@pytest.mark.parametrize(
    "url", ["https://api.maxapi.io", "http://10.0.0.1:6290", "http://localhost.a:6290"]
)
@pytest.mark.parametrize("is_option", [True, False])
def test_only_a_mock_on_this_machine_is_reached(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    *,
    is_option: bool,
) -> None:
    """Whether the option or the environment names another one."""
    monkeypatch.delenv("MAXAPI_MOCK_URL", raising=False)
    if not is_option:
        monkeypatch.setenv("MAXAPI_MOCK_URL", url)

    status = main(["mcp", *(["--url", url] if is_option else [])])

    error = capsys.readouterr().err
    assert status == 2
    assert f"{url!r} is not on this machine" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("found", "said"),
    [(None, "import of mcp.server halted"), (ModuleType("mcp.server"), "cannot import name")],
)
def test_what_is_not_installed_is_named(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    found: ModuleType | None,
    said: str,
) -> None:
    """Whether the SDK is missing or an old one: in one line with the command that installs it."""
    monkeypatch.delitem(sys.modules, "mockserver.commands.assistant")
    monkeypatch.setitem(sys.modules, "mcp.server", found)

    status = main(["mcp"])

    error = capsys.readouterr().err
    assert status == 2
    assert error.startswith(f"maxapi-mock mcp: {said}")
    assert "install 'mcp" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("stream", ["stdin", "stdout"])
def test_closed_streams_are_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, stream: str
) -> None:
    """Without them, nobody can talk to it."""
    monkeypatch.setattr(sys, stream, None)

    status = main(["mcp"])

    error = capsys.readouterr().err
    assert status == 2
    assert "standard input or output is closed" in error
    assert error.count("\n") == 1


@pytest.mark.slow
def test_an_assistant_that_has_gone_ends_it() -> None:
    """Without a traceback, also if it only stops reading."""
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": CLIENT}
    request = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}
    reader, writer = os.pipe()
    os.close(reader)

    done = subprocess.run(
        [sys.executable, "-m", "mockserver", "mcp"],
        input=f"{json.dumps(request)}\n",
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )

    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_help_does_not_import_the_sdk() -> None:
    """Nor does the command, before it knows that it can serve; it takes a second."""
    code = (
        "import sys\nfrom mockserver.cli import main\nmain(['mcp', '--help'])\n"
        "print('mcp' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=20
    )

    assert done.stdout.splitlines()[-1] == "False"


def test_somebody_at_a_terminal_is_told_what_it_is_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On standard error, as standard output belongs to the protocol."""
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("mcp.server.MCPServer.run", lambda *_: None)

    status = main(["mcp"])

    captured = capsys.readouterr()
    assert (status, captured.out) == (0, "")
    assert captured.err.startswith("maxapi-mock mcp: for the configuration of an assistant")


def test_the_page_names_every_tool_and_its_configurations_are_valid() -> None:
    """Each starts the command that this is."""
    page = (ROOT / "docs" / "mcp.md").read_text("utf-8")
    blocks = re.findall(r"```(json|toml)\n(.*?)```", page, re.DOTALL)

    read = {"json": json.loads, "toml": tomllib.loads}
    documents = [read[kind](text) for kind, text in blocks]
    named = set(re.findall(r"`([a-z_]+)`", page.partition("| tools |")[2]))

    assert named >= READING | CHANGING
    assert len(documents) == 3
    for document in documents:
        [servers] = document.values()
        assert (
            servers["maxapi-mock"] | {"command": "maxapi-mock", "args": ["mcp"]}
            == servers["maxapi-mock"]
        )
