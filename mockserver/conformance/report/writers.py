"""The report of a run: for the terminal, for people, for CI, and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mockserver.conformance.model import CheckResult, Finding, Report
from mockserver.conformance.report.baseline import (
    FORMAT,
    Baseline,
    BaselineError,
    Comparison,
    compare,
    fails,
    load_baseline,
)
from mockserver.conformance.report.html import as_html
from mockserver.conformance.report.junit import as_junit
from mockserver.conformance.report.markdown import as_markdown
from mockserver.conformance.report.view import (
    NAMES,
    answers,
    block,
    checks,
    chosen,
    facts,
    headline,
    one_line,
    severities,
    title_of,
)
from mockserver.conformance.report.wording import advice, promised, summary
from mockserver.writing import write_whole

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
    """Write every form into *folder*, or none; give the files. Raises OSError with a name."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "report.json": json.dumps(as_json(report, comparison), indent=2) + "\n",
        "report.md": as_markdown(report, comparison),
        "report.html": as_html(report, comparison),
        "junit.xml": as_junit(report, comparison),
    }
    write_whole(
        {folder / name: text.encode("utf-8", "backslashreplace") for name, text in texts.items()}
    )
    return [folder / name for name in texts]


# -- for programs ----------------------------------------------------------------------------


def as_json(report: Report, comparison: Comparison | None = None) -> dict[str, Any]:
    """Give everything as a JSON value; `load_baseline` reads it back."""
    document = {
        "format": FORMAT,
        "target": report.target,
        "started": report.started.isoformat(),
        "seed": report.seed,
        "command": report.command,
        "interrupted": report.interrupted,
        "fails": fails(report, comparison),
        "summary": {
            "checks": checks(report),
            "findings": severities(report.findings),
            "assumptions": {answer: len(found) for answer, found in answers(report).items()},
        },
        "requests": report.requests,
        "submissions": report.submissions,
        "reserved_usd": report.reserved_usd,
        "limit_usd": report.limit_usd,
        "unchecked": report.unchecked,
        "notes": report.notes,
        "findings": [_finding_as_json(report, one) for one in report.findings],
        "checks": [_verdict_as_json(one) for one in report.check_results],
        "assumptions": [
            {name: getattr(one, name) for name in ("clause", "text", "answer", "observed")}
            for found in answers(report).values()
            for one in found
        ],
    }
    if comparison is not None:
        document["comparison"] = {
            "target": comparison.baseline.target,
            "started": comparison.baseline.started,
            "new": [one.key for one in comparison.new],
            "unchanged": [one.key for one in comparison.unchanged],
            "gone": [one.key for one in comparison.gone],
            "unseen": [one.key for one in comparison.unseen],
        }
    return document


def _finding_as_json(report: Report, finding: Finding) -> dict[str, Any]:
    return {
        "key": finding.key,
        "check": finding.check,
        "title": title_of(report, finding),
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


def _verdict_as_json(check_result: CheckResult) -> dict[str, Any]:
    return {
        "check": check_result.check,
        "title": check_result.title,
        "clauses": list(check_result.clauses),
        "status": check_result.status,
        "reason": check_result.reason,
        "observations": check_result.observations,
        "findings": [one.key for one in check_result.findings],
    }


# -- for the terminal ------------------------------------------------------------------------


def terminal_summary(report: Report, comparison: Comparison | None) -> str:
    """Write what a screen has room for: the findings, the worst first, and how it ended."""
    shown, others = chosen(report.findings if comparison is None else comparison.new, _BLOCKS)
    lines: list[str] = []
    for one in shown:
        name = NAMES[one.severity][0].upper()
        lines += [*block(one, title_of(report, one), name), ""]
    if others:
        lines += [f"and {len(others)} more, see --report", ""]
    lines.append(f"maxapi-mock verify: {headline(report, comparison)}")
    lines += [f"  {name:11}{text}" for name, text in _totals(report, comparison)]
    return "\n".join(lines)


def _totals(report: Report, comparison: Comparison | None) -> Iterator[tuple[str, str]]:
    counted = dict(facts(report, comparison))
    names = ["target", "seed", "checks", "findings", "requests"]
    names += ["baseline"] * (comparison is not None) + ["money"] * (report.limit_usd is not None)
    yield from ((name, counted[name]) for name in names)
    by_answer = (f"{len(found)} {answer}" for answer, found in answers(report).items() if found)
    yield "assumed", ", ".join(by_answer)
    skipped = [
        f"{one.check}: {one.reason}" for one in report.check_results if one.status == "skipped"
    ]
    yield from _listed("skipped", skipped)
    yield from _listed("unchecked", report.unchecked)
    yield from _listed("note", report.notes)
    if comparison is not None:
        yield from _listed("gone", [one.key for one in comparison.gone])


def _listed(name: str, texts: list[str]) -> Iterator[tuple[str, str]]:
    for number, text in enumerate(texts[:_LISTED]):
        yield "" if number else name, one_line(text, 160)
    if len(texts) > _LISTED:
        yield "", f"and {len(texts) - _LISTED} more, see --report"
