"""What was observed of a target, as values."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from mockserver.contract import NotJson, parse_json
from mockserver.domain.redaction import REDACTED

WEBHOOK = "webhook"
"""The operation of an exchange in which the app was called."""
_SHOWN = 4000


@dataclass(frozen=True)
class Exchange:
    """A request and what came of it; tokens are redacted before one is made."""

    method: str
    url: str
    path: str
    operation: str | None
    """Which operation of `service.json` was called, or `result`; None for any other route."""
    headers: Mapping[str, str]
    body: bytes
    status: int | None
    """None if there was no answer."""
    response_headers: Mapping[str, str]
    """By lower-case name."""
    response_body: bytes
    error: str | None = None
    """Why there was no response."""
    attempts: int = 1
    """How often the request was sent until this answer came."""
    is_inconclusive: bool = False
    """Whether nothing can be said of it: the server had a problem, and it was not tried again."""

    @cached_property
    def json(self) -> Any:
        """The answer's JSON document; None if it is none."""
        try:
            return parse_json(self.response_body)
        except NotJson:
            return None

    @cached_property
    def request(self) -> Any:
        """The request's JSON document; None if it is none."""
        try:
            return parse_json(self.body)
        except NotJson:
            return None

    @property
    def task(self) -> dict[str, Any] | None:
        """The task that the answer shows; None if it shows none."""
        shown = self.json.get("data") if isinstance(self.json, dict) else None
        return shown if isinstance(shown, dict) and self.status == 200 else None

    @property
    def succeeded(self) -> bool:
        """Whether the API said yes."""
        return self.status == 200 and isinstance(self.json, dict) and self.json.get("code") == 0

    @property
    def is_unwell(self) -> bool:
        """Whether there was no response, or one that says only that the server has a problem."""
        return self.status is None or self.status >= 500

    def said(self, most: int = 80) -> str:
        """Give the beginning of the answer, as text."""
        text = self.response_body[:most].decode("utf-8", "replace")
        return text if len(self.response_body) <= most else f"{text}..."

    @property
    def curl(self) -> str:
        """A line for a shell that sends the request again; a comment where it cannot be."""
        if self.operation == WEBHOOK:
            return "# a webhook; whoever received it is gone"
        if len(self.body) > _SHOWN:
            return f"# {self.method} {self.url} with a body of {len(self.body)} bytes"
        words = ["curl", "-sS", "-i", "-X", self.method, self.url]
        line = " ".join(map(shlex.quote, words))
        for name, value in self.headers.items():
            quoted = f'"{name}: {value}"' if REDACTED in value else shlex.quote(f"{name}: {value}")
            line += f" -H {quoted}"
        if self.body:
            line += f" --data-binary {shlex.quote(_text(self.body))}"
        return line

    def as_json(self) -> dict[str, Any]:
        """Show it."""
        return {
            "method": self.method,
            "url": self.url,
            "headers": dict(self.headers),
            "body": _text(self.body),
            "status": self.status,
            "response_headers": dict(self.response_headers),
            "response_body": _text(self.response_body),
            "error": self.error,
            "curl": self.curl,
        }

    def __str__(self) -> str:
        return f"{self.method} {self.path} -> {self.error or self.status}"


def _text(body: bytes) -> str:
    if b"\0" in body[:_SHOWN]:
        return f"({len(body)} bytes that are no text)"
    text = body[:_SHOWN].decode("utf-8", "replace")
    return text if len(body) <= _SHOWN else f"{text}... ({len(body)} bytes)"


