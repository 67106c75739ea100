"""Inputs made from the model cards: valid ones, and ones that break a single clause."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from mockserver.contract import Contract

URL = "https://example.com/source.jpg"

_ANNOTATIONS = {"description", "default", "x-source", "x-sources", "x-accepts", "x-message"}
_CHECKED_AFTERWARDS = {"if", "then", "allOf", "not", "contains", "minContains", "maxContains"}
_BUILT = {"type", "enum", "minimum", "maximum", "minLength", "minItems", "maxItems", "items"}
_BUILT |= {"pattern", "anyOf", "properties", "required", "$ref"}


class UnknownKeyword(Exception):
    """A schema uses a keyword that the builder does not know."""


def valid_inputs(contract: Contract, model: str) -> st.SearchStrategy[dict[str, Any]]:
    """Make any valid `input` of *model*.

    Raises UnknownKeyword if its card uses a keyword that this builder does not know.
    """
    uri = contract.card_uris[model]
    card = contract.cards[model]
    heeded = {
        name: one for name, one in card.input["properties"].items() if name not in card.ignored
    }
    schema = {
        **card.input,
        "properties": heeded,
    }  # who ignores a field may yet refuse nonsense in it

    def conforms(submitted: dict[str, Any]) -> bool:
        request = {"model": model, "input": submitted}
        return not contract.violations("submit-request", request)

    return _built(contract, schema, uri).filter(conforms)


def _built(contract: Contract, schema: Mapping[str, Any], uri: str) -> st.SearchStrategy[Any]:
    unknown = schema.keys() - _ANNOTATIONS - _CHECKED_AFTERWARDS - _BUILT
    if unknown:
        raise UnknownKeyword(f"{uri}: {', '.join(sorted(unknown))}")
    if "$ref" in schema:
        target, node = contract.schemas.resolve(schema["$ref"], uri)
        return _built(contract, node, target)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "anyOf" in schema:
        return st.one_of([_built(contract, option, uri) for option in schema["anyOf"]])
    kind = schema.get("type")
    if kind == "object":
        return _objects(contract, schema, uri)
    if kind == "array":
        low, high = schema.get("minItems", 0), schema.get("maxItems", 4)
        return st.lists(_built(contract, schema["items"], uri), min_size=low, max_size=high)
    return _scalars(schema)


def _objects(contract: Contract, schema: Mapping[str, Any], uri: str) -> st.SearchStrategy[Any]:
    required = schema.get("required", [])
    members = {name: _built(contract, member, uri) for name, member in schema["properties"].items()}
    optional = {name: made for name, made in members.items() if name not in required}
    return st.fixed_dictionaries({name: members[name] for name in required}, optional=optional)


def _scalars(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    kind = schema.get("type")
    if kind == "integer":
        return st.integers(schema["minimum"], schema["maximum"])
    if kind == "boolean":
        return st.booleans()
    if "pattern" in schema:
        hosts = st.sampled_from(["example.com", "127.0.0.1:8080", "[::1]", "bücher.example"])
        ends = st.sampled_from(["", "/", "/a.png", "/a.JPG?x=1#y", "/clip.mp4", "/song.mp3", "?q"])
        return st.builds(
            "{}://{}{}".format, st.sampled_from(["http", "https", "HTTPS"]), hosts, ends
        )
    text = st.text(st.characters(codec="utf-8"), min_size=schema.get("minLength", 0), max_size=40)
    return text.filter(lambda value: "#mock:" not in value)


@dataclass(frozen=True)
class InvalidInput:
    """An input that breaks one clause."""

    input: dict[str, Any]
    place: str
    """Where the violation is to be reported."""
    rule: str
    """The keyword that is broken."""

    def __str__(self) -> str:
        return f"{self.place} {self.rule}"


def minimal_input(contract: Contract, model: str) -> dict[str, Any]:
    """Make the smallest valid input of *model*."""
    values = {"prompt": "a cat", "imageUrls": [URL]}
    return {name: values[name] for name in contract.cards[model].input["required"]}


def invalid_inputs(contract: Contract, model: str) -> Iterator[InvalidInput]:
    """List inputs of *model* that each break a single clause of its card, and all the clauses."""
    base, schema = minimal_input(contract, model), contract.cards[model].input
    for name in schema["required"]:
        without = {key: value for key, value in base.items() if key != name}
        yield InvalidInput(without, f"input.{name}", "required")
    for name, member in schema["properties"].items():
        for value, rule, inside in _wrong(contract, member, contract.card_uris[model]):
            yield InvalidInput({**base, name: value}, f"input.{name}{inside}", rule)
        for value in _nearly_right(contract, model, name) if "enum" in member else ():
            yield InvalidInput({**base, name: value}, f"input.{name}", "enum")
    for clause in schema.get("allOf", []):
        yield from _conditional(clause, schema, base)


def _nearly_right(contract: Contract, model: str, field: str) -> list[Any]:
    """List values that a target could well take: those of its other models, and other cases."""
    values = contract.cards[model].input["properties"][field]["enum"]
    others = [one for one in _elsewhere(contract, model, field) if one not in values]
    cased = [one.swapcase() for one in values if isinstance(one, str)]
    return others + [one for one in cased if one not in values][:1]


def _elsewhere(contract: Contract, model: str, field: str) -> list[Any]:
    """List the values of a field of a model's name on the other cards for the same result."""
    kind, found = contract.cards[model].result, []
    for card in contract.cards.values():
        if card.result == kind and card.model != model:
            found += card.input["properties"].get(field, {}).get("enum", [])
    return list(dict.fromkeys(found))


