"""A run compared with an earlier one: what was known does not fail it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mockserver.conformance.model import Report, Severity
from mockserver.conformance.report.view import view_of
from mockserver.conformance.report.writers import (
    BaselineError,
    Comparison,
    as_json,
    compare,
    fails,
    load_baseline,
    terminal_summary,
)
from tests.conformance.reports import URL, cases, make_finding, make_report, written


def compared(report: Report, earlier: Report, folder: Path) -> Comparison:
    """Compare a run with one whose report was written to a folder."""
    written(earlier, folder)
    return compare(report, load_baseline(folder / "report.json"))


def subjects(findings: list[Any]) -> list[str]:
    """Name findings by the last part of their keys."""
    return [one.key.rpartition(" | ")[2] for one in findings]


# -- what is new -----------------------------------------------------------------------------


@pytest.mark.parametrize("subject", ["", "a | b", "\x00\x1b\n", "\ud800 \U0001f408", '"\\'])
def test_the_same_findings_are_unchanged(tmp_path: Path, subject: str) -> None:
    """They are recognised in the file, whatever the target has put into their names."""
    report = make_report(make_finding(subject=subject), make_finding("warning", "b"))

    comparison = compared(report, report, tmp_path)

    assert comparison.unchanged == report.findings
    assert (comparison.new, comparison.gone, comparison.unseen) == ([], [], [])
    assert fails(report, None)
    assert not fails(report, comparison)


def test_what_is_new_and_what_is_gone_is_distinguished(tmp_path: Path) -> None:
    """By check, clause and subject; the texts of what was expected and observed may differ."""
    earlier = make_report(make_finding(subject="old"), make_finding(subject="same"))
    again = make_finding(subject="same", observed="status 'LATER'")
    report = make_report(again, make_finding(subject="new"))

    comparison = compared(report, earlier, tmp_path)

    assert subjects(comparison.new) == ["new"]
    assert subjects(comparison.unchanged) == ["same"]
    assert subjects(comparison.gone) == ["old"]
    assert [comparison.is_new(one) for one in report.findings] == [False, True]


@pytest.mark.parametrize(
    ("before", "now", "new"),
    [
        ("warning", "drift", True),
        ("note", "assumption", True),
        ("drift", "warning", False),
        ("drift", "drift", False),
    ],
)
def test_what_got_worse_is_new(
    tmp_path: Path, before: Severity, now: Severity, *, new: bool
) -> None:
    """A clause whose source gets better turns a warning into drift."""
    report = make_report(make_finding(now))

    comparison = compared(report, make_report(make_finding(before)), tmp_path)

    assert (comparison.new == report.findings) is new
    assert (comparison.unchanged == report.findings) is not new
    assert comparison.gone == []


@pytest.mark.parametrize("severity", ["drift", "warning", "assumption", "note"])
def test_only_drift_fails(tmp_path: Path, severity: Severity) -> None:
    """With an earlier run and without one."""
    report = make_report(make_finding(severity))

    comparison = compared(report, make_report(), tmp_path)

    assert fails(report, None) is (severity == "drift")
    assert fails(report, comparison) is (severity == "drift")


@pytest.mark.parametrize("why", ["skipped", "in part", "interrupted"])
def test_what_was_not_looked_for_is_not_gone(tmp_path: Path, why: str) -> None:
    """A check that did not run completely may still have the same findings."""
    report = make_report(interrupted=why == "interrupted")
    check = report.check_results[0 if why == "in part" else 1]
    check.reason = "" if why == "interrupted" else "the spending limit"

    comparison = compared(report, make_report(make_finding(check=check.check)), tmp_path)

    assert comparison.gone == []
    assert [one.check for one in comparison.unseen] == [check.check]


# -- what the forms say ----------------------------------------------------------------------


@pytest.fixture
def report() -> Report:
    """A run with a known and a new finding of one check."""
    return make_report(make_finding(subject="known"), make_finding(subject="new"))


@pytest.fixture
def comparison(report: Report, tmp_path: Path) -> Comparison:
    """Compared with a run that had the known one, and another."""
    earlier = make_report(make_finding(subject="known"), make_finding(subject="old"))
    return compared(report, earlier, tmp_path / "earlier")


def test_the_terminal_shows_what_is_new(report: Report, comparison: Comparison) -> None:
    """It counts the others, and names what is gone, so that the baseline can be renewed."""
    lines = terminal_summary(view_of(report, comparison)).splitlines()

    assert [one for one in lines if one.startswith("  on ")] == ["  on         new"]
    assert "maxapi-mock verify: 1 new finding of drift" in lines
    earlier = f"{URL} at 2026-02-10T21:54:46.686768+00:00"
    assert f"  baseline   1 new, 1 known, 1 gone, compared with {earlier}" in lines
    assert lines[-1] == "  gone       a-check | task.json#/properties/status | old"


def test_a_test_case_fails_for_what_is_new(
    report: Report, comparison: Comparison, tmp_path: Path
) -> None:
    """Known findings are its output."""
    case = cases(written(report, tmp_path, comparison)["junit.xml"])["a-check"]

    failure, printed = ("".join(one.itertext()) for one in case)
    assert [one.tag for one in case] == ["failure", "system-out"]
    assert "on         new\n" in failure
    assert "drift, known: status 'WAITING';" in printed
    assert "on         known\n" in printed


@pytest.mark.parametrize("form", ["report.md", "report.html"])
def test_a_page_begins_with_what_is_new(
    report: Report, comparison: Comparison, tmp_path: Path, form: str
) -> None:
    """Each finding says which it is, and what is gone has a list of its own."""
    text = written(report, tmp_path, comparison)[form]

    what = {"report.md": ["Drift, new:", "Drift, known:"], "report.html": [">new<", ">known<"]}
    new, known = what[form]
    assert -1 < text.index(new) < text.index(known) < text.index("Gone since the baseline")
    assert "a-check | task.json#/properties/status | old" in text


def test_programs_get_the_keys(report: Report, comparison: Comparison) -> None:
    """And whether the run fails."""
    document = as_json(view_of(report, comparison))

    assert document["fails"] is True
    key = "a-check | task.json#/properties/status | {}".format
    assert document["comparison"] == {
        "target": URL,
        "started": "2026-02-10T21:54:46.686768+00:00",
        "new": [key("new")],
        "unchanged": [key("known")],
        "gone": [key("old")],
        "unseen": [],
    }


def test_a_report_without_the_later_keys_is_still_a_baseline(tmp_path: Path) -> None:
    """Words and counts are not needed to compare."""
    document = as_json(view_of(make_report(make_finding())))
    for name in ("summary", "advice", "times", "of", "promised"):
        del document["findings"][0][name]
    del document["notes"]
    (tmp_path / "report.json").write_text(json.dumps(document))

    comparison = compare(make_report(make_finding()), load_baseline(tmp_path / "report.json"))

    assert len(comparison.unchanged) == 1


# -- files that are not a baseline --------------------------------------------------------------


def incomplete(**changes: Any) -> bytes:
    """Write a report whose only finding is not as it was."""
    document = as_json(view_of(make_report(make_finding())))
    document["findings"][0].update(changes)
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not JSON"),
        (b"<testsuites/>", "is not JSON"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"9" * 100_000, "is not JSON"),
        (b"[]", "is not a report"),
        (b'{"findings": []}', "is not a report"),
        (b'{"format": 1}', "has format 1, not 2"),
        (b'{"format": "a\\nb"}', "has format 'a\\nb', not 2"),
        (b'{"format": 2}', "is an incomplete report"),
        (b'{"format": 2, "findings": 7, "target": "", "started": ""}', "is an incomplete report"),
        (b'{"format": 2, "findings": [7], "target": "", "started": ""}', "is an incomplete report"),
        (incomplete(severity="mild"), "is an incomplete report"),
        (incomplete(severity=None), "is an incomplete report"),
        (incomplete(key=["a"]), "is an incomplete report"),
    ],
)
def test_a_file_that_is_not_a_report_is_rejected_in_one_line(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    """The message has its name, what is wrong with it, and what to do."""
    path = tmp_path / "baseline.json"
    path.write_bytes(content)

    with pytest.raises(BaselineError) as raised:
        load_baseline(path)

    renew = "write a new report with --report, and use its report.json"
    remedy = renew if "has format" in reason else "use the report.json of an earlier run"
    assert str(raised.value) == f"baseline: {path}: {reason}; {remedy}"


@pytest.mark.parametrize(
    ("name", "reason"), [("missing.json", "No such file or directory"), (".", "Is a directory")]
)
def test_a_file_that_cannot_be_read_is_rejected_in_one_line(
    tmp_path: Path, name: str, reason: str
) -> None:
    """The message has the reason of the operating system."""
    with pytest.raises(BaselineError, match=f": {reason}; use the report.json of an earlier run$"):
        load_baseline(tmp_path / name)
