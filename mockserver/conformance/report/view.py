"""What every form of a report says: what is counted, in which order, in which words.

Texts of the target are shown by `printable` and `one_line` only: whatever bytes it sent, no
terminal, page or parser finds anything in them to obey.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from mockserver.conformance.model import SEVERITIES, Assumption, Exchange, Finding, Report
from mockserver.conformance.report.baseline import Comparison, fails
from mockserver.conformance.report.wording import advice, often, promised, summary

NAMES = {
    "drift": ("drift", "drift"),
    "warning": ("warning", "warnings"),
    "assumption": ("assumption answered otherwise", "assumptions answered otherwise"),
    "information": ("information", "information"),
}
"""What one finding of each severity is called, and several."""

ANSWERS = {
    "otherwise": "Answered otherwise",
    "as assumed": "As assumed",
    "not observed": "Not observed",
}
"""What can come of an assumption, and how a list of those is called."""

PROSE = ("your app", "seen", "source", "check")
"""Rows of a finding that are sentences; the others show what is written so somewhere."""

_CURL = 2000
"""Characters of a line that is worth copying."""
_LAST = ("/price", "/typical_duration")
"""Ends of the clauses that no run can observe, and that are many."""


def printable(text: str) -> str:
    """Write every character that is no visible one as an escape, but line breaks as they are."""
    return "".join(one if one.isprintable() or one == "\n" else repr(one)[1:-1] for one in text)


def one_line(text: str, most: int = 400) -> str:
    """Write a text on one line, shortened."""
    line = printable(text[: most + 1]).replace("\n", "\\n")
    return line if len(line) <= most else f"{line[:most]}..."


def plural(number: int, name: str) -> str:
    """Count a thing."""
    return f"{number} {name}{'' if number == 1 else 's'}"


# -- the run ---------------------------------------------------------------------------------


def checks(report: Report) -> dict[str, int]:
    """Count the laws that were held, broken and skipped."""
    counted = Counter(one.status for one in report.check_results)
    return {status: counted[status] for status in ("passed", "failed", "skipped")}


def severities(findings: Iterable[Finding]) -> dict[str, int]:
    """Count findings by severity."""
    counted = Counter(one.severity for one in findings)
    return {severity: counted[severity] for severity in SEVERITIES}


def answers(report: Report) -> dict[str, list[Assumption]]:
    """Group the assumptions by their answers; prices and durations come last."""
    groups: defaultdict[str, list[Assumption]] = defaultdict(list)
    for one in sorted(report.assumptions, key=lambda one: one.clause.endswith(_LAST)):
        groups[one.answer].append(one)
    return {answer: groups[answer] for answer in ANSWERS}


def spent(report: Report) -> str:
    """Say what the submissions can have cost."""
    most = f"at most ${report.reserved_usd}"
    if report.limit_usd is None:
        return f"{most}, where submissions are paid for; no limit"
    return f"{most} of the limit of ${report.limit_usd}"


def headline(report: Report, comparison: Comparison | None) -> str:
    """Say in a few words how it ended."""
    drift = severities(report.findings if comparison is None else comparison.new)["drift"]
    new = "" if comparison is None else "new "
    if fails(report, comparison):
        said = plural(drift, f"{new}finding") + " of drift"
    else:
        said = f"no {new}drift in {plural(_passed(report), 'check')}"
    return f"interrupted; {said}" if report.interrupted else said


def _passed(report: Report) -> int:
    return sum(one.status != "skipped" for one in report.check_results)


def in_words(counts: dict[str, int]) -> str:
    """Name what there is of each severity."""
    words = [f"{number} {NAMES[one][number > 1]}" for one, number in counts.items() if number]
    return ", ".join(words) or "none"


def facts(report: Report, comparison: Comparison | None) -> list[tuple[str, str]]:
    """List what is to be known of a run."""
    counted = ", ".join(f"{number} {status}" for status, number in checks(report).items())
    rows = [
        ("target", report.target),
        ("started", f"{report.started:%Y-%m-%d %H:%M:%S %Z}".strip()),
        ("command", report.command),
        ("seed", str(report.seed)),
        ("requests", f"{report.requests}, {report.submissions} of them submissions"),
        ("money", spent(report)),
        ("checks", counted),
        ("findings", in_words(severities(report.findings))),
    ]
    if comparison is not None:
        rows.append(("baseline", _compared(comparison)))
    return [(name, one_line(text)) for name, text in rows]


def _compared(comparison: Comparison) -> str:
    counted = [
        f"{len(comparison.new)} new",
        f"{len(comparison.unchanged)} known",
        f"{len(comparison.gone)} gone",
    ]
    if comparison.unseen:
        counted.append(f"{len(comparison.unseen)} not looked for everywhere")
    baseline = comparison.baseline
    return f"{', '.join(counted)}, beside {baseline.target} at {baseline.started}"


# -- findings --------------------------------------------------------------------------------


def ordered(report: Report, comparison: Comparison | None) -> list[Finding]:
    """List the findings, the worst first; beside an earlier run, the new before the known."""
    return report.findings if comparison is None else [*comparison.new, *comparison.unchanged]


def chosen(findings: Sequence[Finding], most: int) -> tuple[list[Finding], list[Finding]]:
    """Divide findings into at most *most* that are shown in full, and the others.

    The worst are shown; among equals, one of each law before two of any.
    """
    seen: Counter[tuple[str, str]] = Counter()
    ranks = []
    for number, one in enumerate(findings):
        ranks.append((SEVERITIES.index(one.severity), seen[one.severity, one.check], number))
        seen[one.severity, one.check] += 1
    shown = {number for _, _, number in sorted(ranks)[:most]}
    return (
        [one for number, one in enumerate(findings) if number in shown],
        [one for number, one in enumerate(findings) if number not in shown],
    )


def title_of(report: Report, finding: Finding) -> str:
    """Give the title of the law that a finding is about."""
    return next((one.title for one in report.check_results if one.check == finding.check), "")


def heading_of(finding: Finding) -> str:
    """Say in one sentence what a finding is."""
    return one_line(summary(finding))


def rows(finding: Finding, title: str) -> list[tuple[str, str]]:
    """List what is to be known of a finding besides its heading, severity and exchange.

    *title* is that of its law.
    """
    clause = finding.clause
    told = [
        ("your app", advice(finding)),
        ("expected", finding.expected),
        ("observed", finding.observed),
        ("on", finding.subject),
        ("seen", often(finding)),
        ("source", f"{promised(clause)} ({clause.confidence})"),
        ("check", f"{title} ({finding.check})" if title else finding.check),
        ("clause", clause.place),
        ("change", f"{finding.remedy}, if the API is right"),
    ]
    return [(name, one_line(text)) for name, text in told if text or name != "on"]


def block(finding: Finding, title: str, kind: str) -> Iterator[str]:
    """Write a finding as a few lines of text; *title* is that of its law."""
    told = rows(finding, title)
    if finding.exchange is not None:
        told.append(("exchange", one_line(str(finding.exchange), 160)))
        told.append(("again", again(finding.exchange)))
    yield f"{kind}: {heading_of(finding)}"
    yield from (f"  {name:11}{text}" for name, text in told)


def again(exchange: Exchange) -> str:
    """Give the line that sends a request again, unless nobody would copy it."""
    curl = exchange.curl
    return one_line(curl, _CURL) if len(curl) <= _CURL else f"({len(curl)} characters of curl)"


def sent(exchange: Exchange) -> str:
    """Write a request as HTTP does."""
    shown = exchange.as_json()
    return _message(f"{exchange.method} {exchange.url}", shown["headers"], shown["body"])


def answered(exchange: Exchange) -> str:
    """Write an answer as HTTP does, or say why there is none."""
    shown = exchange.as_json()
    body = shown["response_body"]
    if b"\0" in exchange.response_body:
        body = f"({len(exchange.response_body)} bytes that are no text)"
    outcome = [str(one) for one in (exchange.status, exchange.error) if one]
    return _message(", then ".join(outcome), shown["response_headers"], body)


def _message(first: str, headers: dict[str, str], body: str) -> str:
    lines = [one_line(first), *(one_line(f"{name}: {value}") for name, value in headers.items())]
    return "\n".join([*lines, "", printable(body)] if body else lines)
