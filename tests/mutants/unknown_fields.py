"""Mutants: unknown tasks and routes, and tasks of other keys."""

from __future__ import annotations

from collections.abc import Mapping

from mockserver.conformance.operations import CANCEL, QUERY
from mockserver.engine.messages import Request, Response, json_response
from tests.mutants.changes import page, rejection, responses, restatus, through, with_type
from tests.mutants.layer import Ask, MakeLayer, operation_of
from tests.mutants.mutant import Mutant
from tests.mutants.tokens import as_owner

_404 = "service.json#/errors/404"
_FOREIGN = "service.json#/promises/foreign_task_unknown"


def _is_there(name: str | None, document: Mapping[str, object]) -> MakeLayer:
    """Return 200 where an operation, or any other route, returns 404."""

    def change(request: Request, response: Response) -> Response:
        missing = response.status == 404 and operation_of(request) == name
        return json_response(200, document) if missing else response

    return responses(change)


def _page(request: Request, response: Response) -> Response:
    if response.status != 404 or operation_of(request) is not None:
        return response
    return with_type(response, "text/html", page("Not Found"))


def _shared(operation: str) -> MakeLayer:
    """Let the other key use a task like its owner."""

    def respond(request: Request, ask: Ask) -> Response:
        response = ask(request)
        if response.status != 404 or operation_of(request) != operation:
            return response
        return ask(as_owner(request))

    return through(respond)


def _forbidden(request: Request, ask: Ask) -> Response:
    """Return 403 for the tasks of other keys."""
    response = ask(request)
    if response.status != 404 or operation_of(request) != QUERY:
        return response
    return rejection(403, "forbidden") if ask(as_owner(request)).status == 200 else response


MUTANTS = (
    Mutant(
        "unknown-task-is-null",
        "A poll of an unknown task returns 200, with data null.",
        "unknown-task",
        _404,
        _is_there(QUERY, {"code": 0, "msg": "ok", "data": None}),
        severity="assumption",
    ),
    Mutant(
        "unknown-task-400",
        "The cancellation of an unknown task returns 400.",
        "unknown-task",
        _404,
        restatus(404, 400, CANCEL),
        severity="assumption",
    ),
    Mutant(
        "route-200",
        "Any route below the API's prefix returns 200.",
        "unknown-route",
        _404,
        _is_there(None, {"code": 0, "msg": "ok"}),
        severity="assumption",
    ),
    Mutant(
        "route-page",
        "A route that does not exist returns a web page.",
        "responses",
        "envelope.json#",
        responses(_page),
    ),
    Mutant(
        "wrong-method-404",
        "A method that a route does not have returns 404.",
        "wrong-method",
        "service.json#/errors/405",
        restatus(405, 404),
        severity="assumption",
    ),
    Mutant(
        "foreign-task-shown",
        "A task is shown to any key.",
        "foreign-task",
        _FOREIGN,
        _shared(QUERY),
        severity="assumption",
    ),
    Mutant(
        "foreign-task-cancelled",
        "A task can be cancelled with any key.",
        "foreign-task",
        _FOREIGN,
        _shared(CANCEL),
        severity="assumption",
    ),
    Mutant(
        "foreign-task-403",
        "A poll of another key's task returns 403.",
        "foreign-task",
        _FOREIGN,
        through(_forbidden),
        severity="assumption",
    ),
)
