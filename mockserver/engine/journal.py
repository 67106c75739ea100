"""The journal: exchanges, and attempts to deliver webhooks; bounded, and shown without tokens."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING, Any

from mockserver.contract import NotJson, parse_json
from mockserver.domain.durations import stamp
from mockserver.domain.record import record
from mockserver.domain.redaction import (
    HIDDEN,
    SHORTEST,
    names_a_secret,
    without_url_secrets,
    without_users,
)
from mockserver.engine.contract_warnings import UNKNOWN_ROUTE, ContractWarning, OperationName
from mockserver.engine.events import AnyEvent, EventKind, EventLog, Note, Ring
from mockserver.engine.messages import JSON_TYPE, Request, Response
from mockserver.engine.webhooks.attempt import Failure

if TYPE_CHECKING:
    from mockserver.engine.pending_request import PendingRequest

_BODY_LIMIT = 16 * 1024
_HEADER_LIMIT = 1024
_ERROR = 400
_NOTES = 4
"""Other events that are kept for each exchange: a task's submission and its states."""


@record
class RecordedRequest:
    """A request and its response."""

    number: int
    """The number of the request in its sandbox, from 1."""
    at: datetime
    request: Request = field(repr=False)
    """As it was received, so with its secrets: show `headers`."""
    response: Response
    task_id: str | None
    scenarios: tuple[str, ...]
    """The scenarios that applied to it."""
    operation: OperationName = UNKNOWN_ROUTE
    warnings: tuple[ContractWarning, ...] = ()
    """What the app did against the contract."""

    @property
    def headers(self) -> dict[str, str]:
        """The request's headers, without secrets and shortened: most of them are never read."""
        return _without_secrets(self.request.headers)

    @property
    def is_whole(self) -> bool:
        """Whether the journal kept the whole body of the request."""
        return len(self.request.body) < _BODY_LIMIT

    @property
    def kind(self) -> EventKind:
        """What has happened."""
        return EventKind.REQUEST

    @property
    def counted(self) -> tuple[str, int]:
        """The operation, and the status of its response."""
        return self.operation, self.response.status

    def told(self) -> dict[str, Any]:
        """Return the exchange without headers and bodies, but with what the response says.

        `task_status` is what a poll shows, and `message` is that of an error.
        """
        told = {
            "number": self.number,
            "method": self.request.method,
            "path": self.request.path,
            "operation": self.operation,
            "status": self.response.status,
            "taskId": self.task_id,
            "scenarios": self.scenarios,
            "warnings": [one.as_json() for one in self.warnings],
        }
        if self.response.status >= _ERROR:
            told["message"] = str(_said(self.response).get("msg", ""))
        elif self.operation == "query":
            data = _said(self.response).get("data")
            if isinstance(data, dict) and "status" in data:
                told["task_status"] = data["status"]
        return told

    def as_json(self) -> dict[str, Any]:
        """Return the exchange for the control plane; a body that is not JSON is a text."""
        return {
            "number": self.number,
            "at": stamp(self.at),
            "method": self.request.method,
            "path": self.request.path,
            "query": without_url_secrets(f"?{self.request.query}")[1:],
            "operation": self.operation,
            "headers": self.headers,
            "body": shown_body(self.request.body),
            "status": self.response.status,
            "response_headers": dict(self.response.headers),
            "response_body": shown_body(self.response.body),
            "taskId": self.task_id,
            "scenarios": list(self.scenarios),
            "warnings": [one.as_json() for one in self.warnings],
        }


