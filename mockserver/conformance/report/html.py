"""A report as one HTML page: no script, nothing from elsewhere, good on screen and on paper."""

from __future__ import annotations

from mockserver.conformance.report.finding_view import NAMES
from mockserver.conformance.report.templating import environment
from mockserver.conformance.report.view import ReportView, chosen

_FULL = 200
"""Findings that are shown with their exchange; the others are lines."""


def as_html(view: ReportView) -> str:
    """Write the page; the template escapes every text of the target."""
    shown, others = chosen(view.findings, _FULL)
    template = environment().get_template("report.html.j2")
    return template.render(view=view, shown=shown, others=others, names=NAMES)
