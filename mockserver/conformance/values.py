"""Valid inputs that together cover every value of every field of a model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mockserver.contract import Contract

URL = "https://example.com/source.jpg"


def minimal_input(contract: Contract, model: str) -> dict[str, Any]:
    """Return the smallest valid input of *model*."""
    values = {"prompt": "a cat", "imageUrls": [URL]}
    return {name: values[name] for name in contract.cards[model].input["required"]}


@dataclass(frozen=True)
class Value:
    """A valid input with a value of a field."""

    field: str
    input: dict[str, Any]
    clause: str
    """The pointer, below the card's `input`, of the clause that allows the value."""

    def __str__(self) -> str:
        return f"{self.field} {json.dumps(self.input[self.field], ensure_ascii=False)[:60]}"


def valid_values(contract: Contract, model: str) -> Iterator[Value]:
    """Yield valid inputs of *model* that together cover every value of every field.

    For numbers and lengths, these are the ends of their ranges. Where a value requires another
    field, the input has this, too. Every combination that a condition of the card allows is among
    them.
    """
    base, card = minimal_input(contract, model), contract.cards[model]
    schema = card.input
    for name, member in schema["properties"].items():
        values = _right(contract, member, contract.card_uris[model])
        if name in card.ignored:
            values = [(value, "") for value in values_elsewhere(contract, model, name)] or values
        for value, keyword in values:
            completed = _completed(contract, model, {**base, name: value}, name)
            if completed is not None:
                yield Value(name, completed, f"properties/{name}{keyword}")
    for number, clause in enumerate(schema.get("allOf", [])):
        [(field, condition)] = clause["if"]["properties"].items()
        for name, member in clause["then"]["properties"].items():
            for value in member["enum"]:
                met = {**base, field: condition["const"], name: value}
                yield Value(name, met, f"allOf/{number}/then/properties/{name}/enum")


def _right(contract: Contract, schema: Mapping[str, Any], uri: str) -> list[tuple[Any, str]]:
    """List the values of *schema*, all of them or the ends of their range, and their keywords."""
    if "$ref" in schema:
        target, node = contract.schemas.resolve(schema["$ref"], uri)
        return [(value, "") for value, _ in _right(contract, node, target)]
    if "enum" in schema:
        return [(value, "/enum") for value in schema["enum"]]
    if "anyOf" in schema:
        options = enumerate(schema["anyOf"])
        return [
            (value, f"/anyOf/{number}")
            for number, option in options
            for value, _ in _right(contract, option, uri)
        ]
    if schema.get("type") == "array":
        items = [value for value, _ in _right(contract, schema["items"], uri)]
        return [
            ([items[n % len(items)] for n in range(length)], keyword)
            for length, keyword in _lengths(schema).items()
        ]
    return _right_scalars(schema)


def _right_scalars(schema: Mapping[str, Any]) -> list[tuple[Any, str]]:
    if "pattern" in schema:
        return [(URL, "/pattern")]
    if schema.get("type") == "integer":
        return [(schema[end], f"/{end}") for end in ("minimum", "maximum")]
    long = "\U0001f408 <b>'\u00e4\u4e2d'</b> & " * 40 + "\n"
    values: dict[str, list[Any]] = {
        "boolean": [True, False],
        "object": [dict.fromkeys(schema.get("required", ()), URL)],
        "string": ["a cat", "\U0001f408 \u00e4\u4e2d", long],
    }
    return [(value, "") for value in values[schema.get("type", "string")]]


def _lengths(schema: Mapping[str, Any]) -> dict[int, str]:
    """Return the smallest length of an array above 0, and the largest, by default 3."""
    limits = {schema["maxItems"]: "/maxItems"} if "maxItems" in schema else {}
    least, at_least = max(1, schema.get("minItems", 1)), "/minItems" if "minItems" in schema else ""
    for number, clause in enumerate(schema.get("allOf", [])):
        if "maxItems" in clause:
            limits[clause["maxItems"]] = f"/allOf/{number}/maxItems"
        if clause.get("minItems", 0) >= least:
            least, at_least = clause["minItems"], f"/allOf/{number}/minItems"
    most = min(limits, default=3)
    return {most: limits.get(most, ""), least: at_least}


def _completed(
    contract: Contract, model: str, submitted: dict[str, Any], kept: str
) -> dict[str, Any] | None:
    """Return the input, with one more field if it needs one; None if that is not enough."""
    schema = contract.cards[model].input
    candidates = [submitted]
    for name, member in schema["properties"].items():
        if name != kept and "enum" in member:
            candidates += [{**submitted, name: value} for value in member["enum"]]
    for candidate in candidates:
        if not contract.violations("submit-request", {"model": model, "input": candidate}):
            return candidate
    return None


def values_elsewhere(contract: Contract, model: str, field: str) -> list[Any]:
    """List the values that a field of this name has on other cards for the same kind of result."""
    kind, found = contract.cards[model].result, []
    for card in contract.cards.values():
        if card.result == kind and card.model != model:
            found += card.input["properties"].get(field, {}).get("enum", [])
    return list(dict.fromkeys(found))
