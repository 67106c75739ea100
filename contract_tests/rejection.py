"""The laws that send requests of their own: who may ask, what there is not, what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

from mockserver.contract import Violation

from mockserver.conformance.session.affordable import affordable
from mockserver.conformance.model import Clause, Exchange
from .exchanges import names_categories
from mockserver.conformance.session.session import Lab, Skipped
from mockserver.conformance.check import EXPERIMENT, Broken, Checks, Held, law, promised
from mockserver.conformance.generation import breakages, envelope_breakages
from mockserver.conformance.session.client import SUBMIT

_UNKNOWN = "00000000-0000-4000-8000-000000000000"
_401, _404 = "service.json#/errors/401", "service.json#/errors/404"


def judge_status(place: str, wanted: int, exchange: Exchange, subject: str = "") -> Checks:
    """Compare a status with the one that a clause asks for, unless nothing can be said of it."""
    if exchange.is_unclear:
        return
    if exchange.status == wanted:
        yield Held(place)
        return
    observed = f"{exchange.error or exchange.status} {exchange.said()}"
    yield Broken(place, f"{wanted}", observed, exchange, subject)


# -- who asks --------------------------------------------------------------------------------


@law("token-missing", "A request without a token is refused", EXPERIMENT, _401)
def token_missing(lab: Lab) -> Checks:
    """Poll without one."""
    yield from judge_status(_401, 401, lab.target.send("GET", query_path(lab), authorization=None))


def query_path(lab: Lab, task_id: str = _UNKNOWN) -> str:
    """Give the path of a poll; without an id, of a task that there is not."""
    path: str = lab.contract.service["operations"]["query"]["path"]
    return path.format(taskId=task_id)


@law("token-malformed", "A request whose token is malformed is refused", EXPERIMENT, _401)
def token_malformed(lab: Lab) -> Checks:
    """Poll with another scheme, and with nothing behind the scheme."""
    for given in ("Basic bm9ib2R5Om5vdGhpbmc=", "Bearer", "nonsense"):
        yield from judge_status(
            _401, 401, lab.target.send("GET", query_path(lab), authorization=given), given
        )


@law("token-wrong", "A request with a token that nobody issued is refused", EXPERIMENT, _401)
def token_wrong(lab: Lab) -> Checks:
    """Poll with a made-up one."""
    if lab.options.token_is_made_up:
        raise Skipped("the target was given a made-up token itself, so any may do")
    wrong = f"Bearer wrong-{lab.random.getrandbits(64):016x}"
    yield from judge_status(_401, 401, lab.target.send("GET", query_path(lab), authorization=wrong))


@law("smallest-input", "The smallest valid input of every model is accepted", EXPERIMENT,
     "submit-request.json#/properties/model", submits=True)  # fmt: skip
def smallest_input(lab: Lab) -> Checks:
    """Submit it; a model that takes neither this nor another input is left out from here on."""
    for model in lab.options.models:
        place = f"{lab.card_of(model)}#/input"
        exchange = lab.submit(lab.request(model))
        yield from judge_accepted(exchange, place, model)
        if _is_rejected(exchange) and _is_rejected(lab.submit(lab.request(model, prompt="a dog"))):
            lab.lose(model)


def _is_rejected(exchange: Exchange) -> bool:
    status = exchange.status or 0
    return 400 <= status < 500 and not is_moderated(exchange)


@law("token-everywhere", "Nothing is cancelled or submitted without a token, either", EXPERIMENT,
     _401, submits=True)  # fmt: skip
def token_everywhere(lab: Lab) -> Checks:
    """Cancel and submit without one, in requests that are right otherwise."""
    operation = lab.contract.service["operations"]["cancel"]
    path = operation["path"].format(taskId=_UNKNOWN)
    cancelled = lab.target.send(operation["method"], path, authorization=None)
    yield from judge_status(_401, 401, cancelled, "cancel")
    submitted = lab.target.submit(lab.request(lab.cheapest()), authorization=None)
    yield from judge_status(_401, 401, submitted, "submit")


@law("token-first", "The token is asked for before the body is looked at", EXPERIMENT,
     "token_first", submits=True)  # fmt: skip
def token_first(lab: Lab) -> Checks:
    """Submit a wrong body without a token."""
    exchange = lab.target.submit({"model": lab.cheapest(), "input": {}}, authorization=None)
    yield from judge_status(promised("token_first"), 401, exchange)


# -- what there is not -----------------------------------------------------------------------


@law("unknown-task", "A task that does not exist is 404", EXPERIMENT, _404)
def unknown_task(lab: Lab) -> Checks:
    """Poll and cancel it."""
    yield from judge_status(_404, 404, lab.target.poll(_UNKNOWN), "poll")
    yield from judge_status(_404, 404, lab.target.cancel(_UNKNOWN), "cancel")


@law("unknown-route", "A route that does not exist is 404", EXPERIMENT, _404)
def unknown_route(lab: Lab) -> Checks:
    """Ask for one below the API's prefix."""
    path = f"{lab.contract.service['authentication']['prefix']}no-such-route"
    yield from judge_status(_404, 404, lab.target.send("GET", path), "route")


