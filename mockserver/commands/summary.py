"""The summary of a run, in three forms."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from decimal import Decimal
from typing import Any

from mockserver.domain.price import money, spent_text
from mockserver.engine.usage import Tally

_SHOWN = 12
"""Rows of a list that a screen has room for."""
_WIDTH = 160


def as_text(tally: Tally, spent: Decimal, unpriced: int = 0) -> str:
    """Write it for a terminal; *unpriced* tasks are charged for and not in *spent*."""
    lines = [f"maxapi-mock: {_headline(tally, spent, unpriced)}"]
    lines += [f"  {name:14}{sum(by.values()):>5}  {_counts(by)}" for name, by in _rows(tally)]
    for title, counts in _lists(tally):
        lines.append(f"  {title}:")
        lines += [f"    {number:>4} x {on_one_line(text)}" for text, number in counts]
    return "\n".join(lines)


def as_markdown(tally: Tally, spent: Decimal, unpriced: int = 0) -> str:
    """Write it for a page, such as a GitHub job's summary."""
    lines = ["### MaxAPI mock", "", _headline(tally, spent, unpriced) + ".", ""]
    if _rows(tally):
        lines += ["| | number | outcome |", "|---|---|---|"]
        for name, by in _rows(tally):
            cell = _counts(by).replace("|", "\\|")
            lines.append(f"| {name} | {sum(by.values())} | {cell} |")
    for title, counts in _lists(tally):
        lines += ["", f"**{title.capitalize()}**", ""]
        lines += [f"- {number} x `{on_one_line(text).replace('`', '')}`" for text, number in counts]
    return "\n".join([*lines, "", ""])


def as_json(tally: Tally, spent: Decimal, unpriced: int = 0) -> str:
    """Write it for programs; it holds everything, not only what a page shows."""
    requests: dict[str, dict[str, int]] = defaultdict(dict)
    for (operation, status), number in sorted(tally.requests.items()):
        requests[operation][str(status)] = number
    document: dict[str, Any] = {
        "requests": requests,
        "tasks": dict(tally.tasks),
        "webhooks": dict(tally.webhooks),
        "webhook_attempts": dict(tally.attempts),
        "warnings": dict(tally.warnings),
        "notes": dict(tally.notes),
        "scenarios": dict(tally.scenarios),
        "cost_usd": money(spent),
    }
    if unpriced:
        document["unpriced_tasks"] = unpriced
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _headline(tally: Tally, spent: Decimal, unpriced: int) -> str:
    requests, webhooks = sum(tally.requests.values()), sum(tally.attempts.values())
    warnings = sum(tally.warnings.values())
    counts = [
        _plural(requests, "request"),
        _plural(webhooks, "webhook attempt"),
        _plural(warnings, "contract warning"),
    ]
    return f"{', '.join(counts)}; live it would have cost {spent_text(spent, unpriced)}"


def _plural(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"


def _rows(tally: Tally) -> list[tuple[str, Counter[Any]]]:
    """Give the outcomes of each operation, of the tasks and of the webhooks."""
    rows: dict[str, Counter[Any]] = {}
    for (operation, status), number in tally.requests.items():
        rows.setdefault(operation, Counter())[status] = number
    others = {"task": tally.tasks, "webhook": tally.webhooks, "attempt": tally.attempts}
    return [*rows.items(), *((name, counts) for name, counts in others.items() if counts)]


def _lists(tally: Tally) -> list[tuple[str, list[tuple[str, int]]]]:
    named = [
        ("contract warnings", tally.warnings),
        ("notes", tally.notes),
        ("scenarios", tally.scenarios),
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
        f"{on_one_line(str(outcome))} x {number}" for outcome, number in _most(outcomes, 4)
    )


def on_one_line(text: str) -> str:
    """Write a text that may hold anything on one line."""
    plain = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
    return plain if len(plain) <= _WIDTH else f"{plain[:_WIDTH]}..."
