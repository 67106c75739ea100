"""A law: one promise of the contract, and the function that holds it against what was observed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from mockserver.contract import Contract, Violation

from mockserver.conformance.clauses import clause_at
from mockserver.conformance.model import Clause, Exchange, Finding, History

if TYPE_CHECKING:
    from mockserver.conformance.session.session import Lab


@dataclass(frozen=True)
class Held:
    """A clause was held against something, and it was as the clause says."""

    clause: str


@dataclass(frozen=True)
class Broken:
    """A clause was held against something, and it was otherwise."""

    clause: str
    expected: str
    observed: str
    exchange: Exchange | None = None
    subject: str = ""
    source: Clause | None = None
    """The clause itself, where it is not to be looked up."""
    severity: str | None = None
    """Instead of the one that follows from the clause's confidence."""


Checks = Iterator[Held | Broken]
ExchangeJudge = Callable[[Contract, Exchange], Checks]
HistoryJudge = Callable[[Contract, History], Checks]
Experiment = Callable[["Lab"], Checks]
Judge = TypeVar("Judge", bound=Callable[..., Checks])

EXCHANGE, HISTORY, EXPERIMENT = "exchange", "history", "experiment"


@dataclass(frozen=True)
class Law:
    """A row of the table."""

    id: str
    title: str
    kind: str
    """What it is held against: every exchange, every task's history, or what it sends itself."""
    clauses: tuple[str, ...]
    judge: Callable[..., Checks]
    submits: bool = False
    """Whether it submits tasks, which can cost money."""

    def finding(self, contract: Contract, broken: Broken) -> Finding:
        """Make what is reported of a broken clause."""
        clause = broken.source or clause_at(contract, broken.clause)
        return Finding(
            law=self.id,
            clause=clause,
            expected=broken.expected,
            observed=broken.observed,
            severity=broken.severity or clause.severity,
            exchange=broken.exchange,
            subject=broken.subject,
        )


LAWS: dict[str, Law] = {}
"""Every law by its id, in the order in which they are held."""


def law(
    id_: str, title: str, kind: str, *clauses: str, submits: bool = False
) -> Callable[[Judge], Judge]:
    """Add a function to the table; its clauses are places in `schemas/`, or names of promises."""

    def add(judge: Judge) -> Judge:
        places = tuple(one if "#" in one else f"service.json#/promises/{one}" for one in clauses)
        LAWS[id_] = Law(id_, title, kind, places, judge, submits)
        return judge

    return add


def promised(name: str) -> str:
    """Give the place of a promise."""
    return f"service.json#/promises/{name}"


def violated(violation: Violation, exchange: Exchange | None, subject: str = "") -> Broken:
    """Report a violation of a schema."""
    source = violation.source
    observed = " ".join(filter(None, (violation.place, violation.value, violation.problem)))
    return Broken(
        violation.clause,
        violation.accepted or f"{violation.place or 'the document'} conforms to {violation.rule}",
        observed,
        exchange,
        ": ".join(filter(None, (subject, violation.place))),
        Clause(violation.clause, source.confidence, source.page),
    )


def shape(
    contract: Contract, kind: str, document: Any, exchange: Exchange, subject: str = ""
) -> Checks:
    """Hold a document against its schema."""
    violations = contract.violations(kind, document)
    if not violations:
        yield Held(f"{kind}.json#")
    for violation in violations:
        yield violated(violation, exchange, subject)
