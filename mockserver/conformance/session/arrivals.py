"""The webhooks that arrive during a run, and the tasks that they belong to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from mockserver.conformance.model import WEBHOOK, Exchange, History
from mockserver.conformance.operations import path_of
from mockserver.conformance.session.client import Client


class Arrived(Protocol):
    """A webhook as its receiver sees it."""

    @property
    def method(self) -> str:
        """The HTTP method."""

    @property
    def url(self) -> str:
        """The URL that it was sent to."""

    @property
    def headers(self) -> Mapping[str, str]:
        """By lower-case name."""

    @property
    def body(self) -> bytes:
        """The body."""


def exchange_of(webhook: Arrived, client: Client) -> Exchange:
    """Return the record of a webhook, without the secrets of the run."""
    return Exchange(
        method=webhook.method,
        url=client.hidden(webhook.url),
        path=path_of(client.hidden(webhook.url)),
        operation=WEBHOOK,
        headers={name: client.hidden(value) for name, value in webhook.headers.items()},
        body=client.hidden_bytes(webhook.body),
        status=None,
        response_headers={},
        response_body=b"",
    )


class Arrivals:
    """Assigns webhooks to the tasks in *histories*; to be used by one thread at a time.

    A webhook may arrive before the response to its submission, which has the taskId. Until then it
    is kept under the path of its callBackUrl.
    """

    def __init__(self, histories: Mapping[str, History]) -> None:
        self._histories = histories
        self._tasks: dict[str, str] = {}
        """taskIds by the path of their callBackUrl."""
        self._unclaimed: dict[str, list[Exchange]] = {}
        """Webhooks without a known task, by their path."""
        self.rejected_once: set[str] = set()
        """Paths of callBackUrls whose next webhook gets 500."""

    def expect(self, task_id: str, callback_url: str) -> list[Exchange]:
        """Assign a callBackUrl to a task; return the webhooks that arrived there before."""
        path = path_of(callback_url)
        self._tasks[path] = task_id
        return self._unclaimed.pop(path, [])

    def task_of(self, webhook: Exchange) -> str | None:
        """Return the taskId in a webhook if it is known, else the one that its URL belongs to."""
        task = webhook.request.get("data") if isinstance(webhook.request, dict) else None
        named = task.get("taskId") if isinstance(task, dict) else None
        task_id = named if isinstance(named, str) else None
        return task_id if task_id in self._histories else self._tasks.get(webhook.path, task_id)

    def keep(self, webhook: Exchange, task_id: str | None) -> int:
        """Add a webhook to its task; return the status to respond with."""
        history = self._histories.get(task_id or "")
        if history is not None:
            history.webhooks.append(webhook)
        else:
            self._unclaimed.setdefault(webhook.path, []).append(webhook)
        if webhook.path in self.rejected_once:
            self.rejected_once.discard(webhook.path)
            return 500
        return 200

    @property
    def unclaimed(self) -> list[Exchange]:
        """The webhooks of tasks that this run does not know."""
        return [one for listed in self._unclaimed.values() for one in listed]
