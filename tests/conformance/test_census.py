"""What a person wants to know of all tasks together is said with numbers, and fails nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mockserver.conformance.census import Census
from mockserver.conformance.model import History
from mockserver.conformance.report.writers import fails
from mockserver.conformance.session.session import Options
from mockserver.contract import Contract
from tests.conformance.reports import make_exchange
from tests.conformance.traffic import task
from tests.mutants.layer import Layer
from tests.mutants.mutant import EDIT, LITE, check_behind

PATH = ("PENDING", "PROCESSING", "SUBMITTED")


def make_history(*statuses: str, model: str = EDIT, **sent: Any) -> History:
    """Make what was seen of a task."""
    polls = [
        make_exchange(operation="query", status=200, response_body=_bytes(task(status)))
        for status in statuses
    ]
    submission = make_exchange(body=_bytes({"model": model, "input": {"prompt": "a", **sent}}))
    return History("a", submission, polls)


def _bytes(document: Any) -> bytes:
    return json.dumps(document).encode()


def noted(contract: Contract, *histories: History) -> list[str]:
    """Return the notes on tasks."""
    census = Census(contract)
    for history in histories:
        census.count(history)
    return census.notes()


def test_tasks_that_succeed_need_no_note(contract: Contract) -> None:
    """Nor do those that were cancelled, or are under way."""
    ends = ("SUCCESS", "SUCCESS", "CANCELLED", "CANCELLED", "PENDING")

    assert noted(contract, *(make_history(*PATH, end) for end in ends)) == []


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        (
            [("4k", "TIMEOUT")] * 14 + [("1k", "SUCCESS")] * 3,
            [f"all 14 tasks of {EDIT} at 4k ended in TIMEOUT"],
        ),
        (
            [("4k", "TIMEOUT")] * 2 + [("1k", "FAILURE")] * 3,
            [f"none of 5 tasks of {EDIT} succeeded: 3 FAILURE, 2 TIMEOUT"],
        ),
        (
            [("4k", "TIMEOUT")] * 2 + [("1k", "SUCCESS"), ("2k", "FAILURE")],
            [
                f"all 2 tasks of {EDIT} at 4k ended in TIMEOUT",
                f"1 of 2 tasks of {EDIT} at other resolutions did not succeed: 1 FAILURE",
            ],
        ),
        (
            [("1k", "SUCCESS")] * 9 + [("1k", "FAILURE")],
            [f"1 of 10 tasks of {EDIT} did not succeed: 1 FAILURE"],
        ),
        ([("1k", "FAILURE")] * 2, [f"all 2 tasks of {EDIT} at 1k ended in FAILURE"]),
    ],
)
def test_what_fails_is_counted(
    contract: Contract, tasks: list[tuple[str, str]], said: list[str]
) -> None:
    """By model and resolution."""
    made = [make_history(*PATH, end, resolution=tier) for tier, end in tasks]

    assert noted(contract, *made) == said


def test_when_everything_fails_it_is_said_once(contract: Contract) -> None:
    """And not of each model."""
    made = [make_history(*PATH, "FAILURE", model=model) for model in (EDIT, LITE) * 3]

    assert noted(contract, *made) == ["all 6 tasks ended in FAILURE"]


def test_a_state_that_was_never_seen_is_named(contract: Contract) -> None:
    """An upstream may be too fast, or may have lost its queue."""
    made = [make_history("PROCESSING", "SUBMITTED", "SUCCESS") for _ in range(60)]

    assert noted(contract, *made) == ["no poll of 60 tasks ever showed PENDING"]


def test_a_run_tells_of_it_and_does_not_fail() -> None:
    """Failing tasks break no promise."""
    options = Options(models=(LITE,), examples=2)

    report = check_behind(Layer(), options, {"scenario": "timeout"})

    assert not fails(report, None)
    assert [one for one in report.notes if one.endswith("ended in TIMEOUT")]
