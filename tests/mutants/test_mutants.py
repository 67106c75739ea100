"""The catalogue of drifts: a sample of it, and that it is whole. `make drift-check` tries all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contract_tests.checks import CHECKS
from mockserver.conformance.clauses import clause_at
from mockserver.contract import Contract
from mockserver.engine.messages import Request, Response
from tests.mutants import trials
from tests.mutants.catalogue import FILE, markdown
from tests.mutants.changes import refuses, through
from tests.mutants.control import CONTROLS, Control
from tests.mutants.edits import drop, inside, put, remake, rename, when
from tests.mutants.mutant import EDIT, LITE, NANO, Mutant
from tests.mutants.table import MUTANTS, SUBJECTS

_VIDEO = "service.json#/results/video"
SAMPLE = [rows[0] for rows in SUBJECTS.values()]
"""The first of each subject."""
LAWFUL = [one for one in CONTROLS if one.name in {
    "untouched", "live", "failures", "minimal-echo", "other-ids", "elsewhere", "rate-limit",
    "cut-once",
}]  # fmt: skip
"""Some of the lawful targets: the others differ from these in one thing, too."""

BARE = Mutant("bare", "The mock as it is.", "files", "service.json#/promises/file_is_there")


@pytest.mark.parametrize("mutant", SAMPLE, ids=lambda mutant: mutant.name)
def test_a_drift_is_caught_by_its_law_and_clause(mutant: Mutant) -> None:
    """The finding is there, at the severity that its clause deserves."""
    report = mutant.run_checks()

    found = [(one.check, one.clause.place, one.severity) for one in report.findings]
    assert (mutant.check, mutant.clause, mutant.severity) in found


@pytest.mark.parametrize("control", LAWFUL, ids=lambda control: control.name)
def test_without_a_drift_nothing_is_found(control: Control) -> None:
    """Not even an information, except that an assumption is answered as the row says."""
    report = replace(control, models=(EDIT, LITE)).run_checks(seed=1)

    assert control.wrong(report) == []
    assert {one.clause.place for one in report.findings} >= set(control.otherwise) - {_VIDEO}


def test_a_webhook_before_the_answer_is_no_false_alarm() -> None:
    """The task has ended by then, as a poll shows: no page says which of the two comes first."""
    early = Control("early", "", settings={"scenario": "webhook-early"}, models=(LITE,))

    report = early.run_checks(seed=1)

    assert report.findings == []


def test_a_model_that_is_gone_is_one_finding() -> None:
    """Not one for each value of its fields; the report says that nothing else of it was tried."""
    gone = refuses(lambda document: "no such model" if document.get("model") == NANO else None)

    report = Control("gone", "", gone, models=(NANO, LITE)).run_checks(seed=1)

    assert [(one.check, one.subject) for one in report.drift] == [("smallest-input", NANO)]
    assert f"{NANO} is not accepted, so nothing else of it was tried" in report.notes


def test_there_are_at_least_sixty_and_no_two_have_the_same_name() -> None:
    """A name stands for one drift."""
    names = [mutant.name for rows in SUBJECTS.values() for mutant in rows]

    assert len(names) >= 60
    assert sorted(names) == sorted(MUTANTS)
    assert len({mutant.sentence for mutant in MUTANTS.values()}) == len(MUTANTS)


def test_every_law_has_a_drift_that_it_must_catch() -> None:
    """No law is there that never finds anything."""
    assert {mutant.check for mutant in MUTANTS.values()} == {one.id for one in CHECKS}


def test_every_promise_has_a_drift_that_breaks_it(contract: Contract) -> None:
    """None is there that no run can find broken."""
    promises = {f"service.json#/promises/{name}" for name in contract.service["promises"]}

    assert promises - {mutant.clause for mutant in MUTANTS.values()} == set()


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_the_clause_of_a_drift_exists_and_has_its_severity(
    mutant: Mutant, contract: Contract
) -> None:
    """What is found deserves what its source says; an addition is an information."""
    clause = clause_at(contract, mutant.clause)

    assert mutant.severity in (clause.severity, "information")


def test_the_document_is_current() -> None:
    """It lists the drifts of the table, with their sentences, laws and clauses."""
    lines = FILE.read_text("utf-8")

    assert lines == markdown()
    for mutant in MUTANTS.values():
        assert (
            f"| `{mutant.name}` | {mutant.sentence} | {mutant.check} | `{mutant.clause}` |" in lines
        )


def test_the_check_fails_a_drift_that_nobody_catches(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what was found instead."""
    monkeypatch.setitem(MUTANTS, "bare", BARE)

    trial = trials.try_mutant("bare")

    assert trial.failure == "found instead: nothing"


def test_the_check_fails_a_drift_that_another_clause_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The right law is not enough."""
    other = "service.json#/errors/405"
    wrong = Mutant("wrong", "", "unknown-route", other, MUTANTS["route-200"].change)
    monkeypatch.setitem(MUTANTS, "wrong", wrong)

    trial = trials.try_mutant("wrong")

    assert trial.failure == "found instead: unknown-route service.json#/errors/404"


def test_the_check_fails_a_drift_whose_layer_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake in a layer is not taken for what it was to show."""

    def failed(_request: Request, _ask: object) -> Response:
        raise LookupError("no such thing")

    monkeypatch.setitem(MUTANTS, "bare", Mutant("bare", "", "responses", "x#", through(failed)))

    trial = trials.try_mutant("bare")

    assert trial.failure == "LookupError: no such thing"


def test_the_check_fails_a_false_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    """A target without a drift in which something is found."""
    drifted = Control("drifted", "", MUTANTS["route-200"].change, models=(LITE,))
    monkeypatch.setattr(trials, "_CONTROLS", {"drifted": drifted})

    trial = trials.try_control("drifted", 0)

    assert trial.failure == "found: unknown-route service.json#/errors/404"


def test_the_check_tries_drifts_in_processes_of_their_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It prints a line for each in the order of the question, and ends with 0."""
    status = trials.main(["route-200", "no-token-needed"])

    lines = capsys.readouterr().out.splitlines()
    assert status == 0
    assert [line.split()[:2] for line in lines[:2]] == [
        ["route-200", "unknown-route"],
        ["no-token-needed", "token-missing"],
    ]


def test_the_check_knows_no_other_drifts(capsys: pytest.CaptureFixture[str]) -> None:
    """It says where they are listed."""
    with pytest.raises(SystemExit):
        trials.main(["no-such-drift"])

    assert "'no-such-drift' is no drift; DRIFTS.md lists them" in capsys.readouterr().err


def test_outcomes_that_are_not_as_they_should_be_are_given(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All are printed, and with the reason."""
    good, bad = trials.Trial("good", "law clause"), trials.Trial("bad", "law clause", "nothing")

    failed = trials.show([good, bad])

    assert failed == [bad]
    assert "NOT AS IT SHOULD BE; nothing" in capsys.readouterr().out


def test_edits_change_what_they_name_and_nothing_else() -> None:
    """The words that the table is written with."""
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
