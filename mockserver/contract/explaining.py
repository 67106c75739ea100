r"""The explaining validator: jsonschema walks a schema, the fast validator evaluates each rule.

The two implementations differ in what `$`, `.` or `\d` match, and in whether 0.3 is a multiple of
0.1. As one of them evaluates every rule, whatever is rejected can also be explained.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import jsonschema_rs

DRAFT = "https://json-schema.org/draft/2020-12/schema"

_RULES = (
    *("type", "enum", "const", "pattern", "multipleOf", "minimum", "maximum", "exclusiveMinimum"),
    *("exclusiveMaximum", "minLength", "maxLength", "minItems", "maxItems", "uniqueItems"),
    *("minProperties", "maxProperties", "required", "dependentRequired"),
)
"""The keywords that apply to a value as a whole, and have no schema inside."""

Check = Callable[[Any, Any, Any, Mapping[str, Any]], Iterator[Any]]


@lru_cache(maxsize=1)
def explaining_class() -> Any:
    """Import jsonschema only to explain something: the import takes longer than a mock's start."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    checks: dict[str, Check] = {keyword: _check_of(keyword) for keyword in _RULES}
    checks["patternProperties"] = _pattern_properties
    checks["additionalProperties"] = _additional_properties
    return extend(Draft202012Validator, checks)  # type: ignore[no-untyped-call]


def without_dialect(schema: Any) -> Any:
    """Remove `$schema`: below it, jsonschema would use a class of its own choice."""
    if isinstance(schema, list):
        return [without_dialect(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: part if name in _VALUES else without_dialect(part)
        for name, part in schema.items()
        if name != "$schema" or not isinstance(part, str)
    }


_VALUES = frozenset(("const", "enum", "default", "examples"))
"""Keywords that hold documents, not schemas."""


def _check_of(keyword: str) -> Check:
    def check(_walker: Any, value: Any, instance: Any, _schema: Any) -> Iterator[Any]:
        from jsonschema import ValidationError

        if not _rule(keyword, json.dumps(value)).is_valid(instance):
            yield ValidationError(f"does not satisfy {keyword}")

    return check


@lru_cache(maxsize=1024)
def _rule(keyword: str, value: str) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for({"$schema": DRAFT, keyword: json.loads(value)})


def _matches(pattern: str, name: str) -> bool:
    return _rule("pattern", json.dumps(pattern)).is_valid(name)


def _pattern_properties(
    walker: Any, patterns: Mapping[str, Any], instance: Any, _schema: Any
) -> Iterator[Any]:
    members = instance if isinstance(instance, Mapping) else {}
    for pattern, subschema in patterns.items():
        for name, value in members.items():
            if _matches(pattern, name):
                yield from walker.descend(value, subschema, path=name, schema_path=pattern)


def _additional_properties(
    walker: Any, subschema: Any, instance: Any, schema: Mapping[str, Any]
) -> Iterator[Any]:
    from jsonschema import ValidationError

    members = instance if isinstance(instance, Mapping) else {}
    for name in additional(members, schema):
        if subschema is False:
            yield ValidationError(f"{name!r} is unknown")
            return
        yield from walker.descend(members[name], subschema, path=name)


def additional(members: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """List the names that are in neither `properties` nor `patternProperties` of *schema*."""
    patterns = schema.get("patternProperties", {})
    return [
        name
        for name in members
        if name not in schema.get("properties", {})
        and not any(_matches(pattern, name) for pattern in patterns)
    ]