@dataclass(slots=True)
class Delivery:
    """One attempt to deliver a webhook; once it is recorded, it is never changed."""

    number: int
    """The number of the attempt in its sandbox, from 1; 0 before it is recorded."""
    at: datetime
    task_id: str
    url: str
    attempt: int
    body: bytes
    status: int | None
    """HTTP status of the receiver's response; None if there was none."""
    latency: float
    """Seconds of real time."""
    error: str | None
    """Why the attempt does not count as delivered; None if it does."""
    next_at: datetime | None
    """When the next attempt is due, if there is one."""
    failure: Failure | None = None
    """The kind of *error*."""
    scenarios: tuple[str, ...] = ()
    """The scenarios whose faults it had."""
    method: str = "POST"
    resent: bool = False
    """Whether it was requested in addition to the planned attempts."""
    proof: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Headers that can hold a secret, and are therefore never shown."""
    warnings: tuple[ContractWarning, ...] = ()
    """What the receiver did against the contract."""

    @property
    def kind(self) -> EventKind:
        """What has happened."""
        return EventKind.WEBHOOK

    @property
    def counted(self) -> tuple[str, ...]:
        """`delivered`, or the kind of its error."""
        return ("delivered" if self.error is None else str(self.failure or "failed"),)

    def told(self) -> dict[str, Any]:
        """Return the attempt without its body."""
        return {
            "number": self.number,
            "taskId": self.task_id,
            "url": without_users(self.url),
            "attempt": self.attempt,
            "method": self.method,
            "resent": self.resent,
            "status": self.status,
            "latency_ms": round(self.latency * 1000, 3),
            "delivered": self.error is None,
            "error": self.error,
            "failure": self.failure,
            "next_at": None if self.next_at is None else stamp(self.next_at),
            "scenarios": list(self.scenarios),
            "warnings": [one.as_json() for one in self.warnings],
        }

    def as_json(self) -> dict[str, Any]:
        """Return the attempt for the control plane."""
        return {"at": stamp(self.at), "body": shown_body(self.body), **self.told()}


@dataclass(frozen=True, slots=True)
class TaskEnd:
    """The last state of a task that its sandbox forgets."""

    status: str
    reason: str | None
    webhook: str | None
    """The state of its webhook; None if it had none."""


Watch = Callable[[RecordedRequest | Delivery | ContractWarning | TaskEnd], object]
"""Is called with everything that a sandbox notes, in whatever thread that happens."""


FindWarnings = Callable[[Delivery], tuple[ContractWarning, ...]]
"""Returns the warnings about an attempt."""


def _said(response: Response) -> dict[str, Any]:
    """Return what a response says, if that is a JSON object."""
    if JSON_TYPE not in response.headers:
        return {}
    try:
        said = json.loads(response.body)
    except ValueError:  # it was cut, or a scenario spoiled it
        return {}
    return said if isinstance(said, dict) else {}


def _without_secrets(headers: Mapping[str, str]) -> dict[str, str]:
    """Hide the values of headers that hold a secret, or that repeat the API key."""
    key = headers.get("authorization", "").rpartition(" ")[2]
    return {
        name: HIDDEN
        if names_a_secret(name) or (len(key) >= SHORTEST and key in value)
        else value[:_HEADER_LIMIT]
        for name, value in headers.items()
    }


def _size(request: Request) -> int:
    """Return the bytes of a request's texts."""
    headers = request.headers
    header_bytes = len("".join(headers)) + len("".join(headers.values()))
    return len(request.path) + len(request.query) + header_bytes + len(request.body)


def shown_body(body: bytes) -> Any:
    """Return a body as JSON, or as a text if it is not JSON."""
    try:
        return parse_json(body)
    except NotJson:
        return body.decode("utf-8", "replace")


def ring_of(kind: EventKind) -> int:
    """Return which of a journal's `rings` keeps the events of a kind."""
    return {EventKind.REQUEST: 0, EventKind.WEBHOOK: 1}.get(kind, 2)


