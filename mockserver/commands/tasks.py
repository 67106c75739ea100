"""`maxapi-mock tasks`, `task` and `trigger`: the tasks of a mock that runs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mockserver.commands.arguments import reads
from mockserver.commands.command import argument, command, option, receives
from mockserver.commands.options import complete_models, completes
from mockserver.commands.output import PASS, on_one_line, say
from mockserver.commands.running_mock import Mock, MockOptions, asking, name_of, with_mock
from mockserver.domain.scenario import SCENARIOS
from mockserver.engine.event_lines import short

if TYPE_CHECKING:
    from mockserver.testing.control import ControlClient

Json = dict[str, Any]
_MOST = 10_000


@command("tasks")
@with_mock
@receives(MockOptions)
def tasks(options: MockOptions) -> int:
    """Print the tasks of a mock; return the exit status. Raises MaxapiMockError."""
    mock = Mock(options)
    with asking(mock):
        rows = [
            (one, name_of(sandbox))
            for sandbox in mock.sandboxes()
            for one in mock.client(sandbox["id"]).tasks()
        ]
    rows.sort(key=lambda row: str(row[0]["created_at"]))
    for task, name in rows:
        cost = "" if task["cost_usd"] is None else f"${task['cost_usd']}"
        line = f"{task['taskId']}  {task['status']:10}  {cost:>8}  {task['model']}  [{name}]"
        say(on_one_line(line), "tasks")
    if not rows:
        say("no tasks; submit one, or try maxapi-mock trigger", "tasks")
    return PASS


@dataclass(frozen=True, slots=True, kw_only=True)
class _OneTask(MockOptions):
    task_id: str


@command("task")
@argument("task_id", metavar="TASK", about="the id of a task, or its beginning")
@with_mock
@receives(_OneTask)
def task(options: _OneTask) -> int:
    """Print what happened to a task; return the exit status. Raises MaxapiMockError."""
    mock = Mock(options)
    with asking(mock):
        client, task_id = mock.find_task(options.task_id)
        for line in _report(mock, client, task_id):
            say(line, "task")
    return PASS


def _report(mock: Mock, client: ControlClient, task_id: str) -> Iterator[str]:
    from mockserver.testing.failure_report import happened, to_come
    from mockserver.testing.recipe import recipe

    task = client.task(task_id)
    requests = [one for one in client.requests() if one["taskId"] == task_id]
    events = [one for one in client.events(limit=_MOST)["events"] if _is_about(one, task_id)]
    cost = "cost unknown" if task["cost_usd"] is None else f"${task['cost_usd']}"
    yield f"task {task_id}: {task['status']}, {task['model']}, {cost}"
    if task.get("failure_reason"):
        yield f"  failure_reason {task['failure_reason']}"
    yield ""
    yield from happened([dict(one) for one in events], requests)
    warned = Counter(one["text"] for event in events for one in event["data"].get("warnings", ()))
    if warned:
        yield "\ncontract warnings:"
        yield from (f"  {text}{f' ({n} times)' if n > 1 else ''}" for text, n in warned.items())
    future = [line for event in task["timeline"] if (line := to_come(task, event))]
    if future:
        yield "\nto come:"
        yield from (f"  {line}" for line in future)
    clock = client.clock()
    if clock["frozen"] and future:
        yield f"  (the clock stands still at {clock['now']}: nothing comes until it is moved)"
    if requests:
        yield ""
        now = clock["now"] if clock["frozen"] else None
        yield from recipe(requests, "", mock.url, client.settings(), now)


def _is_about(event: Any, task_id: str) -> bool:
    return bool(event["data"].get("taskId") == task_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trigger(MockOptions):
    model: str
    scenario: str | None
    callback_url: str | None
    prompt: str | None
    fields: Json


@reads
def _json_object(text: str) -> Json:
    with suppress(ValueError):
        value = json.loads(text)
        if isinstance(value, dict):
            return value
    raise ValueError(f"{text[:60]!r} is not a JSON object; use for example '{{\"n\": 2}}'")


@command("trigger")
@argument(
    "model",
    metavar="MODEL",
    about="the model: see maxapi-mock models",
    shell_complete=complete_models,
)
@option(
    "--scenario",
    metavar="NAME[=VALUE],…",
    help="what is to happen: see maxapi-mock scenarios",
    shell_complete=completes(SCENARIOS),
)
@option("--callback-url", metavar="URL", help="where the webhook goes, as callBackUrl says")
@option("--prompt", metavar="TEXT", help="the prompt, in place of that of the sample")
@option(
    "--input",
    "fields",
    metavar="JSON",
    type=_json_object,
    default="{}",
    help="fields of `input`, besides those that the model needs",
)
@with_mock
@receives(_Trigger)
def trigger(options: _Trigger) -> int:
    """Submit a sample of a model; return the exit status. Raises MaxapiMockError."""
    mock = Mock(options)
    prompt = {} if options.prompt is None else {"prompt": options.prompt}
    with asking(mock):
        task_id = mock.submit_sample(
            options.model,
            options.fields | prompt,
            callback_url=options.callback_url,
            scenario=options.scenario,
        )
    say(f"submitted {task_id}; see: maxapi-mock task {short(task_id)}", "trigger")
    return PASS
