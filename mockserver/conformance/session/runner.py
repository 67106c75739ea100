"""The whole suite: every law, held against one target."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from mockserver.conformance.check import AnyCheck, Failed, Observations
from mockserver.conformance.hypothesis_storage import stored_elsewhere
from mockserver.conformance.model import Exchange, Report
from mockserver.conformance.session.active_check import ActiveCheck, active_checks
from mockserver.conformance.session.client import Client, RateLimited
from mockserver.conformance.session.ledger import LedgerError, LimitError, PriceError
from mockserver.conformance.session.session import Options, Session, Skipped, TargetLost
from mockserver.conformance.session.spending import Money
from mockserver.contract import load_contract
from mockserver.domain.price import money
from mockserver.testing.inbox import InboxServer
from mockserver.testing.mocks import RunningMock, running_mock

RESPONSES = "responses"
"""The check that a request that fails often counts against."""
_OFTEN, _RATE = 3, 0.1
"""How many failures of one kind, and what part of the requests, are no longer transient."""
_SILENCE = 5
"""Requests in a row without a response after which the target counts as lost."""

OWN_KEYS = ("verify-own-key", "verify-other-key")

Start = Callable[..., AbstractContextManager[RunningMock]]
"""Starts a mock as `running_mock` does."""


@dataclass(frozen=True)
class OwnMock:
    """A mock that was started for a run: its clock stands still but for the pauses of the run."""

    url: str
    pause: Callable[[float], None]
    inboxes: InboxServer


@contextmanager
def own_mock(start: Start = running_mock) -> Iterator[OwnMock]:
    """Start a mock that accepts two keys."""
    with start(api_key=",".join(OWN_KEYS)) as mock, InboxServer() as inboxes:
        sandboxes = [mock.sandbox(key) for key in OWN_KEYS]

        def pause(seconds: float) -> None:
            for sandbox in sandboxes:
                sandbox.clock.advance(seconds)

        yield OwnMock(mock.url, pause, inboxes)
        for sandbox in sandboxes:
            sandbox.control.close()


@contextmanager
def connected(
    session: Session, url: str, keys: Sequence[str], cost: Money, **how: Any
) -> Iterator[None]:
    """Let *lab* reach the API at *url* with the first of two *keys*, and a stranger with the other.

    An empty key is none; *how* are the further arguments of `Client`.
    """
    with ExitStack() as stack:

        def make(key: str, watch: Callable[[Exchange], object]) -> Client:
            target = Client(
                url, key, cost, watch, on_transient_failure=session.note_transient_failure, **how
            )
            return stack.enter_context(closing(target))

        session.reach(lambda watch: make(keys[0], watch))
        session.other = make(keys[1], session.note_foreign) if keys[1] else None
        yield


def receive_webhooks(session: Session, inboxes: InboxServer, url: str | None = None) -> None:
    """Let webhooks come to *lab* by way of *inboxes*, which the target reaches at *url*."""
    inboxes.owners[""] = session.arrive
    session.webhook_base = (url or inboxes.url).rstrip("/")


@dataclass(frozen=True)
class Step:
    """Where a run is: at the law whose experiment begins."""

    check: ActiveCheck
    number: int
    """How many experiments are done."""
    of: int
    """How many there are."""
    session: Session

    @property
    def requests(self) -> int:
        """How many requests have been sent until now."""
        return self.session.requests

    @property
    def reserved(self) -> Decimal:
        """US dollars that this run can have cost at most until now."""
        return self.session.client.money.reserved


def run_checks(
    session: Session, report: Report, progress: Callable[[Step], object] = lambda _step: None
) -> Report:
    """Make every experiment, judge all that was seen, and write it into *report*.

    *progress* is told of each step as it begins. KeyboardInterrupt, a target that does not answer
    any more, and a ledger that cannot be used end the experiments, but not the report; tasks left
    over are cancelled.
    """
    is_there = True
    try:
        checks = active_checks(session.checks)
        for number, check in enumerate(checks):
            progress(Step(check, number, len(checks), session))
            run_check(session, check)
    except KeyboardInterrupt:
        report.interrupted = True
    except TargetLost as lost:
        report.interrupted, report.lost = True, f"the target stopped answering: {lost}"
        is_there = False
    except LedgerError as unsafe:
        report.interrupted, report.lost = True, str(unsafe)
    if session.options.thrifty and is_there:
        with suppress(RateLimited):
            for history in session.histories.values():
                if not session.has_ended(history):
                    session.client.cancel(history.task_id)
    conclude(session)
    report.check_results = list(session.check_results.values())
    report.assumptions = list(session.assumptions.values())
    report.requests, report.submissions = session.requests, session.submissions
    cost = session.client.money
    report.reserved_usd = money(cost.reserved)
    if cost.ledger is not None:
        with suppress(LedgerError):
            report.reserved_usd = money(cost.ledger.reserved)
    report.unchecked, report.notes = session.unchecked, [*session.notes(), *session.census.notes()]
    return report


def check_own_mock(
    checks: Iterable[AnyCheck], options: Options | None = None, *, start: Start = running_mock
) -> Report:
    """Hold every law against a mock of its own; *start* may start another one than usual."""
    contract = load_contract()
    chosen = options or Options(models=tuple(contract.cards))
    session = Session(contract, chosen, checks)
    cost = Money(contract)
    with own_mock(start) as mock, connected(session, mock.url, OWN_KEYS, cost, pause=mock.pause):
        receive_webhooks(session, mock.inboxes)
        report = Report(mock.url, datetime.now(UTC), chosen.seed, "maxapi-mock verify")
        return run_checks(session, report)


def run_check(session: Session, check: ActiveCheck) -> None:
    """Run one check, as far as money and target allow. Raises TargetLost and LedgerError."""
    if session.silent >= _SILENCE:
        raise TargetLost(str(session.last_error))
    check_result = session.check_results[check.id]
    try:
        with stored_elsewhere():
            session.record(check, check(session))
    except RateLimited as limited:
        raise TargetLost(str(limited)) from None
    except Skipped as skipped:
        check_result.reason = str(skipped)
    except PriceError as unknown:
        check_result.reason = str(unknown)
    except LimitError as limit:
        check_result.reason = f"the spending limit: {limit}"
        session.unchecked.append(f"{check.id}: {limit}")


def conclude(session: Session) -> None:
    """Evaluate the histories of all tasks, and settle what was never checked."""
    for history in session.histories.values():
        session.evaluate_task(history)
    for check in session.checks:
        if check.id == RESPONSES:
            session.record(check, _transient_failures(session))
    session.settle()


def _transient_failures(session: Session) -> Observations:
    """Say what failed and did not when it was sent again: once is nothing, often is drift."""
    for (operation, what), seen in session.transient_failures.items():
        times, of = len(seen), max(len(seen), session.asked[operation])
        often = times >= _OFTEN and times / of >= _RATE
        severity = "drift" if often else "warning" if times > 1 else "information"
        fate = "not sent again" if seen[0].is_inconclusive else "then it went well"
        subject = f"{operation or 'other requests'} {what}"
        observed = f"{what} {times} times in {of} requests; {fate}"
        yield Failed("envelope.json#", "a response", observed, seen[0], subject, severity=severity)