@dataclass
class History:
    """All that was seen of one task, in order."""

    task_id: str
    submission: Exchange | None = None
    polls: list[Exchange] = field(default_factory=list)
    cancels: list[Exchange] = field(default_factory=list)
    webhooks: list[Exchange] = field(default_factory=list)
    """Each with the webhook as its request, and a poll made on its arrival as its answer."""
    files: list[Exchange] = field(default_factory=list)
    webhooks_awaited: bool = False
    """Whether a webhook would have been seen, had one been sent."""
    given_up: bool = False
    """Whether nobody waited any longer for its end."""
    is_inconclusive: bool = False
    """Whether it may have been cancelled, and nobody knows."""

    @property
    def document(self) -> dict[str, Any]:
        """The submitted document; empty if it was not seen."""
        sent = None if self.submission is None else self.submission.request
        return sent if isinstance(sent, dict) else {}

    @property
    def shown(self) -> list[tuple[Exchange, dict[str, Any]]]:
        """The polls that showed the task, with what they showed."""
        return [(poll, poll.task) for poll in self.polls if poll.task is not None]

    @property
    def last(self) -> dict[str, Any]:
        """What the last poll showed; empty if none did."""
        return self.shown[-1][1] if self.shown else {}


SEVERITIES = ("drift", "warning", "assumption", "information")
"""What a finding is worth, the worst first: only drift fails."""

_BY_CONFIDENCE = {
    "seed": "drift",
    "documented": "drift",
    "corroborated": "warning",
    "assumed": "assumption",
}


@dataclass(frozen=True)
class Clause:
    """A place in `schemas/`, with the confidence and page that it rests on."""

    place: str
    """File and JSON pointer below `schemas/`."""
    confidence: str
    page: str

    @property
    def severity(self) -> str:
        """What it is worth when a target breaks it."""
        return _BY_CONFIDENCE[self.confidence]


@dataclass(frozen=True)
class Finding:
    """One thing that a target does otherwise than the contract says."""

    check: str
    clause: Clause
    expected: str
    observed: str
    severity: str
    exchange: Exchange | None = None
    subject: str = ""
    """What it was found on, where a law is held for many things: a model's name, a field."""
    times: int = 1
    """How often it was seen."""
    of: int = 1
    """How often it could have been seen: that, and how often what it is about was as promised."""

    @property
    def key(self) -> str:
        """What makes it the same finding in another run."""
        return f"{self.check} | {self.clause.place} | {self.subject}"

    @property
    def remedy(self) -> str:
        """What to change if the API is right."""
        return f"schemas/{self.clause.place}"


@dataclass
class CheckResult:
    """What came of one law."""

    check: str
    title: str
    clauses: tuple[str, ...]
    status: str = "passed"
    """held, broken, skipped."""
    reason: str = ""
    """Why it was skipped, or not held on everything."""
    observations: int = 0
    """How often it was held against something."""
    findings: list[Finding] = field(default_factory=list)


@dataclass
class Assumption:
    """A clause that nobody documents, and what the target did."""

    clause: str
    text: str
    answer: str = "not observed"
    """as assumed, otherwise, not observed."""
    observed: str = ""


@dataclass
class Report:
    """What a run found."""

    target: str
    started: datetime
    seed: int
    command: str
    check_results: list[CheckResult] = field(default_factory=list)
    assumptions: list[Assumption] = field(default_factory=list)
    requests: int = 0
    submissions: int = 0
    reserved_usd: str = "0.00"
    """What the accepted submissions can have cost at most; of all runs that share the ledger."""
    limit_usd: str | None = None
    unchecked: list[str] = field(default_factory=list)
    """What the spending limit kept from being sent."""
    notes: list[str] = field(default_factory=list)
    """What is worth knowing of the run as a whole, with numbers; none of it is a finding."""
    lost: str = ""
    """Why the run could not go on, if it could not."""
    interrupted: bool = False
    """Whether somebody ended the run before its end."""

    @property
    def findings(self) -> list[Finding]:
        """All findings, the worst first."""
        found = [
            finding for check_result in self.check_results for finding in check_result.findings
        ]
        return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))

    @property
    def drift(self) -> list[Finding]:
        """The findings that fail a run."""
        return [finding for finding in self.findings if finding.severity == "drift"]


def json_text(value: Any) -> str:
    """Write a JSON value on one line, shortened."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 200 else f"{text[:200]}..."
