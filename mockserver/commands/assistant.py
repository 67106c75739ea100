"""What `maxapi-mock mcp` offers an assistant: tools, each of which asks a mock that runs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any

import click
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations

from mockserver.commands.output import on_one_line, without_secrets
from mockserver.commands.running_mock import Mock, MockError, MockOptions, asking, name_of
from mockserver.domain.redaction import names_a_secret
from mockserver.engine.event_lines import EventLines
from mockserver.errors import MaxapiMockError
from mockserver.testing.control import ControlClient
from mockserver.version import __version__

Json = dict[str, Any]
_WIDTH = 240
_ERROR = 400
_BRIEF = ("number", "at", "method", "path", "status", "taskId", "scenarios", "warnings")
_DELIVERY = (
    *("number", "at", "taskId", "url", "attempt", "delivered", "status", "error", "next_at"),
    *("scenarios", "differences"),
)
_TASK = ("taskId", "status", "failure_reason", "model", "cost_usd", "created_at")
_INSTRUCTIONS = """\
This is a local stand-in for MaxAPI, an asynchronous API that makes images and videos. It tells what
an app under development sent to it and why it was rejected, without cost. Each API key of an app
is a sandbox of its own, with its own tasks, clock and rules. Begin with `sandboxes` and `events`;
`explain_request` says why a request was rejected and which page of the API's documentation says so.
"""


class Looking:
    """Tools that change nothing. A *sandbox* is named by its label, id, or the end of its key."""

    def __init__(self, url: str) -> None:
        self._url = url

    def _mock(self, sandbox: str | None = None) -> Mock:
        return Mock(MockOptions(url=self._url, key=None, sandbox=sandbox))

    def _one(self, sandbox: str | None) -> ControlClient:
        """Return a client of the sandbox that is named, or of the only one. Raises MockError."""
        mock = self._mock(sandbox)
        found = [one for one in mock.sandboxes() if sandbox is not None or one["key"] is not None]
        if len(found) != 1:
            names = ", ".join(map(name_of, found)) or "none yet: no app has sent a key"
            raise MockError(f"say which `sandbox` is meant; there are: {names}")
        return mock.client(found[0]["id"])

    def _rows(
        self, sandbox: str | None, rows: Callable[[ControlClient], list[Json]], *names: str
    ) -> Iterator[Json]:
        """Yield what the sandboxes have, in brief."""
        mock = self._mock(sandbox)
        for one in mock.sandboxes():
            for row in rows(mock.client(one["id"])):
                brief = {name: row[name] for name in names if row.get(name) not in (None, [])}
                yield {"sandbox": name_of(one), **brief}

    def sandboxes(self) -> Json:
        """List the sandboxes (one for each API key that apps have used), with clocks and costs.

        The one whose key is null has the requests without an accepted key.
        """
        return {
            "console": f"{self._url}/__mock/",
            "sandboxes": [{"name": name_of(one), **one} for one in self._mock().sandboxes()],
        }

    def events(
        self, sandbox: str | None = None, since: int | None = None, limit: int = 100
    ) -> Json:
        """Tell what has happened, oldest first: requests, states, webhooks, clock, warnings.

        Without `since`, these are the latest ones. To read on, pass the `last` of the result as
        `since`.
        """
        mock = self._mock(sandbox)
        names = {one["id"]: name_of(one) for one in mock.sandboxes()}
        source = mock.control if sandbox is None else self._one(sandbox)
        found = source.events(since, limit=limit, everything=sandbox is None)
        writer = EventLines()
        lines = [
            on_one_line(f"[{names.get(event['sandbox'], event['sandbox'])}] {line.text}", _WIDTH)
            for event in found["events"]
            for line in writer.lines(event)
        ]
        return {"lines": lines, "last": found["last"], "complete": found["complete"]}

    def requests(
        self, sandbox: str | None = None, *, only_rejected: bool = False, limit: int = 50
    ) -> list[Json]:
        """List the latest requests of apps in brief, oldest first, with contract warnings.

        `explain_request` shows one of them whole, by its number and sandbox.
        """
        rows = list(self._rows(sandbox, ControlClient.requests, *_BRIEF))
        rows = [one for one in rows if not only_rejected or one["status"] >= _ERROR]
        return sorted(rows, key=lambda one: str(one["at"]))[-limit:] if limit > 0 else []

    def explain_request(self, number: int, sandbox: str | None = None) -> Json:
        """Show a request with its response and, if it was rejected, why.

        Each reason in `explanation` names the clause of the contract, the page of the API's
        documentation that says so, and how sure that is (`confidence`).
        """
        return self._one(sandbox).request(number)

    def tasks(self, sandbox: str | None = None) -> list[Json]:
        """List the tasks in brief, with their status and cost in US dollars."""
        return list(self._rows(sandbox, ControlClient.tasks, *_TASK))

    def task(self, task_id: str) -> Json:
        """Tell the story of a task: timeline (past and to come), submission, events, webhooks.

        The beginning of its id is enough.
        """
        client, id_ = self._mock().find_task(task_id)
        return client.story(id_)

    def webhooks(self, sandbox: str | None = None, limit: int = 50) -> list[Json]:
        """List the latest attempts to deliver webhooks, and why they failed."""
        rows = list(self._rows(sandbox, ControlClient.deliveries, *_DELIVERY))
        return sorted(rows, key=lambda one: str(one["at"]))[-limit:] if limit > 0 else []

    def contract_warnings(self, sandbox: str | None = None) -> list[Json]:
        """List what apps did although the API says otherwise, and how often."""

        def warnings(client: ControlClient) -> list[Json]:
            return [dict(one) for one in client.warnings()]

        return list(self._rows(sandbox, warnings, "kind", "text", "count"))

    def validate_submission(self, submission: Json) -> Json:
        """Check the JSON body of a submission, `{"model": …, "input": {…}}`, without sending it.

        `problems` are the reasons for which it would be rejected, each with the clause and page
        that say so; `remarks` are what would have no effect.
        """
        return self._mock().control.explain(submission)

    def models(self) -> list[Json]:
        """List the models with their prices."""
        return self._mock().control.models()

    def model(self, name: str) -> Json:
        """Show all that is known of a model: its fields, rules, price and pixels, with sources."""
        return self._mock().control.model(name)

    def scenarios(self) -> list[Json]:
        """List the scenarios: what can be made to happen to requests, tasks and webhooks."""
        return self._mock().control.scenarios()

    def rules(self, sandbox: str | None = None) -> list[Mapping[str, Any]]:
        """List the rules of a sandbox (scenarios for requests), and how often each has fired.

        `sandbox` can be left out if there is only one.
        """
        return [*self._one(sandbox).rules()]

    def clock(self, sandbox: str | None = None) -> Mapping[str, Any]:
        """Read the clock of a sandbox. Nothing comes of waiting while it is frozen."""
        return self._one(sandbox).clock()


class Changing(Looking):
    """Tools that change what a mock does."""

    def trigger(
        self,
        model: str,
        input: Json | None = None,  # noqa: A002 - the API's own word
        callback_url: str | None = None,
        scenario: str | None = None,
        sandbox: str | None = None,
    ) -> str:
        """Submit a sample of a model, with fields of `input` of your own; return the task's id.

        Without `sandbox`, it goes to one of its own, `maxapi-mock-trigger`. A scenario is like
        `slow=90s, webhook-lost`.
        """
        return self._mock(sandbox).submit_sample(
            model, input or {}, callback_url=callback_url, scenario=scenario
        )

    def add_rule(
        self,
        scenario: str,
        times: int | None = None,
        match: Json | None = None,
        sandbox: str | None = None,
    ) -> Mapping[str, Any]:
        """Apply a scenario, like `unavailable` or `slow=90s`, to the next `times` requests.

        Without `times`, it applies to all. `match` can limit them by `model`, `path` (globs),
        `prompt`, `user_id`, `method` and `nth`. See `scenarios`.
        """
        from mockserver.testing.names import ScenarioText

        return self._one(sandbox).add_rule(ScenarioText(scenario), times=times, **(match or {}))

    def clear_rules(self, sandbox: str | None = None) -> str:
        """Delete all rules of a sandbox."""
        self._one(sandbox).clear_rules()
        return "deleted"

    def advance_clock(
        self,
        duration: str | None = None,
        task_id: str | None = None,
        status: str | None = None,
        sandbox: str | None = None,
    ) -> Json:
        """Move a sandbox's clock ahead, and tell what happened on the way.

        By a `duration` like `90s` or `6d`, or until a task enters a `status`, or without any of
        these until nothing more is due.
        """
        if duration is not None and (task_id or status):
            raise MockError("duration, or task_id with status; not both")
        if (task_id is None) != (status is None):
            raise MockError("task_id and status belong together, for example SUCCESS")
        if task_id is not None and status is not None:
            client, id_ = self._mock(sandbox).find_task(task_id)
            moved = client.advance_until(id_, status)
        else:
            client = self._one(sandbox)
            idle = duration is None
            moved = client.advance_until_idle() if idle else client.advance(str(duration))
        return {"now": moved.now, "speed": moved.speed, "happened": [*moved.happened]}

    def run_clock(self, speed: float = 1, sandbox: str | None = None) -> Mapping[str, Any]:
        """Let a sandbox's clock run, `speed` times as fast as real time; 0 stops it."""
        client = self._one(sandbox)
        if speed:
            client.run(speed)
        else:
            client.freeze()
        return client.clock()