@law("wrong-method", "A method that a route does not have is 405", EXPERIMENT,
     "service.json#/errors/405")  # fmt: skip
def wrong_method(lab: Lab) -> Checks:
    """Delete a task."""
    exchange = lab.target.send("DELETE", query_path(lab))
    yield from judge_status("service.json#/errors/405", 405, exchange)


@law("foreign-task", "A task of another key is unknown", EXPERIMENT, "foreign_task_unknown",
     submits=True)  # fmt: skip
def foreign_task(lab: Lab) -> Checks:
    """Poll and cancel it with the other key."""
    if lab.other is None:
        raise Skipped("there is no second key; name its variable with --other-token-env")
    history = lab.started(lab.request(lab.cheapest()))
    if history is not None:
        place = promised("foreign_task_unknown")
        yield from judge_status(place, 404, lab.other.poll(history.task_id), "poll")
        yield from judge_status(place, 404, lab.other.cancel(history.task_id), "cancel")


# -- what is refused -------------------------------------------------------------------------


@law("body-is-json", "A body that is not JSON is refused", EXPERIMENT,
     "service.json#/errors/400", "service.json#/errors/415", submits=True)  # fmt: skip
def body_is_json(lab: Lab) -> Checks:
    """Submit half a document, and a whole one as another content type."""
    whole = json.dumps(lab.request(lab.cheapest())).encode()
    place = "service.json#/errors/400"
    half = lab.target.submit(whole[: len(whole) // 2])
    yield from judge_status(place, 400, half, "half a document")
    as_text = lab.target.submit(whole, content_type="text/plain")
    yield from judge_status("service.json#/errors/415", 415, as_text)


@law("body-is-limited", "A body that is too large is refused with 413", EXPERIMENT,
     "service.json#/errors/413", submits=True)  # fmt: skip
def body_is_limited(lab: Lab) -> Checks:
    """Submit one that is a byte larger than assumed."""
    document = lab.request(lab.cheapest(), prompt="")
    missing = lab.contract.fact("limits.body") + 1 - len(json.dumps(document))
    exchange = lab.submit({**document, "input": {**document["input"], "prompt": "x" * missing}})
    yield from judge_status("service.json#/errors/413", 413, exchange)


@law("envelope-is-checked", "A submission whose envelope breaks the contract is refused",
     EXPERIMENT, "submit-request.json#", "refusal_names_field", submits=True)  # fmt: skip
def envelope_is_checked(lab: Lab) -> Checks:
    """Submit one for each clause of the envelope."""
    tries = []
    for document, place in envelope_breakages(lab.request(lab.cheapest())):
        violations = lab.contract.violations("submit-request", document)
        tries.append(partial(_refused, lab, document, violations[0], place))
    yield from affordable(lab, "envelope-is-checked", tries)


@law("input-is-checked", "An input that breaks a clause of its model's card is refused",
     EXPERIMENT, "submit-request.json#/properties/input", submits=True)  # fmt: skip
def input_is_checked(lab: Lab) -> Checks:
    """Submit one for each clause of each card, on the smallest input that is valid otherwise."""
    tries = []
    for model in lab.options.models:
        for breakage in breakages(lab.contract, model):
            document = {"model": model, "input": breakage.input}
            violation = _of(lab.contract.violations("submit-request", document), breakage)
            if lab.options.thrifty and violation.source.confidence == "assumed":
                continue  # it would be paid for, and teach nothing that a page says
            tries.append(partial(_refused, lab, document, violation, f"{model} {breakage}"))
    yield from affordable(lab, "input-is-checked", tries)


def _of(violations: list[Violation], breakage: Any) -> Violation:
    for violation in violations:
        if violation.place == breakage.place and violation.rule == breakage.rule:
            return violation
    return violations[0]


def _refused(lab: Lab, document: Any, violation: Violation, subject: str) -> Checks:
    """Expect 400, and a message that names the place."""
    exchange = lab.submit(document)
    if exchange.is_unclear:
        return
    source = violation.source
    clause = Clause(violation.clause, source.confidence, source.page)
    wanted = f"400, for {violation}"
    if not says_no(exchange):
        observed = f"{exchange.error or exchange.status} {exchange.said()}"
        yield Broken(violation.clause, wanted, observed, exchange, subject, clause)
        return
    yield Held(violation.clause)
    yield from judge_status("service.json#/errors/400", 400, exchange, subject)
    said = exchange.json.get("msg", "") if isinstance(exchange.json, dict) else ""
    name = violation.place.partition("[")[0].rpartition(".")[2] or "body"
    place = promised("refusal_names_field")
    if name in str(said):
        yield Held(place)
    else:
        yield Broken(place, f"a message with {name!r}", f"msg {said!r}", exchange, subject)


def says_no(exchange: Exchange) -> bool:
    """Say whether an answer is a refusal, be it by its status or only by its code."""
    if exchange.status == 200 and isinstance(exchange.json, dict):
        code = exchange.json.get("code")
        return isinstance(code, int) and code >= 400
    return exchange.status is not None and exchange.status >= 400


@law("no-local-callback", "A callBackUrl of the target's own machine is refused", EXPERIMENT,
     "submit-request.json#/properties/callBackUrl", submits=True)  # fmt: skip
def no_local_callback(lab: Lab) -> Checks:
    """Submit one with localhost."""
    if not lab.options.thrifty:
        raise Skipped("a mock on this machine is to accept it; --strict-callbacks refuses it")
    document = lab.request(lab.cheapest()) | {"callBackUrl": "http://localhost/webhook"}
    place = "submit-request.json#/properties/callBackUrl"
    yield from judge_status(place, 400, lab.submit(document), "localhost")


# -- what is accepted ------------------------------------------------------------------------


def judge_accepted(exchange: Exchange, place: str, subject: str) -> Iterator[Held | Broken]:
    """Expect a taskId, unless moderation rejects what is in it: that is another matter."""
    if exchange.succeeded or isinstance((exchange.task or {}).get("taskId"), str):
        yield Held(place)
    elif not is_moderated(exchange) and not exchange.is_unclear:
        observed = f"{exchange.error or exchange.status} {exchange.said(200)}"
        yield Broken(place, "accepted", observed, exchange, subject)


def is_moderated(exchange: Exchange) -> bool:
    """Say whether a submission was rejected for what is in it, not for how it is written."""
    refused = exchange.operation == SUBMIT and exchange.status == 400
    return refused and isinstance(exchange.json, dict) and names_categories(exchange.json)
