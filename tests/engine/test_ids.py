"""The ids of tasks."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from mockserver.engine.ids import uuid_of


@given(st.integers(0, 2**128 - 1))
def test_ids_are_random_uuids(bits: int) -> None:
    """Written as the standard library writes one with the same random bits."""
    expected = str(UUID(int=bits, version=4))

    written = uuid_of(bits)

    assert written == expected
