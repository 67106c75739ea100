"""Mutants: cancellations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mockserver.conformance.operations import CANCEL, QUERY, SUBMIT
from mockserver.contract import load_contract
from mockserver.engine.messages import Request, Response, json_response
from tests.mutants.changes import document_of, rejection, restatus, tasks, through, with_document
from tests.mutants.edits import put, when
from tests.mutants.layer import Ask, Layer, MakeLayer, operation_of, task_of
from tests.mutants.mutant import SOME_RESULT, Mutant

_NAMES = load_contract().lifecycle
_KEPT = "service.json#/promises/cancel_is_kept"
_PENDING = "service.json#/promises/cancel_pending"


def _status_of(request: Request, ask: Ask) -> str | None:
    """Return the status of the task that a request cancels; None if there is no such task."""
    polled = ask(replace(request, method="GET", path=request.path.removesuffix("/cancel")))
    return document_of(polled.body)["data"]["status"] if polled.status == 200 else None


def _cancels(cancel: Callable[[Request, Ask, str], Response]) -> MakeLayer:
    """Respond to the cancellation of an existing task with a function of the task's status."""

    def respond(request: Request, ask: Ask) -> Response:
        status = _status_of(request, ask) if operation_of(request) == CANCEL else None
        return ask(request) if status is None else cancel(request, ask, status)

    return through(respond)


def _yes() -> Response:
    return json_response(200, {"code": 0, "msg": "ok"})


def _no() -> Response:
    return rejection(400, "it cannot be cancelled")


def _says_yes(request: Request, ask: Ask, status: str) -> Response:
    return ask(request) if status in _NAMES.terminal else _yes()


def _says_no_but_does(request: Request, ask: Ask, _status: str) -> Response:
    ask(request)
    return _no()


def _says_yes_at_the_end(request: Request, ask: Ask, status: str) -> Response:
    return _yes() if status in _NAMES.terminal else ask(request)


class _ShowsOnce(Layer):
    """Accepts cancellations, but shows them only in one poll."""

    def __init__(self) -> None:
        self._to_show: set[str] = set()

    def respond(self, request: Request, ask: Ask) -> Response:
        """Show the next poll of a task as if it were cancelled."""
        if operation_of(request) == CANCEL and _status_of(request, ask) in _NAMES.path:
            self._to_show.add(task_of(request))
            return _yes()
        response = ask(request)
        if operation_of(request) != QUERY or task_of(request) not in self._to_show:
            return response
        self._to_show.remove(task_of(request))
        return _with_status(response, _NAMES.cancelled)


def _with_status(response: Response, status: str) -> Response:
    envelope: dict[str, Any] = document_of(response.body)
    envelope["data"].update(status=status, result=None)
    return with_document(response, envelope)


class _Removes(Layer):
    """Loses tasks that were cancelled."""

    def __init__(self) -> None:
        self._cancelled: set[str] = set()

    def respond(self, request: Request, ask: Ask) -> Response:
        """Return 404 for such a task."""
        response = ask(request)
        if operation_of(request) == CANCEL and response.status == 200:
            self._cancelled.add(task_of(request))
        gone = operation_of(request) == QUERY and task_of(request) in self._cancelled
        return rejection(404, "not found") if gone else response


class _Revives(Layer):
    """Shows a cancelled task as SUBMITTED once another one is submitted or cancelled."""

    def __init__(self) -> None:
        self._cancelled: set[str] = set()
        self._revived: set[str] = set()

    def respond(self, request: Request, ask: Ask) -> Response:
        """Remember what was cancelled."""
        response = ask(request)
        if response.status != 200:
            return response
        if operation_of(request) in (SUBMIT, CANCEL):
            self._revived |= self._cancelled
        if operation_of(request) == CANCEL:
            self._cancelled = {task_of(request)}
        if operation_of(request) != QUERY or task_of(request) not in self._revived:
            return response
        return _with_status(response, _NAMES.path[-1])


MUTANTS = (
    Mutant(
        "cancel-does-not",
        "A cancellation is accepted, and the task goes on.",
        "cancel-pending",
        _PENDING,
        _cancels(_says_yes),
    ),
    Mutant(
        "cancel-shown-once",
        "A cancellation is accepted and shown by one poll, and the task goes on.",
        "cancel-is-kept",
        _KEPT,
        _ShowsOnce,
    ),
    Mutant(
        "cancel-removes",
        "A task that was cancelled is no longer found.",
        "is-found",
        "submit-response.json#/properties/data/properties/taskId",
        _Removes,
    ),
    Mutant(
        "no-cancel",
        "No cancellation is accepted.",
        "cancel-pending",
        _PENDING,
        _cancels(lambda _request, _ask, _status: _no()),
    ),
    Mutant(
        "rejected-cancel-cancels",
        "A cancellation is rejected, but cancels.",
        "cancel-is-kept",
        _KEPT,
        _cancels(_says_no_but_does),
    ),
    Mutant(
        "cancel-after-end",
        "The cancellation of a task that has ended is accepted.",
        "cancel-ended",
        "service.json#/promises/cancel_ended",
        _cancels(_says_yes_at_the_end),
    ),
    Mutant(
        "cancel-conflict",
        "A cancellation that comes too late returns 409.",
        "cancel-later",
        "service.json#/promises/cancel_refused_with_400",
        restatus(400, 409, CANCEL),
        severity="assumption",
    ),
    Mutant(
        "cancelled-with-result",
        "A cancelled task has a result.",
        "poll-response",
        "task.json#/allOf/1/then/properties/result/type",
        tasks(when(put(result=SOME_RESULT), _NAMES.cancelled)),
    ),
    Mutant(
        "revived",
        "A cancelled task goes on as soon as another one is submitted or cancelled.",
        "any-order",
        "service.json#/promises/final",
        _Revives,
        severity="assumption",
        examples=30,
    ),
)
