"""Receivers for people who have none: `/__mock/inbox/<name>` as the callBackUrl.

An inbox keeps the webhooks that come to it, and responds as it was told to. Whatever comes, all
inboxes together take a limited amount of memory.
"""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from sys import getsizeof
from threading import Lock
from typing import Any

from mockserver.domain.durations import stamp
from mockserver.domain.redaction import HIDDEN, names_a_secret, without_url_secrets
from mockserver.engine.clock import real_timestamp
from mockserver.engine.journal import shown_body
from mockserver.engine.messages import ApiError, Fault, Request, Response, json_response
from mockserver.engine.routing import CONTROL
from mockserver.engine.webhooks.transport import USER_AGENT

INBOX_PREFIX = f"/{CONTROL}/inbox/"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MOST_INBOXES = 64
_MOST_WEBHOOKS = 100
"""Webhooks that one inbox keeps."""
_MOST_BYTES = 8 * 1024 * 1024
"""What the webhooks of all inboxes may take."""
_LONGEST_BODY = 64 * 1024
"""Bytes that are kept of a body."""
_LONGEST_TEXT = 1024
"""Characters that are kept of a header, and of a query."""
_FIXED_COST = 1000
"""Approximate bytes of a webhook besides its texts."""
OK = 200
LONGEST_DELAY = timedelta(minutes=1)


def is_webhook(request: Request) -> bool:
    """Return whether *request* brings something to an inbox, so that it needs no permission.

    The mock's own sender also sends a GET, if a scenario says so; any other GET is to read.
    """
    if not request.path.startswith(INBOX_PREFIX):
        return False
    is_sent = request.headers.get("user-agent") == USER_AGENT and "content-type" in request.headers
    return request.method == "POST" or (request.method == "GET" and is_sent)


@dataclass(frozen=True, slots=True)
class InboxResponse:
    """How an inbox responds."""

    status: int = OK
    delay: timedelta = timedelta()
    """Real time that the sender has to wait."""
    times: int | None = None
    """For how many webhooks; None is for all."""

    def as_json(self) -> dict[str, Any]:
        """Return it for the control plane."""
        seconds = self.delay.total_seconds()
        return {"status": self.status, "delay": seconds, "times": self.times}


@dataclass(frozen=True, slots=True)
class _Received:
    """What came: its texts as they are shown, and its body as it was."""

    number: int
    at: datetime
    method: str
    query: str
    headers: dict[str, str]
    body: bytes
    response: InboxResponse

    @property
    def cost(self) -> int:
        """Approximate bytes."""
        texts = (self.query, self.body, *self.headers, *self.headers.values())
        return _FIXED_COST + sum(map(getsizeof, texts))

    def as_json(self) -> dict[str, Any]:
        """Return it for the control plane."""
        body = shown_body(self.body)
        return {
            "number": self.number,
            "at": stamp(self.at),
            "method": self.method,
            "query": self.query,
            "headers": self.headers,
            "body": body,
            "taskId": _task_id(body),
            "status": self.response.status,
            "delay": self.response.delay.total_seconds(),
        }


@dataclass(slots=True)
class _Inbox:
    name: str
    response: InboxResponse = InboxResponse()
    received: int = 0
    kept: deque[_Received] = field(default_factory=deque)

    def as_json(self) -> dict[str, Any]:
        last = stamp(self.kept[-1].at) if self.kept else None
        shown = {"name": self.name, "received": self.received, "last_at": last}
        return {**shown, "response": self.response.as_json()}

    def next_response(self) -> InboxResponse:
        """Return how to respond now; what was chosen for some webhooks ends with the last."""
        now = self.response
        if now.times is not None:
            left = now.times - 1
            self.response = InboxResponse(now.status, now.delay, left) if left else InboxResponse()
        return now


