"""`maxapi-mock verify`: every check of the contract, run on a target."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mockserver.commands.arguments import PORT, integer, positive, seconds, usd
from mockserver.commands.command import command, option, receives
from mockserver.commands.options import Given, complete_models, contract_of, with_settings
from mockserver.commands.output import (
    FAILURE,
    PASS,
    STOPPED,
    USAGE,
    command_line,
    complain,
    not_written,
)
from mockserver.commands.plan import print_plan
from mockserver.commands.progress import shown
from mockserver.commands.suite import load_checks, write_report
from mockserver.contract import Contract

if TYPE_CHECKING:
    from mockserver.conformance.check import AnyCheck
    from mockserver.conformance.model import Report
    from mockserver.conformance.session.verification import RunRequest

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

_ENDING = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    url: str | None
    live: bool
    token_env: str
    other_token_env: str | None
    rate: float | None
    patience: float
    webhook_url: str | None
    webhook_port: int
    plan: bool
    max_cost: Decimal | None
    unknown_price: Decimal | None
    ledger: Path
    models: tuple[str, ...]
    seed: int
    examples: int | None
    report: Path | None
    baseline: Path | None
    settings: Given


def _names(text: str | tuple[str, ...]) -> tuple[str, ...]:
    """Read names; an empty text is one empty name, and so not all models."""
    return tuple(text.split(",")) if isinstance(text, str) else text


@command("verify")
@option(
    "--url",
    metavar="URL",
    group="Target",
    help="base URL of a running server; by default, a mock is started",
)
@option("--live", is_flag=True, group="Target", help="confirm a target that is not on this machine")
@option(
    "--token-env",
    metavar="NAME",
    default="MAXAPI_LIVE_KEY",
    group="Target",
    help="environment variable that holds the API key (default MAXAPI_LIVE_KEY)",
)
@option(
    "--other-token-env",
    metavar="NAME",
    group="Target",
    help="the same for a second key, for the tasks of others",
)
@option(
    "--rate",
    metavar="NUMBER",
    type=positive,
    group="Target",
    help="requests a second (default: 2 if live)",
)
@option(
    "--patience",
    metavar="DURATION",
    type=seconds,
    default="15m",
    group="Target",
    help="time to wait for the end of a task (default 15m)",
)
@option(
    "--webhook-url",
    metavar="URL",
    group="Target",
    help="public address that reaches --webhook-port here",
)
@option(
    "--webhook-port",
    metavar="PORT",
    type=PORT,
    default=6293,
    group="Target",
    help="port of this machine that webhooks come to (default 6293)",
)
@option("--plan", is_flag=True, group="Money", help="print what would be sent, and exit")
@option(
    "--max-cost",
    metavar="USD",
    type=usd,
    group="Money",
    help="spending limit; 0, the default if live, sends no submission that has a price",
)
@option(
    "--unknown-price",
    metavar="USD",
    type=usd,
    group="Money",
    help="unit price of models whose price is not published; by default, they are left out",
)
@option(
    "--ledger",
    metavar="FILE",
    type=click.Path(path_type=Path),
    default=Path("maxapi-verify-ledger.jsonl"),
    group="Money",
    help="where spending is reserved; runs that share it share the limit "
    "(default maxapi-verify-ledger.jsonl)",
)
@option(
    "--models",
    metavar="NAME,…",
    type=_names,
    default=(),
    shell_complete=complete_models,
    group="Extent",
    help="models to check, by names or globs (default: all)",
)
@option(
    "--seed",
    metavar="NUMBER",
    type=integer(),
    default=0,
    group="Extent",
    help="the same seed sends the same requests (default 0)",
)
@option(
    "--examples",
    metavar="NUMBER",
    type=integer(1, 10_000),
    group="Extent",
    help="inputs made for each model (default 15; 2 if live)",
)
@option(
    "--report",
    metavar="DIR",
    type=click.Path(path_type=Path),
    group="Report",
    help="write JSON, Markdown, HTML and JUnit",
)
@option(
    "--baseline",
    metavar="FILE",
    type=click.Path(path_type=Path),
    group="Report",
    help="earlier report.json: only what is new fails",
)
@with_settings("model_cards")
@receives(_Options)
def verify(options: _Options) -> int:
    """Run the checks; return the exit status. Raises MaxapiMockError."""
    checks = load_checks()
    from mockserver.conformance.report import baseline as baselines
    from mockserver.conformance.report.view import view_of
    from mockserver.conformance.report.writers import terminal_summary
    from mockserver.conformance.session import verification

    request = verification.RunRequest(**{name: getattr(options, name) for name in _ASKED})
    contract = contract_of(options.settings)
    baseline = baselines.load_baseline(options.baseline) if options.baseline else None
    if options.plan:
        print_plan(verification.plan(request, contract, checks), request, contract)
        return PASS
    if options.report is not None and not _is_made(options.report):
        return USAGE
    weights = _weights(request, contract, checks)
    with _ended_by_a_signal(), shown(sys.stderr, weights) as progress:
        found = verification.verify(
            request, contract, command_line(), progress=progress, checks=checks
        )
    comparison = baselines.compare(found, baseline) if baseline is not None else None
    written = options.report is None or write_report(options.report, "verify", found, comparison)
    print(terminal_summary(view_of(found, comparison)))
    status = _status(found, request, failed=baselines.fails(found, comparison))
    return status if written else USAGE


def _is_made(folder: Path) -> bool:
    """Make the folder of the report before anything is paid for; print why it cannot be made."""
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
    """Return how long each check takes; of a live run, print how long all of them do."""
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
