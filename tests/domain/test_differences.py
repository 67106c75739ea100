"""Where two JSON documents differ."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mockserver.domain.differences import ABSENT, Difference, differences

names = st.sampled_from(["code", "data", "status", "urls"])
documents = st.recursive(
    st.none() | st.integers(0, 3) | st.sampled_from(["SUCCESS", "FAILURE"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)


def test_a_difference_names_its_place_and_both_values() -> None:
    """Also where only one document has a value."""
    webhook = {"code": 0, "data": {"status": "FAILURE", "urls": ["a"], "extra": 1}}
    poll = {"code": 0, "data": {"status": "SUCCESS", "urls": ["a", "b"], "seed": 2}}

    found = list(differences(webhook, poll))

    assert found == [
        Difference("data.status", "FAILURE", "SUCCESS"),
        Difference("data.urls", ["a"], ["a", "b"]),
        Difference("data.extra", 1, ABSENT),
        Difference("data.seed", ABSENT, 2),
    ]


@given(documents, documents)
def test_there_are_differences_exactly_between_unequal_documents(left: Any, right: Any) -> None:
    """And what a place names differs."""
    found = list(differences(left, right))

    assert bool(found) == (left != right)
    assert all(one.left != one.right for one in found)
