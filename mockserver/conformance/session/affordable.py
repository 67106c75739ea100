"""Goes on with what the spending limit still allows, and says what it did not."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mockserver.conformance.check import Observations
from mockserver.conformance.session.ledger import LimitError, PriceError
from mockserver.conformance.session.session import Session


def affordable(
    session: Session, check: str, parts: Iterable[Callable[[], Observations]]
) -> Observations:
    """Make each of the checks that the limit allows; note how many it did not, and the first.

    What has no known price is no matter of the limit: that is the reason of the law's verdict.
    """
    missed: list[LimitError] = []
    for part in parts:
        try:
            yield from part()
        except LimitError as limit:
            missed.append(limit)
    unpriced = [one for one in missed if isinstance(one, PriceError)]
    if unpriced:
        reason = f"{len(unpriced)} submissions were left out: {unpriced[0]}"
        session.check_results[check.partition(":")[0]].reason = reason
    over = [one for one in missed if not isinstance(one, PriceError)]
    if over:
        session.unchecked.append(f"{check}: {len(over)} submissions were left out; {over[0]}")
