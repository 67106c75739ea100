"""Where two JSON documents differ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple


class Absent:
    """Stands for a value that a document does not have."""


ABSENT = Absent()


class Difference(NamedTuple):
    """A place at which two documents have different values."""

    place: str
    """Names of members, joined by dots; empty for the whole document."""
    left: Any
    """ABSENT if only the other document has a value there."""
    right: Any


def differences(left: Any, right: Any, place: str = "") -> Iterator[Difference]:
    """Yield where two JSON values differ, in their order; arrays are compared as a whole."""
    if isinstance(left, dict) and isinstance(right, dict):
        for name in left | right:
            inner = f"{place}.{name}".lstrip(".")
            yield from differences(left.get(name, ABSENT), right.get(name, ABSENT), inner)
    elif left != right:
        yield Difference(place, left, right)
