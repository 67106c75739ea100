"""The laws that send requests of their own: who may ask, what there is not, what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

from mockserver.conformance.check import Failed, Observations, Passed, promised
from mockserver.conformance.generation import invalid_envelopes, invalid_inputs
from mockserver.conformance.model import Clause, Exchange
from mockserver.conformance.session.active_check import active_check
from mockserver.conformance.session.affordable import affordable
from mockserver.conformance.session.client import SUBMIT
from mockserver.conformance.session.session import Session, Skipped
from mockserver.contract import Violation

from .exchanges import names_categories

_UNKNOWN = "00000000-0000-4000-8000-000000000000"
_401, _404 = "service.json#/errors/401", "service.json#/errors/404"


def check_status(place: str, wanted: int, exchange: Exchange, subject: str = "") -> Observations:
    """Compare a status with the one that a clause asks for, unless nothing can be said of it."""
    if exchange.is_inconclusive:
        return
    if exchange.status == wanted:
        yield Passed(place)
        return
    observed = f"{exchange.error or exchange.status} {exchange.said()}"
    yield Failed(place, f"{wanted}", observed, exchange, subject)


# -- who asks --------------------------------------------------------------------------------


@active_check("token-missing", "A request without a token is refused", _401)
def token_missing(session: Session) -> Observations:
    """Poll without one."""
    yield from check_status(
        _401, 401, session.client.send("GET", query_path(session), authorization=None)
    )


def query_path(session: Session, task_id: str = _UNKNOWN) -> str:
    """Give the path of a poll; without an id, of a task that there is not."""
    path: str = session.contract.service["operations"]["query"]["path"]
    return path.format(taskId=task_id)


@active_check("token-malformed", "A request whose token is malformed is refused", _401)
def token_malformed(session: Session) -> Observations:
    """Poll with another scheme, and with nothing behind the scheme."""
    for given in ("Basic bm9ib2R5Om5vdGhpbmc=", "Bearer", "nonsense"):
        yield from check_status(
            _401, 401, session.client.send("GET", query_path(session), authorization=given), given
        )


@active_check("token-wrong", "A request with a token that nobody issued is refused", _401)
def token_wrong(session: Session) -> Observations:
    """Poll with a made-up one."""
    if session.options.token_is_made_up:
        raise Skipped("the target was given a made-up token itself, so any may do")
    wrong = f"Bearer wrong-{session.random.getrandbits(64):016x}"
    yield from check_status(
        _401, 401, session.client.send("GET", query_path(session), authorization=wrong)
    )


@active_check("smallest-input", "The smallest valid input of every model is accepted",
     "submit-request.json#/properties/model", submits=True)  # fmt: skip
def smallest_input(session: Session) -> Observations:
    """Submit it; a model that takes neither this nor another input is left out from here on."""
    for model in session.options.models:
        place = f"{session.card_of(model)}#/input"
        exchange = session.submit(session.request(model))
        yield from check_accepted(exchange, place, model)
        if _is_rejected(exchange) and _is_rejected(
            session.submit(session.request(model, prompt="a dog"))
        ):
            session.lose(model)


def _is_rejected(exchange: Exchange) -> bool:
    status = exchange.status or 0
    return 400 <= status < 500 and not is_moderated(exchange)


@active_check("token-everywhere", "Nothing is cancelled or submitted without a token, either",
     _401, submits=True)  # fmt: skip
def token_everywhere(session: Session) -> Observations:
    """Cancel and submit without one, in requests that are right otherwise."""
    operation = session.contract.service["operations"]["cancel"]
    path = operation["path"].format(taskId=_UNKNOWN)
    cancelled = session.client.send(operation["method"], path, authorization=None)
    yield from check_status(_401, 401, cancelled, "cancel")
    submitted = session.client.submit(session.request(session.cheapest()), authorization=None)
    yield from check_status(_401, 401, submitted, "submit")


@active_check("token-first", "The token is asked for before the body is looked at",
     "token_first", submits=True)  # fmt: skip
def token_first(session: Session) -> Observations:
    """Submit a wrong body without a token."""
    exchange = session.client.submit({"model": session.cheapest(), "input": {}}, authorization=None)
    yield from check_status(promised("token_first"), 401, exchange)


# -- what there is not -----------------------------------------------------------------------


@active_check("unknown-task", "A task that does not exist is 404", _404)
def unknown_task(session: Session) -> Observations:
    """Poll and cancel it."""
    yield from check_status(_404, 404, session.client.poll(_UNKNOWN), "poll")
    yield from check_status(_404, 404, session.client.cancel(_UNKNOWN), "cancel")


@active_check("unknown-route", "A route that does not exist is 404", _404)
def unknown_route(session: Session) -> Observations:
    """Ask for one below the API's prefix."""
    path = f"{session.contract.service['authentication']['prefix']}no-such-route"
    yield from check_status(_404, 404, session.client.send("GET", path), "route")


@active_check("wrong-method", "A method that a route does not have is 405",
     "service.json#/errors/405")  # fmt: skip
def wrong_method(session: Session) -> Observations:
    """Delete a task."""
    exchange = session.client.send("DELETE", query_path(session))
    yield from check_status("service.json#/errors/405", 405, exchange)


