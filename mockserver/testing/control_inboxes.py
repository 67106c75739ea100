"""The receivers that come with a mock, for the typed client of its control plane."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any
from urllib.parse import quote

__tracebackhide__ = True
"""A test whose request is rejected shows its own line, not those in here."""


class InboxControl(ABC):
    """Reads the inboxes of a mock, and chooses how they respond; all sandboxes share them.

    The callBackUrl of an inbox is `<the mock's URL>/__mock/inbox/<name>`.
    """

    @abstractmethod
    def _call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Send a control request; return the document in its response."""

    def inbox(self, name: str) -> dict[str, Any]:
        """Return an inbox with the `webhooks` that came to it, oldest first."""
        return self._call("GET", _path(name))

    def set_inbox(
        self, name: str, *, status: int = 200, delay: str | float = 0, times: int | None = None
    ) -> dict[str, Any]:
        """Let an inbox respond with *status*, after *delay* of real time, to the next webhooks.

        After *times* of them it responds with 200 again; None is to all. *delay* is in seconds, or
        a text like `250ms`, and at most a minute.
        """
        return self._call("PUT", _path(name), {"status": status, "delay": delay, "times": times})

    def delete_inbox(self, name: str) -> None:
        """Forget an inbox, and what came to it."""
        self._call("DELETE", _path(name))


def _path(name: str) -> str:
    return f"inbox/{quote(name, safe='')}"
