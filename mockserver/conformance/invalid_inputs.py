"""Inputs and documents that each violate a single clause of the contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mockserver.conformance.values import URL, minimal_input, values_elsewhere
from mockserver.contract import Contract


@dataclass(frozen=True)
class InvalidInput:
    """An input that violates one clause."""

    input: dict[str, Any]
    place: str
    """Where the violation has to be reported."""
    rule: str
    """The keyword that is violated."""

    def __str__(self) -> str:
        return f"{self.place} {self.rule}"


def invalid_inputs(contract: Contract, model: str) -> Iterator[InvalidInput]:
    """Yield inputs of *model* that each violate a single clause of its card."""
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
    """List invalid values that a target might accept: those of other models, and other cases."""
    values = contract.cards[model].input["properties"][field]["enum"]
    others = [one for one in values_elsewhere(contract, model, field) if one not in values]
    cased = [one.swapcase() for one in values if isinstance(one, str)]
    return others + [one for one in cased if one not in values][:1]


def _wrong(
    contract: Contract, schema: Mapping[str, Any], uri: str
) -> Iterator[tuple[Any, str, str]]:
    """Yield invalid values, the keyword that each violates, and the place inside the value."""
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
        close = "7:77" if kind == "string" else max(schema["enum"]) + 1
        yield (close, "enum", "")
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
    """Yield inputs that violate an `if`/`then`: without a required field, with each other value."""
    [(field, condition)] = clause["if"]["properties"].items()
    met = {**base, field: condition["const"]}
    for name in clause["then"].get("required", []):
        yield InvalidInput(met, f"input.{name}", "required")
    for name, member in clause["then"]["properties"].items():
        for value in schema["properties"][name]["enum"]:
            if value not in member["enum"]:
                yield InvalidInput({**met, name: value}, f"input.{name}", "enum")


def invalid_envelopes(request: dict[str, Any]) -> Iterator[tuple[Any, str]]:
    """Yield documents that each violate a single clause of a submission's envelope, and where."""
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
