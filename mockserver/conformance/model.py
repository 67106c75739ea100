"""What was observed of a target, as values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, get_args

from mockserver.contract import NotJson, parse_json
from mockserver.domain.redaction import REDACTED
from mockserver.network.curl import curl_line, shell_word

WEBHOOK = "webhook"
"""The operation of an exchange in which the API sent a webhook to the app."""
_SHOWN = 4000
"""Bytes of a body that are shown."""


@dataclass(frozen=True)
class Exchange:
    """A request and its response; tokens are redacted before an exchange is created."""

    method: str
    url: str
    path: str
    operation: str | None
    """An operation of `service.json`, `result` or `webhook`; None for any other route."""
    headers: Mapping[str, str]
    body: bytes
    status: int | None
    """None if there was no response."""
    response_headers: Mapping[str, str]
    """By lower-case name."""
    response_body: bytes
    error: str | None = None
    """Why there was no response."""
    attempts: int = 1
    """How often the request was sent until it got this response."""
    is_inconclusive: bool = False
    """Whether it proves nothing: the server had a problem, and the request was not sent again."""
    never_sent: bool = False
    """Whether there was not even a connection."""
    key: str = REDACTED
    """What replaces API keys in it: the variable of a shell that has the reader's."""

    @cached_property
    def json(self) -> Any:
        """The JSON document of the response; None if it is not JSON."""
        try:
            return parse_json(self.response_body)
        except NotJson:
            return None

    @cached_property
    def request(self) -> Any:
        """The JSON document of the request; None if it is not JSON."""
        try:
            return parse_json(self.body)
        except NotJson:
            return None

    @property
    def task(self) -> dict[str, Any] | None:
        """The task that the response shows, if any."""
        shown = self.json.get("data") if isinstance(self.json, dict) else None
        return shown if isinstance(shown, dict) and self.status == 200 else None

    @property
    def succeeded(self) -> bool:
        """Whether the API accepted the request: status 200 and code 0."""
        return self.status == 200 and isinstance(self.json, dict) and self.json.get("code") == 0

    @property
    def is_unwell(self) -> bool:
        """Whether there was no response, or only one that says that the server has a problem."""
        return self.status is None or self.status >= 500

    def said(self, most: int = 80) -> str:
        """Return the beginning of the response body, as text."""
        text = self.response_body[:most].decode("utf-8", "replace")
        return text if len(self.response_body) <= most else f"{text}..."

    @property
    def curl(self) -> str:
        """A shell command that sends the request again, or a comment on why there is none."""
        if self.operation == WEBHOOK:
            return "# a webhook; its receiver is gone"
        if len(self.body) > _SHOWN:
            return f"# {self.method} {self.url} with a body of {len(self.body)} bytes"
        url, *headers = (
            shell_word(text, self.key)
            for text in (self.url, *(f"{name}: {value}" for name, value in self.headers.items()))
        )
        body = shell_word(_text(self.body)) if self.body else ""
        return curl_line(self.method, url, headers, body, options="-sSig")

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON value, with long bodies cut."""
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
        return f"({len(body)} bytes that are not text)"
    text = body[:_SHOWN].decode("utf-8", "replace")
    return text if len(body) <= _SHOWN else f"{text}... ({len(body)} bytes)"


@dataclass
class History:
    """Everything that was seen of one task, in order."""

    task_id: str
    submission: Exchange | None = None
    polls: list[Exchange] = field(default_factory=list)
    cancels: list[Exchange] = field(default_factory=list)
    webhooks: list[Exchange] = field(default_factory=list)
    """Each has the webhook as its request, and a poll made on its arrival as its response."""
    files: list[Exchange] = field(default_factory=list)
    webhooks_awaited: bool = False
    """Whether a webhook would have been seen if one had been sent."""
    given_up: bool = False
    """Whether the run stopped waiting for its end."""
    is_inconclusive: bool = False
    """Whether it is unknown if it was cancelled."""

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


Confidence = Literal["seed", "documented", "corroborated", "assumed"]
"""How sure a clause is, the surest first."""
Severity = Literal["drift", "warning", "assumption", "note"]
"""What a finding is worth, the worst first: only drift fails a run."""
Status = Literal["passed", "failed", "skipped"]
"""The result of a check."""
Outcome = Literal["different", "as assumed", "not observed"]
"""What a target did about an assumption."""

SEVERITIES: tuple[Severity, ...] = get_args(Severity)
STATUSES: tuple[Status, ...] = get_args(Status)

_BY_CONFIDENCE: dict[Confidence, Severity] = {
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
    confidence: Confidence
    page: str

    @property
    def severity(self) -> Severity:
        """The severity of a finding about it."""
        return _BY_CONFIDENCE[self.confidence]


@dataclass(frozen=True)
class Finding:
    """One thing in which a target differs from the contract."""

    check: str
    clause: Clause
    expected: str
    observed: str
    severity: Severity
    exchange: Exchange | None = None
    subject: str = ""
    """What it was found on, where a check looks at many things: a model, a field."""
    times: int = 1
    """How often it was seen."""
    of: int = 1
    """How often it could have been seen: how often it was, and how often its clause was kept."""

    @property
    def key(self) -> str:
        """What identifies the same finding in another run."""
        return f"{self.check} | {self.clause.place} | {self.subject}"

    @property
    def remedy(self) -> str:
        """What to change if the API is right and the contract is wrong."""
        return f"schemas/{self.clause.place}"


@dataclass
class CheckResult:
    """The result of one check in a run."""

    check: str
    title: str
    clauses: tuple[str, ...]
    status: Status = "passed"
    reason: str = ""
    """Why it was skipped, or left part of its work out."""
    observations: int = 0
    """How many observations it made."""
    findings: list[Finding] = field(default_factory=list)


@dataclass
class Assumption:
    """An undocumented clause, and what the target did about it."""

    clause: str
    text: str
    outcome: Outcome = "not observed"
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
    """What the accepted submissions can have cost at most, in all runs that share the ledger."""
    limit_usd: str | None = None
    unchecked: list[str] = field(default_factory=list)
    """What was not sent because of the spending limit."""
    notes: list[str] = field(default_factory=list)
    """What is worth knowing about the run as a whole; none of it is a finding."""
    lost: str = ""
    """Why the run could not go on, or could not check anything, if so."""
    interrupted: bool = False
    """Whether the run stopped before its end."""

    @property
    def findings(self) -> list[Finding]:
        """All findings, the worst first; within a severity, in the order of the checks."""
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