@active_check("foreign-task", "A task of another key is unknown", "foreign_task_unknown",
     submits=True)  # fmt: skip
def foreign_task(session: Session) -> Observations:
    """Poll and cancel it with the other key."""
    if session.other is None:
        raise Skipped("there is no second key; name its variable with --other-token-env")
    history = session.started(session.request(session.cheapest()))
    if history is not None:
        place = promised("foreign_task_unknown")
        yield from check_status(place, 404, session.other.poll(history.task_id), "poll")
        yield from check_status(place, 404, session.other.cancel(history.task_id), "cancel")


# -- what is refused -------------------------------------------------------------------------


@active_check("body-is-json", "A body that is not JSON is refused",
     "service.json#/errors/400", "service.json#/errors/415", submits=True)  # fmt: skip
def body_is_json(session: Session) -> Observations:
    """Submit half a document, and a whole one as another content type."""
    whole = json.dumps(session.request(session.cheapest())).encode()
    place = "service.json#/errors/400"
    half = session.client.submit(whole[: len(whole) // 2])
    yield from check_status(place, 400, half, "half a document")
    as_text = session.client.submit(whole, content_type="text/plain")
    yield from check_status("service.json#/errors/415", 415, as_text)


@active_check("body-is-limited", "A body that is too large is refused with 413",
     "service.json#/errors/413", submits=True)  # fmt: skip
def body_is_limited(session: Session) -> Observations:
    """Submit one that is a byte larger than assumed."""
    document = session.request(session.cheapest(), prompt="")
    missing = session.contract.fact("limits.body") + 1 - len(json.dumps(document))
    exchange = session.submit({**document, "input": {**document["input"], "prompt": "x" * missing}})
    yield from check_status("service.json#/errors/413", 413, exchange)


@active_check("envelope-is-checked", "A submission whose envelope breaks the contract is refused", "submit-request.json#", "refusal_names_field", submits=True)  # fmt: skip
def envelope_is_checked(session: Session) -> Observations:
    """Submit one for each clause of the envelope."""
    attempts = []
    for document, place in invalid_envelopes(session.request(session.cheapest())):
        violations = session.contract.violations("submit-request", document)
        attempts.append(partial(_rejected, session, document, violations[0], place))
    yield from affordable(session, "envelope-is-checked", attempts)


@active_check("input-is-checked", "An input that breaks a clause of its model's card is refused", "submit-request.json#/properties/input", submits=True)  # fmt: skip
def input_is_checked(session: Session) -> Observations:
    """Submit one for each clause of each card, on the smallest input that is valid otherwise."""
    attempts = []
    for model in session.options.models:
        for breakage in invalid_inputs(session.contract, model):
            document = {"model": model, "input": breakage.input}
            violation = _of(session.contract.violations("submit-request", document), breakage)
            if session.options.thrifty and violation.source.confidence == "assumed":
                continue  # it would be paid for, and teach nothing that a page says
            attempts.append(partial(_rejected, session, document, violation, f"{model} {breakage}"))
    yield from affordable(session, "input-is-checked", attempts)


def _of(violations: list[Violation], breakage: Any) -> Violation:
    for violation in violations:
        if violation.place == breakage.place and violation.rule == breakage.rule:
            return violation
    return violations[0]


def _rejected(session: Session, document: Any, violation: Violation, subject: str) -> Observations:
    """Expect 400, and a message that names the place."""
    exchange = session.submit(document)
    if exchange.is_inconclusive:
        return
    source = violation.source
    clause = Clause(violation.clause, source.confidence, source.page)
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
    """Say whether an answer is a refusal, be it by its status or only by its code."""
    if exchange.status == 200 and isinstance(exchange.json, dict):
        code = exchange.json.get("code")
        return isinstance(code, int) and code >= 400
    return exchange.status is not None and exchange.status >= 400


@active_check("no-local-callback", "A callBackUrl of the target's own machine is refused",
     "submit-request.json#/properties/callBackUrl", submits=True)  # fmt: skip
def no_local_callback(session: Session) -> Observations:
    """Submit one with localhost."""
    if not session.options.thrifty:
        raise Skipped("a mock on this machine is to accept it; --strict-callbacks refuses it")
    document = session.request(session.cheapest()) | {"callBackUrl": "http://localhost/webhook"}
    place = "submit-request.json#/properties/callBackUrl"
    yield from check_status(place, 400, session.submit(document), "localhost")


# -- what is accepted ------------------------------------------------------------------------


def check_accepted(exchange: Exchange, place: str, subject: str) -> Iterator[Passed | Failed]:
    """Expect a taskId, unless moderation rejects what is in it: that is another matter."""
    if exchange.succeeded or isinstance((exchange.task or {}).get("taskId"), str):
        yield Passed(place)
    elif not is_moderated(exchange) and not exchange.is_inconclusive:
        observed = f"{exchange.error or exchange.status} {exchange.said(200)}"
        yield Failed(place, "accepted", observed, exchange, subject)


def is_moderated(exchange: Exchange) -> bool:
    """Say whether a submission was rejected for what is in it, not for how it is written."""
    rejected = exchange.operation == SUBMIT and exchange.status == 400
    return rejected and isinstance(exchange.json, dict) and names_categories(exchange.json)
