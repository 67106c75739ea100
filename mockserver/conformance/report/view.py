"""What every form of a report shows, computed once: what is counted, in which order, in words."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mockserver.conformance.model import (
    SEVERITIES,
    STATUSES,
    Assumption,
    Finding,
    Outcome,
    Report,
    Severity,
    Status,
)
from mockserver.conformance.report.baseline import Comparison, Known, fails
from mockserver.conformance.report.finding_view import NAMES, FindingView, heading_of, rows
from mockserver.conformance.report.text import one_line, plural, printable

__all__ = [
    "FindingView",
    "ReportView",
    "chosen",
    "facts",
    "heading_of",
    "headline",
    "one_line",
    "plural",
    "printable",
    "rows",
    "view_of",
]

_OUTCOMES: dict[Outcome, str] = {
    "different": "Different from the assumption",
    "as assumed": "As assumed",
    "not observed": "Not observed",
}
"""How a list of assumptions with each outcome is called, in the order in which they are shown."""
_LAST = ("/price", "/typical_duration")
"""Ends of the clauses that no run can observe, and of which there are many."""


@dataclass(frozen=True)
class CheckView:
    """The result of a check."""

    check: str
    title: str
    status: Status
    reason: str
    clauses: tuple[str, ...]
    observations: int
    findings: tuple[FindingView, ...]


@dataclass(frozen=True)
class AssumptionsView:
    """The assumptions with the same outcome."""

    outcome: Outcome
    title: str
    assumptions: tuple[Assumption, ...]

    @property
    def is_folded(self) -> bool:
        """Whether a reader only sees them on demand: nothing is known about them."""
        return self.outcome == "not observed"


@dataclass(frozen=True)
class ReportView:
    """A run, with its comparison to a baseline if there is one."""

    report: Report
    comparison: Comparison | None
    fails: bool
    headline: str
    facts: tuple[tuple[str, str], ...]
    statuses: dict[Status, int]
    """How many checks have each status."""
    severities: dict[Severity, int]
    """How many findings have each severity."""
    checks: tuple[CheckView, ...]
    """In the order in which they are defined."""
    findings: tuple[FindingView, ...]
    """The worst first; with a baseline, all new ones before all known ones."""
    gone: tuple[Known, ...]
    """Findings of the baseline that were looked for and not found."""
    unseen: tuple[Known, ...]
    """Findings of the baseline whose check did not run completely this time."""
    assumptions: tuple[AssumptionsView, ...]

    @property
    def worst_first(self) -> list[FindingView]:
        """The findings by severity alone, new or known."""
        return sorted(self.findings, key=lambda one: SEVERITIES.index(one.severity))

    @property
    def new_findings(self) -> tuple[FindingView, ...]:
        """The findings that a baseline does not have; all if there is none."""
        return tuple(one for one in self.findings if one.is_new is not False)


def view_of(report: Report, comparison: Comparison | None = None) -> ReportView:
    """Compute what all forms of a report show."""
    titles = {one.check: one.title for one in report.check_results}

    def view(finding: Finding) -> FindingView:
        is_new = None if comparison is None else comparison.is_new(finding)
        return FindingView(finding, titles.get(finding.check, ""), is_new)

    return ReportView(
        report=report,
        comparison=comparison,
        fails=fails(report, comparison),
        headline=headline(report, comparison),
        facts=tuple(facts(report, comparison)),
        statuses=_statuses(report),
        severities=_severities(report.findings),
        checks=tuple(
            CheckView(
                one.check,
                one.title,
                one.status,
                one.reason,
                one.clauses,
                one.observations,
                tuple(map(view, one.findings)),
            )
            for one in report.check_results
        ),
        findings=tuple(map(view, _ordered(report, comparison))),
        gone=() if comparison is None else tuple(comparison.gone),
        unseen=() if comparison is None else tuple(comparison.unseen),
        assumptions=tuple(_by_outcome(report.assumptions)),
    )


# -- the run ---------------------------------------------------------------------------------


def _statuses(report: Report) -> dict[Status, int]:
    counted = Counter(one.status for one in report.check_results)
    return {status: counted[status] for status in STATUSES}


def _severities(findings: Iterable[Finding]) -> dict[Severity, int]:
    counted = Counter(one.severity for one in findings)
    return {severity: counted[severity] for severity in SEVERITIES}


def _by_outcome(assumptions: Iterable[Assumption]) -> Iterable[AssumptionsView]:
    """Group assumptions: first those that differ; within a group, prices and durations last."""
    groups: defaultdict[Outcome, list[Assumption]] = defaultdict(list)
    for one in sorted(assumptions, key=lambda one: one.clause.endswith(_LAST)):
        groups[one.outcome].append(one)
    return (AssumptionsView(one, title, tuple(groups[one])) for one, title in _OUTCOMES.items())


def headline(report: Report, comparison: Comparison | None) -> str:
    """Return in a few words how a run ended."""
    drift = _severities(report.findings if comparison is None else comparison.new)["drift"]
    new = "" if comparison is None else "new "
    if fails(report, comparison):
        said = plural(drift, f"{new}finding") + " of drift"
    else:
        made = sum(one.status != "skipped" for one in report.check_results)
        said = f"no {new}drift in {plural(made, 'check')}" if made else "nothing was checked"
    return f"interrupted; {said}" if report.interrupted else said


def facts(report: Report, comparison: Comparison | None) -> list[tuple[str, str]]:
    """List what a reader should know about a run, each fact on one line."""
    counted = ", ".join(f"{number} {status}" for status, number in _statuses(report).items())
    listed = [
        ("target", report.target),
        ("started", f"{report.started:%Y-%m-%d %H:%M:%S %Z}".strip()),
        ("command", report.command),
        ("seed", str(report.seed)),
        ("requests", f"{report.requests}, {report.submissions} of them submissions"),
        ("money", _spent(report)),
        ("checks", counted),
        ("findings", _in_words(_severities(report.findings))),
    ]
    if report.lost:
        listed.append(("stopped", report.lost))
    if comparison is not None:
        listed.append(("baseline", _compared(comparison)))
    return [(name, one_line(text)) for name, text in listed]


def _spent(report: Report) -> str:
    most = f"at most ${report.reserved_usd}"
    if report.limit_usd is None:
        return f"{most}, where submissions are paid for; no limit"
    return f"{most} of the limit of ${report.limit_usd}"


def _in_words(counts: dict[Severity, int]) -> str:
    words = [f"{number} {NAMES[one][number > 1]}" for one, number in counts.items() if number]
    return ", ".join(words) or "none"


def _compared(comparison: Comparison) -> str:
    counted = [
        f"{len(comparison.new)} new",
        f"{len(comparison.unchanged)} known",
        f"{len(comparison.gone)} gone",
    ]
    if comparison.unseen:
        counted.append(f"{len(comparison.unseen)} not checked completely")
    baseline = comparison.baseline
    return f"{', '.join(counted)}, compared with {baseline.target} at {baseline.started}"


# -- order -----------------------------------------------------------------------------------


def _ordered(report: Report, comparison: Comparison | None) -> list[Finding]:
    """List the findings as a reader should meet them.

    `report.findings` has the worst severity first and, within a severity, the order of the checks.
    With a baseline, everything new comes before everything known, whatever its severity: known
    drift does not fail the run, and a new warning is news.
    """
    return report.findings if comparison is None else [*comparison.new, *comparison.unchanged]


def chosen(
    findings: Sequence[FindingView], most: int
) -> tuple[list[FindingView], list[FindingView]]:
    """Divide findings into at most *most* that are shown in full, and the others.

    One failed check can cause thousands of findings and must not hide the others. So findings are
    chosen in rounds: within a severity, the first of each check, then the second of each, and so
    on; a worse severity always comes before a milder one. Both lists keep the order of *findings*.
    """
    seen: Counter[tuple[Severity, str]] = Counter()
    ranks = []
    for number, one in enumerate(findings):
        ranks.append((SEVERITIES.index(one.severity), seen[one.severity, one.check], number))
        seen[one.severity, one.check] += 1
    shown = {number for _, _, number in sorted(ranks)[:most]}
    return (
        [one for number, one in enumerate(findings) if number in shown],
        [one for number, one in enumerate(findings) if number not in shown],
    )