def make_server(url: str, *, allow_changes: bool) -> MCPServer:
    """Make the server whose tools ask the mock at *url*."""
    server: MCPServer = MCPServer(
        "maxapi-mock", version=__version__, instructions=_INSTRUCTIONS, log_level="ERROR"
    )
    tools = Changing(url) if allow_changes else Looking(url)
    mock = Mock(MockOptions(url=url, key=None, sandbox=None))
    for name in sorted(dir(tools)):
        if not name.startswith("_"):
            reads = hasattr(Looking, name)
            hints = ToolAnnotations(read_only_hint=reads, open_world_hint=False)
            tool = _told(getattr(tools, name), mock)
            server.add_tool(tool, annotations=hints, structured_output=False)
    return server


def _told(tool: Callable[..., object], mock: Mock) -> Callable[..., str]:
    """Return *tool* with its result as a text without secrets, and its errors as an assistant's."""

    @wraps(tool)
    def run(**given: Any) -> str:
        try:
            with asking(mock):
                result = tool(**given)
        except (MaxapiMockError, click.UsageError) as error:
            raise ToolError(_shown(str(error).removeprefix("--"))) from None
        return _shown(result if isinstance(result, str) else json.dumps(result, ensure_ascii=False))

    return run


def _shown(text: str) -> str:
    """Return *text* without the secrets of URLs and of this process's environment."""
    return without_secrets(text, (os.environ[name] for name in os.environ if names_a_secret(name)))
