"""Whatever the schema and the document: what is rejected is explained, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mockserver.contract import Contract, Violation
from mockserver.contract.card_copy import copy_card
from mockserver.contract.explaining import DRAFT
from mockserver.contract.loader import check_card
from mockserver.contract.validation import Schemas, SchemaValidator

FIXTURES = Path(__file__).parents[2] / "fixtures"
BASE = "https://schemas.example/"

PATTERNS = [
    *(
        r"^a$",
        r"^(a$|b)",
        r"a.c",
        r"^\d+$",
        r"^[^\d]$",
        r"^\w+$",
        r"^\s$",
        r"^\S+$",
        r"\bx",
        r"^.$",
    ),
    *(
        r"\.(png|jpg)([?#].*)?$",
        r"^\p{L}+$",
        r"(?<year>\d{4})$",
        r"^[\d-x]$",
        "",
        r"\cJ",
        r"^[a&&b]$",
    ),
]
TEXTS = [
    *("", "a", "a\n", "b\n", "a\rc", "a\u2028c", "\u0663", "5\n", "é", "x", "éx", "\ufeff", "\x1c"),
    *("\x85", "\u00a0", "x.png", "x.png?\n", "x.png?\r1", "😀", "\0", "\n", "2024\n", "&", "-"),
]
NUMBERS = [
    *(0, 1, -1, 1.0, -0.0, 0.1, 0.3, 0.30000000000000004, 19.99, 1e-9, 5e-324, 1e300, 10**300),
    *(2**53, 2**53 + 1, 2.0**53, 2**63, 2**64, -(2**70), 2**70 + 1, 1e22),
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.sampled_from(NUMBERS) | st.sampled_from(TEXTS),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*TEXTS[:8], "p", "q"]), inner, max_size=3)
    ),
    max_leaves=6,
)
_LIMITS = st.sampled_from([one for one in NUMBERS if one > 0])
_COUNTS = st.sampled_from([0, 1, 2, 1.0])
_RULES = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["string", "integer", "number", "object", ["null", "array"]]),
        "enum": st.lists(VALUES, min_size=1, max_size=3),
        "const": VALUES,
        "pattern": st.sampled_from(PATTERNS[:11]),
        "multipleOf": _LIMITS,
        "minimum": _LIMITS,
        "exclusiveMaximum": _LIMITS,
        "minLength": _COUNTS,
        "maxLength": _COUNTS,
        "minItems": _COUNTS,
        "maxItems": _COUNTS,
        "uniqueItems": st.booleans(),
        "maxProperties": _COUNTS,
        "required": st.just(["p"]),
        "dependentRequired": st.just({"p": ["q"]}),
        "format": st.sampled_from(["uuid", "date-time", "uri", "regex", "nonsense"]),
    },
)  # fmt: skip


def _with_parts(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Make schemas of schemas."""
    several = st.lists(parts, min_size=1, max_size=2)
    by_name = st.dictionaries(st.sampled_from(["p", "q", "a\n"]), parts, max_size=2)
    by_pattern = st.dictionaries(st.sampled_from(PATTERNS[:10]), parts, max_size=2)
    structure = st.fixed_dictionaries(
        {},
        optional={
            "properties": by_name,
            "patternProperties": by_pattern,
            "additionalProperties": parts | st.booleans(),
            "propertyNames": parts,
            "items": parts | st.booleans(),
            "prefixItems": several,
            "contains": parts,
            "minContains": _COUNTS,
            "maxContains": _COUNTS,
            "allOf": several,
            "anyOf": several,
            "oneOf": several,
            "not": parts,
            "if": parts,
            "then": parts,
            "else": parts,
            "dependentSchemas": by_name,
        },
    )
    return st.builds(lambda rules, more: {**rules, **more}, _RULES, structure)


SCHEMAS = st.recursive(_RULES, _with_parts, max_leaves=4)


