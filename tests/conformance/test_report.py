"""The report of a run, in every form."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contract_tests.checks import CHECKS
from mockserver.conformance.model import Severity
from mockserver.conformance.report.view import heading_of, view_of
from mockserver.conformance.report.wording import advice
from mockserver.conformance.report.writers import as_json, fails, terminal_summary, write_reports
from mockserver.conformance.session.runner import OWN_KEYS, check_own_mock
from mockserver.conformance.session.session import Options
from tests.conformance.reports import (
    URL,
    Page,
    cases,
    make_exchange,
    make_finding,
    make_report,
    written,
)

FORMS = ("report.json", "report.md", "report.html", "junit.xml")


def readable(form: str, text: str) -> str:
    """Return what a reader of a form sees."""
    if form == "report.html":
        return Page(text).text
    if form == "junit.xml":
        return "\n".join(
            "\n".join([*case.attrib.values(), *case.itertext()]) for case in cases(text).values()
        )
    return json.dumps(json.loads(text)).replace('\\"', '"') if form == "report.json" else text


# -- files -----------------------------------------------------------------------------------


def test_four_files_are_written_into_a_new_folder(tmp_path: Path) -> None:
    """The folder is made, and those above it; files of an earlier run are replaced."""
    folder = tmp_path / "of" / "reports"
    write_reports(make_report(), folder, None)

    paths = write_reports(make_report(make_finding()), folder, None)

    assert [path.name for path in paths] == list(FORMS)
    assert sorted(paths) == sorted(folder.iterdir())
    assert all("WAITING" in path.read_text() for path in paths)


def test_a_folder_that_cannot_be_made_is_an_os_error(tmp_path: Path) -> None:
    """The caller turns it into a message of its own."""
    (tmp_path / "file").touch()

    with pytest.raises(FileExistsError):
        write_reports(make_report(), tmp_path / "file", None)


# -- what they say ---------------------------------------------------------------------------


@pytest.mark.parametrize("severity", ["drift", "warning", "assumption", "note"])
@pytest.mark.parametrize("form", FORMS)
def test_each_form_shows_all_of_a_finding(tmp_path: Path, form: str, severity: Severity) -> None:
    """Check, clause, source, what was expected and observed, the exchange, and what to change."""
    finding = make_finding(severity, of=40)

    text = readable(form, written(make_report(finding), tmp_path)[form])

    wanted = [
        *("a-check", "What a-check promises", "the subject", "one of PENDING", "status 'WAITING'"),
        *("task.json#/properties/status", finding.clause.page, finding.clause.confidence),
        *("schemas/task.json#/properties/status", "$MAXAPI_API_KEY", severity),
        *(
            heading_of(finding),
            advice(finding),
            "once in 40 times" if form != "report.json" else "40",
        ),
        *("curl -sSig ", " -X POST ", '--data-raw \'{"model": "veo3"}\''),
    ]
    assert [one for one in wanted if one not in text.replace("a\\-check", "a-check")] == []


@pytest.mark.parametrize("form", ["report.json", "report.md", "report.html"])
def test_each_form_describes_the_run(tmp_path: Path, form: str) -> None:
    """Command, target and time, what was left out and why, and the money."""
    report = make_report(limit_usd="5.00", unchecked=["sizes: of 5.00 nothing is left"])

    text = readable(form, written(report, tmp_path)[form]).replace("\\", "")

    wanted = [
        *(URL, "2026-02-10", "21:54:46", "11", "maxapi-mock verify --seed 11", "30", "12"),
        *("0.42", "5.00", "sizes: of 5.00 nothing is left", "there is no second key"),
        *("Something is promised", "a-skipped-check", "msg 'gone'", "service.json#/errors/405"),
    ]
    assert [one for one in wanted if one not in text] == []


def test_programs_get_numbers() -> None:
    """The summary counts checks, findings and assumptions; money is a text, as it is exact."""
    document = as_json(view_of(make_report(make_finding(), make_finding("warning", "b"))))

    assert document["format"] == 2
    assert document["fails"] is True
    assert document["summary"] == {
        "checks": {"passed": 1, "failed": 2, "skipped": 1},
        "findings": {"drift": 1, "warning": 1, "assumption": 0, "note": 0},
        "assumptions": {"different": 1, "as assumed": 1, "not observed": 2},
    }
    assert (document["reserved_usd"], document["limit_usd"]) == ("0.42", None)
    assert document["findings"][0]["exchange"] == make_exchange().as_json()


@pytest.mark.parametrize("form", FORMS)
def test_each_form_has_the_notes(tmp_path: Path, form: str) -> None:
    """They never fail a run; the terminal shows them, too."""
    report = make_report(notes=["no poll of 60 tasks ever showed PENDING"])

    text = written(report, tmp_path)[form]

    assert "no poll of 60 tasks ever showed PENDING" in text
    assert "  note       no poll of 60 tasks" in terminal_summary(view_of(report))
    assert not fails(report, None)


@pytest.mark.parametrize("form", ["report.md", "report.html"])
def test_what_was_not_observed_is_folded_prices_last(tmp_path: Path, form: str) -> None:
    """A reader starts with the assumptions that turned out different."""
    text = written(make_report(), tmp_path)[form]
    folded = Page(text).folded if form == "report.html" else text.partition("<details>")[2]

    at = [text.index(f"{one}</code>" if form == "report.html" else f"{one}`") for one in CLAUSES]
    assert at == sorted(at)
    assert [one for one in CLAUSES if one in folded] == list(CLAUSES[2:])


CLAUSES = (
    "service.json#/errors/404",
    "service.json#/errors/405",
    "service.json#/webhook/tries",
    "models/veo3.json#/price",
)


@pytest.mark.parametrize("form", ["report.md", "report.html"])
def test_a_file_that_is_not_text_is_not_shown(tmp_path: Path, form: str) -> None:
    """Only its size is shown; a picture would be pages of noise."""
    exchange = make_exchange(response_body=b"\x89PNG\r\n\x1a\n\0\0" + b"\0noise" * 500)

    text = written(make_report(make_finding(exchange=exchange)), tmp_path)[form]

    assert "(3010 bytes that are not text)" in text
    assert "noise" not in text


@pytest.mark.parametrize("form", ["report.md", "report.html"])
def test_a_response_that_broke_off_says_so(tmp_path: Path, form: str) -> None:
    """It has a status, and an error instead of a complete body."""
    exchange = make_exchange(status=200, response_body=b"", error="IncompleteRead")

    text = written(make_report(make_finding(exchange=exchange)), tmp_path)[form]

    assert "200, then IncompleteRead" in text


def test_an_interrupted_run_says_so(tmp_path: Path) -> None:
    """What it did not find, it may not have looked for."""
    report = make_report(interrupted=True)

    texts = [*written(report, tmp_path).values(), terminal_summary(view_of(report))]

    assert all("interrupted" in text.lower() for text in texts)
    assert 'name="interrupted" value="true"' in texts[FORMS.index("junit.xml")]


def test_every_form_says_why_a_run_could_not_go_on(tmp_path: Path) -> None:
    """So that no CI server shows it as a success."""
    why = "the target stopped responding: connection refused at 127.0.0.1:1"

    texts = written(make_report(interrupted=True, lost=why), tmp_path)

    assert [form for form, text in texts.items() if why not in text] == []
    assert [one.tag for one in cases(texts["junit.xml"])["the run"]] == ["error"]


def test_a_run_that_skipped_everything_is_not_called_a_success() -> None:
    """Not even one that found no drift."""
    skipped = [one for one in make_report().check_results if one.status == "skipped"]

    text = terminal_summary(view_of(make_report(check_results=skipped)))

    assert text.splitlines()[0] == "maxapi-mock verify: nothing was checked"


# -- JUnit -----------------------------------------------------------------------------------


def test_each_check_is_a_test_case_that_fails_for_drift_only(tmp_path: Path) -> None:
    """Findings that do not fail the run are output of the test case."""
    findings = [make_finding(one, f"check-{one}") for one in ("drift", "warning", "note")]
    other = make_finding("assumption", "check-drift", observed="something else")

    found = cases(written(make_report(*findings, other), tmp_path)["junit.xml"])

    outcomes = {check: [one.tag for one in case] for check, case in found.items()}
    assert outcomes == {
        "a-passed-check": [],
        "a-skipped-check": ["skipped"],
        "check-drift": ["failure", "system-out"],
        "check-warning": ["system-out"],
        "check-note": ["system-out"],
    }
    assert found["a-skipped-check"][0].attrib["message"] == "there is no second key"
    assert "WAITING" in found["check-drift"][0].attrib["message"]
    assert "something else" in "".join(found["check-drift"][1].itertext())


def test_the_counts_of_the_suite_are_those_of_its_cases(tmp_path: Path) -> None:
    """Some readers of JUnit rely on them."""
    report = make_report(make_finding(), make_finding("warning", "b"), make_finding("drift", "c"))

    text = written(report, tmp_path)["junit.xml"]

    assert text.count('tests="5" failures="2" errors="0" skipped="1"') == 2
    assert text.count("<testcase ") == 5


def test_a_check_that_left_something_out_says_why(tmp_path: Path) -> None:
    """Even if it passed otherwise."""
    report = make_report()
    report.check_results[0].reason = "the spending limit"

    texts = written(report, tmp_path)

    assert all("the spending limit" in readable(form, texts[form]) for form in FORMS)


# -- a real run ------------------------------------------------------------------------------


def test_the_report_of_a_real_run(tmp_path: Path) -> None:
    """Every check is a test case, nothing fails, and the keys of the run are nowhere."""
    report = check_own_mock(CHECKS, Options(models=("gpt-image-2/text-to-image",), examples=2))

    texts = written(report, tmp_path)

    assert not fails(report, None)
    assert list(cases(texts["junit.xml"])) == [one.id for one in CHECKS]
    summary = terminal_summary(view_of(report))
    assert [key for key in OWN_KEYS if key in "".join([summary, *texts.values()])] == []
