"""Mutants: rejected requests that have an effect all the same."""

from __future__ import annotations

from collections.abc import Callable

from mockserver.conformance.operations import CANCEL, SUBMIT
from mockserver.contract import dump_json
from mockserver.engine.messages import Request, Response
from mockserver.engine.webhooks.attempt import WebhookRequest
from tests.mutants.changes import document_of, through
from tests.mutants.layer import Ask, Layer, MakeLayer, operation_of, task_of
from tests.mutants.mutant import Mutant
from tests.mutants.tokens import as_owner

_UNAUTHORIZED = "service.json#/promises/unauthorized_changes_nothing"
_REFUSED = "service.json#/promises/refused_changes_nothing"


def _cancels_all_the_same(*statuses: int) -> MakeLayer:
    def respond(request: Request, ask: Ask) -> Response:
        response = ask(request)
        if operation_of(request) == CANCEL and response.status in statuses:
            ask(as_owner(request))
        return response

    return through(respond)


def _cancels_if(is_meant: Callable[[Request], bool]) -> MakeLayer:
    def respond(request: Request, ask: Ask) -> Response:
        response = ask(request)
        if operation_of(request) is None and is_meant(request):
            path = f"/api/v1/task/{task_of(request)}/cancel"
            ask(Request("POST", path, headers=as_owner(request).headers))
        return response

    return through(respond)


class _TellsOfRefusals(Layer):
    """Sends a webhook for a submission that was rejected."""

    def __init__(self, *statuses: int) -> None:
        self._statuses = statuses

    def respond(self, request: Request, ask: Ask) -> Response:
        """Send the webhook before the response."""
        response = ask(request)
        document = document_of(request.body) if operation_of(request) == SUBMIT else None
        url = document.get("callBackUrl") if isinstance(document, dict) else None
        if response.status in self._statuses and str(url).startswith("http://127.0.0.1"):
            body = dump_json({"code": response.status, "msg": "rejected"})
            self.post(WebhookRequest(str(url), body, "application/json", 10))
        return response


MUTANTS = (
    Mutant(
        "cancels-unauthorized",
        "A cancellation without a token is rejected, but cancels.",
        "rejected-cancels",
        _UNAUTHORIZED,
        _cancels_all_the_same(401),
    ),
    Mutant(
        "cancels-for-others",
        "A cancellation with another key is rejected, but cancels.",
        "rejected-cancels",
        _REFUSED,
        _cancels_all_the_same(404),
        severity="assumption",
    ),
    Mutant(
        "delete-cancels",
        "DELETE is rejected, but cancels.",
        "odd-requests",
        _REFUSED,
        _cancels_if(lambda request: request.method == "DELETE"),
        severity="assumption",
    ),
    Mutant(
        "get-cancels",
        "GET on the path of a cancellation is rejected, but cancels.",
        "odd-requests",
        _REFUSED,
        _cancels_if(lambda request: request.method == "GET" and request.path.endswith("/cancel")),
        severity="assumption",
    ),
    Mutant(
        "webhook-of-error",
        "A submission that is rejected for its input gets a webhook.",
        "rejected-submissions",
        _REFUSED,
        lambda: _TellsOfRefusals(400),
        severity="assumption",
    ),
    Mutant(
        "webhook-of-stranger",
        "A submission without a token gets a webhook.",
        "rejected-submissions",
        _REFUSED,
        lambda: _TellsOfRefusals(401),
        severity="assumption",
    ),
)