def validator(schema: Any) -> SchemaValidator:
    """Make the two validators of a schema."""
    uri = f"{BASE}schema.json"
    return Schemas({uri: {"$schema": DRAFT, "$id": uri, **schema}}, BASE).validator(f"{uri}#")


def strings(node: Any) -> Iterator[tuple[Any, Any]]:
    """Find each string of a document, as a container and a key."""
    if isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            if isinstance(value, str):
                yield node, key
            else:
                yield from strings(value)


@given(SCHEMAS, VALUES)
def test_both_validators_agree(schema: Any, document: Any) -> None:
    """On any schema and any document."""
    both = validator(schema)

    explained = list(both._explain.iter_errors(document))

    assert both.is_valid(document) == (not explained)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_both_validators_agree_on_patterns(pattern: str) -> None:
    """Also on those that Python's own expressions read otherwise, or not at all."""
    schemas = ({"pattern": pattern}, {"propertyNames": {"pattern": pattern}},
               {"patternProperties": {pattern: False}},
               {"patternProperties": {pattern: True}, "additionalProperties": False})  # fmt: skip
    try:
        validators = [validator(schema) for schema in schemas]
        validators[0].is_valid("")
    except ValueError:
        return  # the fast one knows no such pattern: a card with it is rejected

    for text in TEXTS:
        for both in validators:
            for document in (text, {text: 1}):
                assert both.is_valid(document) == (not both.violations(document))


@given(SCHEMAS, SCHEMAS, VALUES)
def test_what_is_rejected_is_explained(schema: Any, rest: Any, document: Any) -> None:
    """Also by rules that only the fast validator is asked about."""
    both = validator(schema | {"unevaluatedProperties": rest, "unevaluatedItems": rest})
    assume(not both.is_valid(document))

    found = both.violations(document)

    assert found
    assert all(one.rule and str(one) for one in found)


def test_a_refusal_without_an_explanation_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """With place and rule of the validator that rejected it."""
    both = validator({"properties": {"p": {"$ref": "#/$defs/q"}}, "$defs": {"q": {"type": "null"}}})
    monkeypatch.setattr(both, "_explain", type("Silent", (), {"iter_errors": lambda *_: iter(())}))

    [found] = both.violations({"p": "x"}, prefix="input")

    assert isinstance(found, Violation)
    assert str(found) == "input.p: 'x' does not satisfy type"
    assert found.clause == "schema.json#/$defs/q/type"


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*/valid/*.json")), ids=str)
def test_a_line_feed_at_the_end_of_a_string(path: Path, contract: Contract) -> None:
    """Anywhere in a golden document: what is rejected is explained."""
    kind, document = path.parts[-3], json.loads(path.read_text("utf-8"))

    for container, key in list(strings(document)):
        whole = container[key]
        for changed in (f"{whole}\n", f"\n{whole}", f"{whole}\r", f"{whole}\u2028"):
            container[key] = changed
            judge = contract._validators[kind]
            assert judge.is_valid(document) == (not judge.violations(document))
        container[key] = whole


@pytest.mark.parametrize(
    ("field", "fault"),
    [
        ({"pattern": "["}, 'input.properties.mode.pattern: "[" is not a "regex"; use one of ECMA'),
        ({"allOf": [{"pattern": r"\h"}]}, r"input.properties.mode.allOf[0].pattern: "),
        ({"patternProperties": {"(": {}}}, 'input.properties.mode.patternProperties."(": '),
        (
            {"$ref": "#/input/properties/mode"},
            "names nothing in this card or in schemas/, or it",
        ),
    ],
)
def test_a_card_that_no_validator_can_use_is_rejected(
    contract: Contract, field: Any, fault: str
) -> None:
    """With the place and the reason, before any request meets it."""
    card = copy_card(contract, "veo3")
    card["effects"] = []
    card["input"]["properties"]["mode"] = field

    [found] = check_card(contract.schemas, card)

    assert fault in found
