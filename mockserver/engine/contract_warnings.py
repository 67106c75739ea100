"""Detects what an app does against the contract, as far as one sandbox can see it."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from threading import Lock
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from mockserver.domain.expectation import (
    FETCHED_AFTER_EXPIRY,
    FROZEN_CLOCK,
    IGNORED_RETRY_AFTER,
    POLLED_AFTER_END,
    REJECTED,
    SUBMITTED_AGAIN,
    UNKNOWN_FIELD,
    is_expected,
)
from mockserver.engine.resubmission import Resubmissions

if TYPE_CHECKING:
    from mockserver.engine.messages import ApiError, Response
    from mockserver.engine.pending_request import PendingRequest
    from mockserver.engine.poll_responses import Shown

Key = TypeVar("Key")
Value = TypeVar("Value")

OperationName = Literal["submit", "query", "cancel", "result", "preflight", "unknown route"]
"""What a request is for."""
UNKNOWN_ROUTE: Final = "unknown route"
PREFLIGHT: Final = "preflight"
DELIVERED = "delivered"

_POLLS_AFTER_END = 5
"""Polls of an ended task that are fine: an app may still show the task to somebody."""
_POLLS_AT_ONE_MOMENT = 10
_FETCHES_AFTER_EXPIRY = 3
_EARLY = 0.05
"""Seconds that a timer may be early."""
_MUST_WAIT = (429, 503)
"""Rejections whose Retry-After says how long."""
_OUTLIVED = (410, 429)
"""Rejections of requests that are correct, but too late or too frequent."""
_MOST = 10_000
"""Tasks, files and requests that are tracked; the oldest are forgotten first."""
_MOST_OF_FORGOTTEN = 16
"""Submissions, and files, of forgotten tasks that are still tracked."""
_MOST_TEXTS = 1000


@dataclass(frozen=True, slots=True)
class ContractWarning:
    """One thing that an app should not do."""

    kind: str
    """One of `KINDS`."""
    text: str
    """One line that says what is suspected."""
    is_note: bool = False
    """Whether it is worth knowing, but possibly not the app's fault."""

    def as_json(self) -> dict[str, str]:
        """Return the warning as the control plane shows it."""
        return {"kind": self.kind, "text": self.text}


@dataclass(frozen=True, slots=True)
class _Wait:
    """A Retry-After in seconds, and what two clocks showed when it was sent."""

    seconds: float
    moment: float
    real: float


class Observer:
    """Sees every exchange of a sandbox; safe to use from several threads."""

    def __init__(self) -> None:
        self.resubmissions = Resubmissions()
        self.webhooks: OrderedDict[str, str] = OrderedDict()
        """The state of each task's webhook."""
        self._counts: Counter[ContractWarning] = Counter()
        self._ended: OrderedDict[str, int] = OrderedDict()
        self._expired: OrderedDict[str, int] = OrderedDict()
        self._still: OrderedDict[str, int] = OrderedDict()
        self._waits: OrderedDict[tuple[str, str, bytes], _Wait] = OrderedDict()
        self._frozen_at: object = None
        self._lock = Lock()

    def exchange(self, pending: PendingRequest, response: Response) -> tuple[ContractWarning, ...]:
        """Return the warnings about an exchange, except those that the user expects."""
        with self._lock:
            found = [*self._seen(pending, response)]
            self.resubmissions.see(pending, response)
            if not found:
                return ()
            return self._counted(one for one in found if not _is_expected(one, pending))

    def delivery(
        self, task_id: str, warnings: Iterable[ContractWarning], outcome: str
    ) -> tuple[ContractWarning, ...]:
        """Note the outcome of an attempt to deliver a webhook; return its warnings."""
        with self._lock:
            if outcome == DELIVERED:
                self.resubmissions.mark_known(task_id)
            if self.webhooks.get(task_id) != DELIVERED:  # a later copy does not undo a delivery
                _keep(self.webhooks, task_id, outcome)
            return self._counted(warnings)

    def forget(self, task_id: str, kept: int) -> None:
        """Forget a task that its sandbox has forgotten; *kept* is the number of the others."""
        with self._lock:
            for of_tasks in (self.webhooks, self._ended, self._still):
                of_tasks.pop(task_id, None)
            self.resubmissions.limit(kept + _MOST_OF_FORGOTTEN)
            while len(self._expired) > kept + _MOST_OF_FORGOTTEN:
                self._expired.popitem(last=False)

    def warnings(self, expected: frozenset[str]) -> dict[ContractWarning, int]:
        """Return every warning so far, with its number of occurrences."""
        with self._lock:
            return {**self._counts, **self.unsettled(expected)}

    def unsettled(self, expected: frozenset[str]) -> dict[ContractWarning, int]:
        """Return the warnings that the app's next requests can still withdraw."""
        number = self.resubmissions.unexplained()
        if not number or is_expected(expected, SUBMITTED_AGAIN):
            return {}
        return {_AGAIN: number}

    def _counted(self, found: Iterable[ContractWarning]) -> tuple[ContractWarning, ...]:
        warnings = tuple(found)
        for one in warnings:
            if one in self._counts or len(self._counts) < _MOST_TEXTS:
                self._counts[one] += 1
        return warnings

    def _seen(self, pending: PendingRequest, response: Response) -> Iterator[ContractWarning]:
        if pending.rejection is not None:
            yield from _rejection(pending, pending.rejection)
        for text in pending.remarks:
            yield ContractWarning(UNKNOWN_FIELD, text)
        if pending.shown is not None and arrives(pending, response):
            yield from self._polled(pending, pending.shown)
        fetched = _bump(self._expired, pending.request.path) if pending.expired else 0
        if fetched == _FETCHES_AFTER_EXPIRY + 1:
            yield _EXPIRED
        if self._waits or response.status in _MUST_WAIT:
            yield from self._too_early(pending, response)

    def _polled(self, pending: PendingRequest, shown: Shown) -> Iterator[ContractWarning]:
        """Check a poll that received *shown*."""
        task_id = shown.task.id
        if shown.has_ended:
            if _bump(self._ended, task_id) == _POLLS_AFTER_END + 1:
                yield ContractWarning(POLLED_AFTER_END, _POLLED.format(shown.status))
        elif shown.waits_for_clock and pending.sandbox.clock.speed == 0:
            if self._frozen_at != pending.now:
                self._frozen_at = pending.now
                self._still.clear()
            if _bump(self._still, task_id) == _POLLS_AT_ONE_MOMENT and _FROZEN not in self._counts:
                yield _FROZEN

    def _too_early(self, pending: PendingRequest, response: Response) -> Iterator[ContractWarning]:
        """Check whether the request ignores an earlier Retry-After; note that of *response*.

        An app may wait by its own clock or, if a test advances the sandbox's clock instead of
        sleeping, by that one; whichever went further counts. While the sandbox's clock stands
        still, the test may have replaced the app's wait by nothing.
        """
        request, clock = pending.request, pending.sandbox.clock
        key = (request.method, request.path, blake2b(request.body, digest_size=16).digest())
        wait = self._waits.pop(key, None)
        moment, real = pending.now.timestamp(), clock.real()
        if response.status in _MUST_WAIT:
            seconds = dict(response.headers).get("Retry-After", "")
            if seconds.isdigit():
                _keep(self._waits, key, _Wait(float(seconds), moment, real))
        if wait and max(moment - wait.moment, real - wait.real) + _EARLY < wait.seconds:
            yield _PRETENDED if clock.speed == 0 and moment == wait.moment else _IGNORED


