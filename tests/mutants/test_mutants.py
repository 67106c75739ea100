"""The catalogue of mutants: a sample of it, and that it is complete. `make mutants` tries all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contract_tests.checks import CHECKS
from mockserver.conformance.clauses import clause_at
from mockserver.contract import Contract
from mockserver.engine.messages import Request, Response
from tests.mutants import trials
from tests.mutants.catalogue import FILE, markdown
from tests.mutants.changes import rejects, through
from tests.mutants.control import CONTROLS, Control
from tests.mutants.edits import drop, inside, put, remake, rename, when
from tests.mutants.mutant import EDIT, LITE, NANO, Mutant
from tests.mutants.table import MUTANTS, SUBJECTS

_VIDEO = "service.json#/results/video"
SAMPLE = [rows[0] for rows in SUBJECTS.values()]
"""The first of each subject."""
CONFORMING = [one for one in CONTROLS if one.name in {
    "untouched", "live", "failures", "minimal-echo", "other-ids", "elsewhere", "rate-limit",
    "cut-once",
}]  # fmt: skip
"""Some of the conforming targets: the others differ from the mock in one thing, too."""

BARE = Mutant("bare", "The mock as it is.", "files", "service.json#/promises/file_is_there")


@pytest.mark.slow
@pytest.mark.parametrize("mutant", SAMPLE, ids=lambda mutant: mutant.name)
def test_a_mutant_is_caught_by_its_check_and_clause(mutant: Mutant) -> None:
    """The finding is there, with the severity of its clause."""
    report = mutant.run_checks()

    found = [(one.check, one.clause.place, one.severity) for one in report.findings]
    assert (mutant.check, mutant.clause, mutant.severity) in found


@pytest.mark.slow
@pytest.mark.parametrize("control", CONFORMING, ids=lambda control: control.name)
def test_nothing_is_found_on_a_target_that_conforms(control: Control) -> None:
    """Not even a note, except differences from assumptions that the row allows."""
    report = replace(control, models=(EDIT, LITE)).run_checks(seed=1)

    assert control.wrong(report) == []
    assert {one.clause.place for one in report.findings} >= set(control.otherwise) - {_VIDEO}


def test_a_webhook_before_the_response_is_not_a_false_alarm() -> None:
    """The task has ended by then, as a poll shows: no page says which of the two comes first."""
    early = Control("early", "", settings={"scenario": "webhook-early"}, models=(LITE,))

    report = early.run_checks(seed=1)

    assert report.findings == []


def test_a_model_that_is_gone_is_one_finding() -> None:
    """Not one for each value of its fields; the report says that nothing else of it was tried."""
    gone = rejects(lambda document: "no such model" if document.get("model") == NANO else None)

    report = Control("gone", "", gone, models=(NANO, LITE)).run_checks(seed=1)

    assert [(one.check, one.subject) for one in report.drift] == [("smallest-input", NANO)]
    assert f"{NANO} is not accepted, so nothing else of it was tried" in report.notes


def test_there_are_at_least_sixty_and_no_two_have_the_same_name() -> None:
    """A name stands for one mutant."""
    names = [mutant.name for rows in SUBJECTS.values() for mutant in rows]

    assert len(names) >= 60
    assert sorted(names) == sorted(MUTANTS)
    assert len({mutant.sentence for mutant in MUTANTS.values()}) == len(MUTANTS)


def test_every_check_has_a_mutant_that_it_must_catch() -> None:
    """There is no check that never finds anything."""
    assert {mutant.check for mutant in MUTANTS.values()} == {one.id for one in CHECKS}


def test_every_promise_has_a_mutant_that_breaks_it(contract: Contract) -> None:
    """There is no promise that no run can find broken."""
    promises = {f"service.json#/promises/{name}" for name in contract.service["promises"]}

    assert promises - {mutant.clause for mutant in MUTANTS.values()} == set()


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_the_clause_of_a_mutant_exists_and_has_its_severity(
    mutant: Mutant, contract: Contract
) -> None:
    """The severity follows from the source of the clause, except that an addition is a note."""
    clause = clause_at(contract, mutant.clause)

    assert mutant.severity in (clause.severity, "note")


def test_the_document_is_current() -> None:
    """It lists the mutants of the table, with their sentences, checks and clauses."""
    lines = FILE.read_text("utf-8")

    assert lines == markdown()
    for mutant in MUTANTS.values():
        assert (
            f"| `{mutant.name}` | {mutant.sentence} | {mutant.check} | `{mutant.clause}` |" in lines
        )


@pytest.mark.slow
def test_a_mutant_that_no_check_catches_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what was found instead."""
    monkeypatch.setitem(MUTANTS, "bare", BARE)

    trial = trials.try_mutant("bare")

    assert trial.failure == "found instead: nothing"


