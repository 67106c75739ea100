"""A report as Markdown, for example for the summary of a GitHub job."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from mockserver.conformance.report.finding_view import FindingView
from mockserver.conformance.report.templating import environment
from mockserver.conformance.report.text import one_line
from mockserver.conformance.report.view import ReportView, chosen

if TYPE_CHECKING:
    from jinja2 import Template

_FULL = 25
"""Findings that are shown with their exchange; the others are lines."""
_LISTED = 200
"""Lines of a list that could be long."""
_TEXT = 2000
"""Characters of a block. Together these keep a page below GitHub's limit of a megabyte."""


def as_markdown(view: ReportView) -> str:
    """Write the page; texts of the target are escaped, or in code that they cannot leave."""
    shown, others = chosen(view.findings, _FULL)
    text = _template().render(
        view=view,
        shown=shown,
        others=_listed(map(_line, others)),
        number_of_others=len(others),
        gone=_listed(f"{one.severity}: {code(one.key)}" for one in view.gone),
        notes=_listed(map(plain, view.report.notes)),
        unchecked=_listed(map(plain, view.report.unchecked)),
    )
    return text.rstrip() + "\n"


@cache
def _template() -> Template:
    made = environment().overlay()
    made.filters = {**made.filters, "plain": plain, "code": code, "fenced": _fenced}
    return made.get_template("report.md.j2")


def plain(text: str) -> str:
    """Write a text so that nothing in it is markup, not even in the cell of a table."""
    escaped = re.sub(r"([\\`*_\[\]<&~$])", r"\\\1", one_line(text))
    return escaped.replace("|", "&#124;")


def code(text: str) -> str:
    """Write a text as a code span; not for the cell of a table."""
    line = one_line(text)
    fence = "`" * (_longest(line) + 1)
    space = " " if {line[:1], line[-1:]} & {"`", " "} else ""
    return f"{fence}{space}{line}{space}{fence}" if line.strip() else "(nothing)"


def _fenced(text: str) -> str:
    shown = text if len(text) <= _TEXT else f"{text[:_TEXT]}..."
    fence = "`" * max(3, _longest(shown) + 1)
    return f"{fence}text\n{shown}\n{fence}"


def _longest(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def _line(finding: FindingView) -> str:
    return f"{finding.severity}: {plain(finding.check)}: {code(finding.heading)}"


def _listed(items: Iterable[str]) -> list[str]:
    """Cut a list that is too long, and say so in its last line."""
    listed = list(items)
    more = [f"and {len(listed) - _LISTED} more: see report.json"]
    return [*listed[:_LISTED], *(more if len(listed) > _LISTED else ())]
