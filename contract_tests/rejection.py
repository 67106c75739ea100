"""Checks of what a target rejects: tokens, unknown tasks and routes, invalid documents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

from mockserver.conformance.check import Failed, Observations, Passed, promised
from mockserver.conformance.clauses import clause_of
from mockserver.conformance.invalid_inputs import InvalidInput, invalid_envelopes, invalid_inputs
from mockserver.conformance.model import Exchange
from mockserver.conformance.operations import SUBMIT
from mockserver.conformance.session.active_check import active_check
from mockserver.conformance.session.affordable import affordable
from mockserver.conformance.session.session import Session, Skipped
from mockserver.contract import Violation

from .exchanges import names_categories

_UNKNOWN = "00000000-0000-4000-8000-000000000000"
_401, _404 = "service.json#/errors/401", "service.json#/errors/404"


def check_status(place: str, wanted: int, exchange: Exchange, subject: str = "") -> Observations:
    """Compare a status with the one that a clause asks for, unless the exchange is inconclusive."""
    if exchange.is_inconclusive:
        return
    if exchange.status == wanted:
        yield Passed(place)
        return
    observed = f"{exchange.error or exchange.status} {exchange.said()}"
    yield Failed(place, f"{wanted}", observed, exchange, subject)


# -- tokens ----------------------------------------------------------------------------------


@active_check("token-missing", "A request without a token is rejected", _401)
def token_missing(session: Session) -> Observations:
    """Poll without a token."""
    yield from check_status(
        _401, 401, session.client.send("GET", query_path(session), authorization=None)
    )


def query_path(session: Session, task_id: str = _UNKNOWN) -> str:
    """Return the path of a poll; without an id, that of a task that does not exist."""
    path: str = session.contract.service["operations"]["query"]["path"]
    return path.format(taskId=task_id)


@active_check("token-malformed", "A request whose token is malformed is rejected", _401)
def token_malformed(session: Session) -> Observations:
    """Poll with another scheme, with a scheme alone, and with a value without a scheme."""
    for value in ("Basic bm9ib2R5Om5vdGhpbmc=", "Bearer", "nonsense"):
        yield from check_status(
            _401, 401, session.client.send("GET", query_path(session), authorization=value), value
        )


@active_check("token-wrong", "A request with an unknown token is rejected", _401)
def token_wrong(session: Session) -> Observations:
    """Poll with a made-up token."""
    if session.options.token_is_made_up:
        raise Skipped("the target was given a made-up token itself, so it may accept any token")
    wrong = f"Bearer wrong-{session.random.getrandbits(64):016x}"
    yield from check_status(
        _401, 401, session.client.send("GET", query_path(session), authorization=wrong)
    )


@active_check(
    "smallest-input",
    "The smallest valid input of every model is accepted",
    "submit-request.json#/properties/model",
    submits=True,
)
def smallest_input(session: Session) -> Observations:
    """Submit it; a model that rejects this and another input is left out of the rest of the run."""
    for model in session.options.models:
        place = f"{session.card_of(model)}#/input"
        exchange = session.submit(session.request(model))
        yield from check_accepted(exchange, place, model)
        if _is_rejected(exchange) and _is_rejected(
            session.submit(session.request(model, prompt="a dog"))
        ):
            session.leave_out(model)


def _is_rejected(exchange: Exchange) -> bool:
    status = exchange.status or 0
    return 400 <= status < 500 and not is_moderated(exchange)


@active_check("token-everywhere", "Submitting and cancelling need a token, too", _401, submits=True)
def token_everywhere(session: Session) -> Observations:
    """Cancel and submit without a token, in requests that are otherwise valid."""
    operation = session.contract.service["operations"]["cancel"]
    path = operation["path"].format(taskId=_UNKNOWN)
    cancelled = session.client.send(operation["method"], path, authorization=None)
    yield from check_status(_401, 401, cancelled, "cancel")
    submitted = session.client.submit(session.request(session.cheapest()), authorization=None)
    yield from check_status(_401, 401, submitted, "submit")


@active_check("token-first", "The token is checked before the body", "token_first", submits=True)
def token_first(session: Session) -> Observations:
    """Submit an invalid body without a token."""
    exchange = session.client.submit({"model": session.cheapest(), "input": {}}, authorization=None)
    yield from check_status(promised("token_first"), 401, exchange)


# -- tasks and routes -----------------------------------------------------------------------


@active_check("unknown-task", "A task that does not exist returns 404", _404)
def unknown_task(session: Session) -> Observations:
    """Poll and cancel such a task."""
    yield from check_status(_404, 404, session.client.poll(_UNKNOWN), "poll")
    yield from check_status(_404, 404, session.client.cancel(_UNKNOWN), "cancel")


@active_check("unknown-route", "A route that does not exist returns 404", _404)
def unknown_route(session: Session) -> Observations:
    """Request a path below the API's prefix that is not a route."""
    path = f"{session.contract.service['authentication']['prefix']}no-such-route"
    yield from check_status(_404, 404, session.client.send("GET", path), "route")


@active_check(
    "wrong-method", "A method that a route does not have returns 405", "service.json#/errors/405"
)
def wrong_method(session: Session) -> Observations:
    """Delete a task."""
    exchange = session.client.send("DELETE", query_path(session))
    yield from check_status("service.json#/errors/405", 405, exchange)


@active_check(
    "foreign-task", "A task of another key does not exist", "foreign_task_unknown", submits=True
)
def foreign_task(session: Session) -> Observations:
    """Poll and cancel a task with the other key."""
    if session.other is None:
        raise Skipped("there is no second key; name its variable with --other-token-env")
    history = session.started(session.request(session.cheapest()))
    if history is not None:
        place = promised("foreign_task_unknown")
        yield from check_status(place, 404, session.other.poll(history.task_id), "poll")
        yield from check_status(place, 404, session.other.cancel(history.task_id), "cancel")


