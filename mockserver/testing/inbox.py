"""A webhook receiver for tests: it keeps what comes, and responds as the test says."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Awaitable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Condition
from typing import Self
from urllib.parse import urlsplit

from mockserver.engine.messages import Request, Response
from mockserver.network.listening import base_of, listen_on
from mockserver.testing.webhook import OnWebhook, Webhook
from mockserver.web.incoming import BadRequest, url_of
from mockserver.web.listener import Listener

_log = logging.getLogger(__name__)

_AT_ONCE = 64
"""Webhooks that are handed over at the same time; some owners take long to respond."""


class InboxServer:
    """Listens for webhooks, as a context manager, and hands each to the owner of its path.

    *host* is the address of an interface, and *port* 0 takes a free port. Raises OSError if the
    address cannot be used. One server has any number of inboxes, each at a URL of its own.

    >>> import requests
    >>> from mockserver.testing import InboxServer, running_mock
    >>> draw = {"model": "gpt-image-2/text-to-image", "input": {"prompt": "a cat"}}
    >>> with InboxServer() as server, running_mock() as mock:
    ...     inbox, sandbox = server.inbox(), mock.sandbox()
    ...     response = requests.post(
    ...         f"{sandbox.base_url}/api/v1/task/submit",
    ...         json=draw | {"callBackUrl": inbox.url},
    ...         headers={"Authorization": f"Bearer {sandbox.api_key}"},
    ...     )
    ...     moved = sandbox.wait_until_idle()
    ...     inbox.wait(1)[0].task["status"]
    'SUCCESS'
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.owners: dict[str, OnWebhook] = {}
        """By the first segment of the path; the empty one gets what has no other owner."""
        self._bound = listen_on(host, port)
        self.url = base_of("http", host, self._bound.getsockname()[1])
        """The base URL, without a slash at its end."""
        self._front_end = _FrontEnd(self.owners)
        self._listener = Listener(self._front_end, "inbox")

    def __enter__(self) -> Self:
        self._listener.start(self._bound)
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.stop()
        self._front_end.close()

    def inbox(self) -> Inbox:
        """Open an inbox at a new URL."""
        name = secrets.token_hex(8)
        inbox = Inbox(f"{self.url}/{name}")
        self.owners[name] = inbox.receive
        return inbox

    def close(self, inbox: Inbox) -> None:
        """Close an inbox: webhooks that come later are answered 410."""
        del self.owners[inbox.url.rpartition("/")[2]]


class _FrontEnd:
    """Hands webhooks to their owners, in threads."""

    limit = 16 * 1024 * 1024
    """Bytes of the largest body that is read."""

    def __init__(self, owners: Mapping[str, OnWebhook]) -> None:
        self.executor = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="inbox")
        self._owners = owners

    def respond(self, request: Request) -> Response | Awaitable[Response]:
        """Return what is awaited for the response of the webhook's owner."""
        if len(request.body) > self.limit:
            return self.reject(BadRequest(413, f"the body is larger than {self.limit} bytes"))
        webhook = Webhook(request.method, url_of(request), request.headers, request.body)
        return asyncio.get_running_loop().run_in_executor(self.executor, self._hand_over, webhook)

    def reject(self, error: BadRequest) -> Response:
        """Return the response to a request that cannot be read."""
        return Response(error.status, (("Content-Type", "text/plain"),), f"{error}\n".encode())

    def _hand_over(self, webhook: Webhook) -> Response:
        first = urlsplit(webhook.url).path.lstrip("/").partition("/")[0]
        owner = self._owners.get(first) or self._owners.get("")
        try:
            status = 410 if owner is None else owner(webhook) or 200
        except Exception:  # of one owner; the others must not suffer for it
            _log.exception("the owner of a webhook failed")
            status = 500
        return Response(status, (), b"")

    def close(self) -> None:
        """Stop the threads."""
        self.executor.shutdown(wait=False, cancel_futures=True)


class Inbox:
    """The webhooks that have come to one URL; safe to use from several threads.

    It can also be used without a server, as an `on_webhook`:

    >>> from mockserver.testing import Inbox, Webhook
    >>> inbox = Inbox("https://app.example.com/hook")
    >>> inbox.respond(503)
    >>> [inbox.receive(Webhook("POST", inbox.url, {}, b"{}")) for _ in range(2)]
    [503, 200]
    >>> len(inbox.received)
    2
    """

    def __init__(self, url: str) -> None:
        self.url = url
        """The URL for the app to send as its callBackUrl."""
        self._arrived = Condition()
        self._received: list[Webhook] = []
        self._statuses: deque[int] = deque()

    @property
    def received(self) -> Sequence[Webhook]:
        """What has come so far, including what was answered with an error."""
        return tuple(self._received)

    def respond(self, *statuses: int) -> None:
        """Respond to the next webhooks with *statuses*, one each, and then with 200 again.

        Raises ValueError if one is not an integer from 200 to 599.
        """
        for status in statuses:
            if not isinstance(status, int) or not 200 <= status <= 599:
                raise ValueError(f"{status!r} is not a status; use an integer from 200 to 599")
        self._statuses.extend(statuses)

    def receive(self, webhook: Webhook) -> int:
        """Keep a webhook; return the status to respond with."""
        with self._arrived:
            self._received.append(webhook)
            self._arrived.notify_all()
            return self._statuses.popleft() if self._statuses else 200

    def wait(self, count: int = 1, *, check: bool = True, timeout: float = 5) -> Sequence[Webhook]:
        """Wait until *count* webhooks have come in all; return everything that has come.

        Raises AssertionError after *timeout* seconds of real time and, unless *check* is false,
        if one of them does not conform to the contract. A clock that stands still sends no
        webhooks: move it first.
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
        """Do the same as `wait` without blocking the event loop."""
        return await asyncio.to_thread(self.wait, count, check=check, timeout=timeout)