@pytest.mark.slow
def test_a_mutant_that_another_clause_catches_is_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The right check is not enough."""
    other = "service.json#/errors/405"
    wrong = Mutant("wrong", "", "unknown-route", other, MUTANTS["route-200"].change)
    monkeypatch.setitem(MUTANTS, "wrong", wrong)

    trial = trials.try_mutant("wrong")

    assert trial.failure == "found instead: unknown-route service.json#/errors/404"


def test_a_mutant_whose_layer_is_broken_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake in a layer does not count as the intended difference."""

    def failed(_request: Request, _ask: object) -> Response:
        raise LookupError("no such thing")

    monkeypatch.setitem(MUTANTS, "bare", Mutant("bare", "", "responses", "x#", through(failed)))

    trial = trials.try_mutant("bare")

    assert trial.failure == "LookupError: no such thing"


def test_a_false_alarm_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Something is found on a target that should conform."""
    mutated = Control("mutated", "", MUTANTS["route-200"].change, models=(LITE,))
    monkeypatch.setattr(trials, "_CONTROLS", {"mutated": mutated})

    trial = trials.try_control("mutated", 0)

    assert trial.failure == "found: unknown-route service.json#/errors/404"


@pytest.mark.slow
def test_mutants_are_tried_in_processes_of_their_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """There is a line for each in the requested order, and the exit status is 0."""
    status = trials.main(["route-200", "no-token-needed"])

    lines = capsys.readouterr().out.splitlines()
    assert status == 0
    assert [line.split()[:2] for line in lines[:2]] == [
        ["route-200", "unknown-route"],
        ["no-token-needed", "token-missing"],
    ]


def test_an_unknown_mutant_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    """The message says where they are listed."""
    with pytest.raises(SystemExit):
        trials.main(["no-such-mutant"])

    assert "'no-such-mutant' is not a mutant; MUTANTS.md lists them" in capsys.readouterr().err


def test_failed_trials_are_returned(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All are printed, and failures with the reason."""
    good, bad = trials.Trial("good", "check clause"), trials.Trial("bad", "check clause", "nothing")

    failed = trials.show([good, bad])

    assert failed == [bad]
    assert "FAILED: nothing" in capsys.readouterr().out


def test_edits_change_what_they_name_and_nothing_else() -> None:
    """The edits of which the table is made."""
    task = {"status": "PENDING", "n": 1, "old": 2, "gone": 3, "input": {"a": 1}, "none": None}

    for edit in (
        put(more=True),
        drop("gone"),
        rename("old", "new"),
        remake("n", str),
        remake("none", str),
        inside("input", put(b=2)),
        inside("n", put(b=2)),
        when(put(never=True), "SUCCESS"),
        when(put(once=True), "PENDING"),
    ):
        edit(task)

    assert task == {
        "status": "PENDING",
        "n": "1",
        "new": 2,
        "input": {"a": 1, "b": 2},
        "none": None,
        "more": True,
        "once": True,
    }
