"""The form in which sandboxes, tasks, webhooks and events are kept: JSON, made by msgspec.

It follows from the types of the engine. Whoever changes one of these so that older JSON can no
longer be read raises VERSION, which is kept with the data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

from mockserver.domain.record import record
from mockserver.domain.task import Task
from mockserver.engine.contract_warnings import ContractWarning, OperationName
from mockserver.engine.events import AnyEvent, Event, EventKind, Note
from mockserver.engine.journal import Delivery, RecordedRequest, ring_of
from mockserver.engine.keeping import Kept, KeptWebhook
from mockserver.engine.messages import Request, Response

VERSION = 1
"""Of everything that is kept, the tables included."""

T = TypeVar("T")


class Unreadable(ValueError):
    """What was kept cannot be read; the message says why."""


class Codec(Generic[T]):
    """Writes values of one type as JSON, and reads them again."""

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder(kind)

    def write(self, value: T) -> str:
        """Return *value* as JSON."""
        try:
            return self._encoder.encode(value).decode()
        except UnicodeEncodeError:  # half of a pair of surrogates, which JSON can only escape
            return json.dumps(msgspec.to_builtins(value))

    def read(self, text: str) -> T:
        """Return the value that was written as *text*. Raises Unreadable."""
        try:
            return self._decoder.decode(text)
        except (msgspec.DecodeError, UnicodeError) as error:
            return self._read_slowly(text, error)

    def _read_slowly(self, text: str, error: Exception) -> T:
        try:
            return msgspec.convert(json.loads(text), self._kind)
        except ValueError as wrong:
            raise Unreadable(str(wrong)) from error


@record
class _Exchange:
    """A recorded exchange; its faults on the way are over, and its secrets are left out."""

    number: int
    method: str
    path: str
    query: str
    scheme: str
    headers: Mapping[str, str]
    body: bytes
    status: int
    response_headers: tuple[tuple[str, str], ...]
    response_body: bytes
    task_id: str | None
    scenarios: tuple[str, ...]
    operation: OperationName
    warnings: tuple[ContractWarning, ...]


@dataclass(frozen=True, slots=True)
class _Told:
    """An event of few words."""

    kind: EventKind
    data: dict[str, Any]


tasks: Codec[Task] = Codec(Task)
sandboxes: Codec[Kept] = Codec(Kept)
webhooks: Codec[KeptWebhook] = Codec(KeptWebhook)
about: Codec[tuple[int, datetime, float, int]] = Codec(tuple[int, datetime, float, int])
"""Number, moment, real time and bytes of an event."""
_exchanges: Codec[_Exchange] = Codec(_Exchange)
_deliveries: Codec[Delivery] = Codec(Delivery)
_notes: Codec[_Told] = Codec(_Told)


def write_event(event: AnyEvent) -> str:
    """Return what an event is about as JSON."""
    data = event.data
    if isinstance(data, RecordedRequest):
        return _exchanges.write(_kept_exchange(data))
    if isinstance(data, Delivery):
        return _deliveries.write(data)
    return _notes.write(_Told(data.kind, data.told()))


def read_event(sandbox: str, at: datetime, row: tuple[int, int, float, int, str]) -> AnyEvent:
    """Return the event of a *row*: number, ring, real time, bytes, JSON. Raises Unreadable."""
    number, ring, real, cost, text = row
    data: RecordedRequest | Delivery | Note
    if ring == ring_of(EventKind.REQUEST):
        data = _exchange(_exchanges.read(text), at)
    elif ring == ring_of(EventKind.WEBHOOK):
        data = _deliveries.read(text)
    else:
        told = _notes.read(text)
        data = Note(told.kind, told.data)
    return Event(number, sandbox, at, real, data, cost)


def _kept_exchange(entry: RecordedRequest) -> _Exchange:
    request, response = entry.request, entry.response
    return _Exchange(
        entry.number,
        request.method,
        request.path,
        request.query,
        request.scheme,
        entry.headers,
        request.body,
        response.status,
        response.headers,
        response.body,
        entry.task_id,
        entry.scenarios,
        entry.operation,
        entry.warnings,
    )


def _exchange(kept: _Exchange, at: datetime) -> RecordedRequest:
    request = Request(kept.method, kept.path, kept.headers, kept.body, kept.query, kept.scheme)
    response = Response(kept.status, kept.response_headers, kept.response_body)
    return RecordedRequest(
        kept.number,
        at,
        request,
        response,
        kept.task_id,
        kept.scenarios,
        kept.operation,
        kept.warnings,
    )
