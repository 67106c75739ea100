"""Mutants: the states of a task over time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from mockserver.conformance.operations import QUERY, SUBMIT
from mockserver.contract import load_contract
from mockserver.domain.durations import stamp
from mockserver.engine.messages import Request, Response
from tests.mutants.changes import Shows, document_of, rejection
from tests.mutants.layer import Ask, Layer, MakeLayer, operation_of, task_of
from tests.mutants.mutant import Mutant

_NAMES = load_contract().lifecycle
_FINAL = "service.json#/promises/final"
_BACK = "service.json#/promises/never_back"
_FOUND = "submit-response.json#/properties/data/properties/taskId"


def _nth_poll(change: Callable[[dict[str, Any], int], None]) -> MakeLayer:
    """Change a poll by its number, counted from the first that shows the state that it shows."""

    def make() -> Layer:
        polls: Counter[tuple[str, str]] = Counter()

        def edit(task: dict[str, Any]) -> None:
            seen = task["taskId"], task["status"]
            polls[seen] += 1
            change(task, polls[seen])

        return Shows(edit, in_webhooks=False)

    return make


def _pending_again(task: dict[str, Any], number: int) -> None:
    if task["status"] == _NAMES.success and number == 2:
        task.update(status=_NAMES.path[0], result=None)


def _flickering(task: dict[str, Any], number: int) -> None:
    if task["status"] == _NAMES.path[1] and number == 2:
        task["status"] = _NAMES.path[0]


def _touched(task: dict[str, Any], number: int) -> None:
    if task["status"] in _NAMES.terminal:
        moment = datetime.fromisoformat(task["updated_at"]) + timedelta(seconds=number)
        task["updated_at"] = stamp(moment)


class _Idempotent(Layer):
    """Returns the same task for the same submission."""

    def __init__(self) -> None:
        self._accepted: dict[bytes, Response] = {}

    def respond(self, request: Request, ask: Ask) -> Response:
        """Return the response to the first such submission."""
        response = ask(request)
        if operation_of(request) != SUBMIT or response.status != 200:
            return response
        return self._accepted.setdefault(request.body, response)


class _Forgets(Layer):
    """Loses a task once a poll has shown its end."""

    def __init__(self) -> None:
        self._ended: set[str] = set()

    def respond(self, request: Request, ask: Ask) -> Response:
        """Return 404 if the end was shown."""
        response = ask(request)
        if operation_of(request) != QUERY or response.status != 200:
            return response
        if task_of(request) in self._ended:
            return rejection(404, "not found")
        if document_of(response.body)["data"]["status"] in _NAMES.terminal:
            self._ended.add(task_of(request))
        return response


MUTANTS = (
    Mutant(
        "pending-after-success",
        "The second poll after the end shows PENDING.",
        "never-back",
        _BACK,
        _nth_poll(_pending_again),
    ),
    Mutant(
        "flickering",
        "The second poll that would show PROCESSING shows PENDING.",
        "never-back",
        _BACK,
        _nth_poll(_flickering),
    ),
    Mutant(
        "touched-by-polls",
        "Each poll of a finished task moves updated_at.",
        "final",
        _FINAL,
        _nth_poll(_touched),
        severity="assumption",
    ),
    Mutant(
        "stuck",
        "No task ever ends.",
        "ends",
        "service.json#/promises/ends",
        settings={"scenario": "stuck"},
    ),
    Mutant(
        "found-later",
        "The first poll of a task does not find it.",
        "is-found",
        _FOUND,
        settings={"scenario": "unknown-at-first=1"},
    ),
    Mutant(
        "forgotten",
        "A task is no longer found once a poll has shown its end.",
        "is-found",
        _FOUND,
        _Forgets,
    ),
    Mutant(
        "flaky-polls",
        "Every third poll of a task returns 500.",
        "responses",
        "envelope.json#",
        settings={"scenario": "flaky-poll=3"},
    ),
    Mutant(
        "same-id-for-the-same",
        "The same submission returns the same taskId.",
        "unique-ids",
        "service.json#/promises/unique_id",
        _Idempotent,
    ),
)
