"""Counts everything that a mock has seen in all sandboxes, including what journals forgot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from threading import Lock

from mockserver.domain.expectation import NO_REQUEST, is_expected
from mockserver.engine.contract_warnings import PREFLIGHT, ContractWarning
from mockserver.engine.journal import Delivery, RecordedRequest, TaskEnd

_MOST_TEXTS = 1000
"""Different texts of one kind that are counted separately."""
_MOST_REASONS = 3
_OTHERS = "others"


class Usage:
    """Counts the entries that it is called with; safe to use from several threads."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        """By operation and status."""
        self.tasks: Counter[str] = Counter()
        """By their state when the mock forgot them, or ended."""
        self.webhooks: Counter[str] = Counter()
        """By their state at that time."""
        self.attempts: Counter[str] = Counter()
        """Attempts to deliver a webhook, by their outcome."""
        self.warnings: Counter[str] = Counter()
        """What the app did against the contract, unless a scenario or a test asked for it."""
        self.notes: Counter[str] = Counter()
        """What is worth knowing, but not against the contract."""
        self.scenarios: Counter[str] = Counter()
        """Exchanges in which each scenario was in force."""
        self._rejected: Counter[str] = Counter()
        self._lock = Lock()

    def __call__(self, entry: RecordedRequest | Delivery | ContractWarning | TaskEnd) -> None:
        """Count what a sandbox notes."""
        with self._lock:
            if isinstance(entry, ContractWarning):
                self._warn(entry)
            elif isinstance(entry, TaskEnd):
                reason = f" ({entry.reason})" if entry.reason else ""
                _add(self.tasks, f"{entry.status}{reason}")
                if entry.webhook is not None:
                    _add(self.webhooks, entry.webhook)
            else:
                self._count(entry)

    def rewrite(self, rewritten: Callable[[str], str]) -> None:
        """Replace each text by what *rewritten* returns for it."""
        with self._lock:
            for counts in (self.attempts, self.warnings, self.notes):
                texts = Counter[str]()
                for text, number in counts.items():
                    texts[rewritten(text)] += number
                counts.clear()
                counts.update(texts)

    def _count(self, entry: RecordedRequest | Delivery) -> None:
        if isinstance(entry, Delivery):
            _add(self.attempts, "delivered" if entry.error is None else entry.error)
        else:
            self.requests[entry.operation, entry.response.status] += 1
            for name in entry.scenarios:
                _add(self.scenarios, name)
        for warning in entry.warnings:
            self._warn(warning)

    def _warn(self, warning: ContractWarning) -> None:
        _add(self.notes if warning.is_note else self.warnings, warning.text)

    @property
    def request_count(self) -> int:
        """The number of requests that an app has made, without a browser's preflights."""
        return sum(number for (name, _), number in self.requests.items() if name != PREFLIGHT)

    def reject(self, why: str) -> None:
        """Note why a connection of the app did not get to the mock."""
        with self._lock:
            _add(self._rejected, why)

    def finish(self, suspected: str, expected: frozenset[str] | None = None) -> None:
        """Warn if no request came at all; *suspected* says what the reason may be, if unknown.

        *expected* is what a test declares; see `ContractWarning`.
        """
        known = [why for why, _ in self._rejected.most_common(_MOST_REASONS)]
        if self.request_count:
            for why, times in self._rejected.items():
                self.notes[f"rejected: {why}"] += times
        elif not is_expected(expected or (), NO_REQUEST):
            why = " | ".join(known) or suspected
            self(ContractWarning(NO_REQUEST, f"no request came at all: {why}"))


def _add(counts: Counter[str], text: str) -> None:
    known = text in counts or len(counts) < _MOST_TEXTS
    counts[text if known else _OTHERS] += 1
