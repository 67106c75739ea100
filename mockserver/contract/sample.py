"""A sample of what a model accepts: for people who want to see a task before they write one."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

from mockserver.contract.loader import Contract

_PROMPT = "a red fox in the snow"
_ENDINGS = {"video": "clip.mp4", "audio": "song.mp3"}
"""Of URLs of fields with this in their name; others are of images."""
_MOST_ADDED = 2
"""Optional fields that a rule can make necessary."""


def sample_input(contract: Contract, model: str) -> dict[str, Any]:
    """Return a valid `input` of *model*, with as few fields as its card allows.

    Raises KeyError for an unknown model.
    """
    card, uri = contract.cards[model], contract.card_uris[model]
    fields = {
        name: _sample(contract, name, member, uri)
        for name, member in card.input["properties"].items()
    }
    required = {name: fields[name] for name in card.input.get("required", ())}
    optional = [name for name in fields if name not in required and name not in card.ignored]
    for number in range(_MOST_ADDED + 1):
        for added in combinations(optional, number):
            made = required | {name: fields[name] for name in added}
            if not contract.violations("submit-request", {"model": model, "input": made}):
                return made
    return required


def _sample(contract: Contract, name: str, schema: Mapping[str, Any], uri: str) -> Any:
    if "$ref" in schema:
        target, schema_there = contract.schemas.resolve(schema["$ref"], uri)
        return _sample(contract, name, schema_there, target)
    if "default" in schema:
        return schema["default"]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return _sample(contract, name, schema["anyOf"][0], uri)
    return _of_type(contract, name, schema, uri)


def _of_type(contract: Contract, name: str, schema: Mapping[str, Any], uri: str) -> Any:
    match schema.get("type"):
        case "array":
            one = _sample(contract, name, schema["items"], uri)
            return [one] * max(1, schema.get("minItems", 0))
        case "object":
            members = schema.get("properties", {})
            needed = schema.get("required", ())
            return {each: _sample(contract, each, members[each], uri) for each in needed}
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return False
        case _:
            return _url(name) if "pattern" in schema else _PROMPT


def _url(name: str) -> str:
    endings = [end for kind, end in _ENDINGS.items() if kind in name.lower()]
    return f"https://example.com/{(endings or ['photo.jpg'])[0]}"
