"""One finding as every form of a report shows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from mockserver.conformance.model import Exchange, Finding, Severity
from mockserver.conformance.report.text import one_line, printable
from mockserver.conformance.report.wording import advice, often, promised, summary

NAMES: dict[Severity, tuple[str, str]] = {
    "drift": ("drift", "drift"),
    "warning": ("warning", "warnings"),
    "assumption": ("difference from an assumption", "differences from assumptions"),
    "note": ("note", "notes"),
}
"""What one finding of each severity is called, and several."""

_PROSE = ("your app", "seen", "source", "check")
"""Rows that are sentences; the others quote something."""
_CURL = 2000
"""Characters of a command that is worth copying."""


class Row(NamedTuple):
    """A fact about a finding."""

    name: str
    text: str
    """On one line."""

    @property
    def is_prose(self) -> bool:
        """Whether the text is a sentence, and not a quotation."""
        return self.name in _PROSE


@dataclass(frozen=True)
class ExchangeView:
    """The exchange of a finding."""

    exchange: Exchange

    @cached_property
    def line(self) -> str:
        """Method, path and status, on one line."""
        return one_line(str(self.exchange), 160)

    @cached_property
    def request(self) -> str:
        """The request as HTTP writes it."""
        shown = self.exchange.as_json()
        first = f"{self.exchange.method} {self.exchange.url}"
        return _message(first, shown["headers"], shown["body"])

    @cached_property
    def response(self) -> str:
        """The response as HTTP writes it, or why there is none."""
        shown = self.exchange.as_json()
        body = shown["response_body"]
        if b"\0" in self.exchange.response_body:
            body = f"({len(self.exchange.response_body)} bytes that are not text)"
        outcome = [str(one) for one in (self.exchange.status, self.exchange.error) if one]
        return _message(", then ".join(outcome), shown["response_headers"], body)

    @cached_property
    def again(self) -> str:
        """A command that sends the request again, unless it is too long to copy."""
        curl = self.exchange.curl
        return one_line(curl, _CURL) if len(curl) <= _CURL else f"({len(curl)} characters of curl)"


def _message(first: str, headers: dict[str, str], body: str) -> str:
    lines = [one_line(first), *(one_line(f"{name}: {value}") for name, value in headers.items())]
    return "\n".join([*lines, "", printable(body)] if body else lines)


@dataclass(frozen=True)
class FindingView:
    """A finding, with the title of its check."""

    finding: Finding
    title: str
    is_new: bool | None = None
    """Whether the baseline does not have it; None without a baseline."""

    @property
    def severity(self) -> Severity:
        """What it is worth."""
        return self.finding.severity

    @property
    def kind(self) -> str:
        """What a finding of its severity is called."""
        return NAMES[self.severity][0]

    @property
    def check(self) -> str:
        """The id of its check."""
        return self.finding.check

    @property
    def is_fatal(self) -> bool:
        """Whether it fails the run: it is drift, and the baseline does not have it."""
        return self.severity == "drift" and self.is_new is not False

    @cached_property
    def heading(self) -> str:
        """One sentence that says what was found."""
        return heading_of(self.finding)

    @cached_property
    def rows(self) -> list[Row]:
        """What a reader should know besides heading, severity and exchange."""
        return rows(self.finding, self.title)

    @cached_property
    def exchange(self) -> ExchangeView | None:
        """The exchange that shows it, if there is one."""
        return None if self.finding.exchange is None else ExchangeView(self.finding.exchange)

    def block(self, kind: str) -> Iterator[str]:
        """Write it as a few lines of text that begin with *kind*."""
        shown = [*self.rows]
        if self.exchange is not None:
            shown.append(Row("exchange", self.exchange.line))
            shown.append(Row("again", self.exchange.again))
        yield f"{kind}: {self.heading}"
        yield from (f"  {name:11}{text}" for name, text in shown)


def heading_of(finding: Finding) -> str:
    """Return one sentence that says what was found."""
    return one_line(summary(finding))


def rows(finding: Finding, title: str) -> list[Row]:
    """List what a reader should know about a finding; *title* is that of its check.

    The first row is what to do, for readers who stop there; then come the facts, and last what
    only those need who change the contract.
    """
    clause = finding.clause
    listed = [
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
    return [Row(name, one_line(text)) for name, text in listed if text or name != "on"]
