"""Violations of the contract as values: place, rule, clause, source, and what is accepted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """How sure we are of a clause, and the page that says it."""

    confidence: str
    page: str

    def __str__(self) -> str:
        return f"{self.confidence}: {self.page}"


@dataclass(frozen=True, slots=True)
class Violation:
    """A clause that a document does not satisfy."""

    place: str
    """Dotted path from the document's root, like `input.imageUrls[0]`; empty for the root."""
    value: str
    """The offending value, shortened for display; `missing` for an absent member."""
    problem: str
    accepted: str
    """What would be accepted; may be empty where *problem* says it already."""
    rule: str
    """The JSON Schema keyword."""
    clause: str
    """File and JSON pointer below `schemas/`."""
    source: Source
    meant: str = ""
    """The accepted value that resembles the offending one, as `show` writes it."""

    @property
    def path(self) -> str:
        """The place as a JSON path: `$.input.ratio`."""
        return f"${'' if not self.place or self.place[0] == '[' else '.'}{self.place}"

    def __str__(self) -> str:
        text = f"{self.place or 'body'}: {' '.join(filter(None, (self.value, self.problem)))}"
        hint = f" did you mean {self.meant}?" if self.meant else ""
        use = f" use {self.accepted}" if self.accepted else ""
        return f"{text};{hint}{use}" if hint or use else text


def join_place(parts: list[str | int], prefix: str = "") -> str:
    """Return a path as users write it: `input.imageUrls[0].url`."""
    place = prefix
    for part in parts:
        if isinstance(part, int):
            place += f"[{part}]"
        else:
            shown = part if part.isidentifier() else json.dumps(part[:40])
            place += f".{shown}" if place else shown
    return place


def show(value: Any) -> str:
    """Return a JSON value in about 60 characters at most, strings in single quotes.

    A longer array is replaced by its number of items.
    """
    if isinstance(value, str):
        inner = json.dumps(value[:60], ensure_ascii=False)[1:-1].replace('\\"', '"')
        return f"'{inner}'" if len(value) <= 60 else f"'{inner}…'"
    text = ""
    for chunk in json.JSONEncoder(ensure_ascii=False).iterencode(value):
        text += chunk[:61]
        if len(text) > 60:
            return _items(value) if isinstance(value, list) else f"{text[:60]}…"
    return text


def similar(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Find the one of the *known* names that *name* resembles most, and enough, in either case."""
    from difflib import get_close_matches

    plain = {one.lower(): one for one in known}
    found = get_close_matches(name[:100].lower(), plain, 1, cutoff)
    return plain[found[0]] if found else None


def shortened(value: Any) -> Any:
    """Replace each long array in a JSON value by a text with its number of items."""
    if isinstance(value, dict):
        return {name: shortened(member) for name, member in value.items()}
    if isinstance(value, list):
        return [shortened(item) for item in value] if len(value) <= _FEW else _items(value)
    return value


def _items(array: list[Any]) -> str:
    return f"[{counted(len(array), 'item')}]"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, which takes an s in the plural: `1 task`, `2 tasks`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


_FEW = 3
"""Items that a person reads."""
_ARTICLES = {"integer": "an integer", "array": "an array", "object": "an object", "null": "null"}


def _typed(names: str | list[str]) -> str:
    """Return the name of a type with its article, or several joined by "or"."""
    if isinstance(names, list):
        return " or ".join(map(_typed, names))
    return _ARTICLES.get(names, f"a {names}")


def _range(schema: Schema, low: str, high: str) -> str:
    if low in schema and high in schema:
        return f" from {schema[low]} to {schema[high]}"
    if low in schema:
        return f" of at least {schema[low]}"
    return f" of at most {schema[high]}" if high in schema else ""


def accepted_by(schema: Schema) -> str:
    """Return in words which values *schema* accepts; empty if that would not help."""
    if "x-accepts" in schema:
        return str(schema["x-accepts"])
    if "const" in schema:
        return show(schema["const"])
    if "enum" in schema:
        values = ", ".join(show(value) for value in schema["enum"])
        return f"one of {values}" if len(schema["enum"]) > 1 else values
    kind = schema.get("type")
    if not isinstance(kind, str):
        return ""
    if kind == "string":
        return "a non-empty string" if schema.get("minLength") == 1 else "a string"
    text = _typed(kind) + _range(schema, "minimum", "maximum")
    return text + _range(schema, "minItems", "maxItems")


def _not_accepted(_value: Any, _limit: Any) -> str:
    return "is not accepted"


def _count(word: str) -> Callable[[Any, Any], str]:
    return lambda value, limit: f"is {len(value)} long, {word} than {limit}"


_PROBLEMS: dict[str, Callable[[Any, Any], str]] = {
    "type": lambda _value, limit: f"is not {_typed(limit)}",
    "minimum": lambda _value, limit: f"is less than {limit}",
    "exclusiveMinimum": lambda _value, limit: f"is not more than {limit}",
    "maximum": lambda _value, limit: f"is more than {limit}",
    "minItems": _count("less"),
    "maxItems": _count("more"),
    "minProperties": lambda _value, _limit: "is empty",
    "minLength": lambda value, limit: "is empty" if not value else f"is shorter than {limit}",
}


def describe(keyword: str, value: Any, schema: Schema) -> tuple[str, str]:
    """Return what is wrong with *value* under *keyword*, and what would be accepted."""
    accepted = accepted_by(schema)
    if "x-message" in schema:
        return str(schema["x-message"]), accepted
    if keyword in ("pattern", "anyOf", "not") and accepted:
        return f"is not {accepted}", ""
    if keyword == "type" and accepted == _typed(schema["type"]):
        return f"is not {accepted}", ""
    problem = _PROBLEMS.get(keyword, _not_accepted)
    return problem(value, schema.get(keyword)), accepted
