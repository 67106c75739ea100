"""Checks that submit valid documents: each value, each optional field, long and odd texts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from functools import partial
from typing import Any

from mockserver.conformance.check import Failed, Observations, Passed, promised
from mockserver.conformance.odd_texts import IDS, NESTED, TEXTS
from mockserver.conformance.session.active_check import active_check
from mockserver.conformance.session.affordable import affordable
from mockserver.conformance.session.session import Session
from mockserver.conformance.values import Value, valid_values

from .rejection import check_accepted

_VALUES = 6
"""Values that are tried of a model, times the number of examples, where submissions cost money."""


@active_check(
    "every-value",
    "Every value of every field of every model is accepted",
    "submit-request.json#/properties/input",
    submits=True,
)
def every_value(session: Session) -> Observations:
    """Submit each value in the smallest input that can hold it."""
    for model in session.options.models:
        place = session.card_of(model)
        attempts = [
            partial(_accepted_value, session, model, value, f"{place}#/input/{value.clause}")
            for value in _untried(session, model, valid_values(session.contract, model))
        ]
        yield from affordable(session, "every-value", attempts)


def _accepted_value(session: Session, model: str, value: Value, clause: str) -> Observations:
    exchange = session.submit({"model": model, "input": value.input})
    yield from check_accepted(exchange, clause, f"{model} {value}")


def _untried(session: Session, model: str, values: Iterable[Value]) -> Iterable[Value]:
    """Return all values or, where they cost money, the cheapest that were not accepted yet."""
    if not session.options.thrifty:
        return values
    accepted = [one.document for one in session.histories.values()]
    seen = {
        json.dumps((name, value))
        for document in accepted
        if document.get("model") == model
        for name, value in _fields(document).items()
    }
    left = [one for one in values if json.dumps((one.field, one.input[one.field])) not in seen]
    priced = [
        (session.client.money.worst_case({"model": model, "input": one.input}) or 0, one)
        for one in left
    ]
    priced.sort(key=lambda pair: pair[0])
    return [one for _, one in priced[: _VALUES * session.options.examples]]


def _fields(document: dict[str, Any]) -> dict[str, Any]:
    submitted = document.get("input")
    return submitted if isinstance(submitted, dict) else {}


@active_check(
    "envelope-is-accepted",
    "Every optional field of a submission is accepted",
    "submit-request.json#/properties",
    "unknown_field_accepted",
    submits=True,
)
def envelope_is_accepted(session: Session) -> Observations:
    """Submit each optional field, and then an undocumented one."""
    document = session.request(session.cheapest())
    place = "submit-request.json#/properties"
    if session.webhook_base is not None:
        with_webhook = session.with_webhook(document)
        yield from _accepted(session, with_webhook, f"{place}/callBackUrl", "callBackUrl")
    named = {**document, "user_id": "somebody"}
    yield from _accepted(session, named, f"{place}/user_id", "user_id")
    unknown = {**document, "input": {**document["input"], "nobody_documents_this": NESTED}}
    yield from _accepted(session, unknown, promised("unknown_field_accepted"), "unknown field")


@active_check(
    "texts",
    "Long and odd texts are accepted, and echoed unchanged",
    "submit-request.json#/properties/user_id",
    submits=True,
)
def texts(session: Session) -> Observations:
    """Submit each text as the prompt of the cheapest model, and then odd user ids."""
    model = session.cheapest()
    place = f"{session.card_of(model)}#/input/properties/prompt"
    for text in TEXTS:
        yield from _accepted(
            session, session.request(model, prompt=text), place, f"prompt {_shown(text)}"
        )
    for user in IDS:
        document = {**session.request(model), "user_id": user}
        place = "submit-request.json#/properties/user_id"
        yield from _accepted(session, document, place, f"user_id {_shown(user)}")


def _shown(text: str) -> str:
    shown = json.dumps(text, ensure_ascii=False)
    return shown if len(shown) < 60 else f"{shown[:30]}... ({len(text)} characters)"


def _accepted(session: Session, document: Any, place: str, subject: str) -> Observations:
    """Submit a document and poll its task once: that is free, and shows the echo."""
    exchange = session.submit(document)
    history = session.history_of(exchange)
    if history is not None:
        session.client.poll(history.task_id)
    yield from check_accepted(exchange, place, subject)


@active_check("unique-ids", "No two submissions return the same taskId", "unique_id", submits=True)
def unique_ids(session: Session) -> Observations:
    """Submit the same document twice, and compare all taskIds of the run."""
    for _ in range(2):
        session.submit(session.request(session.cheapest()))
    twice = sorted(one for one, times in Counter(session.ids).items() if times > 1)
    if twice:
        observed = f"{len(twice)} ids were returned again: {', '.join(twice[:3])}"
        yield Failed(promised("unique_id"), "different ids", observed, None)
    else:
        yield Passed(promised("unique_id"))
