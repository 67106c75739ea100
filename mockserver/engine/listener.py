"""A listener gets events as they happen; a slow one misses some, and nothing waits for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from threading import Event as Flag
from typing import Any

from mockserver.engine.events import AnyEvent, EventLog, Events, Ring

_MOST_QUEUED = 5000
"""Events that a listener may have to take; a slower one misses the oldest."""


class Listener:
    """Gets the events after *since* of one sandbox, or of all, until it is closed.

    *rings* are those of the sandbox; None is for all sandboxes. *since* None is from now on.
    Raises TooManyListenersError.
    """

    def __init__(
        self,
        log: EventLog,
        since: int | None = None,
        sandbox: str | None = None,
        rings: Iterable[Ring[Any]] | None = None,
    ) -> None:
        self._log = log
        self._sandbox = sandbox
        self._flag = Flag()
        self._queue: deque[AnyEvent] = deque(maxlen=_MOST_QUEUED)
        self._offered = 0
        """Events in the queue, with those that were pushed out."""
        self.began = log.listen(self)
        """The number of the latest event before it began to listen."""
        nothing = Events([], is_complete=True)
        self._first = nothing if since is None else log.kept(rings, since, self.began)

    def offer(self, event: AnyEvent) -> None:
        """Queue an event, if it is of the sandbox; called while the log is locked."""
        if self._sandbox is not None and event.sandbox != self._sandbox:
            return
        if not self._queue:
            self._flag.set()
        self._queue.append(event)
        self._offered += 1

    def take(self) -> Events:
        """Return what has happened since the last time."""
        first, self._first = self._first, Events([], is_complete=True)
        if first.events:
            return first
        with self._log.lock:
            is_complete = first.is_complete and self._offered == len(self._queue)
            taken = Events(list(self._queue), is_complete)
            self._queue.clear()
            self._offered = 0
            self._flag.clear()
        return taken

    def wait(self, seconds: float) -> bool:
        """Wait until there is something to take, or to miss; return whether there is."""
        is_known = bool(self._first.events) or not self._first.is_complete
        return is_known or self._flag.wait(seconds)

    def close(self) -> None:
        """Get no more."""
        self._log.forget(self)
