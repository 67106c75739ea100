"""The operations of the API, and which of them a request uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from mockserver.contract import Contract
from mockserver.engine.routing import pattern_of

SUBMIT, QUERY, CANCEL = "submit", "query", "cancel"
"""Names of operations, as in `service.json`."""
RESULT = "result"
"""Stands for fetching a result file, which is not an operation of the API."""


class Operations:
    """Finds the operation that a request uses."""

    def __init__(self, contract: Contract) -> None:
        self.by_name: Mapping[str, Mapping[str, Any]] = contract.service["operations"]
        self._patterns = [
            (pattern_of(one["path"]), one["method"], name) for name, one in self.by_name.items()
        ]

    def name_of(self, method: str, path: str) -> str | None:
        """Return the name of the operation, or None if no route matches."""
        for pattern, accepted, name in self._patterns:
            if method == accepted and pattern.fullmatch(path):
                return str(name)
        return None


def path_of(url: str) -> str:
    """Return the path of a URL or of a request's target; empty for anything else."""
    if url.startswith("/"):  # a target may begin with //, which urlsplit would take for a host
        return url.partition("?")[0]
    try:
        return urlsplit(url).path
    except ValueError:
        return ""
