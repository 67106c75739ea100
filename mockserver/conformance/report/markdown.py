"""A report as Markdown, such as GitHub's summary of a job shows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from mockserver.conformance.model import Assumption, Exchange, Finding, Report
from mockserver.conformance.report.baseline import Comparison
from mockserver.conformance.report.view import (
    ANSWERS,
    NAMES,
    PROSE,
    again,
    answered,
    answers,
    chosen,
    facts,
    heading_of,
    headline,
    one_line,
    ordered,
    rows,
    sent,
    title_of,
)

_FULL = 25
"""Findings that are shown with their exchange; the others are lines."""
_LISTED = 200
"""Lines of a list that could be long."""
_TEXT = 2000
"""Characters of a block. All these hold a page below the megabyte of a GitHub job's summary."""


def as_markdown(report: Report, comparison: Comparison | None) -> str:
    """Write the page; texts of the target are in code, which they cannot leave."""
    lines = [f"# Contract report: {plain(headline(report, comparison))}", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {plain(text)} |" for name, text in facts(report, comparison)]
    lines += ["", "## Findings", "", *_findings(report, comparison)]
    if comparison is not None and comparison.gone:
        lines += ["## Gone since the baseline", ""]
        lines += [*_listed(f"{one.severity}: {code(one.key)}" for one in comparison.gone), ""]
    if report.notes:
        lines += ["## Notes", "", *_listed(map(plain, report.notes)), ""]
    if report.unchecked:
        lines += ["## Left out by the spending limit", ""]
        lines += [*_listed(map(plain, report.unchecked)), ""]
    lines += ["## Laws", "", "| outcome | law | | times | |", "|---|---|---|---|---|"]
    for one in report.check_results:
        cells = (one.status, one.check, one.title, str(one.observations), one.reason)
        lines.append(f"| {' | '.join(map(plain, cells))} |")
    lines += ["", "## Assumptions", "", *_assumptions(report)]
    return "\n".join(lines).rstrip() + "\n"


def plain(text: str) -> str:
    """Write a text so that nothing in it is markup, also in the cell of a table."""
    escaped = re.sub(r"([\\`*_\[\]<&~$])", r"\\\1", one_line(text))
    return escaped.replace("|", "&#124;")


def code(text: str) -> str:
    """Write a text as a code span; not for the cell of a table."""
    line = one_line(text)
    fence = "`" * (_longest(line) + 1)
    space = " " if {line[:1], line[-1:]} & {"`", " "} else ""
    return f"{fence}{space}{line}{space}{fence}" if line.strip() else "(nothing)"


def _block(text: str) -> list[str]:
    shown = text if len(text) <= _TEXT else f"{text[:_TEXT]}..."
    fence = "`" * max(3, _longest(shown) + 1)
    return [f"{fence}text", shown, fence]


def _longest(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def _findings(report: Report, comparison: Comparison | None) -> Iterator[str]:
    shown, others = chosen(ordered(report, comparison), _FULL)
    if not shown:
        yield from ("None: no law that was held is broken.", "")
    for one in shown:
        yield from _finding(one, title_of(report, one), comparison)
    if others:
        yield from (f"### {len(others)} more", "")
        yield from _listed(
            f"{one.severity}: {plain(one.check)}: {code(heading_of(one))}" for one in others
        )
        yield ""


def _listed(items: Iterable[str]) -> Iterator[str]:
    listed = list(items)
    yield from (f"- {item}" for item in listed[:_LISTED])
    if len(listed) > _LISTED:
        yield f"- and {len(listed) - _LISTED} more: see report.json"


def _finding(finding: Finding, title: str, comparison: Comparison | None) -> Iterator[str]:
    known = ""
    if comparison is not None:
        known = ", new" if comparison.is_new(finding) else ", known"
    name = NAMES[finding.severity][0]
    yield f"### {name.capitalize()}{known}: {plain(heading_of(finding))}"
    yield ""
    for row, text in rows(finding, title):
        yield f"- {row}: {plain(text) if row in PROSE else code(text)}"
    yield ""
    if finding.exchange is not None:
        yield from _exchange(finding.exchange)


def _exchange(exchange: Exchange) -> Iterator[str]:
    yield from ("<details><summary>exchange</summary>", "")
    for text in (sent(exchange), answered(exchange), again(exchange)):
        yield from (*_block(text), "")
    yield from ("</details>", "")


def _assumptions(report: Report) -> Iterator[str]:
    for answer, found in answers(report).items():
        if not found:
            continue
        folded = answer == "not observed"
        heading = f"{ANSWERS[answer]}: {len(found)}"
        if folded:
            yield f"<details><summary>{heading}</summary>"
        else:
            yield f"### {heading}"
        yield ""
        yield from map(_assumption, found)
        yield from ("", "</details>", "") if folded else ("",)


def _assumption(one: Assumption) -> str:
    observed = f"; observed: {code(one.observed)}" if one.observed else ""
    return f"- {plain(one.text)} {code(one.clause)}{observed}"
