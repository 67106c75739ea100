"""What a mock saw in all its life, in numbers: of every sandbox, whatever its journal forgot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from threading import Lock

from mockserver.domain.expectation import NO_REQUEST, is_expected
from mockserver.engine.contract_warnings import PREFLIGHT, ContractWarning
from mockserver.engine.journal import Delivery, RecordedRequest, TaskEnd

_MOST_TEXTS = 1000
"""Different texts of one kind that are kept apart."""
_OTHERS = "others"


class Usage:
    """Counts what it is told of; safe to use from several threads."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        """By operation and status."""
        self.tasks: Counter[str] = Counter()
        """By how they stood when the mock forgot them, or ended."""
        self.webhooks: Counter[str] = Counter()
        """By how they stood then."""
        self.attempts: Counter[str] = Counter()
        """Attempts to deliver a webhook, by their answer."""
        self.warnings: Counter[str] = Counter()
        """What the app did against the contract, and no scenario asked for or test expected."""
        self.notes: Counter[str] = Counter()
        """What is worth knowing, and not against the contract."""
        self.scenarios: Counter[str] = Counter()
        """Exchanges in which each scenario was in force."""
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

    def rewrite(self, written: Callable[[str], str]) -> None:
        """Replace each text by what *written* makes of it."""
        with self._lock:
            for counts in (self.attempts, self.warnings, self.notes):
                texts = Counter[str]()
                for text, number in counts.items():
                    texts[written(text)] += number
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
    def came(self) -> int:
        """How many requests an app has made; what a browser asks before is not counted."""
        return sum(number for (name, _), number in self.requests.items() if name != PREFLIGHT)

    def finish(self, suspected: str, expected: frozenset[str] | None = None) -> None:
        """Warn if no request came at all; *suspected* says why that may be.

        *expected* is what a test declares; see `ContractWarning`.
        """
        if not self.came and not is_expected(expected or (), NO_REQUEST):
            self(ContractWarning(NO_REQUEST, f"no request came at all: {suspected}"))


def _add(counts: Counter[str], text: str) -> None:
    known = text in counts or len(counts) < _MOST_TEXTS
    counts[text if known else _OTHERS] += 1
