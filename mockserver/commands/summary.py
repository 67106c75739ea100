"""The summary of a run, in three forms."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from decimal import Decimal
from typing import Any

from mockserver.commands.output import on_one_line, plural
from mockserver.domain.price import money, spent_text
from mockserver.engine.usage import Usage

_SHOWN = 12
"""Rows of a list that a screen has room for."""
_WIDTH = 160


def as_text(usage: Usage, spent: Decimal, unpriced: int = 0) -> str:
    """Write it for a terminal; *unpriced* tasks are charged for and not in *spent*."""
    lines = [f"maxapi-mock run: {_headline(usage, spent, unpriced)}"]
    lines += [f"  {name:14}{sum(by.values()):>5}  {_counts(by)}" for name, by in _rows(usage)]
    for title, counts in _lists(usage):
        lines.append(f"  {title}:")
        lines += [f"    {number:>4} x {on_one_line(text, _WIDTH)}" for text, number in counts]
    return "\n".join(lines)


def as_markdown(usage: Usage, spent: Decimal, unpriced: int = 0) -> str:
    """Write it for a page, for example the summary of a GitHub job."""
    lines = ["### MaxAPI mock", "", _headline(usage, spent, unpriced) + ".", ""]
    if _rows(usage):
        lines += ["| | number | outcome |", "|---|---|---|"]
        for name, by in _rows(usage):
            cell = _counts(by).replace("|", "\\|")
            lines.append(f"| {name} | {sum(by.values())} | {cell} |")
    for title, counts in _lists(usage):
        lines += ["", f"**{title.capitalize()}**", ""]
        lines += [
            f"- {number} x `{on_one_line(text, _WIDTH).replace('`', '')}`"
            for text, number in counts
        ]
    return "\n".join([*lines, "", ""])


def as_json(usage: Usage, spent: Decimal, unpriced: int = 0) -> str:
    """Write it for programs; it holds everything, not only what a page shows."""
    requests: dict[str, dict[str, int]] = defaultdict(dict)
    for (operation, status), number in sorted(usage.requests.items()):
        requests[operation][str(status)] = number
    document: dict[str, Any] = {
        "requests": requests,
        "tasks": dict(usage.tasks),
        "webhooks": dict(usage.webhooks),
        "webhook_attempts": dict(usage.attempts),
        "warnings": dict(usage.warnings),
        "notes": dict(usage.notes),
        "scenarios": dict(usage.scenarios),
        "cost_usd": money(spent),
    }
    if unpriced:
        document["unpriced_tasks"] = unpriced
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _headline(usage: Usage, spent: Decimal, unpriced: int) -> str:
    requests, webhooks = sum(usage.requests.values()), sum(usage.attempts.values())
    warnings = sum(usage.warnings.values())
    counts = [
        plural(requests, "request"),
        plural(webhooks, "webhook attempt"),
        plural(warnings, "contract warning"),
    ]
    return f"{', '.join(counts)}; live it would have cost {spent_text(spent, unpriced)}"


def _rows(usage: Usage) -> list[tuple[str, Counter[Any]]]:
    """Return the outcomes of each operation, of the tasks and of the webhooks."""
    rows: dict[str, Counter[Any]] = {}
    for (operation, status), number in usage.requests.items():
        rows.setdefault(operation, Counter())[status] = number
    others = {"task": usage.tasks, "webhook": usage.webhooks, "attempt": usage.attempts}
    return [*rows.items(), *((name, counts) for name, counts in others.items() if counts)]


def _lists(usage: Usage) -> list[tuple[str, list[tuple[str, int]]]]:
    named = [
        ("contract warnings", usage.warnings),
        ("notes", usage.notes),
        ("scenarios", usage.scenarios),
    ]
    return [(title, _most(counts, _SHOWN)) for title, counts in named if counts]


def _most(counts: Counter[Any], shown: int) -> list[tuple[Any, int]]:
    most = counts.most_common(shown)
    left_out = len(counts) - len(most)
    return [*most, (f"and {left_out} others", counts.total() - sum(n for _, n in most))][
        : len(most) + bool(left_out)
    ]


def _counts(outcomes: Counter[Any]) -> str:
    return ", ".join(
        f"{on_one_line(str(outcome), _WIDTH)} x {number}" for outcome, number in _most(outcomes, 4)
    )
