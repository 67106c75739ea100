"""What the control plane tells of what has happened, for its typed client."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator
from typing import Any, TypedDict, cast
from urllib.parse import urlencode

__tracebackhide__ = True
"""A test whose request is rejected shows its own line, not those in here."""

_WAIT = 20
"""Real seconds that one request waits for the next event."""


class Event(TypedDict):
    """One thing that happened in a sandbox."""

    number: int
    """From 1, ascending through all sandboxes of the mock."""
    at: str
    """The moment on the sandbox's clock, in UTC."""
    real_at: str
    """The moment in real time, in UTC."""
    sandbox: str
    """The sandbox's id."""
    kind: str
    """`request`, `task`, `status`, `results-expire`, `webhook`, `held`, `clock`, `rule`,
    `settings`, `reset` or `warning`."""
    data: dict[str, Any]
    """See `event` in `schemas/control.json`."""


class Events(TypedDict):
    """Some events, oldest first."""

    events: list[Event]
    last: int
    """The number to ask for events since."""
    complete: bool
    """Whether none was forgotten that should be among them."""


class EventReader(ABC):
    """Reads the events of one sandbox, or of all sandboxes of a mock."""

    @abstractmethod
    def _call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Send a control request; return the document in its response."""

    def events(
        self,
        since: int | None = None,
        *,
        limit: int | None = None,
        wait: int = 0,
        everything: bool = False,
    ) -> Events:
        """Return the first events after the number *since*, or the latest ones without it.

        They are at most *limit*, by default 1000. If there are none, the first one is waited for
        during *wait* real seconds, at most 60. *everything* is for those of all sandboxes.
        """
        asked = {"since": since, "limit": limit, "wait": wait or None}
        query = {name: value for name, value in asked.items() if value is not None}
        all_ = {"all": "true"} if everything else {}
        path = f"events?{urlencode(query | all_)}".rstrip("?")
        return cast("Events", self._call("GET", path))

    def follow(self, since: int | None = None, *, everything: bool = False) -> Iterator[Event]:
        """Yield what happens, as it happens, and first what has happened after *since*.

        It goes on until the caller stops, and waits for the next event as long as that takes.
        """
        last = self.events(limit=0, everything=everything)["last"] if since is None else since
        while True:
            found = self.events(last, wait=_WAIT, everything=everything)
            last = found["last"]
            yield from found["events"]

    async def async_follow(
        self, since: int | None = None, *, everything: bool = False
    ) -> AsyncIterator[Event]:
        """Do the same as `follow` without blocking the event loop."""
        following = self.follow(since, everything=everything)
        while True:
            yield await asyncio.to_thread(next, following)

    def request(self, number: int) -> dict[str, Any]:
        """Return a request of the journal with its response and, if it was rejected, why.

        `explanation` lists the clauses of the contract that say so, each with its page.
        """
        return self._call("GET", f"requests/{number}")

    def story(self, task_id: str) -> dict[str, Any]:
        """Return all that is known of a task.

        That is its timeline, submission, events, webhooks and files, and curl lines.
        """
        return self._call("GET", f"tasks/{task_id}/story")

    def sandboxes(self) -> list[dict[str, Any]]:
        """List the sandboxes of the mock, the least recently used first."""
        return cast("list[dict[str, Any]]", self._call("GET", "sandboxes")["sandboxes"])
