"""Evaluates the passive checks on the traffic of an app as it passes."""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import urlsplit

from mockserver.conformance.check import (
    AnyCheck,
    ExchangeCheck,
    Failed,
    Observations,
    Passed,
    violated,
)
from mockserver.conformance.evaluator import Evaluator
from mockserver.conformance.model import Exchange, Finding, History, Report
from mockserver.conformance.operations import CANCEL, QUERY, SUBMIT, path_of
from mockserver.conformance.redaction import url_without_secrets
from mockserver.conformance.session.spending import Money
from mockserver.conformance.traffic.decoder import Decoder, ObservedExchange
from mockserver.conformance.traffic.recorder import Recorder
from mockserver.conformance.traffic.task_recorder import TaskRecorder
from mockserver.conformance.traffic.task_tracker import TaskTracker, TrackedTask
from mockserver.contract import Contract, NotJson, parse_json
from mockserver.domain.price import money

_MOST_FINDINGS, _MOST_OF_A_CHECK = 1000, 100
_MOST_NOTICES = 1000


def requests_conform(contract: Contract, exchange: Exchange) -> Observations:
    """Check what the app submits against its schema; a failure is its own mistake, not drift."""
    if exchange.operation != SUBMIT or (exchange.error and not exchange.body):
        return
    try:
        document = parse_json(exchange.body)
    except NotJson as error:
        place, observed = "submit-request.json#", f"not valid JSON: {error}"
        yield Failed(place, "a JSON object", observed, exchange, severity="warning")
        return
    violations = contract.violations("submit-request", document)
    model = document.get("model") if isinstance(document, dict) else None
    for violation in violations:
        failed = violated(violation, exchange, f"{model}")
        yield replace(
            failed,
            expected=f"{violation.accepted or 'a conforming value'} ({violation.rule})",
            observed=f"{failed.observed}; the API returned {exchange.error or exchange.status}",
            severity="warning",
        )
    if not violations:
        yield Passed("submit-request.json#")


REQUESTS_CONFORM = ExchangeCheck(
    "requests-conform",
    "The app's own submissions conform",
    ("submit-request.json#",),
    requests_conform,
)
"""Not in the table of checks: active checks submit invalid documents on purpose."""


