"""`maxapi-mock verify`: every law of the contract, held against a target."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from mockserver.commands.options import (
    FAILURE,
    PASS,
    USAGE,
    add_settings,
    command_line,
    complain,
    contract_of,
    not_written,
)
from mockserver.commands.progress import shown
from mockserver.commands.suite import load_checks, write_report
from mockserver.contract import Contract
from mockserver.domain.durations import parse_duration
from mockserver.domain.price import UNPRICED, is_priced, money

if TYPE_CHECKING:
    from mockserver.conformance.check import AnyCheck
    from mockserver.conformance.model import Report
    from mockserver.conformance.session.verification import PlannedCheck, RunRequest

_ASKED = (
    "url",
    "live",
    "token_env",
    "other_token_env",
    "max_cost",
    "unknown_price",
    "ledger",
    "models",
    "seed",
    "examples",
    "rate",
    "patience",
    "webhook_url",
    "webhook_port",
)
"""The options that say what a run is to do."""

STOPPED = 3
"""What a run ends with that the spending limit has stopped."""

_ENDING = (signal.SIGINT, signal.SIGTERM)


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    target = parser.add_argument_group("the target")
    target.add_argument("--url", help="base URL of a server that runs; else a mock is started")
    target.add_argument("--live", action="store_true", help="it is not on this machine, and meant")
    target.add_argument(
        "--token-env",
        metavar="NAME",
        default="MAXAPI_LIVE_KEY",
        help="environment variable that holds the API key (default MAXAPI_LIVE_KEY)",
    )
    target.add_argument(
        "--other-token-env", metavar="NAME", help="the same for a second key, for foreign tasks"
    )
    target.add_argument("--rate", type=_positive, help="requests a second (default: 2 if live)")
    target.add_argument(
        "--patience",
        type=_duration,
        default=900.0,
        help="time to wait for the end of a task (default 15m)",
    )
    target.add_argument(
        "--webhook-url", metavar="URL", help="public address that reaches --webhook-port here"
    )
    target.add_argument("--webhook-port", metavar="PORT", type=_port, default=6293)
    cost = parser.add_argument_group("money")
    cost.add_argument("--plan", action="store_true", help="print what would be sent, and end")
    cost.add_argument(
        "--max-cost",
        metavar="USD",
        type=_usd,
        help="spending limit; 0, the default if live, sends no submission that has a price",
    )
    cost.add_argument(
        "--unknown-price",
        metavar="USD",
        type=_usd,
        help="price of a unit where nobody publishes one; else such models are left out",
    )
    cost.add_argument(
        "--ledger",
        metavar="FILE",
        type=Path,
        default=Path("maxapi-verify-ledger.jsonl"),
        help="where spending is reserved; runs that share it share the limit",
    )
    extent = parser.add_argument_group("the extent")
    extent.add_argument(
        "--models", type=lambda text: tuple(text.split(",")), default=(), help="names or globs, …"
    )
    extent.add_argument("--seed", type=int, default=0, help="the same seed sends the same")
    extent.add_argument(
        "--examples", type=_count, help="inputs made for each model (default 15; 2 if live)"
    )
    add_settings(parser, "model_cards")
    report = parser.add_argument_group("the report")
    report.add_argument(
        "--report", metavar="DIR", type=Path, help="write JSON, Markdown, HTML and JUnit"
    )
    report.add_argument(
        "--baseline", metavar="FILE", type=Path, help="earlier report.json: only what is new fails"
    )


def run(options: argparse.Namespace) -> int:
    """Run the suite; give the exit status."""
    checks = load_checks()
    from mockserver.conformance.report import baseline as baselines
    from mockserver.conformance.report.view import view_of
    from mockserver.conformance.report.writers import terminal_summary
    from mockserver.conformance.session import verification
    from mockserver.conformance.session.ledger import LedgerError

    request = verification.RunRequest(**{name: getattr(options, name) for name in _ASKED})
    contract = contract_of(options)
    try:
        baseline = baselines.load_baseline(options.baseline) if options.baseline else None
        if options.plan:
            _print_plan(verification.plan(request, contract, checks), request)
            _print_unpriced(request, contract)
            return PASS
        if options.report is not None and not _is_made(options.report):
            return USAGE
        weights = _weights(request, contract, checks)
        with _ended_by_a_signal(), shown(sys.stderr, weights) as progress:
            found = verification.verify(
                request, contract, command_line(), progress=progress, checks=checks
            )
    except (verification.VerifyError, baselines.BaselineError, LedgerError) as error:
        complain(f"maxapi-mock verify: {error}")
        return USAGE
    comparison = baselines.compare(found, baseline) if baseline is not None else None
    written = options.report is None or write_report(options.report, "verify", found, comparison)
    print(terminal_summary(view_of(found, comparison)))
    status = _status(found, request, failed=baselines.fails(found, comparison))
    return status if written else USAGE


def _is_made(folder: Path) -> bool:
    """Make the folder of the report, before anything is paid for, or say why it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        complain(f"maxapi-mock verify: --report: {not_written(error)}; use another folder")
        return False
    return True


def _status(found: Report, request: RunRequest, *, failed: bool) -> int:
    if found.lost:
        complain(f"maxapi-mock verify: {found.lost}")
        return USAGE
    if failed:
        return FAILURE
    return STOPPED if found.unchecked and request.max_cost else PASS


@contextmanager
def _ended_by_a_signal() -> Iterator[None]:
    """Let SIGTERM and Ctrl-C end a run with a report, and nothing left to run."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    heeded = [one for one in _ENDING if signal.getsignal(one) is not signal.SIG_IGN]
    before = {number: signal.signal(number, interrupt) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _weights(
    request: RunRequest, contract: Contract, checks: tuple[AnyCheck, ...]
) -> Mapping[str, float]:
    """Say how long each check takes; of a live run, tell how long all of it does beforehand."""
    from mockserver.conformance.session import forecast, verification
    from mockserver.conformance.session.active_check import active_checks

    options = verification.options_of(request, contract, os.environ)
    if not request.live:
        return {check.id: 1.0 for check in active_checks(checks)}
    rate = request.rate or verification.LIVE_RATE
    planned = verification.plan(request, contract, checks)
    made = forecast.forecast(planned, options, contract, rate)
    complain(f"maxapi-mock verify: {made}")
    return made.weights


def _print_plan(planned: list[PlannedCheck], request: RunRequest) -> None:
    """Print what would be sent, law by law."""
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
    print("\nat most: were every submission accepted, also those that are meant to be refused")


def _print_unpriced(request: RunRequest, contract: Contract) -> None:
    """Say which models the plan's money is without: an unknown price is not nothing."""
    globs = request.models or ("*",)
    unknown = [
        name
        for name, card in contract.cards.items()
        if any(fnmatchcase(name, glob) for glob in globs)
        and not is_priced(card, request.unknown_price)
    ]
    if unknown:
        print(f"at least: without the tasks {UNPRICED}: {', '.join(unknown)}")


def _usd(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no amount; use US dollars such as 0.50")
    return amount


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not accepted; use a number above 0")
    return number


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not accepted; use an integer from 1")
    return int(text)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; use an integer from 1 to 65535")
    return int(text)


def _duration(text: str) -> float:
    try:
        return parse_duration(text).total_seconds()
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
