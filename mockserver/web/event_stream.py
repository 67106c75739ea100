"""The events of a mock: as a list, or as server-sent events."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import Any

from mockserver.contract import dump_json
from mockserver.engine.clock import real_seconds
from mockserver.engine.events import MOST_LISTENERS, AnyEvent, TooManyListenersError
from mockserver.engine.listener import Listener
from mockserver.engine.messages import ApiError, Response
from mockserver.engine.sandbox import Sandbox
from mockserver.engine.service import Service

MEDIA_TYPE = "text/event-stream"
_HEADERS = (
    ("Content-Type", MEDIA_TYPE),
    ("Cache-Control", "no-store"),
    ("X-Accel-Buffering", "no"),
)
_MISSED = b"event: missed\ndata: {}\n\n"
_HEARTBEAT = 15.0
"""Real seconds after which a stream without events says that it is there."""
_MOST_AT_ONCE = 50
"""Events that are written at once, so a thousand a second, as everything else waits meanwhile."""
_LOOK = 0.1
"""Real seconds between two looks at what tasks have reached."""


def listener(service: Service, sandbox: Sandbox | None, since: int | None) -> Listener:
    """Listen to a sandbox, or to all of them. Raises ApiError 503 if too many do."""
    try:
        log = service.sandboxes.log
        if sandbox is None:
            return Listener(log, since)
        return Listener(log, since, sandbox.id, sandbox.journal.rings)
    except TooManyListenersError:
        raise _too_many() from None


def _too_many() -> ApiError:
    return ApiError(503, f"{MOST_LISTENERS} clients listen already; end one of them")


def next_events(
    service: Service, sandbox: Sandbox | None, since: int | None, limit: int, wait: float
) -> dict[str, Any]:
    """Return the first *limit* events after the number *since*, or the last ones without it.

    If there are none, they are waited for during *wait* real seconds. `complete` is false if
    events after *since* were dropped, and `last` is the number to go on with.
    """
    service.sandboxes.tell_reached()
    heard, deadline = listener(service, sandbox, since or 0), real_seconds() + wait
    try:
        while not heard.wait(min(_LOOK, max(0.0, deadline - real_seconds()))):
            if service.closed.is_set() or real_seconds() >= deadline:
                break
            service.sandboxes.tell_reached(within=_LOOK)
        found = heard.take()
    finally:
        heard.close()
    found.limit(limit, latest=since is None)
    nothing_yet = since if since is not None and found.is_complete else heard.began
    return {
        "events": [one.as_json() for one in found.events],
        "last": found.events[-1].number if found.events else nothing_yet,
        "complete": found.is_complete,
    }


def stream(service: Service, sandbox: Sandbox | None, since: int | None) -> Response:
    """Return the response that tells a client what happens for as long as it listens."""
    if len(service.sandboxes.log.listeners) >= MOST_LISTENERS:
        raise _too_many()
    return Response(200, _HEADERS, b"", stream=_EventStream(service, sandbox, since))


class _EventStream:
    """Server-sent events: `id` is the number, and `data` the event as in the list."""

    def __init__(self, service: Service, sandbox: Sandbox | None, since: int | None) -> None:
        self._service = service
        self._sandbox = sandbox
        self._since = since
        self._listener: Listener | None = None
        self._unsent: deque[AnyEvent] = deque()
        self._sent = real_seconds()

    def begin(self) -> bool:
        """Begin to listen; return whether it does: too many can have come since the response."""
        self._service.sandboxes.tell_reached()
        with suppress(ApiError):
            self._listener = listener(self._service, self._sandbox, self._since)
        return self._listener is not None

    def take(self) -> bytes | None:
        """Return the events since the last time, or a comment if there were none for long.

        Return None once the sandbox is kept elsewhere, where the client finds it again.
        """
        if self._sandbox is not None and self._sandbox.is_discarded:
            return None
        self._service.sandboxes.tell_reached(within=_LOOK)
        now, text = real_seconds(), b""
        if self._listener is not None and not self._unsent:
            found = self._listener.take()
            self._unsent.extend(found.events)
            text = b"" if found.is_complete else _MISSED
        sent = [self._unsent.popleft() for _ in range(min(_MOST_AT_ONCE, len(self._unsent)))]
        text += b"".join(
            b"id: %d\ndata: %b\n\n" % (one.number, dump_json(one.as_json())) for one in sent
        )
        if not text and now - self._sent >= _HEARTBEAT:
            text = b": nothing\n\n"
        if text:
            self._sent = now
        return text

    def end(self) -> None:
        """Listen no more."""
        if self._listener is not None:
            self._listener.close()
