"""Reports made by hand, of which a test says only what matters to it."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from mockserver.conformance.model import Assumption, CheckResult, Clause, Exchange, Finding, Report
from mockserver.conformance.report.writers import Comparison, write_reports
from tests.conftest import START

URL = "http://127.0.0.1:6290"
_CONFIDENCE = {
    "drift": "documented",
    "warning": "corroborated",
    "assumption": "assumed",
    "information": "seed",
}


def make_exchange(**changes: Any) -> Exchange:
    """Make a refused submission."""
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


def make_finding(severity: str = "drift", check: str = "a-law", **changes: Any) -> Finding:
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
    """Make the report of a run with findings, and beside their laws one held and one skipped."""
    check_results = [
        CheckResult("a-held-law", "Something holds", ("task.json#",), observations=7),
        CheckResult("a-skipped-law", "Nobody looked", (), "skipped", "there is no second key"),
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
            Assumption("service.json#/errors/404", "The message.", "otherwise", "msg 'gone'"),
            Assumption("service.json#/errors/405", "The other message.", "as assumed"),
        ],
        "requests": 30,
        "submissions": 12,
        "reserved_usd": "0.42",
    }
    return Report(**known | changes)


def written(report: Report, folder: Path, comparison: Comparison | None = None) -> dict[str, str]:
    """Write all forms of a report; give their texts by file name."""
    paths = write_reports(report, folder, comparison)
    return {path.name: path.read_text(encoding="utf-8") for path in paths}


class Page(HTMLParser):
    """What a browser makes of a page: its tags with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.folded = ""
        """The text that is shown on demand only."""
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
    """Give the test cases of a JUnit file by the ids of their laws."""
    found = ET.fromstring(junit).iter("testcase")  # noqa: S314 - it is our own
    return {one.attrib["name"].partition(":")[0]: one for one in found}
