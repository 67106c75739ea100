"""Events as lines for people: in the terminal, and in the failure report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from mockserver.domain.expectation import REJECTED
from mockserver.engine.events import EventKind

Json = Mapping[str, Any]

_ERROR = 400
SHORT = 8
"""Characters of an id that people see, and can name it by."""


class Tone(StrEnum):
    """How a line is to be taken."""

    PLAIN = "plain"
    GOOD = "good"
    BAD = "bad"
    WARNING = "warning"
    QUIET = "quiet"
    """What a reader may skip."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line about an event."""

    text: str
    tone: Tone = Tone.PLAIN


class EventLines:
    """Writes events, each contract warning only the first time, one about polls for each task.

    A rejection is its own warning.
    """

    def __init__(self) -> None:
        self._day = ""
        self._said: set[tuple[str, str | None]] = set()

    def lines(self, event: Json) -> Iterator[Line]:
        """Yield the lines about *event*, with its time, and the date wherever that changes."""
        at = event["at"]
        if at[:10] != self._day:
            self._day = at[:10]
            yield Line(f"-- {self._day}", Tone.QUIET)
        line = line_of(event)
        yield Line(f"{time_of(at)}  {line.text}", line.tone)
        data = event["data"]
        polled = data.get("taskId") if data.get("operation") == "query" else None
        for warning in data.get("warnings", ()):
            said = (warning["text"], polled)
            if warning["kind"] != REJECTED and said not in self._said:
                self._said.add(said)
                yield Line(f"{'':17}warning: {warning['text']}", Tone.WARNING)


def line_of(event: Json) -> Line:
    """Write an event, as the control plane returns it, on one line without its time."""
    return _WRITERS[EventKind(event["kind"])](event["data"])


def _request(one: Json) -> Line:
    status, path = one["status"], str(one["path"])
    if one["taskId"]:
        path = path.replace(one["taskId"], short(one["taskId"]))
    said = one.get("message") or one.get("task_status") or ""
    if not said and one["taskId"] and one["operation"] == "submit":
        said = f"task {short(one['taskId'])}"
    outcome = "no response" if "hang" in one["scenarios"] else f"{status} {said}"
    text = f"{one['method']} {path} -> {outcome}".rstrip() + _scenarios(one)
    if status >= _ERROR:
        return Line(text, Tone.BAD)
    return Line(text, Tone.QUIET if one["operation"] == "query" else Tone.PLAIN)


def _status(one: Json) -> Line:
    reason = one.get("failure_reason")
    why = f", failure_reason {reason}" if reason else ""
    text = f"  task {short(one['taskId'])} {one['status']}{why}"
    return Line(text, Tone.BAD if reason else Tone.PLAIN)


def _webhook(one: Json) -> Line:
    delivered = f"delivered ({one['status']})"
    outcome = delivered if one["delivered"] else f"NOT delivered: {one['error']}"
    again = f"; again at {time_of(one['next_at'])}" if one["next_at"] else ""
    text = (
        f"  webhook of {short(one['taskId'])}, attempt {one['attempt']}, "
        f"to {one['url']}: {outcome}{again}{_scenarios(one)}"
    )
    return Line(text, Tone.GOOD if one["delivered"] else Tone.BAD)


def _clock(one: Json) -> Line:
    moves = "stands still" if one["frozen"] else f"runs at speed {one['speed']:g}"
    return Line(f"clock shows {one['now']} and {moves}", Tone.QUIET)


def _rule(one: Json) -> Line:
    if "added" not in one:
        return Line(f"rules deleted: {one['removed']}", Tone.QUIET)
    rule = one["added"]
    times = "every request" if rule["times"] is None else f"{rule['times']} requests"
    return Line(f"rule {rule['id']}: {rule['scenario']}, for {times} that match", Tone.QUIET)


def _settings(one: Json) -> Line:
    changed = ", ".join(f"{name} = {value}" for name, value in one.items())
    return Line(f"settings: {changed}", Tone.QUIET)


def _scenarios(one: Json) -> str:
    return f"  [{', '.join(one['scenarios'])}]" if one["scenarios"] else ""


def time_of(at: str | None) -> str:
    """Return the time of day of a moment."""
    return f"{datetime.fromisoformat(at):%H:%M:%S.%f}" if at else ""


def short(id_: str) -> str:
    """Return the beginning of an id, by which people know a task or a sandbox."""
    return id_[:SHORT]


_WRITERS: Mapping[EventKind, Callable[[Json], Line]] = {
    EventKind.REQUEST: _request,
    EventKind.TASK: lambda one: Line(f"  task {short(one['taskId'])} {one['status']}"),
    EventKind.STATUS: _status,
    EventKind.EXPIRY: lambda one: Line(f"  task {short(one['taskId'])} results have expired"),
    EventKind.WEBHOOK: _webhook,
    EventKind.HELD: lambda one: Line(f"  {one['what']} is held as {one['name']!r}", Tone.QUIET),
    EventKind.CLOCK: _clock,
    EventKind.RULE: _rule,
    EventKind.SETTINGS: _settings,
    EventKind.RESET: lambda _: Line("the sandbox was reset", Tone.QUIET),
    EventKind.WARNING: lambda one: Line(f"warning: {one['text']}", Tone.WARNING),
}
