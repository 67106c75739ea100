"""Goes on with what the spending limit still allows, and says what it did not."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .lab import Lab
from .law import Checks
from .ledger import LimitError


def affordable(lab: Lab, law: str, checks: Iterable[Callable[[], Checks]]) -> Checks:
    """Make each of the checks that the limit allows; note how many it did not, and the first."""
    missed: list[LimitError] = []
    for check in checks:
        try:
            yield from check()
        except LimitError as limit:
            missed.append(limit)
    if missed:
        lab.unchecked.append(f"{law}: {len(missed)} submissions were left out; {missed[0]}")
