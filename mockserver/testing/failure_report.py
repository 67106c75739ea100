"""The failure report: what a sandbox saw, for the report of a test that failed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from mockserver.contract import load_contract
from mockserver.contract.violation import shortened
from mockserver.domain.expectation import REJECTED, UNKNOWN_FIELD
from mockserver.engine.messages import WARNING_HEADER
from mockserver.testing.control import ControlClient, Json
from mockserver.testing.recipe import recipe, submits
from mockserver.testing.rules import explained, unused_rules
from mockserver.testing.sandbox import shown_key

_MAX_LINES = 60
_SHOWN_ELSEWHERE = (REJECTED, UNKNOWN_FIELD)
"""Kinds of warnings that are shown with their request."""


@dataclass(frozen=True, slots=True)
class _Line:
    at: str
    text: str
    more: tuple[str, ...] = ()
    after: int = 0
    """The number of the last request that is known to have come before it."""


def failure_report(control: ControlClient, api_key: str, url: str | None, said: str = "") -> str:
    """Describe what happened in the sandbox of *api_key*, in order, and how to repeat it.

    *url* is that of a mock that outlives the test; without one, the curl lines are for a mock
    that the reader has to start. What the failure itself has *said* is not repeated. Raises
    ControlError.
    """
    requests, deliveries = _shown(control, control.requests()), control.deliveries()
    tasks = [control.task(one["taskId"]) for one in control.tasks()]
    clock, held = control.clock(), control.held()
    counts = [(requests, "request"), (tasks, "task"), (deliveries, "webhook attempt")]
    seen = ", ".join(
        f"{len(things)} {name}{'' if len(things) == 1 else 's'}" for things, name in counts
    )
    movement = "stands still" if clock["frozen"] else f"runs at speed {clock['speed']:g}"
    lines = [f"{seen}; the clock shows {clock['now']} and {movement}"]
    lines += _keys(control, None if requests or held else shown_key(api_key))
    lines += ["", *_last(_written(list(_in_order(requests, tasks, deliveries))))]
    future = [_future(task, event) for task in tasks for event in task["timeline"]]
    unused = _unused(control)
    unused = [] if all(line.strip() in said for line in unused) else unused
    for title, found in (
        ("to come", [one for one in future if one]),
        ("still held", [f"{one['name']}: {one['what']}" for one in held]),
        ("contract warnings", _warnings(control)),
        ("rules that never fired", unused),
    ):
        lines += ["", f"{title}:", *(f"  {one}" for one in found)] if found else []
    if requests:
        now = clock["now"] if clock["frozen"] else None
        lines += ["", *recipe(requests, api_key, url, control.settings(), now)]
    return control.shown("\n".join(lines).replace("\n\n\n", "\n\n"))


def _keys(control: ControlClient, unused: str | None) -> list[str]:
    """Mention requests that may be the app's, but came with another key, or with none.

    *unused* is the sandbox's own key if nothing came with it.
    """
    counts = control.strangers()
    other, without = counts["with_other_keys"], counts["without_key"]
    came = [
        f"{number} request{'' if number == 1 else 's'} came {how}"
        for number, how in ((other, "with another key"), (without, "without an accepted key"))
        if number
    ]
    own = [] if unused is None else [f"No request came with the key {unused}"]
    advice = "give the app this key, or the sandbox the app's: @pytest.mark.maxapi(api_key=…)"
    return [f"{', '.join([*own, *came])}{f': {advice}' if came else ''}"] if own or came else []


def _warnings(control: ControlClient) -> list[str]:
    return [
        one["text"] + (f" ({one['count']} times)" if one["count"] > 1 else "")
        for one in control.warnings()
        if one["kind"] not in _SHOWN_ELSEWHERE
    ]


def _unused(control: ControlClient) -> list[str]:
    return [line for rule in unused_rules(control) for line in explained(control, rule)]


def _shown(control: ControlClient, value: Any) -> Any:
    """Take secrets out before anything is shortened: a part of one would not be recognized."""
    return json.loads(control.shown(json.dumps(value, ensure_ascii=False)))


# -- the timeline ----------------------------------------------------------------------------


def _in_order(requests: list[Json], tasks: list[Json], deliveries: list[Json]) -> Iterator[_Line]:
    """Put requests, transitions and webhook attempts into the order in which they happened.

    Their times are not enough: while the clock stands still, many have the same one. So each
    transition also knows the last request that must have come before it: the one that submitted
    the task, cancelled it, or was still shown an earlier status. Requests stay in the order of
    their numbers, and an event is put before the first request that is neither earlier than it nor
    one of those. A response that was held can have come after all of it.
    """
    waiting: list[_Line] = []
    ends: dict[str, int] = {}
    for task in tasks:
        own = [one for one in requests if one["taskId"] == task["taskId"] and not _was_held(one)]
        after = next((one["number"] for one in own if submits(one)), 0)
        earlier: set[str] = set()
        for event in _past(task):
            at_its_time = [one for one in own if one["at"] == event["at"]]
            known = [one["number"] for one in at_its_time if _was_before(one, event, earlier)]
            after = max([after, *known])
            waiting.append(_transition(task, event, after))
            earlier.add(str(event.get("status")))
        ends[task["taskId"]] = after
    waiting += [_delivery(one, ends.get(one["taskId"], 0)) for one in deliveries]
    waiting.sort(key=lambda line: line.at)
    for request in requests:
        at, number = str(request["at"]), request["number"]
        came_first = [line for line in waiting if line.at <= at and line.after < number]
        yield from came_first
        waiting = [line for line in waiting if line not in came_first]
        yield _request(request)
    yield from waiting


def _was_held(request: Json) -> bool:
    return any(name.partition("=")[0] == "held" for name in request["scenarios"])


def _was_before(request: Json, event: Json, earlier: set[str]) -> bool:
    """Return whether a request to a task came before an event of the same time.

    It did if it was shown one of the *earlier* states, or if it caused the event.
    """
    response = request["response_body"]
    data = response.get("data") if isinstance(response, dict) else None
    if isinstance(data, dict) and "status" in data:
        return data["status"] in earlier
    cancels = request["status"] == 200 and str(request["path"]).endswith("/cancel")
    return cancels and event.get("status") == load_contract().lifecycle.cancelled


def _past(task: Json) -> list[Json]:
    return [one for one in task["timeline"] if one["past"] and one["event"] != "webhook"]


def _transition(task: Json, event: Json, after: int) -> _Line:
    what = event.get("status") or "results have expired"
    if what == task["status"] and task["failure_reason"]:
        what = f"{what}, failure_reason {task['failure_reason']}"
    return _Line(event["at"], f"  task {_short(task['taskId'])} {what}", after=after)


def _delivery(one: Json, after: int) -> _Line:
    delivered = f"delivered ({one['status']})"
    outcome = delivered if one["delivered"] else f"NOT delivered: {one['error']}"
    again = f"; again at {_time(one['next_at'])}" if one["next_at"] else ""
    text = (
        f"  webhook of {_short(one['taskId'])}, attempt {one['attempt']}, "
        f"to {one['url']}: {outcome}{again}{_scenarios(one)}"
    )
    return _Line(one["at"], text, after=after)


def _scenarios(one: Json) -> str:
    return f"  [{', '.join(one['scenarios'])}]" if one["scenarios"] else ""


def _request(one: Json) -> _Line:
    response = one["response_body"]
    shown = ""
    if isinstance(response, dict):
        is_error = one["status"] >= 400
        shown = str(response.get("msg", "")) if is_error else _summary(response.get("data"))
    more = []
    if one["status"] >= 400 and isinstance(one["body"], dict):
        more.append(f"sent: {json.dumps(shortened(one['body']), ensure_ascii=False)[:300]}")
    warning = one["response_headers"].get(WARNING_HEADER)
    if warning:
        more.append(f"warning: {warning}")
    path = one["path"]
    if one["taskId"]:
        path = path.replace(one["taskId"], _short(one["taskId"]))
    outcome = "no response" if "hang" in one["scenarios"] else f"{one['status']} {shown}"
    text = f"{one['method']} {path} -> {outcome}".rstrip() + _scenarios(one)
    return _Line(one["at"], text, tuple(more))


def _summary(data: object) -> str:
    if not isinstance(data, dict):
        return ""
    return str(data.get("status") or f"task {_short(str(data.get('taskId', '')))}")


def _written(lines: list[_Line]) -> list[str]:
    """Write the lines, each run of equal ones as one, and the date wherever it changes."""
    written = []
    day = lines[0].at[:10] if lines else ""
    for (text, more), run in groupby(lines, key=lambda line: (line.text, line.more)):
        same = list(run)
        if same[0].at[:10] != day:
            day = same[0].at[:10]
            written.append(f"-- {day}")
        times = f" ({len(same)} times)" if len(same) > 1 else ""
        written.append(f"{_time(same[0].at)}  {text}{times}")
        written += [f"{'':17}{one}" for one in more]
    return written


def _last(lines: list[str]) -> list[str]:
    left_out = len(lines) - _MAX_LINES
    return [f"... {left_out} earlier lines", *lines[left_out:]] if left_out > 0 else lines


def _future(task: Json, event: Json) -> str:
    if event["past"] or event["event"] == "results-expire":
        return ""
    when = f"at {_time(event['at'])}" if event["at"] else "when it is polled"
    what = event.get("status") or f"webhook, attempt {event['attempt']}"
    return f"task {_short(task['taskId'])} {what} {when}"


def _time(at: str | None) -> str:
    return f"{datetime.fromisoformat(at):%H:%M:%S.%f}" if at else ""


def _short(task_id: str) -> str:
    return task_id[:8]
