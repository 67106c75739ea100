"""Layers that change what a function says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from mockserver.conformance.operations import QUERY, SUBMIT
from mockserver.contract import NotJson, dump_json, parse_json
from mockserver.engine.messages import Request, Response, json_response
from mockserver.engine.webhooks.attempt import AttemptResult, WebhookRequest
from tests.mutants.edits import Edit
from tests.mutants.layer import Ask, Layer, MakeLayer, is_of_the_api, operation_of

Change = Callable[[Request, Response], Response]


def document_of(body: bytes) -> Any:
    """Read a JSON document; None if it is not JSON."""
    try:
        return parse_json(body)
    except NotJson:
        return None


def with_document(response: Response, document: Any) -> Response:
    """Put a JSON document into a response."""
    return replace(response, body=dump_json(document))


def with_type(response: Response, media_type: str, body: bytes | None = None) -> Response:
    """Return a response with another media type and, if given, another body."""
    others = (header for header in response.headers if header[0] != "Content-Type")
    shown = response.body if body is None else body
    return replace(response, headers=(("Content-Type", media_type), *others), body=shown)


def page(title: str) -> bytes:
    """Write a web page."""
    return f"<html><head><title>{title}</title></head></html>".encode()


def rejection(code: int, msg: str) -> Response:
    """Return an error response like the API's."""
    return json_response(code, {"code": code, "msg": msg})


# -- requests and responses -------------------------------------------------------------------


class Through(Layer):
    """Responds with a function of the request and of a function that asks the mock."""

    def __init__(self, respond: Callable[[Request, Ask], Response]) -> None:
        self._function = respond

    def respond(self, request: Request, ask: Ask) -> Response:
        """Respond as the function does."""
        return self._function(request, ask)


def through(respond: Callable[[Request, Ask], Response]) -> MakeLayer:
    """Respond to the API's requests with a function that remembers nothing."""
    return lambda: Through(
        lambda request, ask: respond(request, ask) if is_of_the_api(request) else ask(request)
    )


def responses(change: Change) -> MakeLayer:
    """Change the responses of the API."""
    return through(lambda request, ask: change(request, ask(request)))


def asks(change: Callable[[Request], Request]) -> MakeLayer:
    """Change the requests to the API."""
    return through(lambda request, ask: ask(change(request)))


def files(change: Change) -> MakeLayer:
    """Change the responses that are result files."""

    def respond(request: Request, ask: Ask) -> Response:
        response = ask(request)
        is_file = response.status == 200 and not is_of_the_api(request)
        return change(request, response) if is_file else response

    return lambda: Through(respond)


def envelopes(edit: Edit, *operations: str, status: int = 200) -> MakeLayer:
    """Edit the JSON of the responses with a status, to all requests or to some operations."""

    def change(request: Request, response: Response) -> Response:
        if response.status != status or (operations and operation_of(request) not in operations):
            return response
        envelope = document_of(response.body)
        edit(envelope)
        return with_document(response, envelope)

    return responses(change)


def errors(edit: Edit) -> MakeLayer:
    """Edit the JSON of all error responses."""

    def change(_request: Request, response: Response) -> Response:
        if response.status < 400:
            return response
        envelope = document_of(response.body)
        edit(envelope)
        return with_document(response, envelope)

    return responses(change)


def restatus(old: int, new: int, *operations: str | None) -> MakeLayer:
    """Return another status and code, for all requests or for some operations."""

    def change(request: Request, response: Response) -> Response:
        if response.status != old or (operations and operation_of(request) not in operations):
            return response
        return rejection(new, document_of(response.body)["msg"])

    return responses(change)


def submissions(edit: Edit) -> MakeLayer:
    """Edit the documents that are submitted before the mock sees them, if they are objects."""

    def change(request: Request) -> Request:
        document = document_of(request.body) if operation_of(request) == SUBMIT else None
        if not isinstance(document, dict):
            return request
        edit(document)
        return replace(request, body=dump_json(document))

    return asks(change)


def rejects(why: Callable[[dict[str, Any]], str | None]) -> MakeLayer:
    """Reject the documents for which *why* returns a message."""

    def respond(request: Request, ask: Ask) -> Response:
        document = document_of(request.body) if operation_of(request) == SUBMIT else None
        msg = why(document) if isinstance(document, dict) else None
        return ask(request) if msg is None else rejection(400, msg)

    return through(respond)


# -- tasks and webhooks -----------------------------------------------------------------------


class Shows(Layer):
    """Changes how tasks are shown, in polls and webhooks alike, or in polls only."""

    def __init__(self, edit: Edit, *, in_webhooks: bool = True) -> None:
        self._edit = edit
        self._in_webhooks = in_webhooks

    def respond(self, request: Request, ask: Ask) -> Response:
        """Change a poll."""
        response = ask(request)
        if operation_of(request) != QUERY or response.status != 200:
            return response
        return replace(response, body=self._edited(response.body))

    def send(self, webhook: WebhookRequest) -> AttemptResult:
        """Change a webhook."""
        body = self._edited(webhook.body) if self._in_webhooks else webhook.body
        return self.post(replace(webhook, body=body))

    def _edited(self, body: bytes) -> bytes:
        envelope = json.loads(body)
        self._edit(envelope["data"])
        return dump_json(envelope)


def tasks(edit: Edit) -> MakeLayer:
    """Edit how tasks are shown, in polls and webhooks alike."""
    return lambda: Shows(edit)


class _Sends(Layer):
    """Changes which webhooks are sent instead of one."""

    def __init__(self, change: Callable[[WebhookRequest], Iterable[WebhookRequest]]) -> None:
        self._change = change

    def send(self, webhook: WebhookRequest) -> AttemptResult:
        """Send them all; none counts as delivered."""
        outcome = AttemptResult(200, None, 0.0)
        for one in self._change(webhook):
            outcome = self.post(one)
        return outcome


def webhooks(change: Callable[[WebhookRequest], Iterable[WebhookRequest]]) -> MakeLayer:
    """Change which webhooks are sent instead of one."""
    return lambda: _Sends(change)
