"""A report as JUnit XML, which every CI server reads."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from mockserver.conformance.report.finding_view import FindingView
from mockserver.conformance.report.text import one_line
from mockserver.conformance.report.view import CheckView, ReportView

_BLOCKS = 50
"""Findings of a check that are shown."""


def as_junit(view: ReportView) -> str:
    """Write one test case for each check; like the run, it fails for drift that is new.

    Another case has an error if the run could not go on.
    """
    report = view.report
    cases = [_case(one) for one in view.checks]
    if report.lost:
        cases.append(_error(report.lost))
    counts = {
        "tests": f"{len(cases)}",
        "failures": f"{sum(case.find('failure') is not None for case in cases)}",
        "errors": f"{int(bool(report.lost))}",
        "skipped": f"{sum(case.find('skipped') is not None for case in cases)}",
        "time": "0",
    }
    root = ET.Element("testsuites", counts)
    started = f"{report.started:%Y-%m-%dT%H:%M:%S}"
    suite = ET.SubElement(root, "testsuite", counts | {"name": "contract", "timestamp": started})
    properties = ET.SubElement(suite, "properties")
    named = {
        "target": report.target,
        "command": report.command,
        "seed": str(report.seed),
        "interrupted": str(report.interrupted).lower(),
    }
    for name, value in named.items():
        ET.SubElement(properties, "property", name=name, value=one_line(value))
    suite.extend(cases)
    if report.notes:
        noted = "\n".join(map(one_line, report.notes))
        ET.SubElement(suite, "system-out").text = noted
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _error(why: str) -> ET.Element:
    case = ET.Element("testcase", classname="contract", name="the run", time="0")
    ET.SubElement(case, "error", type="lost", message=one_line(why))
    return case


def _case(check: CheckView) -> ET.Element:
    name = one_line(f"{check.check}: {check.title}")
    case = ET.Element("testcase", classname="contract", name=name, time="0")
    fatal = [one for one in check.findings if one.is_fatal]
    others = [one for one in check.findings if not one.is_fatal]
    printed = [_blocks(others)] if others else []
    if fatal:
        failure = ET.SubElement(case, "failure", type="drift", message=fatal[0].heading)
        failure.text = _blocks(fatal)
    elif check.status == "skipped":
        ET.SubElement(case, "skipped", message=one_line(check.reason))
    if check.reason and check.status != "skipped":
        printed.append(f"did not run completely: {one_line(check.reason)}")
    if printed:
        ET.SubElement(case, "system-out").text = "\n".join(printed)
    return case


def _blocks(findings: Sequence[FindingView]) -> str:
    lines: list[str] = []
    for one in findings[:_BLOCKS]:
        lines += one.block(f"{one.kind}{', known' * (one.is_new is False)}")
    if len(findings) > _BLOCKS:
        lines.append(f"and {len(findings) - _BLOCKS} more: see report.json")
    return "\n".join(lines)