class Inboxes:
    """The inboxes of a mock; safe to use from several threads.

    Any name is an inbox once something comes to it, unless *opened_only*: then it has to be opened
    before. If there are too many, the least recently used ones are forgotten.
    """

    def __init__(self, *, opened_only: bool) -> None:
        self._opened_only = opened_only
        self._by_name: OrderedDict[str, _Inbox] = OrderedDict()
        self._numbers = count(1)
        self._bytes = 0
        self._lock = Lock()

    def receive(self, name: str, request: Request) -> Response:
        """Keep what came, and respond as the inbox was told to. Raises ApiError 404."""
        with self._lock:
            if self._opened_only and name not in self._by_name:
                raise _unknown(name)
            inbox = self._of_name(name)
            response = inbox.next_response()
            received = _received(next(self._numbers), request, response)
            inbox.received += 1
            inbox.kept.append(received)
            self._bytes += received.cost
            self._keep_limits(inbox)
        late = Fault(response.delay.total_seconds()) if response.delay else None
        return replace(json_response(response.status, {"number": received.number}), fault=late)

    def choose(self, name: str, response: InboxResponse) -> dict[str, Any]:
        """Let an inbox respond so from now on, and open it if it is new. Raises ApiError 404."""
        with self._lock:
            inbox = self._of_name(name)
            inbox.response = response
            self._keep_limits(inbox)
            return inbox.as_json()

    def overview(self) -> list[dict[str, Any]]:
        """Return the inboxes, the most recently used first."""
        with self._lock:
            return [one.as_json() for one in reversed(self._by_name.values())]

    def show(self, name: str) -> dict[str, Any]:
        """Return an inbox and what came to it, oldest first; an unknown one is empty."""
        with self._lock:
            inbox = self._by_name.get(name) or _Inbox(_checked(name))
            return {**inbox.as_json(), "webhooks": [one.as_json() for one in inbox.kept]}

    def forget(self, name: str | None = None) -> int:
        """Forget an inbox, or all; return how many."""
        with self._lock:
            names = [one for one in self._by_name if name in (None, one)]
            for one in names:
                self._drop(one)
            return len(names)

    def _of_name(self, name: str) -> _Inbox:
        inbox = self._by_name.get(name)
        if inbox is None:
            inbox = self._by_name[_checked(name)] = _Inbox(name)
        self._by_name.move_to_end(name)
        return inbox

    def _keep_limits(self, newest: _Inbox) -> None:
        while len(newest.kept) > _MOST_WEBHOOKS:
            self._drop_first(newest)
        if len(self._by_name) > _MOST_INBOXES:
            self._drop(next(iter(self._by_name)))
        while self._bytes > _MOST_BYTES:
            filled = (one for one in self._by_name.values() if one.kept)
            self._drop_first(min(filled, key=lambda one: one.kept[0].number))

    def _drop(self, name: str) -> None:
        inbox = self._by_name.pop(name)
        self._bytes -= sum(one.cost for one in inbox.kept)

    def _drop_first(self, inbox: _Inbox) -> None:
        self._bytes -= inbox.kept.popleft().cost


def _received(number: int, request: Request, response: InboxResponse) -> _Received:
    headers = {
        name: HIDDEN if names_a_secret(name) else value[:_LONGEST_TEXT]
        for name, value in request.headers.items()
    }
    return _Received(
        number,
        datetime.fromtimestamp(real_timestamp(), UTC),
        request.method,
        without_url_secrets(f"?{request.query}")[1:_LONGEST_TEXT],
        headers,
        request.body[:_LONGEST_BODY],
        response,
    )


def _task_id(body: Any) -> str | None:
    """Return the id of the task that a webhook is about."""
    data = body.get("data") if isinstance(body, dict) else None
    task_id = data.get("taskId") if isinstance(data, dict) else None
    return task_id if isinstance(task_id, str) else None


def _checked(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise ApiError(
            404, f"inbox {name[:70]!r} has no usable name; use up to 64 letters, digits and . _ -"
        )
    return name


def _unknown(name: str) -> ApiError:
    how = f"open it by PUT {INBOX_PREFIX}<name>, with the control token"
    return ApiError(404, f"inbox {name[:70]!r} is not open, and this mock is public; {how}")