# -- documents -------------------------------------------------------------------------------


@active_check(
    "body-is-json",
    "A body that is not JSON is rejected",
    "service.json#/errors/400",
    "service.json#/errors/415",
    submits=True,
)
def body_is_json(session: Session) -> Observations:
    """Submit half a document, and a whole one with another Content-Type."""
    whole = json.dumps(session.request(session.cheapest())).encode()
    place = "service.json#/errors/400"
    half = session.client.submit(whole[: len(whole) // 2])
    yield from check_status(place, 400, half, "half a document")
    as_text = session.client.submit(whole, content_type="text/plain")
    yield from check_status("service.json#/errors/415", 415, as_text)


@active_check(
    "body-is-limited",
    "A body that is too large is rejected with 413",
    "service.json#/errors/413",
    submits=True,
)
def body_is_limited(session: Session) -> Observations:
    """Submit a body that is one byte larger than the assumed limit."""
    document = session.request(session.cheapest(), prompt="")
    missing = session.contract.fact("limits.body") + 1 - len(json.dumps(document))
    exchange = session.submit({**document, "input": {**document["input"], "prompt": "x" * missing}})
    yield from check_status("service.json#/errors/413", 413, exchange)


@active_check(
    "envelope-is-checked",
    "A submission whose envelope violates the contract is rejected",
    "submit-request.json#",
    "refusal_names_field",
    submits=True,
)
def envelope_is_checked(session: Session) -> Observations:
    """Submit a document for each clause of the envelope that violates only this clause."""
    attempts = []
    for document, place in invalid_envelopes(session.request(session.cheapest())):
        violations = session.contract.violations("submit-request", document)
        attempts.append(partial(_rejected, session, document, violations[0], place))
    yield from affordable(session, "envelope-is-checked", attempts)


@active_check(
    "input-is-checked",
    "An input that violates its model card is rejected",
    "submit-request.json#/properties/input",
    submits=True,
)
def input_is_checked(session: Session) -> Observations:
    """Submit an input for each clause of each card that violates only this clause."""
    attempts = []
    for model in session.options.models:
        for invalid in invalid_inputs(session.contract, model):
            document = {"model": model, "input": invalid.input}
            violation = _violation_of(
                session.contract.violations("submit-request", document), invalid
            )
            if session.options.thrifty and violation.source.confidence == "assumed":
                continue  # if accepted, it would cost money to learn what no page promises
            attempts.append(partial(_rejected, session, document, violation, f"{model} {invalid}"))
    yield from affordable(session, "input-is-checked", attempts)


def _violation_of(violations: list[Violation], invalid: InvalidInput) -> Violation:
    for violation in violations:
        if violation.place == invalid.place and violation.rule == invalid.rule:
            return violation
    return violations[0]


def _rejected(session: Session, document: Any, violation: Violation, subject: str) -> Observations:
    """Check that the response is 400, and that its message names the place."""
    exchange = session.submit(document)
    if exchange.is_inconclusive:
        return
    clause = clause_of(violation.clause, violation.source)
    wanted = f"400, for {violation}"
    if not says_no(exchange):
        observed = f"{exchange.error or exchange.status} {exchange.said()}"
        yield Failed(violation.clause, wanted, observed, exchange, subject, clause)
        return
    yield Passed(violation.clause)
    yield from check_status("service.json#/errors/400", 400, exchange, subject)
    said = exchange.json.get("msg", "") if isinstance(exchange.json, dict) else ""
    name = violation.place.partition("[")[0].rpartition(".")[2] or "body"
    place = promised("refusal_names_field")
    if name in str(said):
        yield Passed(place)
    else:
        yield Failed(place, f"a message with {name!r}", f"msg {said!r}", exchange, subject)


def says_no(exchange: Exchange) -> bool:
    """Return whether a response is an error, by its status or only by its code."""
    if exchange.status == 200 and isinstance(exchange.json, dict):
        code = exchange.json.get("code")
        return isinstance(code, int) and code >= 400
    return exchange.status is not None and exchange.status >= 400


@active_check(
    "no-local-callback",
    "A callBackUrl on the target's own machine is rejected",
    "submit-request.json#/properties/callBackUrl",
    submits=True,
)
def no_local_callback(session: Session) -> Observations:
    """Submit a callBackUrl with localhost."""
    if not session.options.thrifty:
        raise Skipped(
            "a mock on this machine accepts it on purpose, unless --strict-callbacks is set"
        )
    document = session.request(session.cheapest()) | {"callBackUrl": "http://localhost/webhook"}
    place = "submit-request.json#/properties/callBackUrl"
    yield from check_status(place, 400, session.submit(document), "localhost")


# -- acceptance -----------------------------------------------------------------------------


def check_accepted(exchange: Exchange, place: str, subject: str) -> Iterator[Passed | Failed]:
    """Check that a submission was accepted; one that moderation rejected proves nothing."""
    if exchange.succeeded or isinstance((exchange.task or {}).get("taskId"), str):
        yield Passed(place)
    elif not is_moderated(exchange) and not exchange.is_inconclusive:
        observed = f"{exchange.error or exchange.status} {exchange.said(200)}"
        yield Failed(place, "accepted", observed, exchange, subject)


def is_moderated(exchange: Exchange) -> bool:
    """Return whether moderation rejected a submission for its content."""
    rejected = exchange.operation == SUBMIT and exchange.status == 400
    return rejected and isinstance(exchange.json, dict) and names_categories(exchange.json)
