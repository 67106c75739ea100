"""Goes on with what the spending limit still allows, and says what it did not."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mockserver.conformance.session.session import Lab
from mockserver.conformance.check import Checks
from mockserver.conformance.session.ledger import LimitError, PriceError


def affordable(lab: Lab, law: str, checks: Iterable[Callable[[], Checks]]) -> Checks:
    """Make each of the checks that the limit allows; note how many it did not, and the first.

    What has no known price is no matter of the limit: that is the reason of the law's verdict.
    """
    missed: list[LimitError] = []
    for check in checks:
        try:
            yield from check()
        except LimitError as limit:
            missed.append(limit)
    unpriced = [one for one in missed if isinstance(one, PriceError)]
    if unpriced:
        reason = f"{len(unpriced)} submissions were left out: {unpriced[0]}"
        lab.verdicts[law.partition(":")[0]].reason = reason
    over = [one for one in missed if not isinstance(one, PriceError)]
    if over:
        lab.unchecked.append(f"{law}: {len(over)} submissions were left out; {over[0]}")
