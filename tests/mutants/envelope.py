"""Mutants: the envelope of every response."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus

from mockserver.conformance.operations import CANCEL, QUERY, SUBMIT
from mockserver.domain.script import WireFault
from mockserver.engine.messages import Fault, Request, Response
from tests.mutants.changes import Shows, envelopes, page, responses, with_type
from tests.mutants.edits import drop, inside, put, remake, rename
from tests.mutants.layer import Ask, is_of_the_api, operation_of
from tests.mutants.mutant import Mutant

_ID = "submit-response.json#/properties/data/properties/taskId"


def _pages(_request: Request, response: Response) -> Response:
    if response.status < 400:
        return response
    return with_type(response, "text/html", page(HTTPStatus(response.status).phrase))


def _empty(request: Request, response: Response) -> Response:
    return replace(response, body=b"") if operation_of(request) == CANCEL else response


def _cut(request: Request, response: Response) -> Response:
    return (
        replace(response, fault=Fault(wire=WireFault.TRUNCATED))
        if request.method == "DELETE"
        else response
    )


def _marked(request: Request, response: Response) -> Response:
    mark = b"\xef\xbb\xbf" if operation_of(request) == QUERY else b""
    return replace(response, body=mark + response.body)


def _moved(request: Request, response: Response) -> Response:
    if operation_of(request) != SUBMIT or response.status != 200:
        return response
    return Response(308, (("Location", "/api/v2/task/submit"),), b"")


class _UpperIds(Shows):
    """Writes every taskId in upper case, and accepts it so."""

    def __init__(self) -> None:
        super().__init__(remake("taskId", str.upper))

    def respond(self, request: Request, ask: Ask) -> Response:
        """Find the task by its id in any case."""
        if operation_of(request) == SUBMIT:
            return _SUBMITTED_IN_UPPER_CASE().respond(request, ask)
        known = replace(request, path=request.path.lower()) if is_of_the_api(request) else request
        return super().respond(known, ask)


_SUBMITTED_IN_UPPER_CASE = envelopes(inside("data", remake("taskId", str.upper)), SUBMIT)

MUTANTS = (
    Mutant(
        "html-errors",
        "Error responses are web pages.",
        "responses",
        "envelope.json#",
        responses(_pages),
    ),
    Mutant(
        "empty-response",
        "A cancellation returns 200 and no body.",
        "responses",
        "envelope.json#",
        responses(_empty),
    ),
    Mutant(
        "cut-response",
        "The connection ends inside the response to a wrong method.",
        "responses",
        "envelope.json#",
        responses(_cut),
    ),
    Mutant(
        "moved",
        "Submissions are redirected to another version of the API.",
        "responses",
        "envelope.json#",
        responses(_moved),
    ),
    Mutant(
        "byte-order-mark",
        "The JSON of a poll begins with a byte order mark.",
        "responses",
        "envelope.json#",
        responses(_marked),
    ),
    Mutant(
        "responses-as-text",
        "Responses have the Content-Type text/plain.",
        "responses",
        "service.json#/promises/answer_content_type",
        responses(lambda _request, response: with_type(response, "text/plain")),
        severity="assumption",
    ),
    Mutant(
        "success-code-200",
        "The code of success is 200.",
        "status-is-code",
        "success.json#/properties/code",
        envelopes(put(code=200)),
    ),
    Mutant(
        "code-missing",
        "The response to a submission has no code.",
        "submit-response",
        "envelope.json#/required",
        envelopes(drop("code"), SUBMIT),
    ),
    Mutant(
        "success-msg",
        "The msg of success is 'success'.",
        "submit-response",
        "success.json#/properties/msg/const",
        envelopes(put(msg="success")),
    ),
    Mutant(
        "msg-missing",
        "The response to a poll has no msg.",
        "poll-response",
        "envelope.json#/required",
        envelopes(drop("msg"), QUERY),
    ),
    Mutant(
        "data-renamed",
        "The response to a submission has a result instead of data.",
        "submit-response",
        "submit-response.json#/required",
        envelopes(rename("data", "result"), SUBMIT),
    ),
    Mutant(
        "submitted-id-renamed",
        "A submission returns an id instead of a taskId.",
        "submit-response",
        "submit-response.json#/properties/data/required",
        envelopes(inside("data", rename("taskId", "id")), SUBMIT),
    ),
    Mutant(
        "submitted-id-number",
        "A submission returns a number as taskId.",
        "submit-response",
        f"{_ID}/type",
        envelopes(inside("data", put(taskId=7)), SUBMIT),
    ),
    Mutant(
        "ids-in-upper-case",
        "Task ids are written in upper case.",
        "submit-response",
        f"{_ID}/pattern",
        _UpperIds,
        severity="assumption",
    ),
    Mutant(
        "cancel-with-data",
        "An accepted cancellation returns the taskId.",
        "cancel-response",
        "cancel-response.json#/properties/data/not",
        envelopes(put(data={"taskId": "7"}), CANCEL),
    ),
    Mutant(
        "more-in-envelope",
        "Every response has a requestId besides the data.",
        "no-unknown-field",
        "envelope.json#/properties",
        envelopes(put(requestId="7f3a")),
        severity="note",
    ),
    Mutant(
        "more-in-submission",
        "The response to a submission shows the queue's length besides the taskId.",
        "no-unknown-field",
        "submit-response.json#/properties/data/properties",
        envelopes(inside("data", put(queued=3)), SUBMIT),
        severity="note",
    ),
)
