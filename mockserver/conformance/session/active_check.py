"""Checks that send requests of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mockserver.conformance.check import AnyCheck, Check, Observations, places
from mockserver.conformance.session.session import Session


@dataclass(frozen=True)
class ActiveCheck(Check[[Session]]):
    """A check that sends requests of its own, and yields what it observed in the responses."""


def active_check(
    id_: str, title: str, *clauses: str, submits: bool = False
) -> Callable[[Callable[[Session], Observations]], ActiveCheck]:
    """Turn a function that sends requests into a check; *submits* if they can cost money."""
    return lambda function: ActiveCheck(id_, title, places(clauses), function, submits)


def passive_checks(checks: Iterable[AnyCheck]) -> list[AnyCheck]:
    """Return the checks that only look at exchanges that something else caused."""
    return [check for check in checks if not isinstance(check, ActiveCheck)]


def active_checks(checks: Iterable[AnyCheck]) -> list[ActiveCheck]:
    """Return the checks that send requests of their own, those that cost nothing first."""
    active = [check for check in checks if isinstance(check, ActiveCheck)]
    return sorted(active, key=lambda check: check.submits)
