"""The laws that submit what is valid: each value, each optional field, each combination of two."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from functools import partial
from typing import Any

from mockserver.conformance.session.affordable import affordable
from .rejection import judge_accepted
from mockserver.conformance.session.session import Lab
from mockserver.conformance.check import EXPERIMENT, Broken, Checks, Held, law, promised
from mockserver.conformance.generation import Value, acceptable
from .odd_texts import IDS, NESTED, TEXTS

_VALUES = 6
"""Values of a model for each of the examples, where submissions cost money."""


@law("every-value", "Every value of every field of every model is accepted", EXPERIMENT,
     "submit-request.json#/properties/input", submits=True)  # fmt: skip
def every_value(lab: Lab) -> Checks:
    """Submit each on the smallest input that takes it."""
    for model in lab.options.models:
        place = lab.card_of(model)
        tries = [
            partial(_taken, lab, model, value, f"{place}#/input/{value.clause}")
            for value in _untried(lab, model, acceptable(lab.contract, model))
        ]
        yield from affordable(lab, "every-value", tries)


def _taken(lab: Lab, model: str, value: Value, clause: str) -> Checks:
    exchange = lab.submit({"model": model, "input": value.input})
    yield from judge_accepted(exchange, clause, f"{model} {value}")


def _untried(lab: Lab, model: str, values: Iterable[Value]) -> Iterable[Value]:
    """Give all values or, where they cost money, the cheapest of those that were not taken yet."""
    if not lab.options.thrifty:
        return values
    accepted = [one.document for one in lab.histories.values()]
    seen = {
        json.dumps((name, value))
        for document in accepted
        if document.get("model") == model
        for name, value in _fields(document).items()
    }
    left = [one for one in values if json.dumps((one.field, one.input[one.field])) not in seen]
    priced = [
        (lab.target.money.worst_case({"model": model, "input": one.input}) or 0, one)
        for one in left
    ]
    priced.sort(key=lambda pair: pair[0])
    return [one for _, one in priced[: _VALUES * lab.options.examples]]


def _fields(document: dict[str, Any]) -> dict[str, Any]:
    submitted = document.get("input")
    return submitted if isinstance(submitted, dict) else {}


@law("envelope-is-accepted", "Every optional field of a submission is accepted", EXPERIMENT,
     "submit-request.json#/properties", "unknown_field_accepted", submits=True)  # fmt: skip
def envelope_is_accepted(lab: Lab) -> Checks:
    """Submit each, and then a field that nobody documents."""
    document = lab.request(lab.cheapest())
    place = "submit-request.json#/properties"
    if lab.webhook_base is not None:
        called = lab.with_webhook(document)
        yield from _accepted(lab, called, f"{place}/callBackUrl", "callBackUrl")
    named = {**document, "user_id": "somebody"}
    yield from _accepted(lab, named, f"{place}/user_id", "user_id")
    unknown = {**document, "input": {**document["input"], "nobody_documents_this": NESTED}}
    yield from _accepted(lab, unknown, promised("unknown_field_accepted"), "unknown field")


@law("texts", "Long and odd texts are accepted, and echoed as they are", EXPERIMENT,
     "submit-request.json#/properties/user_id", submits=True)  # fmt: skip
def texts(lab: Lab) -> Checks:
    """Submit each as the prompt of the cheapest model, and odd ids of users beside them."""
    model = lab.cheapest()
    place = f"{lab.card_of(model)}#/input/properties/prompt"
    for text in TEXTS:
        yield from _accepted(lab, lab.request(model, prompt=text), place, f"prompt {_shown(text)}")
    for user in IDS:
        document = {**lab.request(model), "user_id": user}
        place = "submit-request.json#/properties/user_id"
        yield from _accepted(lab, document, place, f"user_id {_shown(user)}")


def _shown(text: str) -> str:
    shown = json.dumps(text, ensure_ascii=False)
    return shown if len(shown) < 60 else f"{shown[:30]}... ({len(text)} characters)"


def _accepted(lab: Lab, document: Any, place: str, subject: str) -> Checks:
    """Submit a document, and look once at the task: that is free, and shows what it echoes."""
    exchange = lab.submit(document)
    history = lab.history_of(exchange)
    if history is not None:
        lab.target.poll(history.task_id)
    yield from judge_accepted(exchange, place, subject)


@law("unique-ids", "No two submissions are given the same taskId", EXPERIMENT, "unique_id",
     submits=True)  # fmt: skip
def unique_ids(lab: Lab) -> Checks:
    """Submit the same twice, and look at all ids that there were."""
    for _ in range(2):
        lab.submit(lab.request(lab.cheapest()))
    twice = sorted(one for one, times in Counter(lab.ids).items() if times > 1)
    if twice:
        observed = f"{len(twice)} ids were given again: {', '.join(twice[:3])}"
        yield Broken(promised("unique_id"), "different ids", observed, None)
    else:
        yield Held(promised("unique_id"))
