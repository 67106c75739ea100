"""What a model card's schema cannot see: whether its parts fit together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urljoin

from mockserver.contract.validation import Schemas

_COUNTS = ("n", "duration")
"""Fields that are counted with, if a model has them."""


def faults(schemas: Schemas, card: Mapping[str, Any], uri: str) -> Iterator[str]:
    """Say what would make a card that its schema accepts unusable; nothing if it is sound."""
    within = Schemas({**schemas.documents, uri: dict(card)}, schemas.base)
    broken = [*_broken_schema(card), *_broken_references(within, card, uri)]
    if broken:
        yield from broken
        return
    yield from _broken_sizes(within, card, uri)
    properties = {
        name: within.follow(one, uri) for name, one in card["input"]["properties"].items()
    }
    yield from _broken_fields(properties)
    yield from _broken_price(card["price"], properties)


def _broken_schema(card: Mapping[str, Any]) -> Iterator[str]:
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(card["input"])
    except SchemaError as error:
        yield f"input: not a JSON Schema: {error.message}"


def _broken_references(within: Schemas, card: Mapping[str, Any], uri: str) -> Iterator[str]:
    for place, reference in _references(card, ""):
        try:
            within.resolve(reference, uri)
        except (KeyError, IndexError, ValueError, TypeError):
            yield f"{place}: {reference!r} names nothing in this card or below schemas/"


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


def _broken_sizes(within: Schemas, card: Mapping[str, Any], uri: str) -> Iterator[str]:
    table = within.follow(card["sizes"], uri)
    schema = urljoin(within.base, "sizes.json#/$defs/table")
    found = within.validator(schema).violations(table, prefix="sizes")
    if found:
        yield from map(str, found)
        return
    rows = {row["ratio"]: row["pixels"].keys() for row in table["rows"]}
    known = {"ratio": rows.keys(), "resolution": {name for row in rows.values() for name in row}}
    for field, names in known.items():
        accepted = card["input"]["properties"].get(field, {}).get("enum", [])
        for value in accepted:
            if value not in names:
                yield f"input.{field}: {value!r} has no size; use one of {', '.join(sorted(names))}"


def _broken_fields(properties: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    if properties["prompt"].get("type") != "string":
        yield 'input.prompt: is no string; use {"$ref": "../common.json#/$defs/prompt"}'
    for name in _COUNTS:
        if name in properties and properties[name].get("type") != "integer":
            yield f"input.{name}: is no integer; use type integer"
    for name, schema in properties.items():
        default, accepted = schema.get("default"), schema.get("enum")
        if name in _COUNTS and "default" in schema and type(default) is not int:
            yield f"input.{name}.default: {default!r} is no integer; use one"
        if accepted is not None and "default" in schema and default not in accepted:
            yield f"input.{name}.default: {default!r} is not in its enum; use one of {accepted}"


def _broken_price(
    price: Mapping[str, Any], properties: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    if not isinstance(price["usd"], Mapping):
        return
    accepted = properties.get(price["by"], {}).get("enum")
    if accepted is None:
        yield f"price.by: {price['by']!r} is no field with an enum; use one that is"
    elif missing := [value for value in accepted if value not in price["usd"]]:
        yield f"price.usd: has no price for {missing[0]!r}; use one for each {price['by']}"
