"""Mutants: webhooks."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mockserver.conformance.operations import QUERY, SUBMIT
from mockserver.contract import dump_json, load_contract
from mockserver.engine.messages import Request, Response
from mockserver.engine.webhooks.attempt import WebhookRequest
from tests.mutants.changes import document_of, webhooks
from tests.mutants.conforming import minimal_polls
from tests.mutants.edits import Edit, drop, inside, put, rename
from tests.mutants.layer import Ask, Layer, MakeLayer, operation_of
from tests.mutants.mutant import SOME_RESULT, Mutant

_NAMES = load_contract().lifecycle


def _edited(edit: Edit) -> Callable[[WebhookRequest], list[WebhookRequest]]:
    def change(webhook: WebhookRequest) -> list[WebhookRequest]:
        envelope = json.loads(webhook.body)
        edit(envelope)
        return [replace(webhook, body=dump_json(envelope))]

    return change


def _showing(edit: Edit) -> MakeLayer:
    """Edit the task in a webhook."""
    return webhooks(_edited(inside("data", edit)))


def _bare(webhook: WebhookRequest) -> list[WebhookRequest]:
    return [replace(webhook, body=dump_json(json.loads(webhook.body)["data"]))]


def _form(webhook: WebhookRequest) -> list[WebhookRequest]:
    return [replace(webhook, body=b"taskId=7&status=SUCCESS")]


def _twice(webhook: WebhookRequest) -> list[WebhookRequest]:
    return [webhook, *_edited(inside("data", put(failure_reason="INVALID_PARAMETERS")))(webhook)]


def _of_success(webhook: WebhookRequest) -> list[WebhookRequest]:
    status = json.loads(webhook.body)["data"]["status"]
    return [webhook] if status == _NAMES.success else []


class _Sends(Layer):
    """Sends a webhook of its own when a poll shows a task."""

    def __init__(self, is_time: Callable[[dict[str, Any], bool], bool], edit: Edit) -> None:
        self._is_time = is_time
        self._edit = edit
        self._urls: dict[str, str | None] = {}
        self._sent: set[str] = set()
        self._last = ""

    def respond(self, request: Request, ask: Ask) -> Response:
        """Send the webhook before the response."""
        response = ask(request)
        if response.status != 200:
            return response
        envelope = document_of(response.body)
        if operation_of(request) == SUBMIT:
            url = document_of(request.body).get("callBackUrl")
            self._last = url or self._last
            self._urls[envelope["data"]["taskId"]] = url
        if operation_of(request) != QUERY:
            return response
        task = envelope["data"]
        asked = self._urls.get(task["taskId"]) is not None
        if task["taskId"] in self._sent or not self._is_time(task, asked) or not self._last:
            return response
        self._sent.add(task["taskId"])
        self._edit(task)
        webhook = WebhookRequest(
            self._urls[task["taskId"]] or self._last, dump_json(envelope), "application/json", 10
        )
        return replace(response, first=lambda: self.post(webhook))


MUTANTS = (
    Mutant(
        "no-webhook",
        "No webhook is sent.",
        "webhook-comes",
        "service.json#/promises/webhook_comes",
        webhooks(lambda _callback: []),
    ),
    Mutant(
        "webhook-of-success-only",
        "A cancelled task gets no webhook.",
        "webhook-comes",
        "service.json#/promises/webhook_comes",
        webhooks(_of_success),
    ),
    Mutant(
        "webhook-unasked",
        "A task without a callBackUrl sends its webhook to the last one that was submitted.",
        "webhook-comes",
        "service.json#/promises/webhook_if_asked",
        lambda: _Sends(lambda task, asked: task["status"] in _NAMES.terminal and not asked, put()),
    ),
    Mutant(
        "webhook-early",
        "The webhook of the success is sent while a poll still shows PROCESSING.",
        "webhook-after-end",
        "service.json#/promises/webhook_after_end",
        lambda: _Sends(
            lambda task, asked: task["status"] == _NAMES.path[1] and asked,
            put(status=_NAMES.success, result=SOME_RESULT),
        ),
    ),
    Mutant(
        "webhook-of-progress",
        "There is a webhook for the state PROCESSING, too.",
        "webhook-conforms",
        "webhook.json#/properties/data/properties/status/enum",
        lambda: _Sends(lambda task, asked: task["status"] == _NAMES.path[1] and asked, put()),
    ),
    Mutant(
        "webhook-differs",
        "The webhook shows another prompt than a poll.",
        "webhook-equals-poll",
        "service.json#/promises/webhook_equals_poll",
        _showing(inside("input", put(prompt="another cat"))),
    ),
    Mutant(
        "webhook-twice",
        "The webhook is sent twice, the second time with a failure_reason.",
        "webhook-equals-poll",
        "service.json#/promises/webhook_equals_poll",
        webhooks(_twice),
    ),
    Mutant(
        "webhook-without-result",
        "The webhook leaves the result out.",
        "webhook-conforms",
        "task.json#/allOf/0/then/required",
        _showing(drop("result")),
    ),
    Mutant(
        "webhook-without-reason",
        "The webhook leaves the failure_reason out.",
        "webhook-conforms",
        "webhook.json#/properties/data/required",
        _showing(drop("failure_reason")),
    ),
    Mutant(
        "webhook-id-renamed",
        "The webhook has an id instead of a taskId.",
        "webhook-conforms",
        "task.json#/required",
        _showing(rename("taskId", "id")),
    ),
    Mutant(
        "webhook-bare",
        "The webhook is the task without the envelope.",
        "webhook-conforms",
        "envelope.json#/required",
        webhooks(_bare),
    ),
    Mutant(
        "webhook-code-200",
        "The code in the webhook is 200.",
        "webhook-conforms",
        "success.json#/properties/code/const",
        webhooks(_edited(put(code=200))),
    ),
    Mutant(
        "webhook-form",
        "The webhook is a form, not JSON.",
        "webhook-conforms",
        "envelope.json#/type",
        webhooks(_form),
    ),
    Mutant(
        "webhook-content-type",
        "The webhook's JSON is served as text/plain.",
        "webhook-conforms",
        "service.json#/webhook/content_type",
        webhooks(lambda webhook: [replace(webhook, content_type="text/plain")]),
        severity="assumption",
    ),
    Mutant(
        "webhook-put",
        "The webhook is a PUT.",
        "webhook-conforms",
        "webhook.json#",
        webhooks(lambda webhook: [replace(webhook, method="PUT")]),
    ),
    Mutant(
        "webhook-with-more",
        "A webhook shows failure_reason and timestamps, which a poll does not.",
        "webhook-equals-poll",
        "service.json#/promises/webhook_same_fields",
        minimal_polls,
        severity="assumption",
    ),
)
