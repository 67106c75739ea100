"""A finding tells a stranger what happened, where it was promised, how often, and what to do."""

from __future__ import annotations

import json

import pytest

from contract_tests.checks import CHECKS
from mockserver.conformance.clauses import clause_at
from mockserver.conformance.evaluator import Evaluator
from mockserver.conformance.model import SEVERITIES, Clause, Confidence, Severity
from mockserver.conformance.report.advice import ADVICE, BY_CLAUSE
from mockserver.conformance.report.wording import advice, often, promised, summary
from mockserver.conformance.traffic.monitor import REQUESTS_CONFORM
from mockserver.contract import Contract
from tests.conformance.reports import make_exchange, make_finding

STATUS = "task.json#/properties/status"


def test_every_check_has_words_and_advice() -> None:
    """Every check is explained, and nothing that is not a check."""
    assert set(ADVICE) == {*(one.id for one in CHECKS), REQUESTS_CONFORM.id}


def test_advice_is_about_clauses_that_there_are(contract: Contract) -> None:
    """A clause that was renamed would lose its advice."""
    assert all(clause_at(contract, place).page for place in BY_CLAUSE)


@pytest.mark.parametrize("check", ADVICE)
@pytest.mark.parametrize("severity", SEVERITIES)
def test_each_summary_is_one_sentence_with_what_was_observed(
    check: str, severity: Severity
) -> None:
    """Also where the target's text looks like a place to fill in."""
    finding = make_finding(severity, check, observed="{x} {0}", subject="{subject}")

    text = summary(finding)

    assert "{x} {0}" in text
    assert text.endswith(".")
    assert advice(finding)


@pytest.mark.parametrize(
    ("confidence", "page", "said"),
    [
        ("seed", "gpt/x", "stated on the page gpt/x"),
        ("documented", "webhook", "stated on the page webhook"),
        ("documented", "the pages", "stated in the documentation: the pages"),
        ("corroborated", "published elsewhere", "published elsewhere, not by MaxAPI"),
        ("corroborated", "two clients", "published elsewhere, not by MaxAPI (two clients)"),
        ("assumed", "our own choice", "not documented: our assumption"),
        ("assumed", "no page", "not documented: our assumption (no page)"),
    ],
)
def test_a_confidence_is_said_in_words(confidence: Confidence, page: str, said: str) -> None:
    """A stranger knows no seed."""
    assert promised(Clause(STATUS, confidence, page)) == said


@pytest.mark.parametrize(
    ("times", "of", "said"),
    [
        (1, 1, "once, the only time it was checked"),
        (1, 40, "once in 40 times"),
        (12, 12, "12 of 12 times"),
        (3, 40, "3 of 40 times"),
    ],
)
def test_how_often_is_said(times: int, of: int, said: str) -> None:
    """What happened once reads differently from what happens always."""
    assert often(make_finding(times=times, of=of)) == said


def test_what_is_missing_is_looked_for_by_the_reader() -> None:
    """The response is shown: the field may be there under another name."""
    exchange = make_exchange(response_body=b'{"data": {"id": "a"}}')
    finding = make_finding(
        check="submit-response", observed="data.taskId missing", exchange=exchange
    )

    assert 'data.taskId missing in {"data": {"id": "a"}}' in summary(finding)


def test_an_assumption_names_the_setting() -> None:
    """A user who knows better can let the mock do the same."""
    clause = Clause("service.json#/lifecycle/cancellable", "assumed", "our own choice")

    assert "set --cancellable" in advice(make_finding("assumption", clause=clause))


def test_repeated_findings_are_counted(contract: Contract) -> None:
    """Of ten polls three show an unknown status: seen three times of ten, and found once."""
    evaluator = Evaluator(contract, CHECKS)
    for number in range(10):
        status = "QUEUED" if number % 4 == 1 else "PENDING"
        task = {"taskId": "a", "status": status, "input": {"model": "m", "prompt": "p"}}
        body = json.dumps({"code": 0, "msg": "ok", "data": task}).encode()
        evaluator.evaluate(
            make_exchange(method="GET", operation="query", body=b"", status=200, response_body=body)
        )

    evaluator.settle()

    [found] = evaluator.check_results["poll-response"].findings
    assert (found.times, found.of) == (3, 10)
