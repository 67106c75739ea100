"""Compares a run with an earlier one, so that only what is new fails."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mockserver.conformance.model import SEVERITIES, Finding, Report, Severity
from mockserver.errors import MaxapiMockError

FORMAT = 2
"""The format of `report.json`; it changes whenever a key is renamed or removed."""
_WANTED = "use the report.json of an earlier run"
_RENEW = "write a new report with --report, and use its report.json"


class BaselineError(MaxapiMockError):
    """A file is not an earlier report; the message is one line, with the file and the reason."""


@dataclass(frozen=True)
class Known:
    """A finding of an earlier run."""

    key: str
    check: str
    severity: Severity
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
    """A run compared with an earlier one."""

    baseline: Baseline
    new: list[Finding]
    """Findings that the earlier run did not have, or with a milder severity."""
    unchanged: list[Finding]
    gone: list[Known]
    """Findings of the earlier run whose check ran completely and did not find them again."""
    unseen: list[Known]
    """Findings of the earlier run that are missing, but whose check did not run completely."""

    @cached_property
    def _new(self) -> set[str]:
        return {one.key for one in self.new}

    def is_new(self, finding: Finding) -> bool:
        """Return whether the earlier run did not have a finding of this one."""
        return finding.key in self._new


def compare(report: Report, baseline: Baseline) -> Comparison:
    """Compare the findings of a run with a baseline; one with a worse severity counts as new."""
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


def _rank(severity: Severity) -> int:
    return SEVERITIES.index(severity)


def fails(report: Report, comparison: Comparison | None) -> bool:
    """Return whether a run fails: for drift or, with a baseline, for drift that is new."""
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
        raise BaselineError(f"baseline: {path}: is not a report; {_WANTED}")
    if document["format"] != FORMAT:
        found = f"{document['format']!r:.40}"
        raise BaselineError(f"baseline: {path}: has format {found}, not {FORMAT}; {_RENEW}")
    try:
        findings = [_known(one) for one in document["findings"]]
        target, started = str(document["target"]), str(document["started"])
    except (KeyError, TypeError, ValueError):
        raise BaselineError(f"baseline: {path}: is an incomplete report; {_WANTED}") from None
    return Baseline(target, started, {one.key: one for one in findings})


def _known(entry: Any) -> Known:
    known = Known(*(entry[name] for name in ("key", "check", "severity", "observed")))
    if not all(isinstance(one, str) for one in vars(known).values()):
        raise TypeError(entry)
    _rank(known.severity)  # raises ValueError for an unknown one
    return known
