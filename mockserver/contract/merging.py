"""Merges JSON Schemas: one schema that accepts what all of them accept.

Generators of clients read `allOf` as inheritance, and each of its members as a type. The contract
uses it for clauses with sources of their own. Where keywords can be put side by side, the OpenAPI
export does so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

Schema = dict[str, Any]

_ANNOTATIONS = frozenset(("title", "description", "default", "examples", "deprecated"))
_BOUNDS: Mapping[str, Callable[[Any, Any], Any]] = {
    "minimum": max, "exclusiveMinimum": max, "minLength": max, "minItems": max,
    "minProperties": max, "maximum": min, "exclusiveMaximum": min, "maxLength": min,
    "maxItems": min, "maxProperties": min,
}  # fmt: skip
_TOGETHER = (
    frozenset(("if", "then", "else")),
    frozenset(("contains", "minContains", "maxContains")),
    frozenset(("items", "prefixItems", "unevaluatedItems")),
)
"""Keywords whose meaning depends on each other: all of them are one schema's."""
_CLOSED = frozenset(("additionalProperties", "patternProperties", "unevaluatedProperties"))
"""Keywords whose meaning depends on the properties in the same schema."""


class CannotMergeError(Exception):
    """Two schemas have keywords that cannot be put side by side."""


def merged(first: Schema, second: Schema, resolved: Callable[[Schema], Schema]) -> Schema:
    """Return one schema that accepts what both accept. Raises CannotMergeError.

    The annotations are those of the second. The source is that of the first, and what differs
    from it is said by keyword, in `x-sources`. *resolved* replaces a reference by its target.
    """
    if "$ref" in first and _is_structured(second):
        first = resolved(first)
    if "$ref" in second and _is_structured(first):
        second = resolved(second)
    _check(first, second)
    result = {**first}
    added = set()
    for key, value in second.items():
        if key in ("x-source", "x-sources"):
            continue
        result[key] = _both(key, first[key], value, resolved) if key in first else value
        if result[key] != first.get(key) and key != "properties" and not is_annotation(key):
            added.add(key)
    return _with_sources(result, first, second, added)


def _check(first: Schema, second: Schema) -> None:
    for keywords in _TOGETHER:
        ours, theirs = _only(first, keywords), _only(second, keywords)
        if ours and theirs and ours != theirs:
            raise CannotMergeError
    for one, other in ((first, second), (second, first)):
        if one.keys() & _CLOSED and other.keys() & (_CLOSED | {"properties"}) and one != other:
            raise CannotMergeError


def _only(schema: Schema, keywords: frozenset[str]) -> Schema:
    return {key: value for key, value in schema.items() if key in keywords}


def _both(key: str, first: Any, second: Any, resolved: Callable[[Schema], Schema]) -> Any:
    """Return the value of a keyword that means what both values mean."""
    if is_annotation(key) or _same(first, second):
        return second
    if key == "required":
        return [*first, *(name for name in second if name not in first)]
    if key == "enum" and all(isinstance(one, str) for one in (*first, *second)):
        return [one for one in first if one in second]
    if key == "properties":
        shared = {
            name: _property(one, second[name], resolved)
            for name, one in first.items()
            if name in second
        }
        return {**first, **second, **shared}
    if key in _BOUNDS:
        return _BOUNDS[key](first, second)
    raise CannotMergeError


def _property(first: Any, second: Any, resolved: Callable[[Schema], Schema]) -> Any:
    if isinstance(first, dict) and isinstance(second, dict):
        return merged(first, second, resolved)
    raise CannotMergeError


def is_annotation(key: str) -> bool:
    """Return whether a keyword accepts everything."""
    return key in _ANNOTATIONS or key.startswith("x-")


def _is_structured(schema: Schema) -> bool:
    return any(not is_annotation(key) for key in schema)


def _same(first: Any, second: Any) -> bool:
    """Return whether two JSON values are written alike: `1` and `true` are not."""
    return json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True)


def _with_sources(result: Schema, first: Schema, second: Schema, added: set[str]) -> Schema:
    named = {**first.get("x-sources", {})}
    source = second.get("x-source")
    if "x-source" not in first and source is not None:
        result = {**result, "x-source": source}
    elif source != first.get("x-source") and source is not None:
        named |= dict.fromkeys(sorted(added), source)
    named |= second.get("x-sources", {})
    return {**result, "x-sources": named} if named else result
