"""Reports made by hand; a test only states what matters to it."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from mockserver.conformance.model import (
    Assumption,
    CheckResult,
    Clause,
    Confidence,
    Exchange,
    Finding,
    Report,
    Severity,
)
from mockserver.conformance.report.writers import Comparison, write_reports
from tests.conftest import START

URL = "http://127.0.0.1:6290"
_CONFIDENCE: dict[Severity, Confidence] = {
    "drift": "documented",
    "warning": "corroborated",
    "assumption": "assumed",
    "note": "seed",
}


def make_exchange(**changes: Any) -> Exchange:
    """Make a rejected submission."""
    known: dict[str, Any] = {
        "method": "POST",
        "url": f"{URL}/api/v1/task/submit",
        "path": "/api/v1/task/submit",
        "operation": "submit",
        "headers": {"Authorization": "Bearer $MAXAPI_API_KEY"},
        "body": b'{"model": "veo3"}',
        "status": 400,
        "response_headers": {"content-type": "application/json"},
        "response_body": b'{"code": 400, "msg": "input: missing"}',
    }
    return Exchange(**known | changes)


def make_finding(severity: Severity = "drift", check: str = "a-check", **changes: Any) -> Finding:
    """Make a finding."""
    clause = Clause("task.json#/properties/status", _CONFIDENCE[severity], "query-task")
    known: dict[str, Any] = {
        "check": check,
        "clause": clause,
        "expected": "one of PENDING",
        "observed": "status 'WAITING'",
        "severity": severity,
        "exchange": make_exchange(),
        "subject": "the subject",
    }
    return Finding(**known | changes)


def make_report(*findings: Finding, **changes: Any) -> Report:
    """Make the report of a run with findings, a check that passed, and one that was skipped."""
    check_results = [
        CheckResult("a-passed-check", "Something is promised", ("task.json#",), observations=7),
        CheckResult("a-skipped-check", "Not looked at", (), "skipped", "there is no second key"),
    ]
    for check in dict.fromkeys(one.check for one in findings):
        found = [one for one in findings if one.check == check]
        title = f"What {check} promises"
        check_results.append(
            CheckResult(check, title, ("task.json#",), "failed", "", len(found), found)
        )
    known: dict[str, Any] = {
        "target": URL,
        "started": START,
        "seed": 11,
        "command": "maxapi-mock verify --seed 11",
        "check_results": check_results,
        "assumptions": [
            Assumption("models/veo3.json#/price", "not published"),
            Assumption("service.json#/webhook/tries", "The value is 3."),
            Assumption("service.json#/errors/404", "The message.", "different", "msg 'gone'"),
            Assumption("service.json#/errors/405", "The other message.", "as assumed"),
        ],
        "requests": 30,
        "submissions": 12,
        "reserved_usd": "0.42",
    }
    return Report(**known | changes)


def written(report: Report, folder: Path, comparison: Comparison | None = None) -> dict[str, str]:
    """Write all forms of a report; return their texts by filename."""
    paths = write_reports(report, folder, comparison)
    return {path.name: path.read_text(encoding="utf-8") for path in paths}


class Page(HTMLParser):
    """What a browser reads in a page: its tags with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.folded = ""
        """The text that is only shown on demand."""
        self.text = ""
        self._open: list[bool] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(f"{tag} {attrs}")
        if tag == "details":
            self._open.append(("open", None) in attrs)

    def handle_endtag(self, tag: str) -> None:
        self.tags.append(f"/{tag}")
        if tag == "details":
            self._open.pop()

    def handle_comment(self, data: str) -> None:
        self.tags.append(f"comment {data}")

    def handle_data(self, data: str) -> None:
        self.text += data
        if False in self._open:
            self.folded += data


def cases(junit: str) -> dict[str, ET.Element]:
    """Return the test cases of a JUnit file by the ids of their checks."""
    found = ET.fromstring(junit).iter("testcase")  # noqa: S314 - it is our own
    return {one.attrib["name"].partition(":")[0]: one for one in found}
