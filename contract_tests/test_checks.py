"""Every law, held against a mock of its own: `pytest contract_tests`."""

from __future__ import annotations

import pytest

from mockserver.contract import load_contract

from mockserver.conformance.model import Report
from mockserver.conformance.session.session import Options
from mockserver.conformance.check import LAWS
from mockserver.conformance.session.runner import examine_own_mock

pytestmark = pytest.mark.xdist_group("laws")  # one worker makes the run that all of them look at


@pytest.fixture(scope="session")
def report() -> Report:
    """What a run of the whole suite found."""
    return examine_own_mock(Options(models=tuple(load_contract().cards)))


@pytest.mark.parametrize("law", LAWS)
def test_the_mock_keeps_the_law(report: Report, law: str) -> None:
    """Nothing is found, of any severity; a law that could not be held says why."""
    [verdict] = [one for one in report.verdicts if one.law == law]

    found = [f"{one.clause.place}: {one.observed}, not {one.expected}" for one in verdict.findings]
    if verdict.status == "skipped":
        pytest.skip(verdict.reason)
    assert found == []


def test_every_assumption_that_was_observed_is_as_assumed(report: Report) -> None:
    """The mock does what the contract assumes."""
    assert [one for one in report.assumptions if one.answer == "otherwise"] == []
