"""A check: one promise of the contract, and the function that compares observations with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec

from mockserver.conformance.clauses import clause_at, clause_of
from mockserver.conformance.model import Clause, Exchange, Finding, History, Severity
from mockserver.contract import Contract, Violation


@dataclass(frozen=True)
class Passed:
    """Something observed is as a clause says."""

    clause: str


@dataclass(frozen=True)
class Failed:
    """Something observed differs from what a clause says."""

    clause: str
    expected: str
    observed: str
    exchange: Exchange | None = None
    subject: str = ""
    source: Clause | None = None
    """The clause itself, where it is already known."""
    severity: Severity | None = None
    """Replaces the severity that follows from the clause's confidence."""


Observations = Iterator[Passed | Failed]
Signature = ParamSpec("Signature")


@dataclass(frozen=True)
class Check(Generic[Signature]):
    """One promise of the contract, and the function that checks it."""

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
        """Return the finding that reports a failed clause."""
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
    """A check that is evaluated on every exchange, whatever caused it."""


@dataclass(frozen=True)
class TaskCheck(Check[Contract, History]):
    """A check that is evaluated on the history of every task."""


AnyCheck = Check[...]


def exchange_check(
    id_: str, title: str, *clauses: str
) -> Callable[[Callable[[Contract, Exchange], Observations]], ExchangeCheck]:
    """Turn a function into a check; its clauses are places in `schemas/`, or names of promises."""
    return lambda function: ExchangeCheck(id_, title, places(clauses), function)


def task_check(
    id_: str, title: str, *clauses: str
) -> Callable[[Callable[[Contract, History], Observations]], TaskCheck]:
    """Turn a function into a check of task histories; clauses as in `exchange_check`."""
    return lambda function: TaskCheck(id_, title, places(clauses), function)


def places(clauses: Sequence[str]) -> tuple[str, ...]:
    """Return the places in `schemas/` of clauses that are places, or names of promises."""
    return tuple(one if "#" in one else promised(one) for one in clauses)


def promised(name: str) -> str:
    """Return the place of a promise."""
    return f"service.json#/promises/{name}"


def violated(violation: Violation, exchange: Exchange | None, subject: str = "") -> Failed:
    """Return a violation of a schema as a failed observation."""
    observed = " ".join(filter(None, (violation.place, violation.value, violation.problem)))
    return Failed(
        violation.clause,
        violation.accepted or f"{violation.place or 'the document'} conforms to {violation.rule}",
        observed,
        exchange,
        ": ".join(filter(None, (subject, violation.place))),
        clause_of(violation.clause, violation.source),
    )


def shape(
    contract: Contract, kind: str, document: Any, exchange: Exchange, subject: str = ""
) -> Observations:
    """Check a document against its schema."""
    violations = contract.violations(kind, document)
    if not violations:
        yield Passed(f"{kind}.json#")
    for violation in violations:
        yield violated(violation, exchange, subject)
