"""Sandboxes as lines of JSON, by which they move between memory, SQLite and PostgreSQL.

The first line says the version of the form. Then comes each sandbox, followed by its tasks and its
events. Secrets are left out: headers with proofs of webhooks, and passwords in URLs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from mockserver.domain.durations import LATEST
from mockserver.domain.redaction import without_users
from mockserver.domain.script import Script
from mockserver.domain.task import Task, transitions
from mockserver.engine.events import AnyEvent, Event
from mockserver.engine.journal import Delivery, ring_of
from mockserver.engine.keeping import Kept, KeptSandbox, KeptWebhook
from mockserver.errors import MaxapiMockError
from mockserver.state import codec

_FORM = "maxapi-mock state"
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_REAL = 1e11
"""Real seconds since 1970, in the far future."""
_HIGHEST_SPEED = 1e6
_SECRETS = frozenset(("webhook_secret",))


class LinesError(MaxapiMockError):
    """Lines cannot be read; the message says which, and why."""


def written(sandboxes: Iterable[KeptSandbox]) -> Iterator[str]:
    """Yield the lines of *sandboxes*."""
    yield json.dumps({"form": _FORM, "version": codec.VERSION})
    for whole in sandboxes:
        yield from _of_sandbox(whole)


def _of_sandbox(whole: KeptSandbox) -> Iterator[str]:
    settings = {name: text for name, text in whole.kept.settings.items() if name not in _SECRETS}
    kept = codec.sandboxes.write(replace(whole.kept, settings=settings))
    about = json.dumps({"id": whole.id, "masked_key": whole.masked_key})
    yield f'{{"sandbox": {about}, "kept": {kept}}}'
    for task in whole.tasks:
        url = task.callback_url
        shown = task if url is None else replace(task, callback_url=without_users(url))
        webhook = whole.webhooks.get(task.id)
        more = "" if webhook is None else f', "webhook": {codec.webhooks.write(webhook)}'
        yield f'{{"task": {codec.tasks.write(shown)}{more}}}'
    for event in map(_without_proof, whole.events):
        about = json.dumps([event.number, event.at.isoformat(), event.real, event.cost])
        ring = ring_of(event.data.kind)
        yield f'{{"event": {codec.write_event(event)}, "ring": {ring}, "about": {about}}}'


def _without_proof(event: AnyEvent) -> AnyEvent:
    data = event.data
    if not isinstance(data, Delivery) or not data.proof:
        return event
    shown = replace(data, proof=(), url=without_users(data.url))
    return Event(event.number, event.sandbox, event.at, event.real, shown, event.cost)


def read(lines: Iterable[str]) -> Iterator[KeptSandbox]:
    """Yield the sandboxes of *lines*, each once it is whole. Raises LinesError."""
    current: _Reading | None = None
    is_known = False
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            document, done = json.loads(line), None
            if not is_known:
                _check_form(document)
                is_known = True
            elif "sandbox" in document:
                current, done = _Reading(document), current
            else:
                _within(current).add(document)
        except (ValueError, KeyError, TypeError, RecursionError, OverflowError) as error:
            raise LinesError(f"line {number}: {_why(error)}") from None
        if done is not None:
            yield done.whole()
    if not is_known:
        raise LinesError("line 1: is missing; use a file of 'maxapi-mock state export'")
    if current is not None:
        yield current.whole()


def _within(current: _Reading | None) -> _Reading:
    if current is None:
        raise ValueError("it comes before any sandbox")
    return current


def _why(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"is not JSON: {error.msg}, column {error.colno}"
    return f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)


def _check_form(document: Any) -> None:
    """Check the first line. Raises ValueError."""
    if not isinstance(document, dict) or document.get("form") != _FORM:
        raise ValueError("is not the beginning of a file of 'maxapi-mock state export'")
    if document.get("version") != codec.VERSION:
        raise ValueError(
            f"the file has the form of version {document.get('version')!r}; this maxapi-mock reads "
            f"{codec.VERSION}"
        )


def _check(is_possible: bool, what: str) -> None:  # noqa: FBT001
    if not is_possible:
        raise ValueError(f"{what} is impossible")


def _check_clock(kept: Kept) -> None:
    """Raise ValueError for a clock that cannot be."""
    for course in (kept.course, kept.first_course):
        _check(_FIRST <= course.moment <= LATEST, "the moment of its clock")
        _check(abs(course.real) < _LAST_REAL and abs(kept.began) < _LAST_REAL, "its real time")
        _check(0 <= course.speed <= _HIGHEST_SPEED, "the speed of its clock")


def _check_script(script: Script) -> None:
    """Raise ValueError for a status that no response can have."""
    for code in (script.rejection, script.accepted_but):
        if isinstance(code, int) and not 400 <= code <= 599:
            raise ValueError(f"{code} is not the status of an error; use 400 to 599")


def _check_moments(task: Task) -> None:
    """Raise ValueError for moments that no clock reaches."""
    if any(at is not None and not _FIRST < at <= LATEST for at, _ in transitions(task)):
        raise ValueError(f"task {task.id[:60]!r} has moments that no clock shows")


class _Reading:
    """A sandbox of which some lines have been read."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        about = document["sandbox"]
        self._id, self._masked_key = str(about["id"]), str(about["masked_key"])
        self._kept = codec.sandboxes.read(json.dumps(document["kept"]))
        _check_clock(self._kept)
        for rule in self._kept.rules:
            _check_script(rule.script)
        self._tasks: dict[str, Task] = {}
        self._webhooks: dict[str, KeptWebhook] = {}
        self._events: dict[int, AnyEvent] = {}

    def add(self, document: Mapping[str, Any]) -> None:
        """Add a task or an event. Raises ValueError."""
        if "task" in document:
            task = codec.tasks.read(json.dumps(document["task"]))
            _check_script(task.script)
            _check_moments(task)
            self._tasks[task.id] = task
            if "webhook" in document:
                self._webhooks[task.id] = codec.webhooks.read(json.dumps(document["webhook"]))
            return
        number, at, real, cost = codec.about.read(json.dumps(document["about"]))
        row = number, document["ring"], real, cost, json.dumps(document["event"])
        _check(_FIRST <= at <= LATEST and 0 <= real < _LAST_REAL, "its moment")
        event = codec.read_event(self._id, at, row)
        self._events[event.number] = event

    def whole(self) -> KeptSandbox:
        """Return the sandbox."""
        events = [self._events[number] for number in sorted(self._events)]
        tasks = list(self._tasks.values())
        return KeptSandbox(self._id, self._masked_key, self._kept, tasks, self._webhooks, events)
