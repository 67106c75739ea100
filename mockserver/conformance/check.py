"""A law: one promise of the contract, and the function that holds it against what was observed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec

from mockserver.conformance.clauses import clause_at
from mockserver.conformance.model import Clause, Exchange, Finding, History
from mockserver.contract import Contract, Violation


@dataclass(frozen=True)
class Passed:
    """A clause was held against something, and it was as the clause says."""

    clause: str


@dataclass(frozen=True)
class Failed:
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


Observations = Iterator[Passed | Failed]
Signature = ParamSpec("Signature")


@dataclass(frozen=True)
class Check(Generic[Signature]):
    """One promise of the contract, and the function that looks whether it is kept."""

    id: str
    title: str
    clauses: tuple[str, ...]
    function: Callable[Signature, Observations]
    submits: bool = False
    """Whether it submits tasks, which can cost money."""

    def __call__(self, *args: Signature.args, **kwargs: Signature.kwargs) -> Observations:
        """Yield what was observed, clause by clause."""
        return self.function(*args, **kwargs)

    def finding(self, contract: Contract, failed: Failed) -> Finding:
        """Make what is reported of a failed clause."""
        clause = failed.source or clause_at(contract, failed.clause)
        return Finding(
            check=self.id,
            clause=clause,
            expected=failed.expected,
            observed=failed.observed,
            severity=failed.severity or clause.severity,
            exchange=failed.exchange,
            subject=failed.subject,
        )


@dataclass(frozen=True)
class ExchangeCheck(Check[Contract, Exchange]):
    """Is evaluated on every exchange, whoever caused it."""


@dataclass(frozen=True)
class TaskCheck(Check[Contract, History]):
    """Is evaluated on the history of every task."""


AnyCheck = Check[...]


def exchange_check(
    id_: str, title: str, *clauses: str
) -> Callable[[Callable[[Contract, Exchange], Observations]], ExchangeCheck]:
    """Make a check of a function; its clauses are places in `schemas/`, or names of promises."""
    return lambda function: ExchangeCheck(id_, title, places(clauses), function)


def task_check(
    id_: str, title: str, *clauses: str
) -> Callable[[Callable[[Contract, History], Observations]], TaskCheck]:
    """Do the same for the history of a task."""
    return lambda function: TaskCheck(id_, title, places(clauses), function)


def places(clauses: Sequence[str]) -> tuple[str, ...]:
    """Return the places in `schemas/` of clauses that are places, or names of promises."""
    return tuple(one if "#" in one else promised(one) for one in clauses)


def promised(name: str) -> str:
    """Give the place of a promise."""
    return f"service.json#/promises/{name}"


def violated(violation: Violation, exchange: Exchange | None, subject: str = "") -> Failed:
    """Report a violation of a schema."""
    source = violation.source
    observed = " ".join(filter(None, (violation.place, violation.value, violation.problem)))
    return Failed(
        violation.clause,
        violation.accepted or f"{violation.place or 'the document'} conforms to {violation.rule}",
        observed,
        exchange,
        ": ".join(filter(None, (subject, violation.place))),
        Clause(violation.clause, source.confidence, source.page),
    )


def shape(
    contract: Contract, kind: str, document: Any, exchange: Exchange, subject: str = ""
) -> Observations:
    """Hold a document against its schema."""
    violations = contract.violations(kind, document)
    if not violations:
        yield Passed(f"{kind}.json#")
    for violation in violations:
        yield violated(violation, exchange, subject)
