"""Runs every check against a mock of its own: `pytest contract_tests`."""

from __future__ import annotations

import pytest

from mockserver.conformance.model import Report
from mockserver.conformance.session.runner import check_own_mock
from mockserver.conformance.session.session import Options
from mockserver.contract import load_contract

from .checks import CHECKS


@pytest.fixture(scope="session")
def report() -> Report:
    """What a run of the whole suite found."""
    return check_own_mock(CHECKS, Options(models=tuple(load_contract().cards)))


@pytest.mark.parametrize("check", [one.id for one in CHECKS])
def test_the_mock_passes_the_check(report: Report, check: str) -> None:
    """There is no finding of any severity; a check that could not run says why."""
    [result] = [one for one in report.check_results if one.check == check]

    found = [f"{one.clause.place}: {one.observed}, not {one.expected}" for one in result.findings]
    if result.status == "skipped":
        pytest.skip(result.reason)
    assert found == []


def test_every_assumption_that_was_observed_is_as_assumed(report: Report) -> None:
    """The mock does what the contract assumes."""
    assert [one for one in report.assumptions if one.outcome == "different"] == []
