"""Checks of every exchange, whether the suite or an app caused it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from mockserver.conformance.check import (
    Failed,
    Observations,
    Passed,
    exchange_check,
    promised,
    shape,
    violated,
)
from mockserver.conformance.model import Exchange
from mockserver.conformance.operations import CANCEL, QUERY, RESULT, SUBMIT
from mockserver.contract import Contract

_ANY_RESULT = "task.json#/properties/result/anyOf"
"""Only says that a result is an object or null, not what is wrong with the object."""
_KINDS = {SUBMIT: "submit-response", QUERY: "task-response", CANCEL: "cancel-response"}


@exchange_check(
    "responses",
    "Every request gets a response with a JSON envelope",
    "envelope.json#",
    "answer_content_type",
)
def responses(contract: Contract, exchange: Exchange) -> Observations:
    """Check the body and the Content-Type of any response of the API, success or error."""
    if exchange.operation == RESULT:
        return
    if exchange.status is None:
        yield Failed("envelope.json#", "a response", str(exchange.error), exchange)
    elif not isinstance(exchange.json, dict):
        shown = exchange.said()
        kind = exchange.response_headers.get("content-type", "no content type")
        observed = f"{exchange.status}, {kind}: {shown!r}"
        yield Failed("envelope.json#", "a JSON object", observed, exchange, str(exchange.operation))
    else:
        yield Passed("envelope.json#")
        name = "answer_content_type"
        place, wanted = promised(name), contract.fact(f"promises.{name}")
        said = exchange.response_headers.get("content-type", "")
        if said.partition(";")[0].strip().lower() == wanted:
            yield Passed(place)
        else:
            yield Failed(place, wanted, f"{said!r}", exchange, str(exchange.operation))


@exchange_check(
    "status-is-code",
    "The HTTP status and the code of the envelope agree",
    "success.json#/properties/code",
    "status_is_code",
)
def status_is_code(_contract: Contract, exchange: Exchange) -> Observations:
    """Compare the code with the status: 0 belongs to 200, any other code to the same status."""
    if not _has_envelope(exchange):
        return
    code, status = exchange.json.get("code"), exchange.status
    success = status == 200 or code == 0
    place = "success.json#/properties/code" if success else promised("status_is_code")
    if code == (0 if status == 200 else status):
        yield Passed(place)
    else:
        expected = "HTTP 200 with code 0, or an error status with the same code"
        subject = f"{exchange.operation} {status}"
        yield Failed(place, expected, f"HTTP {status} with code {code!r}", exchange, subject)


def _has_envelope(exchange: Exchange) -> bool:
    return exchange.operation != RESULT and isinstance(exchange.json, dict)


@exchange_check(
    "submit-response", "An accepted submission returns its taskId", "submit-response.json#"
)
def submit_response(contract: Contract, exchange: Exchange) -> Observations:
    """Check it against its schema."""
    yield from _success(contract, exchange, SUBMIT)


@exchange_check(
    "poll-response",
    "A poll returns the task",
    "task-response.json#",
    "task.json#/allOf/2/then/properties/result",
)
def poll_response(contract: Contract, exchange: Exchange) -> Observations:
    """Check it against its schema, which depends on the state of the task."""
    checks = list(_success(contract, exchange, QUERY))
    yield from checks
    task = exchange.task or {}
    if checks and task.get("status") in contract.lifecycle.path and task.get("result") is None:
        yield Passed("task.json#/allOf/2/then/properties/result")


@exchange_check(
    "cancel-response",
    "An accepted cancellation returns the envelope alone",
    "cancel-response.json#",
)
def cancel_response(contract: Contract, exchange: Exchange) -> Observations:
    """Check it against its schema."""
    yield from _success(contract, exchange, CANCEL)


def _success(contract: Contract, exchange: Exchange, operation: str) -> Observations:
    if exchange.operation == operation and exchange.status == 200 and _has_envelope(exchange):
        yield from check_document(contract, _KINDS[operation], exchange.json, exchange)


def check_document(
    contract: Contract, kind: str, document: Any, exchange: Exchange
) -> Observations:
    """Check a document against its schema, and a result against the schema of results."""
    found = contract.violations(kind, document)
    task = document.get("data") if isinstance(document, dict) else None
    result = task.get("result") if isinstance(task, dict) else None
    if isinstance(result, dict):
        uri = f"{contract.schemas.base}task.json#/$defs/result"
        inside = contract.schemas.validator(uri).violations(result, prefix="data.result")
        found = [one for one in found if one.clause != _ANY_RESULT] + inside
    yield from (violated(one, exchange) for one in found)
    if not found:
        yield Passed(f"{kind}.json#")


@exchange_check(
    "error-response",
    "Every error response has the error envelope",
    "error.json#",
    "service.json#/errors/401",
)
def error_response(contract: Contract, exchange: Exchange) -> Observations:
    """Check it against its schema, and the message of a 401 against the documented one."""
    if not _is_error(exchange) or _is_moderation(contract, exchange.json):
        return
    subject = str(exchange.status)
    yield from shape(contract, "error", exchange.json, exchange, subject)
    if exchange.status == 401:
        place, expected = "service.json#/errors/401", contract.service["errors"]["401"]["msg"]
        said = exchange.json.get("msg")
        yield (
            Passed(place)
            if said == expected
            else Failed(place, f"msg {expected!r}", f"msg {said!r}", exchange)
        )


@exchange_check(
    "moderation-response",
    "A rejection by moderation names its categories",
    "moderation-error.json#",
)
def moderation_response(contract: Contract, exchange: Exchange) -> Observations:
    """Check it against its schema, when it occurs."""
    if _is_error(exchange) and _is_moderation(contract, exchange.json):
        yield from shape(contract, "moderation-error", exchange.json, exchange)


def _is_error(exchange: Exchange) -> bool:
    return _has_envelope(exchange) and exchange.status is not None and exchange.status >= 400


def _is_moderation(contract: Contract, envelope: Mapping[str, Any]) -> bool:
    said = contract.document("moderation-error")["properties"]["msg"]["const"]
    return envelope.get("msg") == said or names_categories(envelope)


def names_categories(envelope: Mapping[str, Any]) -> bool:
    """Return whether an error has the data of moderation; other errors may have other data."""
    data = envelope.get("data")
    return isinstance(data, dict) and bool(data.keys() & {"flagged", "categories"})


@exchange_check(
    "no-unknown-field",
    "No response has a field that the contract does not know",
    "envelope.json#/properties",
    "task.json#/properties",
    "task.json#/$defs/result/properties",
)
def no_unknown_field(contract: Contract, exchange: Exchange) -> Observations:
    """Look for added fields: they break no client, but are worth knowing."""
    if not _has_envelope(exchange):
        return
    if _is_error(exchange) and not _is_moderation(contract, exchange.json):
        place, data = "envelope.json#/properties/data", exchange.json.get("data")
        observed, subject = f"data: {data!r:.80}", f"{exchange.operation} {exchange.status}"
        more = Failed(place, "no data in a failure", observed, exchange, subject)
        yield Passed(place) if data is None else replace(more, severity="note")
    for place, known, members in _members(contract, exchange):
        added = sorted(members.keys() - known.keys())
        for name in added:
            yield Failed(
                place,
                f"one of {', '.join(known)}",
                f"{name}: {members[name]!r:.80}",
                exchange,
                f"{exchange.operation} {name}",
                severity="note",
            )
        if not added:
            yield Passed(place)


def _members(
    contract: Contract, exchange: Exchange
) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """Yield the objects of a response whose fields are known: clause, known fields, members."""
    yield "envelope.json#/properties", contract.document("envelope")["properties"], exchange.json
    data = exchange.task
    if data is None:
        return
    if exchange.operation == SUBMIT:
        known = contract.document("submit-response")["properties"]["data"]["properties"]
        yield "submit-response.json#/properties/data/properties", known, data
    if exchange.operation == QUERY:
        task = contract.document("task")
        yield "task.json#/properties", task["properties"], data
        if isinstance(data.get("result"), dict):
            known = task["$defs"]["result"]["properties"]
            yield "task.json#/$defs/result/properties", known, data["result"]
