"""Mutants: what is nearly right: other spellings of values, models and tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mockserver.conformance.model import Severity
from mockserver.conformance.session.runner import OWN_KEYS
from mockserver.conformance.values import URL
from mockserver.engine.messages import Request
from tests.mutants.changes import asks, submissions
from tests.mutants.edits import Edit, inside, remake
from tests.mutants.layer import MakeLayer
from tests.mutants.mutant import DRAW, EDIT, LITE, Mutant
from tests.mutants.tokens import as_owner

_401 = "service.json#/errors/401"
_NEAR = "service.json#/promises/near_misses_refused"
_ELSEWHERE = "service.json#/promises/token_in_header_only"
_OWN, _OTHER = (f"Bearer {key}" for key in OWN_KEYS)


def _read_as(name: str, make: Callable[[Any], Any]) -> MakeLayer:
    return submissions(inside("input", remake(name, make)))


def _text(make: Callable[[str], Any]) -> Callable[[Any], Any]:
    return lambda value: make(value) if isinstance(value, str) else value


def _each(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: [make(one) for one in value] if isinstance(value, list) else value


def _takes_for_http(*schemes: str) -> Callable[[Any], Any]:
    return _text(lambda url: URL if url.startswith(schemes) else url)


def _without_owner(document: dict[str, Any]) -> None:
    if document.get("model") == LITE.rpartition("/")[2]:
        document["model"] = LITE


def _of_any_case(names: tuple[str, ...]) -> Edit:
    def edit(document: dict[str, Any]) -> None:
        for name in [one for one in document if one.lower() in names]:
            document.setdefault(name.lower(), document.pop(name))

    return edit


def _lets_in(is_let_in: Callable[[Request, str], bool]) -> MakeLayer:
    def change(request: Request) -> Request:
        given = request.headers.get("authorization") or ""
        own = given in (_OWN, _OTHER)
        return as_owner(request) if not own and is_let_in(request, given) else request

    return asks(change)


def _nearly(
    name: str, sentence: str, change: MakeLayer, models: tuple[str, ...] = (LITE,)
) -> Mutant:
    return Mutant(
        name, sentence, "near-misses", _NEAR, change, severity="assumption", models=models
    )


def _token(
    name: str, sentence: str, is_let_in: Callable[[Request, str], bool], *, elsewhere: bool = True
) -> Mutant:
    check, place = ("token-elsewhere", _ELSEWHERE) if elsewhere else ("token-near", _401)
    severity: Severity = "assumption" if elsewhere else "drift"
    return Mutant(name, sentence, check, place, _lets_in(is_let_in), severity=severity)


MUTANTS = (
    _nearly(
        "model-in-any-case",
        "The names of models are accepted in any case.",
        submissions(remake("model", _text(str.lower))),
    ),
    _nearly(
        "model-without-owner",
        "A model is also accepted without its owner.",
        submissions(_without_owner),
    ),
    _nearly(
        "fields-in-any-case",
        "The fields of the envelope are accepted in any case.",
        submissions(_of_any_case(("model", "input"))),
    ),
    _nearly(
        "ratio-with-x",
        "A ratio may be written with an x.",
        _read_as("ratio", _text(lambda text: text.replace("x", ":"))),
        (DRAW,),
    ),
    _nearly(
        "ratio-trimmed",
        "Spaces around a ratio do not matter.",
        _read_as("ratio", _text(str.strip)),
        (DRAW,),
    ),
    _nearly(
        "ratio-auto",
        "The ratio may be auto.",
        _read_as("ratio", lambda value: "1:1" if value == "auto" else value),
        (DRAW,),
    ),
    _nearly(
        "resolution-by-number",
        "A resolution is known by its number alone.",
        _read_as("resolution", _text(lambda text: f"{text}k" if text.isdigit() else text)),
        (DRAW,),
    ),
    _nearly(
        "true-is-one",
        "The number of results may be true.",
        _read_as("n", lambda value: 1 if value is True else value),
    ),
    _nearly(
        "count-rounded",
        "The number of results is rounded.",
        _read_as("n", lambda value: int(value) if isinstance(value, float) else value),
    ),
    _nearly(
        "data-urls",
        "A picture may be given as a data URL.",
        _read_as("imageUrls", _each(_takes_for_http("data:"))),
        (EDIT,),
    ),
    _nearly(
        "local-files",
        "A picture may be a file of the API's own machine.",
        _read_as("imageUrls", _each(_takes_for_http("file:", "/"))),
        (EDIT,),
    ),
    _nearly(
        "callback-without-scheme",
        "A callBackUrl needs no scheme.",
        submissions(remake("callBackUrl", _takes_for_http("//", "example.com"))),
    ),
    _token(
        "token-may-be-longer",
        "Only the beginning of a token is checked.",
        lambda _request, given: given.startswith(_OWN),
        elsewhere=False,
    ),
    _token(
        "token-may-be-shorter",
        "The beginning of a token is enough.",
        lambda _request, given: len(given) > 12 and _OWN.startswith(given),
        elsewhere=False,
    ),
    _token(
        "token-in-any-case",
        "The case of a token does not matter.",
        lambda _request, given: given.lower() == _OWN.lower(),
        elsewhere=False,
    ),
    _token(
        "token-in-query",
        "A token may be in the query.",
        lambda request, _given: OWN_KEYS[0] in request.query,
    ),
    _token(
        "token-in-other-header",
        "A token may be in the header X-API-Key.",
        lambda request, _given: request.headers.get("x-api-key") == OWN_KEYS[0],
    ),
    _token(
        "token-without-scheme",
        "A token needs no scheme.",
        lambda _request, given: given == OWN_KEYS[0],
    ),
)
