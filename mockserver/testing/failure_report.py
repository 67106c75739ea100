"""The failure report: what a sandbox saw, for the report of a test that failed."""

from __future__ import annotations

import json
from itertools import groupby
from operator import itemgetter
from typing import Any

from mockserver.contract.violation import shortened
from mockserver.domain.expectation import REJECTED, UNKNOWN_FIELD
from mockserver.engine.event_lines import line_of, short, time_of
from mockserver.engine.events import EventKind
from mockserver.engine.messages import WARNING_HEADER
from mockserver.testing.control import ControlClient, Json
from mockserver.testing.recipe import recipe
from mockserver.testing.rules import explained, unused_rules
from mockserver.testing.sandbox import shown_key

_MAX_LINES = 60
_MOST_EVENTS = 10_000
_SHOWN = (
    EventKind.REQUEST,
    EventKind.TASK,
    EventKind.STATUS,
    EventKind.EXPIRY,
    EventKind.WEBHOOK,
    EventKind.HELD,
)
"""What a test has not done itself."""
_SHOWN_ELSEWHERE = (REJECTED, UNKNOWN_FIELD)
"""Kinds of warnings that are shown with their request."""


def failure_report(control: ControlClient, api_key: str, url: str | None, said: str = "") -> str:
    """Describe what happened in the sandbox of *api_key*, in order, and how to repeat it.

    *url* is that of a mock that outlives the test; without one, the curl lines are for a mock
    that the reader has to start. What the failure itself has *said* is not repeated. Raises
    ControlError.
    """
    requests, deliveries = _shown(control, control.requests()), control.deliveries()
    tasks = [control.task(one["taskId"]) for one in control.tasks()]
    clock, held = control.clock(), control.held()
    events = _shown(control, control.events(limit=_MOST_EVENTS)["events"])
    counts = [(requests, "request"), (tasks, "task"), (deliveries, "webhook attempt")]
    seen = ", ".join(
        f"{len(things)} {name}{'' if len(things) == 1 else 's'}" for things, name in counts
    )
    movement = "stands still" if clock["frozen"] else f"runs at speed {clock['speed']:g}"
    lines = [f"{seen}; the clock shows {clock['now']} and {movement}"]
    lines += _keys(control, None if requests or held else shown_key(api_key))
    lines += ["", *_last(happened(events, requests))]
    future = [to_come(task, event) for task in tasks for event in task["timeline"]]
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


# -- what happened ---------------------------------------------------------------------------


def happened(events: list[Json], requests: list[Json]) -> list[str]:
    """Write the events, each run of equal ones as one, and the date wherever it changes.

    Their moments decide about their order, as a state that nobody heard of is told only when
    somebody asks; between equal moments, their numbers do.
    """
    more = {one["number"]: _more(one) for one in requests}
    lines = [
        (event["at"], line_of(event).text, more.get(event["data"].get("number"), ()))
        if event["kind"] == EventKind.REQUEST
        else (event["at"], line_of(event).text, ())
        for event in sorted(events, key=itemgetter("at"))
        if event["kind"] in _SHOWN
    ]
    written: list[str] = []
    day = lines[0][0][:10] if lines else ""
    for (text, details), run in groupby(lines, key=itemgetter(1, 2)):
        same = list(run)
        at = same[0][0]
        if at[:10] != day:
            day = at[:10]
            written.append(f"-- {day}")
        times = f" ({len(same)} times)" if len(same) > 1 else ""
        written.append(f"{time_of(at)}  {text}{times}")
        written += [f"{'':17}{one}" for one in details]
    return written


def _more(request: Json) -> tuple[str, ...]:
    """Return what a request that was rejected has sent, and what had no effect in it."""
    more = []
    if request["status"] >= 400 and isinstance(request["body"], dict):
        more.append(f"sent: {json.dumps(shortened(request['body']), ensure_ascii=False)[:300]}")
    warning = request["response_headers"].get(WARNING_HEADER)
    if warning:
        more.append(f"warning: {warning}")
    return tuple(more)


def _last(lines: list[str]) -> list[str]:
    left_out = len(lines) - _MAX_LINES
    return [f"... {left_out} earlier lines", *lines[left_out:]] if left_out > 0 else lines


def to_come(task: Json, event: Json) -> str:
    """Write what a task's timeline has still to come; nothing for what is past."""
    if event["past"] or event["event"] == "results-expire":
        return ""
    when = f"at {time_of(event['at'])}" if event["at"] else "when it is polled"
    what = event.get("status") or f"webhook, attempt {event['attempt']}"
    return f"task {short(task['taskId'])} {what} {when}"
