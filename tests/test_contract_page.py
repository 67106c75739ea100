"""The table of all clauses says what is in `schemas/`."""

from __future__ import annotations

from contract_tests.checks import CHECKS
from mockserver.contract import Contract
from tests.contract_page import PAGE, checks, clauses, rendered


def test_it_is_current(contract: Contract) -> None:
    """`python -m tests.contract_page` renews it."""
    assert PAGE.read_text("utf-8") == rendered(contract)


def test_each_promise_is_looked_at_by_a_check(contract: Contract) -> None:
    """A documented promise that no check looks at is a sentence only."""
    promises = [one for one in clauses(contract) if "#/promises/" in one.place]

    unseen = [one.place for one in promises if not checks(contract, one.place)]
    documented = {one.place for one in promises if one.confidence != "assumed"}
    assert documented
    assert documented.intersection(unseen) == set()


def test_every_check_is_on_the_page(contract: Contract) -> None:
    """A check looks at some clause that has a source."""
    named = {check for one in clauses(contract) for check in checks(contract, one.place)}

    assert {one.id for one in CHECKS} - named == set()
