"""Checks of near misses: values close to those of a field, names close to a model's, tokens."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from mockserver.conformance.check import Failed, Observations, Passed, promised
from mockserver.conformance.session.active_check import active_check
from mockserver.conformance.session.affordable import affordable
from mockserver.conformance.session.session import Session, Skipped
from mockserver.conformance.values import URL

from .rejection import check_status, query_path, says_no

_401 = "service.json#/errors/401"
_MOST_PAID = 2
"""Near misses of a model that may be accepted, and paid for, before no more are sent."""
_VALUES = 2
"""Values of a field whose other spellings are tried."""
_OF_THE_SAME = 4
"""One in so many near misses is tried of a field whose domain another model's field has, too."""
_ANNOTATIONS = ("x-source", "x-sources", "description", "default")
"""Keywords that do not change what a field accepts."""
_NEAR_URLS = (
    "data:image/png;base64,iVBORw0KGgo=",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "//example.com/a.png",
    "example.com/a.png",
    "/a.png",
    f" {URL}",
    "https://example.com/a b.png",
    "http:/example.com/a.png",
    "",
    None,
    [URL],
    True,
)


@active_check(
    "near-misses", "A value that is nearly right is rejected", "near_misses_refused", submits=True
)
def near_misses(session: Session) -> Observations:
    """Submit near misses of the values of each field, of the envelope, and of the models' names."""
    documents = list(_near_the_envelope(session))
    known: set[str] = set()
    for model in session.options.models:
        for name, value in _near_the_fields(session, model, known):
            documents.append((f"{model} {name}", session.request(model, **{name: value})))
    accepted: Counter[str] = Counter()
    attempts = [
        partial(_submitted, session, subject, document, accepted)
        for subject, document in documents
        if session.contract.violations("submit-request", document)
    ]
    yield from affordable(session, "near-misses", attempts)
    stopped = [model for model, times in accepted.items() if times >= _MOST_PAID]
    if stopped and session.options.thrifty:
        session.unchecked.append(f"near-misses: others of {', '.join(stopped)}: some were accepted")


def _submitted(
    session: Session, subject: str, document: Any, accepted: Counter[str]
) -> Observations:
    """Submit a near miss, unless too many of its model were already accepted and paid for."""
    about = subject.partition(" ")[0]
    if session.options.thrifty and accepted[about] >= _MOST_PAID:
        return
    for observation in _rejected(session, subject, document):
        accepted[about] += isinstance(observation, Failed)
        yield observation


def _rejected(session: Session, subject: str, document: dict[str, Any]) -> Observations:
    place = promised("near_misses_refused")
    exchange = session.submit(document)
    if exchange.is_inconclusive:
        return
    if exchange.status == 400:
        yield Passed(place)
        return
    field = subject.rpartition(" ")[2]
    value = document.get("input", {}).get(field) if " " in subject else document.get(field)
    observed = f"{exchange.error or exchange.status} for {field} {value!r:.80}"
    expected = "400" if says_no(exchange) else "an error with 400"
    yield Failed(place, expected, observed, exchange, subject)


def _near_the_envelope(session: Session) -> Iterator[tuple[str, dict[str, Any]]]:
    request = session.request(session.cheapest())
    for model in session.options.models:
        for name in _near_text(model):
            if name not in session.contract.cards:
                yield "model", {**session.request(model), "model": name}
    near: dict[str, tuple[Any, ...]] = {
        "callBackUrl": _NEAR_URLS,
        "user_id": (True, 1.5, [], {}, ["a"]),
        "input": (True, "{}", [request["input"]]),
    }
    for name, values in near.items():
        for value in values:
            yield name, {**request, name: value}
    for name in ("model", "input"):
        others = {key: value for key, value in request.items() if key != name}
        yield name, {**others, name.title(): request[name]}


def _near_the_fields(session: Session, model: str, known: set[str]) -> Iterator[tuple[str, Any]]:
    """List near misses of each field; only some where another model's field has the same domain."""
    for name, schema in session.contract.cards[model].input["properties"].items():
        domain = {key: value for key, value in schema.items() if key not in _ANNOTATIONS}
        text = json.dumps([name, domain], sort_keys=True)
        values = _near(session, schema, session.contract.card_uris[model])
        if text in known:
            values = session.random.sample(values, len(values) // _OF_THE_SAME)
        known.add(text)
        for value in values:
            yield name, value


def _near(session: Session, schema: Mapping[str, Any], uri: str) -> list[Any]:
    """List values close to those of a schema; some may be valid."""
    if "$ref" in schema:
        target, node = session.contract.schemas.resolve(schema["$ref"], uri)
        return _near(session, node, target)
    kind = schema.get("type")
    if kind == "array":
        return [[URL, one] for one in _NEAR_URLS] + [{}, True, "", {"0": URL}]
    if kind == "integer":
        least = schema.get("minimum", schema.get("enum", [1])[0])
        return [True, False, str(least), f"{least}.0", least + 0.25, [least], {}, ""]
    if kind == "boolean":
        return ["true", "false", "", 0, 1, "yes", [True]]
    if "enum" in schema:
        some = session.random.sample(schema["enum"], min(_VALUES, len(schema["enum"])))
        texts = [near for value in some for near in _near_text(str(value))]
        return [*dict.fromkeys(texts), "", "auto", True, 0, [schema["enum"][0]], {}]
    return [True, ["a cat"], {"text": "a cat"}, 1.5]


def _near_text(value: str) -> Iterator[str]:
    """List other spellings of a text: of a ratio, a resolution, a name with its owner."""
    yield from (value.upper(), value.title(), f" {value}", f"{value} ", f"{value}\n")
    if ":" in value:
        width, height = value.split(":")
        yield from (value.replace(":", one) for one in ("x", "/", "-", " : ", "\uff1a"))
        yield f"{int(width) / int(height):.2f}"
        yield f"{2 * int(width)}:{2 * int(height)}"
    elif number := re.fullmatch(r"(\d+)([a-z])", value):
        yield number[1]
        yield f"{number[1]} {number[2]}"
    else:
        yield value.rpartition("/")[2]
        yield from (f"{value}-latest", f"{value}/", value.replace("-", "_"), f"maxapi/{value}")


@active_check("token-near", "A token that is nearly right is rejected", _401)
def token_near(session: Session) -> Observations:
    """Poll with the run's own token a letter longer, a letter shorter, and in another case."""
    if session.options.token_is_made_up:
        raise Skipped("the target was given a made-up token itself, so it may accept any token")
    scheme = session.contract.service["authentication"]["scheme"]
    for how, token in session.client.near_tokens().items():
        response = session.client.send(
            "GET", query_path(session), authorization=f"{scheme} {token}"
        )
        yield from check_status(_401, 401, response, how)


@active_check(
    "token-elsewhere",
    "A token anywhere but in the Authorization header is ignored",
    "token_in_header_only",
)
def token_elsewhere(session: Session) -> Observations:
    """Poll with the token in the query, in other headers, and with other schemes."""
    if session.options.token_is_made_up:
        raise Skipped("the target was given a made-up token itself, so it may accept any token")
    for where, response in session.client.misplaced_token("GET", query_path(session)):
        yield from check_status(promised("token_in_header_only"), 401, response, where)
