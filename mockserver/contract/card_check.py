"""Checks of a model card that its schema cannot express: whether its parts fit together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urljoin

from jsonschema_rs import ReferencingError, ValidationError, meta

from mockserver.contract.card import defaults_of
from mockserver.contract.explaining import DRAFT
from mockserver.contract.pointers import escaped
from mockserver.contract.validation import Schemas
from mockserver.contract.violation import join_place

_SIZED = ("ratio", "resolution")
"""The fields by which the tables of sizes are looked up."""
_COUNTS = ("n", "duration")
"""Fields that are counted with, if a model has them."""


def card_problems(schemas: Schemas, card: Mapping[str, Any], uri: str) -> Iterator[str]:
    """Yield what makes a card unusable although its schema accepts it."""
    within = schemas
    if schemas.documents.get(uri) is not card:
        within = Schemas({**schemas.documents, uri: dict(card)}, schemas.base)
    found = [*_schema_problems(card), *_reference_problems(within, card, uri)]
    found = found or list(_pattern_problems(within, card, uri))
    if found:
        yield from found
        return
    yield from _size_problems(within, card, uri)
    properties = {
        name: within.follow(one, uri) for name, one in card["input"]["properties"].items()
    }
    yield from _field_problems(properties)
    yield from _price_problems(card["price"], properties)
    yield from _surcharge_problems(within, card)
    yield from _effect_problems(within, card, uri)


def _schema_problems(card: Mapping[str, Any]) -> Iterator[str]:
    conditions = {
        f"effects[{number}].if": one["if"]
        for number, one in enumerate(card.get("effects", ()))
        if "if" in one
    }
    for place, schema in {"input": card["input"], **conditions}.items():
        if not meta.is_valid({"$schema": DRAFT, **schema}):
            yield f"{place}: not a JSON Schema: {_why(schema)}"


def _pattern_problems(within: Schemas, card: Mapping[str, Any], uri: str) -> Iterator[str]:
    """Yield what no validator can be made of, for example a malformed pattern."""
    pointers = {"input": "input"} | {
        f"effects[{number}].if": f"effects/{number}/if"
        for number, one in enumerate(card.get("effects", ()))
        if "if" in one
    }
    for place, pointer in pointers.items():
        try:
            within.fast(f"{uri}#/{pointer}")
        except ValidationError as error:
            yield f"{join_place(list(error.instance_path))}: {error.message}; use one of ECMA 262"
        except (ReferencingError, ValueError) as error:
            yield f"{place}: not usable: {str(error).splitlines()[0]}"


def _why(schema: Mapping[str, Any]) -> str:
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return error.message
    return "its keywords do not fit together"


def _reference_problems(within: Schemas, card: Mapping[str, Any], uri: str) -> Iterator[str]:
    for place, reference in _references(card, ""):
        try:
            within.follow({"$ref": reference}, uri)
        except (KeyError, IndexError, ValueError, TypeError):
            yield f"{place}: {reference!r} names nothing in this card or in schemas/, or itself"


def _references(node: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        for key, value in node.items():
            inside = f"{place}.{key}".lstrip(".")
            if key == "$ref" and isinstance(value, str):
                yield inside, value
            else:
                yield from _references(value, inside)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _references(value, f"{place}[{index}]")


def _size_problems(within: Schemas, card: Mapping[str, Any], uri: str) -> Iterator[str]:
    table = within.follow(card["sizes"], uri)
    schema = urljoin(within.base, "sizes.json#/$defs/table")
    found = within.validator(schema).violations(table, prefix="sizes")
    if found:
        yield from map(str, found)
        return
    rows = table["rows"]
    known = {
        "ratio": {row["ratio"] for row in rows},
        "resolution": {name for row in rows for name in row["pixels"]},
    }
    for place, field, value in _sized(card):
        names = known[field]
        if value not in names:
            yield f"{place}: {value!r} has no size; use one of {', '.join(sorted(names))}"


def _sized(card: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Yield the values that decide the size of a result, each with its place and its field."""
    for field in _SIZED:
        for value in card["input"]["properties"].get(field, {}).get("enum", []):
            yield f"input.{field}", field, value
        if field in card.get("when_omitted", {}):
            yield f"when_omitted.{field}", field, card["when_omitted"][field]
    for number, one in enumerate(card.get("effects", ())):
        if one["field"] in _SIZED and "becomes" in one:
            yield f"effects[{number}].becomes", one["field"], one["becomes"]


def _field_problems(properties: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    if properties["prompt"].get("type") != "string":
        yield 'input.prompt: is not a string; use {"$ref": "../common.json#/$defs/prompt"}'
    for name in _COUNTS:
        if name in properties and properties[name].get("type") != "integer":
            yield f"input.{name}: is not an integer; use type integer"
    for name, schema in properties.items():
        if "x-ignored" in schema:
            yield f'input.{name}.x-ignored: is obsolete; use an effect with "ignored": true'
    for name, default in defaults_of(properties).items():
        accepted = properties[name].get("enum")
        if name in _COUNTS and type(default) is not int:
            yield f"input.{name}.default: {default!r} is not an integer; use one"
        if accepted is not None and default not in accepted:
            yield f"input.{name}.default: {default!r} is not in its enum; use one of {accepted}"


def _price_problems(
    price: Mapping[str, Any], properties: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    if not isinstance(price["usd"], Mapping):
        return
    accepted = properties.get(price["by"], {}).get("enum")
    if accepted is None:
        yield f"price.by: {price['by']!r} is not a field with an enum; use one that is"
    elif missing := [value for value in accepted if value not in price["usd"]]:
        yield f"price.usd: has no price for {missing[0]!r}; use one for each {price['by']}"


def _surcharge_problems(within: Schemas, card: Mapping[str, Any]) -> Iterator[str]:
    if "surcharge" not in card:
        return
    task = within.documents[urljoin(within.base, "task.json")]
    known = task["properties"]["failure_reason"]["x-reasons"]
    surcharge = card["surcharge"]
    if surcharge["reason"] not in known:
        accepted = ", ".join(known)
        yield f"surcharge.reason: {surcharge['reason']!r} is not a reason; use one of {accepted}"
    begins = [row["from"] for row in surcharge["rates"]]
    if begins != sorted(set(begins)):
        yield f"surcharge.rates: from {begins} does not ascend; use each number once, in order"


def _effect_problems(within: Schemas, card: Mapping[str, Any], uri: str) -> Iterator[str]:
    known = card["input"]["properties"]
    for number, one in enumerate(card.get("effects", ())):
        place = f"effects[{number}]"
        if one["field"] not in known:
            accepted = ", ".join(known)
            yield f"{place}.field: {one['field']!r} is not a field of input; use one of {accepted}"
        elif "becomes" in one:
            pointer = escaped(one["field"])
            schema = within.validator(f"{uri}#/input/properties/{pointer}")
            prefix = f"{place}.becomes"
            yield from map(str, schema.violations(one["becomes"], prefix=prefix))
            if one["field"] in _COUNTS and type(one["becomes"]) is not int:
                yield f"{prefix}: {one['becomes']!r} is not an integer; use one"
        for name in one.get("if", {}).get("properties", {}):
            if name not in known:
                accepted = ", ".join(known)
                yield f"{place}.if: {name!r} is not a field of input; use one of {accepted}"
