"""Runs the whole suite against one target."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from mockserver.conformance.check import AnyCheck, Failed, Observations
from mockserver.conformance.hypothesis_storage import stored_elsewhere
from mockserver.conformance.model import Exchange, Report, Severity
from mockserver.conformance.session.active_check import ActiveCheck, active_checks
from mockserver.conformance.session.client import Client
from mockserver.conformance.session.ledger import LedgerError, LimitError, PriceError
from mockserver.conformance.session.rate_limit import RateLimited
from mockserver.conformance.session.session import Options, Session, Skipped, TargetLost
from mockserver.conformance.session.spending import Money
from mockserver.contract import load_contract
from mockserver.domain.price import money
from mockserver.testing.inbox import InboxServer
from mockserver.testing.mocks import RunningMock, running_mock

RESPONSES = "responses"
"""The check that reports requests that fail often."""
_OFTEN, _RATE = 3, 0.1
"""From how many failures of one kind, and which part of the requests, they are drift."""
_SILENCE = 5
"""Requests in a row without a response after which the target counts as lost."""

OWN_KEYS = ("verify-own-key", "verify-other-key")

Start = Callable[..., AbstractContextManager[RunningMock]]
"""Starts a mock as `running_mock` does."""


@dataclass(frozen=True)
class OwnMock:
    """A mock that was started for a run; its clock only moves when the run pauses."""

    target: Target
    inboxes: InboxServer


@contextmanager
def own_mock(start: Start = running_mock) -> Iterator[OwnMock]:
    """Start a mock that accepts two keys."""
    with start(api_key=",".join(OWN_KEYS)) as mock, InboxServer() as inboxes:
        sandboxes = [mock.sandbox(key) for key in OWN_KEYS]

        def pause(seconds: float) -> None:
            for sandbox in sandboxes:
                sandbox.clock.advance(seconds)

        yield OwnMock(Target(mock.url, OWN_KEYS, pause), inboxes)
        for sandbox in sandboxes:
            sandbox.control.close()


@dataclass(frozen=True)
class Target:
    """An API, and how a run uses it."""

    url: str
    keys: tuple[str, str]
    """The key of the run, and the key of another customer; the latter is empty if there is none."""
    pause: Callable[[float], object] = time.sleep
    rate: float | None = None
    """Requests a second; None for no limit."""
    secrets: tuple[str, ...] = ()
    """What no report may show, besides the keys."""
    variables: tuple[str, str] = ("$MAXAPI_LIVE_KEY", "$MAXAPI_OTHER_KEY")
    """What a report shows instead of each key: the variable of the reader's shell that has it."""


@contextmanager
def connected(session: Session, target: Target, money: Money) -> Iterator[None]:
    """Let a session use a target, as the run and as another customer."""
    hidden = (*target.keys, *target.secrets)
    with ExitStack() as stack:

        def make(key: str, variable: str, on_exchange: Callable[[Exchange], object]) -> Client:
            client = Client(
                target.url,
                key,
                money,
                on_exchange,
                pause=target.pause,
                rate=target.rate,
                secrets=hidden,
                variable=variable,
                on_transient_failure=session.note_transient_failure,
            )
            return stack.enter_context(closing(client))

        (own, other), (variable, others) = target.keys, target.variables
        session.connect(lambda on_exchange: make(own, variable, on_exchange))
        session.other = make(other, others, session.note_foreign) if other else None
        yield


def receive_webhooks(session: Session, inboxes: InboxServer, url: str | None = None) -> None:
    """Let a session receive the webhooks of *inboxes*, which the target reaches at *url*."""
    inboxes.owners[""] = session.arrive
    session.webhook_base = (url or inboxes.url).rstrip("/")


@dataclass(frozen=True)
class Step:
    """The progress of a run: the active check that starts."""

    check: ActiveCheck
    number: int
    """How many active checks are done."""
    of: int
    """How many active checks there are."""
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
    """Run every active check, evaluate the others on what was seen, and complete *report*.

    *progress* gets each step as it starts. KeyboardInterrupt, a target that stops responding, and
    a ledger that cannot be used end the active checks, but not the report; tasks left over are
    cancelled.
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
        report.interrupted, report.lost = True, f"the target stopped responding: {lost}"
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
    """Run every check against a mock that *start* starts, by default an ordinary one."""
    contract = load_contract()
    chosen = options or Options(models=tuple(contract.cards))
    session = Session(contract, chosen, checks)
    cost = Money(contract)
    with own_mock(start) as mock, connected(session, mock.target, cost):
        receive_webhooks(session, mock.inboxes)
        report = Report(mock.target.url, datetime.now(UTC), chosen.seed, "maxapi-mock verify")
        return run_checks(session, report)


def run_check(session: Session, check: ActiveCheck) -> None:
    """Run one check, as far as money and target allow. Raises TargetLost and LedgerError."""
    if session.silent >= _SILENCE:
        raise TargetLost(str(session.last_error))
    result = session.check_results[check.id]
    try:
        with stored_elsewhere():
            session.record(check, check(session))
    except RateLimited as limited:
        raise TargetLost(str(limited)) from None
    except Skipped as skipped:
        result.reason = str(skipped)
    except PriceError as unknown:
        result.reason = str(unknown)
    except LimitError as limit:
        result.reason = f"the spending limit: {limit}"
        session.unchecked.append(f"{check.id}: {limit}")


def conclude(session: Session) -> None:
    """Evaluate the histories of all tasks, and set the status of every check."""
    for history in session.histories.values():
        session.evaluate_task(history)
    for check in session.checks:
        if check.id == RESPONSES:
            session.record(check, _transient_failures(session))
    session.settle()


def _transient_failures(session: Session) -> Observations:
    """Yield requests that only failed at times: once is a note, often is drift."""
    for (operation, what), seen in session.transient_failures.items():
        times, of = len(seen), max(len(seen), session.asked[operation])
        often = times >= _OFTEN and times / of >= _RATE
        severity: Severity = "drift" if often else "warning" if times > 1 else "note"
        fate = "not sent again" if seen[0].is_inconclusive else "then it succeeded"
        subject = f"{operation or 'other requests'} {what}"
        observed = f"{what} {times} times in {of} requests; {fate}"
        yield Failed("envelope.json#", "a response", observed, seen[0], subject, severity=severity)
