"""Mutants: error responses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mockserver.conformance.operations import SUBMIT
from mockserver.contract import load_contract
from mockserver.engine.messages import Request, Response
from tests.mutants.changes import (
    document_of,
    envelopes,
    errors,
    rejection,
    responses,
    restatus,
    with_document,
)
from tests.mutants.edits import put, remake, rename
from tests.mutants.layer import MakeLayer, operation_of
from tests.mutants.mutant import Mutant

_MODERATED = load_contract().document("moderation-error")["properties"]["msg"]["const"]


def _inside_200(_request: Request, response: Response) -> Response:
    return replace(response, status=200) if response.status == 400 else response


def _crash(_request: Request, response: Response) -> Response:
    failed = b"not valid JSON" in response.body
    return rejection(500, "internal server error") if failed else response


def _moderated(**changes: Any) -> MakeLayer:
    """Reject prompts that are not ASCII, with a response that differs from the documented one."""
    categories = dict.fromkeys(load_contract().moderation_categories, False)
    data = {"flagged": True, "categories": categories | {"violence": True}}
    rejection = {"code": 400, "msg": _MODERATED, "data": data}

    def change(request: Request, response: Response) -> Response:
        if operation_of(request) != SUBMIT or response.status != 200:
            return response
        if document_of(request.body)["input"]["prompt"].isascii():
            return response
        return with_document(replace(response, status=400), rejection | changes)

    return responses(change)


MUTANTS = (
    Mutant(
        "error-inside-200",
        "Errors with code 400 come with HTTP status 200.",
        "status-is-code",
        "success.json#/properties/code",
        responses(_inside_200),
    ),
    Mutant(
        "generic-code",
        "Every error has code 500, whatever its HTTP status.",
        "status-is-code",
        "service.json#/promises/status_is_code",
        errors(put(code=500)),
        severity="assumption",
    ),
    Mutant(
        "code-as-text",
        "The code of an error is a string.",
        "error-response",
        "envelope.json#/properties/code/type",
        errors(remake("code", str)),
    ),
    Mutant(
        "code-of-its-own",
        "The code of a 404 is 40401.",
        "error-response",
        "error.json#/properties/code/maximum",
        envelopes(put(code=40401), status=404),
        severity="assumption",
    ),
    Mutant(
        "error-msg-renamed",
        "Errors have a message instead of a msg.",
        "error-response",
        "envelope.json#/required",
        errors(rename("msg", "message")),
    ),
    Mutant(
        "error-msg-is-list",
        "The msg of an error is a list.",
        "error-response",
        "envelope.json#/properties/msg/type",
        errors(remake("msg", lambda msg: [msg])),
    ),
    Mutant(
        "error-msg-empty",
        "The msg of a 404 is empty.",
        "error-response",
        "error.json#/properties/msg/minLength",
        envelopes(put(msg=""), status=404),
        severity="assumption",
    ),
    Mutant(
        "msg-of-401",
        "The msg of a 401 is 'invalid token'.",
        "error-response",
        "service.json#/errors/401",
        envelopes(put(msg="invalid token"), status=401),
    ),
    Mutant(
        "error-with-data",
        "Rejected submissions have data: a list of errors.",
        "no-unknown-field",
        "envelope.json#/properties/data",
        envelopes(put(data={"errors": []}), SUBMIT, status=400),
        severity="note",
    ),
    Mutant(
        "moderation-without-categories",
        "A rejection by moderation says only that the prompt was flagged.",
        "moderation-response",
        "moderation-error.json#/properties/data/required",
        _moderated(data={"flagged": True}),
    ),
    Mutant(
        "moderation-categories",
        "A rejection by moderation names only the categories that were flagged.",
        "moderation-response",
        "moderation-error.json#/properties/data/properties/categories/required",
        _moderated(data={"flagged": True, "categories": {"violence": True}}),
    ),
    Mutant(
        "moderation-msg",
        "The msg of a rejection by moderation is 'content policy violation'.",
        "moderation-response",
        "moderation-error.json#/properties/msg/const",
        _moderated(msg="content policy violation"),
    ),
    Mutant(
        "moderation-code",
        "A rejection by moderation has code 451 in it.",
        "moderation-response",
        "moderation-error.json#/properties/code/const",
        _moderated(code=451),
    ),
    Mutant(
        "bad-request-422",
        "Rejected submissions return 422.",
        "input-is-checked",
        "service.json#/errors/400",
        restatus(400, 422, SUBMIT),
    ),
    Mutant(
        "crash-on-no-json",
        "A body that is not JSON returns 500.",
        "body-is-json",
        "service.json#/errors/400",
        responses(_crash),
    ),
    Mutant(
        "large-body-400",
        "A body that is too large returns 400.",
        "body-is-limited",
        "service.json#/errors/413",
        restatus(413, 400),
        severity="assumption",
    ),
    Mutant(
        "error-without-field",
        "The msg of a rejected submission is 'bad request', whatever is wrong.",
        "input-is-checked",
        "service.json#/promises/refusal_names_field",
        envelopes(put(msg="bad request"), SUBMIT, status=400),
        severity="assumption",
    ),
)