_POLLED = "a task was polled again and again after it was {0}: does the app know that {0} is final?"
_AGAIN = ContractWarning(
    SUBMITTED_AGAIN,
    "submitted again, although it was accepted, and nobody polled that task: does the app "
    "understand the response (code 0, data.taskId)? Live, each one is charged",
)
_EXPIRED = ContractWarning(
    FETCHED_AFTER_EXPIRY,
    "an expired file was fetched again and again: does the app keep URLs instead of files?",
)
_IGNORED = ContractWarning(
    IGNORED_RETRY_AFTER,
    "sent again before Retry-After had passed: does the app read the header of 429 and 503?",
)
_PRETENDED = ContractWarning(
    IGNORED_RETRY_AFTER,
    "sent again before Retry-After had passed, while the clock stood still: does the app wait, but "
    "the test skip the wait?",
    is_note=True,
)
_FROZEN = ContractWarning(
    FROZEN_CLOCK,
    f"the clock stands still, and a task was polled {_POLLS_AT_ONE_MOMENT} times at one moment: "
    "should the test advance the clock, or let it run?",
    is_note=True,
)


def arrives(pending: PendingRequest, response: Response) -> bool:
    """Return whether no scenario keeps the client from receiving the complete response."""
    return response.fault is None and pending.script.body_fault is None


def _rejection(pending: PendingRequest, rejection: ApiError) -> Iterator[ContractWarning]:
    """Yield a warning for a rejection that neither a scenario nor the passing of time explains."""
    script = pending.script
    if not 400 <= rejection.code < 500:
        return
    is_moderated = bool(script.flagged) and rejection.data is not None
    if script.rejection == rejection.code or is_moderated:
        return
    of_its_task = rejection.code == 404 or pending.operation == "result"
    if rejection.code in _OUTLIVED or (of_its_task and pending.task_id is not None):
        return
    message = pending.message
    if pending.task_id is not None:  # or each task would have a warning of its own
        message = message.replace(pending.task_id, "<taskId>")
    text = f"{pending.operation} returned {rejection.code}: {message}"
    yield ContractWarning(REJECTED, text)


def _is_expected(warning: ContractWarning, pending: PendingRequest) -> bool:
    code = pending.rejection.code if pending.rejection and warning.kind == REJECTED else 0
    return is_expected(pending.sandbox.settings.expect or (), warning.kind, pending.operation, code)


def _bump(counts: OrderedDict[str, int], key: str) -> int:
    number = counts.pop(key, 0) + 1
    _keep(counts, key, number)
    return number


def _keep(kept: OrderedDict[Key, Value], key: Key, value: Value) -> None:
    kept[key] = value
    if len(kept) > _MOST:
        kept.popitem(last=False)