class Journal:
    """The latest events of a sandbox: exchanges, attempts to deliver webhooks, and others."""

    def __init__(
        self, sandbox: str, entries: int, log: EventLog, watch: Watch | None = None
    ) -> None:
        self.requests: Ring[RecordedRequest] = Ring(sandbox, entries, log, log.requests)
        self.deliveries: Ring[Delivery] = Ring(sandbox, entries, log, log.attempts)
        self._notes: Ring[Note] = Ring(sandbox, entries * _NOTES, log, log.states)
        self._numbers = count(1), count(1)
        """Of exchanges, and of attempts."""
        self._recorded = [0, 0]
        """The latest of these."""
        self._watch = watch

    @property
    def rings(self) -> tuple[Ring[Any], ...]:
        """Where the events are kept."""
        return self.requests, self.deliveries, self._notes

    @property
    def latest(self) -> AnyEvent | None:
        """The latest event that is kept."""
        last = [event for ring in self.rings for event in tuple(ring.kept)[-1:]]
        return max(last, key=lambda event: event.number, default=None)

    def record(
        self,
        pending: PendingRequest,
        response: Response,
        warnings: tuple[ContractWarning, ...] = (),
    ) -> RecordedRequest:
        """Record an exchange with bodies cut at 16 KiB, and return it."""
        request = pending.request
        if len(request.body) > _BODY_LIMIT:
            request = replace(request, body=request.body[:_BODY_LIMIT])
        if len(response.body) > _BODY_LIMIT:
            response = replace(response, body=response.body[:_BODY_LIMIT])
        entry = RecordedRequest(
            next(self._numbers[0]),
            pending.now,
            request,
            response,
            pending.task_id,
            pending.script.names,
            pending.operation,
            warnings,
        )
        self._recorded[0] = entry.number
        self.requests.add(entry.at, entry, _size(request) + len(response.body))
        if self._watch is not None:
            self._watch(entry)
        return entry

    def record_delivery(self, delivery: Delivery, find_warnings: FindWarnings) -> Delivery:
        """Record an attempt with its number and warnings, which are set here, and return it."""
        delivery.number = self._recorded[1] = next(self._numbers[1])
        delivery.warnings = find_warnings(delivery)
        self.deliveries.add(delivery.at, delivery, len(delivery.url) + len(delivery.body))
        if self._watch is not None:
            self._watch(delivery)
        return delivery

    @property
    def recorded(self) -> tuple[int, int]:
        """The numbers of the latest exchange, and of the latest attempt."""
        return self._recorded[0], self._recorded[1]

    @property
    def dropped(self) -> tuple[int, int, int]:
        """The number of the latest event that each ring has dropped."""
        return self.requests.dropped, self.deliveries.dropped, self._notes.dropped

    def restore(
        self, events: Iterable[AnyEvent], recorded: tuple[int, int], dropped: tuple[int, int, int]
    ) -> None:
        """Have events that were kept; numbers go on after those that were *recorded*."""
        kept: tuple[list[AnyEvent], ...] = ([], [], [])
        for event in events:
            place = ring_of(event.data.kind)
            if event.number > dropped[place]:
                kept[place].append(event)
        for ring, own, last in zip(self.rings, kept, dropped, strict=True):
            ring.restore(own, last)
        self._recorded[:] = recorded
        self._numbers = count(recorded[0] + 1), count(recorded[1] + 1)

    def note(self, at: datetime, kind: EventKind, data: dict[str, Any]) -> None:
        """Record any other event, whose *data* is JSON."""
        self._notes.add_notes(((at, Note(kind, data)),))

    def note_all(self, notes: Iterable[tuple[datetime, Note]]) -> None:
        """Record several of these."""
        self._notes.add_notes(notes)

    @property
    def is_watched(self) -> bool:
        """Whether anything watches the journal."""
        return self._watch is not None

    def tell(self, entry: ContractWarning | TaskEnd) -> None:
        """Pass *entry* to what watches the journal, without recording it."""
        if self._watch is not None:
            self._watch(entry)

    def clear(self) -> None:
        """Drop all events; numbers continue."""
        for ring in self.rings:
            ring.clear()
