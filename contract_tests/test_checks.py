"""Every law, held against a mock of its own: `pytest contract_tests`."""

from __future__ import annotations

import pytest

from mockserver.conformance.model import Report
from mockserver.conformance.session.runner import check_own_mock
from mockserver.conformance.session.session import Options
from mockserver.contract import load_contract

from .checks import CHECKS

pytestmark = pytest.mark.xdist_group("checks")  # one worker makes the run that all of them look at


@pytest.fixture(scope="session")
def report() -> Report:
    """What a run of the whole suite found."""
    return check_own_mock(CHECKS, Options(models=tuple(load_contract().cards)))


@pytest.mark.parametrize("check", [one.id for one in CHECKS])
def test_the_mock_keeps_the_law(report: Report, check: str) -> None:
    """Nothing is found, of any severity; a law that could not be held says why."""
    [check_result] = [one for one in report.check_results if one.check == check]

    found = [
        f"{one.clause.place}: {one.observed}, not {one.expected}" for one in check_result.findings
    ]
    if check_result.status == "skipped":
        pytest.skip(check_result.reason)
    assert found == []


def test_every_assumption_that_was_observed_is_as_assumed(report: Report) -> None:
    """The mock does what the contract assumes."""
    assert [one for one in report.assumptions if one.answer == "otherwise"] == []
