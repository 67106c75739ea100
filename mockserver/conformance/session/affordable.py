"""Runs as much of a check as the spending limit allows, and says what was left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mockserver.conformance.check import Observations
from mockserver.conformance.session.ledger import LimitError, PriceError
from mockserver.conformance.session.session import Session


def affordable(
    session: Session, check: str, attempts: Iterable[Callable[[], Observations]]
) -> Observations:
    """Make each attempt that the limit allows; note how many it did not, and the first reason.

    A higher limit would not help a submission without a known price, so that is noted as the
    reason of the check's result instead.
    """
    missed: list[LimitError] = []
    for attempt in attempts:
        try:
            yield from attempt()
        except LimitError as limit:
            missed.append(limit)
    unpriced = [one for one in missed if isinstance(one, PriceError)]
    if unpriced:
        reason = f"{len(unpriced)} submissions were left out: {unpriced[0]}"
        session.check_results[check.partition(":")[0]].reason = reason
    over = [one for one in missed if not isinstance(one, PriceError)]
    if over:
        session.unchecked.append(f"{check}: {len(over)} submissions were left out; {over[0]}")
