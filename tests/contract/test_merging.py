"""Merged schemas."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.contract.explaining import DRAFT
from mockserver.contract.merging import CannotMergeError, Schema, merged

_NUMBERS = st.integers(0, 3)
_VALUES = st.sampled_from([None, True, 0, 1, 2, 1.5, "", "a", "ab", [], [1, "a"]])
_NAMES = st.sampled_from(["a", "b"])
_SIMPLE = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["string", "integer", "array", ["string", "null"]]),
        "enum": st.lists(_VALUES, min_size=1, max_size=3),
        "const": _VALUES,
        "minimum": _NUMBERS,
        "maximum": _NUMBERS,
        "minLength": _NUMBERS,
        "maxLength": _NUMBERS,
        "minItems": _NUMBERS,
        "contains": st.just({"type": "string"}),
        "minContains": _NUMBERS,
        "items": st.sampled_from([{"type": "integer"}, {"minimum": 1}]),
        "not": st.sampled_from([{"type": "null"}, {"const": 1}]),
        "description": st.just("words"),
    },
)
_SCHEMAS = _SIMPLE | st.fixed_dictionaries(
    {},
    optional={
        "type": st.just("object"),
        "required": st.lists(_NAMES, unique=True),
        "properties": st.dictionaries(_NAMES, _SIMPLE | st.booleans()),
        "additionalProperties": st.booleans(),
        "minProperties": _NUMBERS,
        "if": st.just({"required": ["a"]}),
        "then": st.just({"required": ["b"]}),
    },
)
_INSTANCES = _VALUES | st.dictionaries(st.sampled_from(["a", "b", "c"]), _VALUES)
SEED = {"confidence": "seed", "page": "one"}
OTHER = {"confidence": "assumed", "page": "two"}


def together(first: Schema, second: Schema) -> Schema:
    """Merge two schemas without references."""
    return merged(first, second, lambda schema: schema)


def is_valid(schema: Schema, instance: Any) -> bool:
    """Decide as the mock does."""
    return jsonschema_rs.validator_for({"$schema": DRAFT, **schema}).is_valid(instance)


@given(_SCHEMAS, _SCHEMAS, st.lists(_INSTANCES, min_size=1))
def test_accepts_what_both_accept(first: Schema, second: Schema, instances: list[Any]) -> None:
    """Whatever can be merged means the same as an `allOf`; the rest is said not to be possible."""
    try:
        schema = together(first, second)
    except CannotMergeError:
        return

    for instance in instances:
        both = is_valid(first, instance) and is_valid(second, instance)
        assert is_valid(schema, instance) == both


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"const": 1}, {"const": True}),
        ({"pattern": "a"}, {"pattern": "b"}),
        ({"contains": {}}, {"contains": {"type": "string"}}),
        ({"properties": {"a": {}}}, {"additionalProperties": False}),
        ({"properties": {"a": False}}, {"properties": {"a": {}}}),
    ],
)
def test_says_what_cannot_be_merged(first: Schema, second: Schema) -> None:
    """Keywords that would change each other's meaning stay apart."""
    with pytest.raises(CannotMergeError):
        together(first, second)


def test_keeps_the_source_of_each_keyword() -> None:
    """A bound from another page than the type keeps its page."""
    schema = together(
        {"type": "integer", "x-source": SEED}, {"minimum": 1, "maximum": 4, "x-source": OTHER}
    )

    assert schema == {
        "type": "integer",
        "minimum": 1,
        "maximum": 4,
        "x-source": SEED,
        "x-sources": {"minimum": OTHER, "maximum": OTHER},
    }


def test_takes_the_only_source() -> None:
    """A schema without a source takes that of the other."""
    assert together({"type": "string"}, {"minLength": 1, "x-source": SEED})["x-source"] == SEED


def test_resolves_references_only_if_it_has_to() -> None:
    """A reference stays one unless the other schema says more than words."""
    target = {"type": "string"}
    reference = {"$ref": "#/components/schemas/Name"}

    described = merged(reference, {"description": "words"}, lambda _: target)
    narrowed = merged(reference, {"enum": ["a"]}, lambda _: target)

    assert described == reference | {"description": "words"}
    assert narrowed == {"type": "string", "enum": ["a"]}
