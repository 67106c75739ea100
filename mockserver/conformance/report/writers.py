"""The report of a run: for the terminal, for people, for CI, and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mockserver.conformance.model import Report
from mockserver.conformance.report.baseline import (
    FORMAT,
    Baseline,
    BaselineError,
    Comparison,
    compare,
    fails,
    load_baseline,
)
from mockserver.conformance.report.finding_view import FindingView
from mockserver.conformance.report.html import as_html
from mockserver.conformance.report.junit import as_junit
from mockserver.conformance.report.markdown import as_markdown
from mockserver.conformance.report.text import one_line
from mockserver.conformance.report.view import CheckView, ReportView, chosen, view_of
from mockserver.conformance.report.wording import advice, promised, summary
from mockserver.file_writing import write_whole

__all__ = [
    "Baseline",
    "BaselineError",
    "Comparison",
    "as_json",
    "compare",
    "fails",
    "load_baseline",
    "terminal_summary",
    "write_reports",
]

_BLOCKS = 20
"""Findings that a terminal has room for."""
_LISTED = 10
"""Lines of each other list."""


def write_reports(report: Report, folder: Path, comparison: Comparison | None) -> list[Path]:
    """Write every form into *folder*, or none; return the files.

    Raises OSError with the name of what cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    view = view_of(report, comparison)
    texts = {
        "report.json": json.dumps(as_json(view), indent=2) + "\n",
        "report.md": as_markdown(view),
        "report.html": as_html(view),
        "junit.xml": as_junit(view),
    }
    write_whole(
        {folder / name: text.encode("utf-8", "backslashreplace") for name, text in texts.items()}
    )
    return [folder / name for name in texts]


# -- for programs ----------------------------------------------------------------------------


def as_json(view: ReportView) -> dict[str, Any]:
    """Return everything as a JSON value; `load_baseline` reads it back."""
    report = view.report
    document = {
        "format": FORMAT,
        "target": report.target,
        "started": report.started.isoformat(),
        "seed": report.seed,
        "command": report.command,
        "interrupted": report.interrupted,
        "lost": report.lost,
        "fails": view.fails,
        "summary": {
            "checks": view.statuses,
            "findings": view.severities,
            "assumptions": _counted(view),
        },
        "requests": report.requests,
        "submissions": report.submissions,
        "reserved_usd": report.reserved_usd,
        "limit_usd": report.limit_usd,
        "unchecked": report.unchecked,
        "notes": report.notes,
        "findings": [_finding_as_json(one) for one in view.worst_first],
        "checks": [_check_as_json(one) for one in view.checks],
        "assumptions": [
            {
                "clause": one.clause,
                "text": one.text,
                "outcome": one.outcome,
                "observed": one.observed,
            }
            for group in view.assumptions
            for one in group.assumptions
        ],
    }
    if view.comparison is not None:
        document["comparison"] = _comparison_as_json(view.comparison)
    return document


def _counted(view: ReportView) -> dict[str, int]:
    return {group.outcome: len(group.assumptions) for group in view.assumptions}


def _finding_as_json(one: FindingView) -> dict[str, Any]:
    finding = one.finding
    return {
        "key": finding.key,
        "check": finding.check,
        "title": one.title,
        "summary": summary(finding),
        "advice": advice(finding),
        "times": finding.times,
        "of": finding.of,
        "severity": finding.severity,
        "clause": finding.clause.place,
        "page": finding.clause.page,
        "confidence": finding.clause.confidence,
        "promised": promised(finding.clause),
        "subject": finding.subject,
        "expected": finding.expected,
        "observed": finding.observed,
        "remedy": finding.remedy,
        "exchange": None if finding.exchange is None else finding.exchange.as_json(),
    }


def _check_as_json(one: CheckView) -> dict[str, Any]:
    return {
        "check": one.check,
        "title": one.title,
        "clauses": one.clauses,
        "status": one.status,
        "reason": one.reason,
        "observations": one.observations,
        "findings": [finding.finding.key for finding in one.findings],
    }


def _comparison_as_json(comparison: Comparison) -> dict[str, Any]:
    return {
        "target": comparison.baseline.target,
        "started": comparison.baseline.started,
        "new": [one.key for one in comparison.new],
        "unchanged": [one.key for one in comparison.unchanged],
        "gone": [one.key for one in comparison.gone],
        "unseen": [one.key for one in comparison.unseen],
    }


# -- for the terminal ------------------------------------------------------------------------


def terminal_summary(view: ReportView) -> str:
    """Write what a screen has room for: the worst new findings, and how the run ended."""
    shown, others = chosen(view.new_findings, _BLOCKS)
    lines: list[str] = []
    for one in shown:
        lines += [*one.block(one.kind.upper()), ""]
    if others:
        lines += [f"and {len(others)} more, see --report", ""]
    lines.append(f"maxapi-mock verify: {view.headline}")
    lines += [f"  {name:11}{text}" for name, text in _totals(view)]
    return "\n".join(lines)


def _totals(view: ReportView) -> Iterator[tuple[str, str]]:
    report, facts = view.report, dict(view.facts)
    names = ["target", "seed", "checks", "findings", "requests"]
    names += ["baseline"] * (view.comparison is not None)
    names += ["money"] * (report.limit_usd is not None)
    yield from ((name, facts[name]) for name in names)
    counted = (f"{number} {outcome}" for outcome, number in _counted(view).items() if number)
    yield "assumed", ", ".join(counted)
    skipped = [f"{one.check}: {one.reason}" for one in view.checks if one.status == "skipped"]
    yield from _listed("skipped", skipped)
    yield from _listed("unchecked", report.unchecked)
    yield from _listed("note", report.notes)
    yield from _listed("gone", [one.key for one in view.gone])


def _listed(name: str, texts: list[str]) -> Iterator[tuple[str, str]]:
    for number, text in enumerate(texts[:_LISTED]):
        yield "" if number else name, one_line(text, 160)
    if len(texts) > _LISTED:
        yield "", f"and {len(texts) - _LISTED} more, see --report"
