"""Writes contract warnings, and which webhooks are not sent, to a terminal: each text once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Lock

from mockserver.commands.output import on_one_line, without_secrets
from mockserver.engine.contract_warnings import ContractWarning
from mockserver.engine.journal import Delivery, RecordedRequest, TaskEnd
from mockserver.engine.webhooks.attempt import Failure

_MOST = 1000
"""Different texts; nobody reads more of them."""
_WIDTH = 160


class WarningLog:
    """Prints warnings to standard error; safe to use from several threads."""

    def __init__(self) -> None:
        self.secrets: Callable[[], Iterable[str | None]] = tuple
        """Returns what must not be printed."""
        self._said: set[str] = set()
        self._lock = Lock()

    def __call__(self, entry: RecordedRequest | Delivery | ContractWarning | TaskEnd) -> None:
        """Print the warnings of what a sandbox notes, each text once."""
        if isinstance(entry, TaskEnd):
            return
        if isinstance(entry, Delivery) and entry.failure is Failure.NOT_SENT:
            self._say(f"webhook {entry.error}")
        for warning in (entry,) if isinstance(entry, ContractWarning) else entry.warnings:
            self._say(f"warning: {warning.text}")

    def _say(self, text: str) -> None:
        with self._lock:
            if sys.stderr is None or text in self._said or len(self._said) >= _MOST:
                return
            self._said.add(text)
        with suppress(OSError, ValueError):  # nobody may be there to read it
            shown = without_secrets(text, self.secrets())
            print(f"maxapi-mock serve: {on_one_line(shown, _WIDTH)}", file=sys.stderr, flush=True)
