"""The journal: exchanges, and attempts to deliver webhooks; bounded, and shown without tokens."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from mockserver.contract import NotJson, parse_json
from mockserver.domain.durations import stamp
from mockserver.domain.record import record
from mockserver.domain.redaction import HIDDEN, SHORTEST, names_a_secret, without_users
from mockserver.engine.contract_warnings import UNKNOWN_ROUTE, ContractWarning, OperationName
from mockserver.engine.messages import Request, Response
from mockserver.engine.webhooks.attempt import Failure

if TYPE_CHECKING:
    from mockserver.engine.pending_request import PendingRequest

Entry = TypeVar("Entry")

_BODY_LIMIT = 16 * 1024
_HEADER_LIMIT = 1024
_FIXED_COST = 1000
"""Approximate bytes of an entry besides its bodies."""


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

    def as_json(self) -> dict[str, Any]:
        """Return the exchange for the control plane; a body that is not JSON is a text."""
        return {
            "number": self.number,
            "at": stamp(self.at),
            "method": self.request.method,
            "path": self.request.path,
            "headers": self.headers,
            "body": _shown(self.request.body),
            "status": self.response.status,
            "response_headers": dict(self.response.headers),
            "response_body": _shown(self.response.body),
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

    def as_json(self) -> dict[str, Any]:
        """Return the attempt for the control plane."""
        return {
            "number": self.number,
            "at": stamp(self.at),
            "taskId": self.task_id,
            "url": without_users(self.url),
            "attempt": self.attempt,
            "method": self.method,
            "resent": self.resent,
            "body": _shown(self.body),
            "status": self.status,
            "latency_ms": round(self.latency * 1000, 3),
            "delivered": self.error is None,
            "error": self.error,
            "failure": self.failure,
            "next_at": None if self.next_at is None else stamp(self.next_at),
            "scenarios": list(self.scenarios),
            "warnings": [one.as_json() for one in self.warnings],
        }


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


def _shown(body: bytes) -> Any:
    try:
        return parse_json(body)
    except NotJson:
        return body.decode("utf-8", "replace")


class Budget:
    """Limits the bytes of all rings together; the least recently used ring is shortened first."""

    def __init__(self, limit: int) -> None:
        self.used = 0
        self._limit = limit
        self._rings: OrderedDict[int, Ring[Any]] = OrderedDict()
        self._lock = Lock()

    def append(self, ring: Ring[Any], entry: Any, cost: int) -> None:
        """Add *entry* to *ring*, and drop old entries, of other rings too, to keep the limit."""
        with self._lock:
            self._rings[id(ring)] = ring
            self._rings.move_to_end(id(ring))
            if ring.kept is _NOTHING:
                ring.kept = deque()
            ring.kept.append((entry, cost))
            self.used += cost
            if len(ring.kept) > ring.entries:
                self._drop_first(ring)
            while self.used > self._limit and self._rings:
                self._drop_first(next(iter(self._rings.values())))

    def clear(self, ring: Ring[Any]) -> None:
        """Forget all of *ring*."""
        with self._lock:
            while ring.kept:
                self._drop_first(ring)

    def _drop_first(self, ring: Ring[Any]) -> None:
        self.used -= ring.kept.popleft()[1]
        if not ring.kept:
            ring.kept = _NOTHING
            del self._rings[id(ring)]


_NOTHING: deque[Any] = deque(maxlen=0)
"""What empty rings share: an empty deque takes as much memory as one of 64 entries."""


class Ring(Generic[Entry]):
    """The last entries of one kind in one sandbox."""

    def __init__(self, entries: int, budget: Budget) -> None:
        self.entries = entries
        self.kept: deque[tuple[Entry, int]] = _NOTHING
        """Entries with their cost in bytes."""
        self.numbers = count(1)
        self._budget = budget

    def add(self, entry: Entry, body_bytes: int) -> None:
        """Remember *entry*, whose bodies take *body_bytes*."""
        self._budget.append(self, entry, body_bytes + _FIXED_COST)

    def clear(self) -> None:
        """Drop every entry; numbers continue."""
        self._budget.clear(self)

    def __iter__(self) -> Iterator[Entry]:
        return iter([entry for entry, _ in tuple(self.kept)])

    def __len__(self) -> int:
        return len(self.kept)


class Journal:
    """The last exchanges and deliveries of a sandbox."""

    def __init__(self, entries: int, budget: Budget, watch: Watch | None = None) -> None:
        self.requests: Ring[RecordedRequest] = Ring(entries, budget)
        self.deliveries: Ring[Delivery] = Ring(entries, budget)
        self._watch = watch

    def record(
        self,
        pending: PendingRequest,
        response: Response,
        warnings: tuple[ContractWarning, ...] = (),
    ) -> None:
        """Record an exchange with bodies cut at 16 KiB."""
        request = pending.request
        if len(request.body) > _BODY_LIMIT:
            request = replace(request, body=request.body[:_BODY_LIMIT])
        if len(response.body) > _BODY_LIMIT:
            response = replace(response, body=response.body[:_BODY_LIMIT])
        entry = RecordedRequest(
            next(self.requests.numbers),
            pending.now,
            request,
            response,
            pending.task_id,
            pending.script.names,
            pending.operation,
            warnings,
        )
        self.requests.add(entry, _size(request) + len(response.body))
        if self._watch is not None:
            self._watch(entry)

    def record_delivery(self, delivery: Delivery, find_warnings: FindWarnings) -> Delivery:
        """Record an attempt with its number and warnings, which are set here, and return it."""
        delivery.number = next(self.deliveries.numbers)
        delivery.warnings = find_warnings(delivery)
        self.deliveries.add(delivery, len(delivery.url) + len(delivery.body))
        if self._watch is not None:
            self._watch(delivery)
        return delivery

    @property
    def is_watched(self) -> bool:
        """Whether anything watches the journal."""
        return self._watch is not None

    def tell(self, entry: ContractWarning | TaskEnd) -> None:
        """Pass *entry* to what watches the journal, without recording it."""
        if self._watch is not None:
            self._watch(entry)

    def clear(self) -> None:
        """Drop all entries; numbers continue."""
        self.requests.clear()
        self.deliveries.clear()