class Monitor:
    """Evaluates what passes on its way to *upstream*; to be used by one thread at a time.

    *found* gets each finding once, *notice* each reason why something could not be checked.
    """

    def __init__(
        self,
        contract: Contract,
        upstream: str,
        checks: Sequence[AnyCheck],
        *,
        found: Callable[[Finding], object],
        notice: Callable[[str], object],
        recorder: Recorder | None = None,
        task_recorder: TaskRecorder | None = None,
        command: str = "maxapi-mock proxy",
    ) -> None:
        self._contract = contract
        self._report = Report(upstream.rstrip("/"), datetime.now(UTC), 0, command)
        self._found, self._notice = found, notice
        self._recorder, self._task_recorder = recorder, task_recorder
        self._counted = Evaluator(contract, [*checks, REQUESTS_CONFORM])
        """The final results: on all exchanges, and on the histories that are forgotten."""
        self._current = Evaluator(contract, checks)
        """Findings in histories that go on, which are evaluated again and again."""
        self._decoder = Decoder(contract, self.notice)
        self._tasks = TaskTracker(contract.lifecycle.terminal)
        self._money = Money(contract)
        self._reserved = Decimal()
        self._salt = secrets.token_bytes(16)
        self._known: set[str] = set()
        self._noticed: OrderedDict[str, int] = OrderedDict()
        self.unrecorded = False
        """Whether a document could not be recorded."""
        self.passed = 0
        """How many exchanges have passed, checked or not."""

    @property
    def notices(self) -> Mapping[str, int]:
        """Why something could not be checked, and how often."""
        return self._noticed

    def notice(self, text: str) -> None:
        """Count a reason why something cannot be checked; the first time, pass it on."""
        if text not in self._noticed:
            if len(self._noticed) >= _MOST_NOTICES:
                return
            self._notice(text)
        self._noticed[text] = self._noticed.get(text, 0) + 1

    def see(self, passed: ObservedExchange) -> None:
        """Evaluate an exchange that has passed."""
        self.passed += 1
        if passed.webhook_url is not None:
            self._see_webhook(passed, passed.webhook_url)
            return
        prefix = self._contract.service["authentication"]["prefix"]
        path = path_of(passed.target)
        if not path.startswith(prefix) or passed.method in ("HEAD", "OPTIONS"):
            return
        self._report.requests += 1
        exchange = self._decoder.decode(passed, self._report.target + passed.target, path)
        if exchange is None:
            return
        self._pass_on(self._counted, self._counted.evaluate(exchange))
        if exchange.operation == SUBMIT:
            self._submitted(exchange, passed)
        elif exchange.operation in (QUERY, CANCEL):
            self._polled_or_cancelled(exchange, passed)
        self._record(exchange, passed.ended)
        self._forget(passed.ended)

    def _pass_on(self, evaluator: Evaluator, findings: list[Finding]) -> None:
        """Pass findings on, each once, up to a number that a person may read."""
        for finding in findings:
            if finding.key not in self._known and len(self._known) < _MOST_FINDINGS:
                self._known.add(finding.key)
                self._found(finding)
            del evaluator.check_results[finding.check].findings[_MOST_OF_A_CHECK:]

    # -- histories ---------------------------------------------------------------------------

    def _submitted(self, exchange: Exchange, passed: ObservedExchange) -> None:
        self._report.submissions += 1
        task_id = (exchange.task or {}).get("taskId")
        if not exchange.succeeded:
            return
        self._reserved += self._money.worst_case(exchange.request) or Decimal()
        if isinstance(task_id, str):
            self._tasks.begin(task_id, exchange, self._key(passed), passed.token, passed.ended)

    def _polled_or_cancelled(self, exchange: Exchange, passed: ObservedExchange) -> None:
        if exchange.operation == QUERY:
            known = self._tasks.polled(exchange, self._key(passed), passed.began, passed.ended)
        else:
            known = self._tasks.cancelled(exchange, self._key(passed), passed.began, passed.ended)
        if known is not None:
            self._pass_on(self._current, self._current.evaluate_task(known.history))

    def _key(self, passed: ObservedExchange) -> bytes:
        """Return what distinguishes API keys, without keeping them."""
        sent = [value for name, value in passed.headers if name.lower() == "authorization"]
        return hashlib.blake2b(",".join(sent).encode("utf-8"), key=self._salt).digest()

    def _see_webhook(self, passed: ObservedExchange, url: str) -> None:
        shown = url_without_secrets(url)
        exchange = self._decoder.decode(passed, shown, urlsplit(shown).path)
        if passed.error is not None or (passed.status or 0) // 100 != 2:
            self.notice(
                f"the app responded to a webhook with {passed.status or 'an incomplete response'}"
            )
        if exchange is None:
            return
        exchange = replace(
            exchange, status=None, response_body=b"", response_headers={}, error=None
        )
        known = self._tasks.delivered(exchange, passed.token, passed.began)
        history = History("", webhooks=[exchange]) if known is None else known.history
        self._pass_on(self._current, self._current.evaluate_task(history))
        if known is None:  # it is not part of any history that is evaluated later
            self._counted.evaluate_task(history)
        self._record(exchange, passed.ended)
        self._forget(passed.ended)

    def _record(self, exchange: Exchange, now: float) -> None:
        try:
            if self._recorder is not None:
                self._recorder.record(exchange)
            if self._task_recorder is not None:
                self._task_recorder.record(exchange, now)
        except OSError as error:
            self.unrecorded = True
            folder = "" if self._recorder is None else f" in {self._recorder.folder}"
            self.notice(f"not recorded{folder}: {error.strerror}")

    def _forget(self, now: float) -> None:
        for known in self._tasks.forget(now):
            self._pass_on(self._counted, _evaluated(self._counted, known, now))

    # -- the report --------------------------------------------------------------------------

    def report(self, now: float) -> Report:
        """Return what was found until *now*, a time of `time.monotonic`."""
        evaluator = self._counted.copy()
        for known in self._tasks:
            self._pass_on(evaluator, _evaluated(evaluator, known, now))
        for check, current in self._current.check_results.items():
            result = evaluator.check_results[check]
            keys = {one.key for one in result.findings}
            result.findings += [one for one in current.findings if one.key not in keys]
        evaluator.settle()
        nothing = all(one.status == "skipped" for one in evaluator.check_results.values())
        return replace(
            self._report,
            check_results=list(evaluator.check_results.values()),
            assumptions=list(evaluator.assumptions.values()),
            reserved_usd=money(self._reserved),
            notes=evaluator.census.notes(),
            lost=f"nothing was checked: {next(iter(self._noticed))}"
            if nothing and self._noticed
            else "",
        )


def _evaluated(evaluator: Evaluator, known: TrackedTask, now: float) -> list[Finding]:
    """Evaluate a history as one that is complete."""
    history = replace(known.history, webhooks_awaited=known.is_overdue(now))
    return evaluator.evaluate_task(history)
