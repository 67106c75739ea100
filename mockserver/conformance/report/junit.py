"""A report as JUnit XML, which every CI server reads."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from mockserver.conformance.model import CheckResult, Finding, Report
from mockserver.conformance.report.baseline import Comparison
from mockserver.conformance.report.view import NAMES, block, heading_of, one_line

_BLOCKS = 50
"""Findings of a law that are shown."""


def as_junit(report: Report, comparison: Comparison | None) -> str:
    """Write one test case for each law; it fails as the run does, for drift that is new."""
    cases = [_case(one, comparison) for one in report.check_results]
    counts = {
        "tests": f"{len(cases)}",
        "failures": f"{sum(case.find('failure') is not None for case in cases)}",
        "errors": "0",
        "skipped": f"{sum(case.find('skipped') is not None for case in cases)}",
        "time": "0",
    }
    root = ET.Element("testsuites", counts)
    started = f"{report.started:%Y-%m-%dT%H:%M:%S}"
    suite = ET.SubElement(root, "testsuite", counts | {"name": "contract", "timestamp": started})
    properties = ET.SubElement(suite, "properties")
    told = {
        "target": report.target,
        "command": report.command,
        "seed": str(report.seed),
        "interrupted": str(report.interrupted).lower(),
    }
    for name, value in told.items():
        ET.SubElement(properties, "property", name=name, value=one_line(value))
    suite.extend(cases)
    if report.notes:
        noted = "\n".join(map(one_line, report.notes))
        ET.SubElement(suite, "system-out").text = noted
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _case(check_result: CheckResult, comparison: Comparison | None) -> ET.Element:
    name = one_line(f"{check_result.check}: {check_result.title}")
    case = ET.Element("testcase", classname="contract", name=name, time="0")
    fatal = [one for one in check_result.findings if _is_fatal(one, comparison)]
    others = [one for one in check_result.findings if not _is_fatal(one, comparison)]
    said = [_blocks(others, check_result.title, comparison)] if others else []
    if fatal:
        message = heading_of(fatal[0])
        failure = ET.SubElement(case, "failure", type="drift", message=message)
        failure.text = _blocks(fatal, check_result.title, comparison)
    elif check_result.status == "skipped":
        ET.SubElement(case, "skipped", message=one_line(check_result.reason))
    if check_result.reason and check_result.status != "skipped":
        said.append(f"not held on everything: {one_line(check_result.reason)}")
    if said:
        ET.SubElement(case, "system-out").text = "\n".join(said)
    return case


def _is_fatal(finding: Finding, comparison: Comparison | None) -> bool:
    return finding.severity == "drift" and (comparison is None or comparison.is_new(finding))


def _blocks(findings: Sequence[Finding], title: str, comparison: Comparison | None) -> str:
    lines: list[str] = []
    for one in findings[:_BLOCKS]:
        known = comparison is not None and not comparison.is_new(one)
        lines += block(one, title, f"{NAMES[one.severity][0]}{', known' * known}")
    if len(findings) > _BLOCKS:
        lines.append(f"and {len(findings) - _BLOCKS} more: see report.json")
    return "\n".join(lines)
