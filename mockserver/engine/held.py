"""What scenarios hold: responses and webhooks that wait until they are released by name.

Everything that is held has taken effect already: the task is created, the webhook is due. Only the
order in which others see that is open, and a test decides it, one release after the other.

- A release returns when what it released has been sent: the bytes of the response are written, the
  attempt to deliver the webhook is over. So the next release comes after it for everybody.
- What nobody releases is sent after the real time of the setting `hold-timeout`.
- A reset of the sandbox drops what is held: responses are sent, but not recorded, as their journal
  is gone; webhooks are void. When the mock stops, responses are sent.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import replace
from threading import Condition, Event
from typing import TYPE_CHECKING, Any, Literal

from mockserver.domain.durations import stamp
from mockserver.engine.clock import real_seconds
from mockserver.engine.events import EventKind
from mockserver.engine.messages import Fault, Response

if TYPE_CHECKING:
    from mockserver.engine.journal import Delivery
    from mockserver.engine.pending_request import PendingRequest
    from mockserver.engine.sandbox import Sandbox

_log = logging.getLogger(__name__)

_MOST = 10_000
"""Held at one time in a sandbox; more are not held."""
_changed = Condition()
"""One for all sandboxes: most of them never hold anything, and it takes a kilobyte."""
_LONGEST_SEND = 5.0
"""Real seconds that a release waits for a response to be sent; one that drips can take longer."""


class NotHeldError(LookupError):
    """Nothing is held by a name; the message says what is."""


class Held(ABC):
    """Something that waits in *sandbox* until it is released by *name*."""

    kind: Literal["response", "webhook"]

    def __init__(self, name: str, sandbox: Sandbox, task_id: str | None, what: str) -> None:
        self.name = name
        self.sandbox = sandbox
        self.task_id = task_id
        self.what = what
        """What waits, in words: `response to POST /api/v1/task/submit`."""
        self.timeout = sandbox.settings.hold_timeout.total_seconds()
        """Real seconds after which it is sent without a release."""
        self._at = sandbox.clock.now()
        self._since = real_seconds()

    @abstractmethod
    def release(self) -> list[Delivery]:
        """Send it; return the attempts to deliver a webhook, once that is done."""

    @abstractmethod
    def drop(self) -> None:
        """End the wait, because the sandbox is reset or closed."""

    def told(self) -> dict[str, Any]:
        """Return what the stream of events tells of it."""
        return {
            "name": self.name,
            "kind": self.kind,
            "what": self.what,
            "taskId": self.task_id,
        }

    def as_json(self) -> dict[str, Any]:
        """Return it for the control plane."""
        held_ms = round((real_seconds() - self._since) * 1000, 3)
        return {**self.told(), "at": stamp(self._at), "held_ms": held_ms}


class Holds:
    """What is held in one sandbox, in order of arrival; safe to use from several threads."""

    __slots__ = ("_expired", "_held", "_is_closed")

    def __init__(self) -> None:
        self._held: list[Held] = []
        self._expired: dict[str, int] = {}
        """How many of each name were sent without a release."""
        self._is_closed = False

    def __iter__(self) -> Iterator[Held]:
        with _changed:
            return iter(tuple(self._held))

    def add(self, held: Held) -> bool:
        """Hold something; return whether it has to wait: not if the mock has ended."""
        with _changed:
            if self._is_closed or len(self._held) >= _MOST:
                return False
            held.sandbox.note(EventKind.HELD, held.told())
            self._held.append(held)
            _changed.notify_all()
            return True

    def end(self, held: Held, *, expired: bool) -> bool:
        """Hold something no longer; return whether it was still held.

        *expired* is whether that is because nobody has released it in time.
        """
        with _changed:
            if held not in self._held:
                return False
            self._held.remove(held)
            self._expired[held.name] = self._expired.get(held.name, 0) + expired
        if expired:
            _log.warning(
                "the %s is sent: nobody released %r within %g s (hold-timeout)",
                held.what,
                held.name,
                held.timeout,
            )
        return True

    def wait_until_held(self, name: str, count: int = 1, within: float = 0.0) -> None:
        """Return when *count* are held by *name*.

        Raises NotHeldError if they are not *within* these real seconds.
        """
        with _changed:
            _changed.wait_for(lambda: self._is_closed or self._count(name) >= count, within)
            if self._count(name) < count:
                raise NotHeldError(self._explanation(name, count, within))

    def release(
        self, name: str, *, everything: bool = False, within: float = 0.0
    ) -> tuple[list[Held], list[Delivery]]:
        """Release what was held by *name* first, or *everything*, one after the other.

        Return what was released, and the attempts to deliver webhooks, once all of it is sent.
        Raises NotHeldError if nothing is held by that name *within* these real seconds.
        """
        released = self._take(name, everything=everything, within=within)
        return released, [attempt for held in released for attempt in held.release()]

    def _take(self, name: str, *, everything: bool, within: float) -> list[Held]:
        with _changed:  # which is reentrant
            self.wait_until_held(name, 1, within)
            named = [one for one in self._held if one.name == name]
            if not everything:
                self._held.remove(named[0])
                return named[:1]
            self._held = [one for one in self._held if one.name != name]
            return named

    def drop(self) -> None:
        """Hold nothing of what is held now any longer, and forget what has expired."""
        with _changed:
            dropped, self._held = self._held, []
            self._expired.clear()
        for held in dropped:
            held.drop()

    def close(self) -> None:
        """Hold nothing any longer, for good, and end all waits."""
        with _changed:
            self._is_closed = True
            _changed.notify_all()
        self.drop()

    def _count(self, name: str) -> int:
        return sum(one.name == name for one in self._held)

    def _explanation(self, name: str, count: int, within: float) -> str:
        number = "nothing is" if count == 1 else f"{self._count(name)} of {count} are"
        waited = f" after {within:g} s" if within else ""
        others = ", ".join(f"{one.name!r} ({one.what})" for one in self._held) or "nothing"
        sent = self._expired.get(name, 0)
        late = f"; {sent} sent without a release before, by hold-timeout" if sent else ""
        return f"{number} held as {name!r}{waited}; held: {others}{late}"


class HeldResponse(Held):
    """A response that waits, and is told by a front end what becomes of it.

    The front end calls `begin`, or `wait` to block its thread; then `end`, and `finish` when the
    response has been sent.
    """

    kind = "response"

    def __init__(
        self, name: str, pending: PendingRequest, what: str, record: Callable[[], None]
    ) -> None:
        super().__init__(name, pending.sandbox, pending.task_id, what)
        self._record = record
        self._wake: Callable[[], object] = bool
        self._sent = Event()

    def begin(self, wake: Callable[[], object]) -> None:
        """Begin to wait; *wake* is called when that is over, in any thread, or now."""
        self._wake = wake
        if not self.sandbox.held.add(self):
            wake()

    def end(self, *, expired: bool) -> None:
        """Record the exchange: the response is about to be sent."""
        self.sandbox.held.end(self, expired=expired)
        self._record()

    def finish(self) -> None:
        """Note that the response has been sent, or never will be."""
        self._sent.set()

    def wait(self) -> None:
        """Wait in this thread until the response is to be sent."""
        over = Event()
        self.begin(over.set)
        self.end(expired=not over.wait(self.timeout))

    def release(self) -> list[Delivery]:  # noqa: D102
        self._wake()
        self._sent.wait(_LONGEST_SEND)
        return []

    def drop(self) -> None:  # noqa: D102
        self._wake()


def hold(
    response: Response,
    pending: PendingRequest,
    name: str,
    record: Callable[[PendingRequest, Response], None],
) -> Response:
    """Return *response* so that it waits until it is released by *name*.

    It is recorded when it is sent, with the moment of that, so that the journal has the order of
    the releases; not at all after a reset.
    """
    sandbox, generation = pending.sandbox, pending.sandbox.generation

    def record_now() -> None:
        if sandbox.generation == generation:
            pending.now = sandbox.clock.now()
            sandbox.tell_at_once(pending.now)
            record(pending, response)

    what = f"response to {pending.request.method} {pending.request.path}"
    held = HeldResponse(name, pending, what, record_now)
    return replace(response, fault=replace(response.fault or Fault(), held=held))
