"""What an earlier run found, and how this one differs: then only what is new fails."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mockserver.conformance.model import SEVERITIES, Finding, Report
from mockserver.errors import MaxapiMockError

FORMAT = 1
"""Of `report.json`; another number is another form."""
_WANTED = "name the report.json of an earlier run"


class BaselineError(MaxapiMockError):
    """A file is no earlier report; the message is one line, with the file and the reason."""

    names_command = True


@dataclass(frozen=True)
class Known:
    """A finding of an earlier run."""

    key: str
    check: str
    severity: str
    observed: str


@dataclass(frozen=True)
class Baseline:
    """An earlier run."""

    target: str
    started: str
    findings: Mapping[str, Known]
    """By key."""


@dataclass(frozen=True)
class Comparison:
    """A run beside an earlier one."""

    baseline: Baseline
    new: list[Finding]
    """What was not found before, or was not as bad."""
    unchanged: list[Finding]
    gone: list[Known]
    """What was looked for again, and not found."""
    unseen: list[Known]
    """What was not found, but not looked for everywhere either: its law was not held on all."""

    @cached_property
    def _new(self) -> set[str]:
        return {one.key for one in self.new}

    def is_new(self, finding: Finding) -> bool:
        """Say whether a finding of this run was not known."""
        return finding.key in self._new


def compare(report: Report, baseline: Baseline) -> Comparison:
    """Sort the findings of a run by whether they were known; a known one that got worse is new."""
    found = report.findings
    new = [one for one in found if _is_news(one, baseline.findings.get(one.key))]
    unchanged = [one for one in found if not _is_news(one, baseline.findings.get(one.key))]
    keys = {one.key for one in found}
    missing = [one for key, one in baseline.findings.items() if key not in keys]
    partly = {one.check for one in report.check_results if report.interrupted or one.reason}
    unseen = [one for one in missing if one.check in partly]
    gone = [one for one in missing if one.check not in partly]
    return Comparison(baseline, new, unchanged, gone, unseen)


def _is_news(finding: Finding, known: Known | None) -> bool:
    return known is None or _rank(finding.severity) < _rank(known.severity)


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity)


def fails(report: Report, comparison: Comparison | None) -> bool:
    """Say whether a run fails: for its drift or, beside an earlier run, for its new drift."""
    findings = report.findings if comparison is None else comparison.new
    return any(one.severity == "drift" for one in findings)


def load_baseline(path: Path) -> Baseline:
    """Read the `report.json` of an earlier run. Raises BaselineError."""
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise BaselineError(f"baseline: {path}: {error.strerror or error}; {_WANTED}") from None
    except (ValueError, RecursionError):
        raise BaselineError(f"baseline: {path}: is not JSON; {_WANTED}") from None
    if not isinstance(document, dict) or "format" not in document:
        raise BaselineError(f"baseline: {path}: is no report; {_WANTED}")
    if document["format"] != FORMAT:
        found = f"{document['format']!r:.40}"
        raise BaselineError(f"baseline: {path}: has format {found}, not {FORMAT}; {_WANTED}")
    try:
        findings = [_known(one) for one in document["findings"]]
        target, started = str(document["target"]), str(document["started"])
    except (KeyError, TypeError, ValueError):
        raise BaselineError(f"baseline: {path}: is a damaged report; {_WANTED}") from None
    return Baseline(target, started, {one.key: one for one in findings})


def _known(entry: Any) -> Known:
    known = Known(*(entry[name] for name in ("key", "check", "severity", "observed")))
    if not all(isinstance(one, str) for one in vars(known).values()):
        raise TypeError(entry)
    _rank(known.severity)
    return known
