"""Strict JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.contract import NotJson, dump_json, parse_json

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=20,
)


@given(JSON)
def test_reads_what_it_writes(value: object) -> None:
    """Any JSON value survives writing and reading."""
    assert parse_json(dump_json(value)) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b'{"a": 1, "a": 2}', "duplicate key 'a'"),
        (b'[{"n": 1, "m": [], "n": 1}]', "duplicate key 'n'"),
        (b"NaN", "NaN is not JSON"),
        (b"[Infinity]", "Infinity is not JSON"),
        (b"-Infinity", "-Infinity is not JSON"),
        (b"1e999", "does not fit a double"),
        (b"9" * 400, "does not fit a double"),
        (b"9" * 5000, "does not fit a double"),
        (rb'"\ud800"', "lone surrogate"),
        (rb'{"\uDFFF": 1}', "lone surrogate"),
        (b'"\xff"', "not UTF-8: byte 1"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b"{} {}", "Extra data at line 1 column 4"),
        (b"[1,]", "line 1 column"),
        (b"{'a': 1}", "line 1 column 2"),
        (b"[" * 101 + b"]" * 101, "nested deeper than 100"),
        (b"[" * 100_000, "nested deeper than 100"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "nested deeper than 100"),
    ],
)
def test_refuses_with_a_reason(text: bytes, reason: str) -> None:
    """What parsers disagree about is rejected, and the message says why."""
    with pytest.raises(NotJson, match=reason.replace("(", r"\(")):
        parse_json(text)


def test_accepts_surrogate_pairs() -> None:
    """An escaped character beyond the basic plane is one character."""
    assert parse_json(rb'"\ud83d\ude00"') == "\N{GRINNING FACE}"


def test_brackets_in_strings_are_not_levels() -> None:
    """Only real nesting counts."""
    text = json.dumps({"a": "[{" * 500 + '"', "b": [[1]]}).encode()

    assert parse_json(text)["b"] == [[1]]


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    """No input raises anything else."""
    try:
        value = parse_json(text)
    except NotJson as error:
        assert str(error)
    else:
        assert parse_json(dump_json(value)) == value