def _wrong(
    contract: Contract, schema: Mapping[str, Any], uri: str
) -> Iterator[tuple[Any, str, str]]:
    """List wrong values for *schema*, the keyword each breaks, and where inside the value."""
    if "$ref" in schema:
        target, node = contract.schemas.resolve(schema["$ref"], uri)
        yield from _wrong(contract, node, target)
        schema = {key: value for key, value in schema.items() if key == "not"}
        uri = target
    kind = schema.get("type")
    if kind is not None:
        number = str(schema.get("minimum", schema.get("enum", [7])[0]))
        yield ({"string": 7, "integer": number, "boolean": "true", "array": URL}[kind], "type", "")
        yield (None, "type", "")
    if "enum" in schema:
        neighbour = "7:77" if kind == "string" else max(schema["enum"]) + 1
        yield (neighbour, "enum", "")
    if "minimum" in schema:
        yield (schema["minimum"] - 1, "minimum", "")
        yield (-1, "minimum", "")
        yield (schema["maximum"] + 1, "maximum", "")
        yield (schema["minimum"] + 0.5, "type", "")
    if "minLength" in schema:
        yield ("", "minLength", "")
    if "pattern" in schema:
        yield ("ftp://example.com/a.png", "pattern", "")
        yield ("https://", "pattern", "")
        yield ("https://example.com/\n", "pattern", "")
    if "not" in schema:
        yield ("https://example.com/clip.mp4", "not", "")
    if "anyOf" in schema:
        yield (7, "anyOf", "")
        yield ({"url": "nowhere"}, "anyOf", "")
    if kind == "array":
        yield from _wrong_arrays(contract, schema, uri)


def _wrong_arrays(
    contract: Contract, schema: Mapping[str, Any], uri: str
) -> Iterator[tuple[Any, str, str]]:
    for clause in (schema, *schema.get("allOf", [])):
        if "minItems" in clause:
            yield ([], "minItems", "")
        if "maxItems" in clause:
            beyond = ["https://example.com/a.mp4"] if "contains" in str(schema) else [URL]
            yield (beyond * (clause["maxItems"] + 1), "maxItems", "")
        if "maxContains" in clause:
            yield ([URL] * (clause["maxContains"] + 1), "maxContains", "")
    for value, rule, _ in _wrong(contract, schema["items"], uri):
        yield ([URL, value] if schema.get("maxItems", 2) > 1 else [value], rule, "[1]")


def _conditional(
    clause: Mapping[str, Any], schema: Mapping[str, Any], base: dict[str, Any]
) -> Iterator[InvalidInput]:
    """List the ways to break an `if`/`then` on a constant: left out, and each value left over."""
    [(field, condition)] = clause["if"]["properties"].items()
    met = {**base, field: condition["const"]}
    for name in clause["then"].get("required", []):
        yield InvalidInput(met, f"input.{name}", "required")
    for name, member in clause["then"]["properties"].items():
        for value in schema["properties"][name]["enum"]:
            if value not in member["enum"]:
                yield InvalidInput({**met, name: value}, f"input.{name}", "enum")


@dataclass(frozen=True)
class Value:
    """A valid input that holds a value of a field."""

    field: str
    input: dict[str, Any]
    clause: str
    """The pointer, below the card's `input`, of the clause that allows the value."""

    def __str__(self) -> str:
        return f"{self.field} {json.dumps(self.input[self.field], ensure_ascii=False)[:60]}"


def valid_values(contract: Contract, model: str) -> Iterator[Value]:
    """List valid inputs of *model* that together hold every value of every field.

    Of numbers and lengths, these are the ends of their ranges. Where a field asks for another
    one, the input holds this too. Every combination that a condition of the card allows is among
    them.
    """
    base, card = minimal_input(contract, model), contract.cards[model]
    schema = card.input
    for name, member in schema["properties"].items():
        values = _right(contract, member, contract.card_uris[model])
        if name in card.ignored:
            values = [(value, "") for value in _elsewhere(contract, model, name)] or values
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
    """List the values of *schema*, all there are or the ends of their range, and their keywords."""
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
    """Give the least length of an array but none, and the most; three where there is no most."""
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
    """Make an input valid by one more field, or none; None if that is not enough."""
    schema = contract.cards[model].input
    candidates = [submitted]
    for name, member in schema["properties"].items():
        if name != kept and "enum" in member:
            candidates += [{**submitted, name: value} for value in member["enum"]]
    for candidate in candidates:
        if not contract.violations("submit-request", {"model": model, "input": candidate}):
            return candidate
    return None


def invalid_envelopes(request: dict[str, Any]) -> Iterator[tuple[Any, str]]:
    """List documents that each break a single clause of a submission's envelope, and where."""
    yield [request], "an array"
    for name in ("model", "input"):
        yield {key: value for key, value in request.items() if key != name}, f"no {name}"
    for name, value in (
        ("model", "no-such-model"),
        ("model", 7),
        ("model", None),
        ("input", "a cat"),
        ("input", []),
        ("callBackUrl", "nowhere"),
        ("callBackUrl", "ftp://example.com/webhook"),
        ("callBackUrl", 7),
        ("user_id", 7),
    ):
        yield {**request, name: value}, f"{name}: {value!r}"
