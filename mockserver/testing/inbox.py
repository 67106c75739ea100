"""A webhook receiver: answers as it is told, and is waited on by event."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Condition
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from mockserver.network.listening import base_of, listen_on
from mockserver.testing.webhook import OnWebhook, Webhook
from mockserver.web.incoming import BadRequest, take
from mockserver.web.listener import Listener

if TYPE_CHECKING:
    from granian._granian import RSGIHTTPProtocol as HTTPProtocol
    from granian.rsgi import Scope

_log = logging.getLogger(__name__)

_LIMIT = 16 * 1024 * 1024
"""Bytes of the largest body that is read."""
_AT_ONCE = 64
"""Webhooks that owners are given at once; some take long to answer."""


class InboxServer:
    """Listens for webhooks on *host*, as a context manager; hands each to whoever owns its path."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Take the port, a free one if it is 0. Raises OSError."""
        self.owners: dict[str, OnWebhook] = {}
        """By the first segment of the path; the empty one takes what has no other owner."""
        self._bound = listen_on(host, port)
        self.url = base_of("http", host, self._bound.getsockname()[1])
        self._listener = Listener(self._answer, "inbox")
        self._owning = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="inbox")

    def __enter__(self) -> Self:
        self._listener.start(self._bound)
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.stop()
        self._owning.shutdown(wait=False, cancel_futures=True)

    def inbox(self) -> Inbox:
        """Open an inbox at a URL of its own."""
        name = secrets.token_hex(8)
        inbox = Inbox(f"{self.url}/{name}")
        self.owners[name] = inbox.receive
        return inbox

    def close(self, inbox: Inbox) -> None:
        """Take no more for *inbox*: what comes late is answered 410."""
        del self.owners[inbox.url.rpartition("/")[2]]

    async def _answer(self, scope: Scope, proto: HTTPProtocol) -> None:
        status, said = 200, ""
        try:
            status = await self._received(scope, proto)
        except BadRequest as error:
            status, said = error.status, f"{error}\n"
        except Exception:  # that of an owner, whom others are not to suffer for
            _log.exception("a webhook's owner failed")
            status = 500
        proto.response_str(status, [("Content-Type", "text/plain")] if said else [], said)

    async def _received(self, scope: Scope, proto: HTTPProtocol) -> int:
        came = await take(scope, proto, _LIMIT)
        if len(came.body) > _LIMIT:
            raise BadRequest(413, f"the body is larger than {_LIMIT} bytes")
        webhook = Webhook(came.method, came.url, came.headers, came.body)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._owning, self._hand_over, webhook)

    def _hand_over(self, webhook: Webhook) -> int:
        first = urlsplit(webhook.url).path.lstrip("/").partition("/")[0]
        owner = self.owners.get(first) or self.owners.get("")
        return 410 if owner is None else owner(webhook) or 200


class Inbox:
    """What has come to one URL; safe to use from several threads."""

    def __init__(self, url: str) -> None:
        self.url = url
        """Give it to the app as its callBackUrl."""
        self._arrived = Condition()
        self._received: list[Webhook] = []
        self._answers: deque[int] = deque()

    @property
    def received(self) -> Sequence[Webhook]:
        """What has come so far, the refused ones too."""
        return tuple(self._received)

    def respond(self, *statuses: int) -> None:
        """Answer the next webhooks with *statuses* in turn; after them, 200.

        Raises ValueError for what is no status of an answer.
        """
        for status in statuses:
            if not isinstance(status, int) or not 200 <= status <= 599:
                raise ValueError(f"{status!r} is no status; use an integer from 200 to 599")
        self._answers.extend(statuses)

    def receive(self, webhook: Webhook) -> int:
        """Take a webhook; give the status to answer."""
        with self._arrived:
            self._received.append(webhook)
            self._arrived.notify_all()
            return self._answers.popleft() if self._answers else 200

    def wait(self, count: int = 1, *, check: bool = True, timeout: float = 5) -> Sequence[Webhook]:
        """Await *count* webhooks, counted from the first; give all that have come.

        Fails with AssertionError after *timeout* seconds of real time, or, unless *check* is
        false, when one of them does not conform to the contract.
        """
        __tracebackhide__ = True
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self._received) >= count, timeout):
                raise AssertionError(
                    f"{len(self._received)} webhooks within {timeout:g} s, not {count}; a "
                    "clock that stands still sends none: move it (wait_for, wait_until_idle)"
                )
        received = self.received
        for number, webhook in enumerate(received, 1):
            if check and webhook.violations:
                raise AssertionError(f"webhook {number}: " + " | ".join(webhook.violations))
        return received

    async def async_wait(
        self,
        count: int = 1,
        *,
        check: bool = True,
        timeout: float = 5,  # noqa: ASYNC109 - as `wait` has it
    ) -> Sequence[Webhook]:
        """Do as `wait`, while the event loop goes on."""
        return await asyncio.to_thread(self.wait, count, check=check, timeout=timeout)
