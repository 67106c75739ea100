"""Copies a model's card so that a user can change it: self-contained, with the user as source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mockserver.contract.catalogue import uri_of
from mockserver.contract.loader import Contract
from mockserver.contract.validation import Schemas

_ANNOTATIONS = ("title", "description", "default", "examples", "x-")
"""Beginnings of keywords that do not restrict values: next to a reference they only add text."""


def copy_card(contract: Contract, model: str) -> dict[str, Any]:
    """Copy the card of *model* with its references resolved. Raises UnknownModelError.

    The copy is not backed by any page: each clause is `assumed`, and its page says what the source
    of the original is.
    """
    uri = uri_of(contract, model)
    card = contract.schemas.documents[uri]
    copy: dict[str, Any] = _own(_resolved(contract.schemas, card, uri, uri))
    copy.pop("$id", None)
    return copy


def _resolved(schemas: Schemas, node: Any, base: str, card: str) -> Any:
    """Replace the references of *node*, in the document *base*, that point outside *card*."""
    if isinstance(node, list):
        return [_resolved(schemas, one, base, card) for one in node]
    if not isinstance(node, Mapping):
        return node
    reference = node.get("$ref")
    members = {
        name: _resolved(schemas, one, base, card)
        for name, one in node.items()
        if name not in ("$ref", "$id", "$schema")
    }
    if not isinstance(reference, str):
        return members
    uri, target = schemas.resolve(reference, base)
    document = uri.partition("#")[0]
    if document == card:
        return {"$ref": reference, **members}
    inside = _resolved(schemas, target, document, card)
    if all(name.startswith(_ANNOTATIONS) for name in members):
        return inside | members
    return {"allOf": [inside, *members.pop("allOf", ())], **members}


def _own(node: Any) -> Any:
    if isinstance(node, list):
        return [_own(one) for one in node]
    if not isinstance(node, Mapping):
        return node
    if isinstance(node.get("confidence"), str) and isinstance(node.get("page"), str):
        was = f"{node['confidence']}: {node['page']}"
        copied = node["page"] if node["page"].startswith(_COPIED) else f"{_COPIED}{was}"
        return {**node, "confidence": "assumed", "page": copied}
    return {name: _own(one) for name, one in node.items()}


_COPIED = "your own card; originally "
