"""The whole suite: every law, held against one target."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module
from typing import Any

from mockserver.contract import load_contract
from mockserver.domain.price import money
from mockserver.testing.inbox import InboxServer
from mockserver.testing.mocks import RunningMock, running_mock

from mockserver.conformance.model import Exchange, Report
from mockserver.conformance.session.session import Lab, Options, TargetLost
from mockserver.conformance.check import LAWS, Law
from mockserver.conformance.session.ledger import LedgerError
from mockserver.conformance.session.spending import Money
from mockserver.conformance.session.client import RateLimited, Target

_IN_ORDER = (
    "watch",
    "experiments",
    "near_misses",
    "lives",
    "deliveries",
    "side_effects",
    "sizes",
    "acceptances",
    "machine",
    "moments",
    "afterwards",
)
"""The modules that bring the laws, in the order in which these are held: refusals, which are free
in the end, before what is paid for; then what covers most; and last what looks back at it all."""
for _name in _IN_ORDER:
    import_module(f".{_name}", __package__)

__all__ = ["LAWS", "OwnMock", "examine", "examine_own_mock", "own_mock"]

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
def reaching(lab: Lab, url: str, keys: Sequence[str], cost: Money, **how: Any) -> Iterator[None]:
    """Let *lab* reach the API at *url* with the first of two *keys*, and a stranger with the other.

    An empty key is none; *how* are the further arguments of `Target`.
    """
    with ExitStack() as stack:

        def make(key: str, watch: Callable[[Exchange], object]) -> Target:
            target = Target(url, key, cost, watch, hiccup=lab.note_hiccup, **how)
            return stack.enter_context(closing(target))

        lab.reach(lambda watch: make(keys[0], watch))
        lab.other = make(keys[1], lab.note_foreign) if keys[1] else None
        yield


def receive(lab: Lab, inboxes: InboxServer, url: str | None = None) -> None:
    """Let webhooks come to *lab* by way of *inboxes*, which the target reaches at *url*."""
    inboxes.owners[""] = lab.arrive
    lab.webhook_base = (url or inboxes.url).rstrip("/")


@dataclass(frozen=True)
class Step:
    """Where a run is: at the law whose experiment begins."""

    law: Law
    number: int
    """How many experiments are done."""
    of: int
    """How many there are."""
    lab: Lab

    @property
    def requests(self) -> int:
        """How many requests have been sent until now."""
        return self.lab.requests

    @property
    def reserved(self) -> Decimal:
        """US dollars that this run can have cost at most until now."""
        return self.lab.target.money.reserved


def examine(
    lab: Lab, report: Report, progress: Callable[[Step], object] = lambda _step: None
) -> Report:
    """Make every experiment, judge all that was seen, and write it into *report*.

    *progress* is told of each step as it begins. KeyboardInterrupt, a target that does not answer
    any more, and a ledger that cannot be used end the experiments, but not the report; tasks left
    over are cancelled.
    """
    is_there = True
    try:
        laws = lab.experiments()
        for number, law in enumerate(laws):
            progress(Step(law, number, len(laws), lab))
            lab.experiment(law)
    except KeyboardInterrupt:
        report.interrupted = True
    except TargetLost as lost:
        report.interrupted, report.lost = True, f"the target stopped answering: {lost}"
        is_there = False
    except LedgerError as unsafe:
        report.interrupted, report.lost = True, str(unsafe)
    if lab.options.thrifty and is_there:
        with suppress(RateLimited):
            for history in lab.histories.values():
                if not lab.has_ended(history):
                    lab.target.cancel(history.task_id)
    lab.conclude()
    report.verdicts = list(lab.verdicts.values())
    report.assumptions = list(lab.assumptions.values())
    report.requests, report.submissions = lab.requests, lab.submissions
    cost = lab.target.money
    report.reserved_usd = money(cost.reserved)
    if cost.ledger is not None:
        with suppress(LedgerError):
            report.reserved_usd = money(cost.ledger.held)
    report.unchecked, report.notes = lab.unchecked, [*lab.notes(), *lab.census.notes()]
    return report


def examine_own_mock(options: Options | None = None, *, start: Start = running_mock) -> Report:
    """Hold every law against a mock of its own; *start* may start another one than usual."""
    contract = load_contract()
    chosen = options or Options(models=tuple(contract.cards))
    lab = Lab(contract, chosen)
    cost = Money(contract)
    with own_mock(start) as mock, reaching(lab, mock.url, OWN_KEYS, cost, pause=mock.pause):
        receive(lab, mock.inboxes)
        report = Report(mock.url, datetime.now(UTC), chosen.seed, "maxapi-mock verify")
        return examine(lab, report)
