"""What a mock saw in all its life, in numbers: of every sandbox, whatever its journal forgot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from threading import Lock

from mockserver.contract import Contract, NotJson, parse_json
from mockserver.engine.exchange import WARNING_HEADER, Response
from mockserver.engine.journal import Delivery, Exchange
from mockserver.engine.routes import pattern_of

_MOST_TEXTS = 1000
"""Different texts of one kind that are kept apart."""
_OTHERS = "others"
_OUTLIVED = (410, 429)
"""Refusals for what is right by itself, but too late or too often."""


class Tally:
    """Counts what it is told of; safe to use from several threads."""

    def __init__(self, contract: Contract) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        """By operation and status."""
        self.warnings: Counter[str] = Counter()
        """What the contract has against the requests: unknown fields, and refusals that no
        scenario asked for."""
        self.scenarios: Counter[str] = Counter()
        """Exchanges in which each scenario was in force."""
        self.webhooks: Counter[str] = Counter()
        """Attempts by their answer."""
        self._lock = Lock()
        operations = contract.service["operations"]
        self._submission = next(iter(operations))
        results = [one for one in contract.service["results"].values() if "path" in one]
        self._operations = [
            (pattern_of(operation["path"]), name) for name, operation in operations.items()
        ] + [(pattern_of(result["path"]), "result") for result in results]

    def __call__(self, entry: Exchange | Delivery) -> None:
        """Count one entry of a journal."""
        with self._lock:
            if isinstance(entry, Delivery):
                _add(self.webhooks, "delivered" if entry.error is None else entry.error)
            else:
                self._count(entry)

    def rewrite(self, written: Callable[[str], str]) -> None:
        """Replace each text by what *written* makes of it."""
        with self._lock:
            for counts in (self.warnings, self.scenarios, self.webhooks):
                texts = Counter[str]()
                for text, number in counts.items():
                    texts[written(text)] += number
                counts.clear()
                counts.update(texts)

    def _count(self, entry: Exchange) -> None:
        operation, status = self._operation_of(entry.path), entry.response.status
        self.requests[operation, status] += 1
        for name in entry.scenarios:
            _add(self.scenarios, name)
        for name, value in entry.response.headers:
            if name == WARNING_HEADER and status < 400 and operation == self._submission:
                for text in value.split(" | "):
                    _add(self.warnings, text)
        code = _code(entry.response) if status == 200 and operation != "result" else status
        spoiled = code == 404 or operation == "result"  # its own scenario, or time, takes the file
        spoiled = spoiled and entry.task_id is not None
        if 400 <= code < 500 and code not in _OUTLIVED and not entry.scenarios and not spoiled:
            _add(self.warnings, f"{operation} answered {code}: {_message(entry)}")

    def _operation_of(self, path: str) -> str:
        for pattern, name in self._operations:
            if pattern.fullmatch(path):
                return str(name)
        return "unknown route"


def _add(counts: Counter[str], text: str) -> None:
    known = text in counts or len(counts) < _MOST_TEXTS
    counts[text if known else _OTHERS] += 1


def _code(response: Response) -> int:
    """Read the code of a refusal that is answered with 200; 0 is success."""
    if response.body.startswith(b'{"code": 0,'):
        return 0
    try:
        code = parse_json(response.body)["code"]
    except (NotJson, TypeError, KeyError):
        return 0
    return code if isinstance(code, int) else 0


def _message(entry: Exchange) -> str:
    shown = entry.as_json()["response_body"]
    said = str(shown.get("msg", "")) if isinstance(shown, dict) else ""
    return said.replace(entry.task_id, "<taskId>") if entry.task_id else said
