"""What `maxapi-mock verify --plan` prints: what a run would send, and what that can cost."""

from __future__ import annotations

from decimal import Decimal
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from mockserver.contract import Contract
from mockserver.domain.price import UNPRICED, is_priced, money

if TYPE_CHECKING:
    from mockserver.conformance.session.verification import PlannedCheck, RunRequest


def print_plan(planned: list[PlannedCheck], request: RunRequest, contract: Contract) -> None:
    """Print what would be sent, check by check, and what it can cost at most."""
    where = request.url or "a mock of its own"
    print(f"against {where}, nothing is sent now; polls are counted as for a task of 2 seconds\n")
    print(f"{'check':22}{'requests':>9}{'submits':>9}{'at most':>10}")
    for one in planned:
        line = f"{one.check:22}{one.requests:>9}{one.submissions:>9}{'$' + money(one.at_most):>10}"
        print(f"{line}  {one.not_sent}".rstrip())
    total = sum((one.at_most for one in planned), Decimal())
    print(
        f"{'all':22}{sum(one.requests for one in planned):>9}"
        f"{sum(one.submissions for one in planned):>9}{'$' + money(total):>10}"
    )
    print("\nat most: were every submission accepted, also those that are meant to be rejected")
    unknown = _unpriced(request, contract)
    if unknown:
        print(f"at least: without the tasks {UNPRICED}: {', '.join(unknown)}")


def _unpriced(request: RunRequest, contract: Contract) -> list[str]:
    """Return the models that the plan's money is without: an unknown price is not nothing."""
    globs = request.models or ("*",)
    return [
        name
        for name, card in contract.cards.items()
        if any(fnmatchcase(name, glob) for glob in globs)
        and not is_priced(card, request.unknown_price)
    ]
