"""What is known about a model, for people and programs: fields, price, pixels, sources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mockserver.contract.card import defaults_of
from mockserver.contract.loader import Contract
from mockserver.contract.validation import UNKNOWN, source_of
from mockserver.contract.violation import Source, accepted_by
from mockserver.errors import MaxapiMockError

_Node = Mapping[str, Any]


class UnknownModelError(MaxapiMockError, ValueError):
    """There is no such model; the message names similar ones."""


def uri_of(contract: Contract, model: str) -> str:
    """Find the card of *model*. Raises UnknownModelError."""
    if model in contract.card_uris:
        return contract.card_uris[model]
    from difflib import get_close_matches

    known = list(contract.card_uris)
    near = [one for one in known if model and model.lower() in one.lower()]
    near = near or get_close_matches(model.lower(), known, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"use {', '.join(known)}"
    raise UnknownModelError(f"model: {model[:60]!r} is unknown; {hint}")


def summary(contract: Contract, model: str) -> dict[str, Any]:
    """Describe *model* briefly. Raises UnknownModelError."""
    card = contract.schemas.documents[uri_of(contract, model)]
    price, source = card["price"], source_of(card, UNKNOWN)
    return {
        "model": model,
        "title": card["title"],
        "description": card["description"],
        "result": card["result"],
        "price": {
            "usd": price["usd"],
            "per": price["per"],
            "by": price.get("by"),
            **_shown(source_of(price, source)),
        },
        "typical_seconds": list(card["typical_duration"]["seconds"]),
        **_shown(source),
    }


def details(contract: Contract, model: str) -> dict[str, Any]:
    """Describe *model* with its fields, the rules between them, and its pixels.

    Raises UnknownModelError.
    """
    uri = uri_of(contract, model)
    card = contract.schemas.documents[uri]
    return {
        **summary(contract, model),
        "fields": list(_fields(contract, card, uri)),
        "rules": list(_rules(card)),
        "pixels": list(_pixels(contract, card, uri)),
    }


def _shown(source: Source) -> dict[str, str]:
    return {"confidence": source.confidence, "page": source.page}


def _fields(contract: Contract, card: _Node, uri: str) -> Iterator[dict[str, Any]]:
    defaults = contract.cards[card["model"]].defaults
    above = source_of(card["input"], source_of(card, UNKNOWN))
    for name, node in card["input"]["properties"].items():
        target = contract.schemas.follow(node, uri)
        merged = _with_parts({**target, **node})
        source = source_of(node, source_of(target, above))
        yield {
            "name": name,
            "required": name in card["input"]["required"],
            "accepts": _accepted(contract, merged, uri),
            "schema": _keywords(contract, merged, uri),
            "default": defaults.get(name),
            "description": merged.get("description"),
            **_shown(source),
            "less_sure": {
                key: _shown(one)
                for key, one in (*_less_sure({**target, **node}), *_less_sure_default(card, name))
                if one.confidence != source.confidence
            },
        }


def _with_parts(node: _Node) -> _Node:
    """Merge the parts of a node's `allOf` into the node; each has a source of its own."""
    parts = [
        {key: value for key, value in part.items() if not key.startswith("x-")}
        for part in node.get("allOf", ())
    ]
    merged = dict(node)
    for part in parts:
        merged |= part
    return merged


def _keywords(contract: Contract, node: _Node, uri: str) -> dict[str, Any]:
    """Return the keywords of a field's schema that a form can follow, without references."""
    schema = {key: value for key, value in node.items() if key in _OF_FORMS}
    if isinstance(schema.get("items"), Mapping):
        schema["items"] = _keywords(contract, contract.schemas.follow(schema["items"], uri), uri)
    return schema


_OF_FORMS = frozenset(
    (
        "type",
        "enum",
        "minimum",
        "maximum",
        "minItems",
        "maxItems",
        "minLength",
        "maxLength",
        "items",
    )
)


def _less_sure(node: _Node) -> Iterator[tuple[str, Source]]:
    """Yield the keywords of a field that have a source of their own."""
    for key, about in node.get("x-sources", {}).items():
        yield key, source_of({"x-source": about}, UNKNOWN)
    for part in node.get("allOf", ()):
        for key in part:
            if "x-source" in part and not key.startswith("x-"):
                yield key, source_of(part, UNKNOWN)


def _less_sure_default(card: _Node, name: str) -> Iterator[tuple[str, Source]]:
    """Yield the source of a default that no page names."""
    omitted = card.get("when_omitted", {})
    if name in omitted and name not in defaults_of(card["input"]["properties"]):
        yield "default", source_of(omitted, UNKNOWN)


def _accepted(contract: Contract, node: _Node, uri: str) -> str:
    text = accepted_by(node) or "anything"
    items = node.get("items")
    if isinstance(items, Mapping) and node.get("type") == "array":
        each = accepted_by(contract.schemas.follow(items, uri))
        return f"{text}, each {each}" if each else text
    return text


def _rules(card: _Node) -> Iterator[dict[str, Any]]:
    """Yield the rules between fields: conditions of the input, effects, and costs of failures."""
    source = source_of(card, UNKNOWN)
    above = source_of(card["input"], source)
    for one in card["input"].get("allOf", ()):
        if "description" in one:
            yield {"text": one["description"], **_shown(source_of(one, above))}
    for one in card.get("effects", ()):
        yield {"text": f"input.{one['field']} {one['message']}", **_shown(source_of(one, source))}
    surcharge = card.get("surcharge", {})
    if "description" in surcharge:
        yield {"text": surcharge["description"], **_shown(source_of(surcharge, source))}


def _pixels(contract: Contract, card: _Node, uri: str) -> Iterator[dict[str, Any]]:
    """Yield the pixels for what the model accepts; other models may share its table."""
    for row in contract.schemas.follow(card["sizes"], uri)["rows"]:
        for resolution, (width, height) in row["pixels"].items():
            chosen = {"ratio": row["ratio"], "resolution": resolution}
            if not all(_takes(contract, card, *one) for one in chosen.items()):
                continue
            yield {
                **chosen,
                "width": width,
                "height": height,
                **_shown(source_of(row, UNKNOWN)),
            }


def _takes(contract: Contract, card: _Node, field: str, value: str) -> bool:
    """Return whether *field* can have this value, submitted or by default."""
    known = contract.cards[card["model"]]
    default = known.defaults.get(field)
    if field in known.fields - known.ignored:
        return value in (default, *card["input"]["properties"][field].get("enum", [value]))
    return default in (None, value)
