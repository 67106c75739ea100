"""Tracks the tasks in passing traffic, and forgets those that it can no longer afford to keep.

A proxy may run for weeks, so memory is bounded in three ways. Of one task, only the first exchange
and the latest ones of each kind are kept: the first shows the start, and the checks compare
neighbouring polls. Tasks are ordered by their latest news, and the one with the oldest news goes
first when there are too many tasks, when their bodies take too much memory, or when it has been
quiet for a day. What is forgotten is handed out, so that it is evaluated one last time and its
findings are counted for good.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

from mockserver.conformance.model import Exchange, History

_MOST_TASKS = 2000
_MOST_BYTES = 64 * 1024 * 1024
_QUIET = 24 * 3600.0
"""Seconds without news of a task after which it is forgotten."""
_MOST_POLLS, _MOST_OTHERS = 40, 10
"""The most polls, and other exchanges of each kind, of one task: the first, and the latest."""
_MOST_TOKENS = 20_000
_OVERHEAD = 1000
"""Bytes that an exchange takes besides its bodies, roughly."""
_OVERDUE = 60.0
"""Seconds after the end of a task was seen in which its webhook may still arrive."""


@dataclass
class TrackedTask:
    """A task, and what is needed to interpret its exchanges."""

    history: History
    key: bytes | None = None
    """Identifies the API key that it belongs to; others may not see it."""
    latest_news: float = 0.0
    """When something about it was last seen."""
    last_poll_ended: float = 0.0
    """When the last poll that was kept got its response."""
    ended: float | None = None
    """When its end was first seen."""
    webhook_redirected: bool = False
    """Whether its webhook goes through the proxy."""
    arrived: list[float] = field(default_factory=list)
    """When each webhook arrived."""
    is_inconclusive: bool = False
    """Whether it is unknown if it was cancelled."""
    size: int = 0

    def is_overdue(self, now: float) -> bool:
        """Return whether its webhook should have arrived by now."""
        return self.webhook_redirected and self.ended is not None and now - self.ended >= _OVERDUE


class TaskTracker:
    """The tasks that are known, those with the oldest news first."""

    def __init__(self, terminal: Collection[str]) -> None:
        self._terminal = terminal
        self._tasks: OrderedDict[str, TrackedTask] = OrderedDict()
        self._tokens: OrderedDict[str, str] = OrderedDict()
        self._size = 0

    def __iter__(self) -> Iterator[TrackedTask]:
        return iter(self._tasks.values())

    def begin(
        self, task_id: str, exchange: Exchange, key: bytes, token: str | None, now: float
    ) -> None:
        """Add an accepted submission; *token* is in the URL of its webhook."""
        known = self._tasks.setdefault(task_id, TrackedTask(History(task_id)))
        if known.history.submission is not None:
            return
        known.history.submission, known.key = exchange, key
        known.webhook_redirected = token is not None
        if token is not None:
            self._tokens[token] = task_id
            if len(self._tokens) > _MOST_TOKENS:
                self._tokens.popitem(last=False)
        self._touch(known, now)

    def polled(
        self, exchange: Exchange, key: bytes, began: float, ended: float
    ) -> TrackedTask | None:
        """Add a poll; return its task if the poll shows something new.

        Polls that prove nothing are left out: with another key, without a response, rejected for
        another reason than the task, or overlapping with the poll before, because it is unknown
        which of the two saw the later state.
        """
        task_id = exchange.path.rpartition("/")[2]
        known = self._tasks.get(task_id)
        if known is None and exchange.task is not None:
            known = self._tasks[task_id] = TrackedTask(History(task_id))
        if known is None or exchange.status not in (200, 404):
            return None
        known.key = known.key or key
        if known.key != key or began < known.last_poll_ended:
            return None
        known.last_poll_ended = ended
        if known.ended is None and (exchange.task or {}).get("status") in self._terminal:
            known.ended = ended
        news = _add_poll(known.history.polls, exchange) | _add_to_webhooks(known, exchange, began)
        self._touch(known, ended)
        return known if news else None

    def cancelled(
        self, exchange: Exchange, key: bytes, began: float, ended: float
    ) -> TrackedTask | None:
        """Add a cancellation; return its task if the cancellation matters.

        One that came after the known end is left out. If the effect of one is unknown, all
        cancellations of the task are left out.
        """
        known = self._tasks.get(exchange.path.split("/")[-2])
        if known is None or known.key != key or (known.ended is not None and began > known.ended):
            return None
        known.is_inconclusive |= not exchange.succeeded and exchange.status != 400
        known.history.cancels.append(exchange)
        del known.history.cancels[1:-_MOST_OTHERS]
        if known.is_inconclusive:
            known.history.cancels.clear()
        self._touch(known, ended)
        return known

    def delivered(self, webhook: Exchange, token: str | None, now: float) -> TrackedTask | None:
        """Add a webhook; return its task, or None if that is unknown."""
        task = webhook.request.get("data") if isinstance(webhook.request, dict) else None
        task_id = task.get("taskId") if isinstance(task, dict) else None
        by_token = self._tokens.get(token or "")
        known = self._tasks.get(by_token or "")
        if known is None and isinstance(
            task_id, str
        ):  # it may arrive before the response to the submission
            known = self._tasks.setdefault(task_id, TrackedTask(History(task_id)))
        if known is None:
            return None
        known.history.webhooks.append(webhook)
        known.arrived.append(now)
        del known.history.webhooks[1:-_MOST_OTHERS], known.arrived[1:-_MOST_OTHERS]
        self._touch(known, now)
        return known

    def forget(self, now: float) -> Iterator[TrackedTask]:
        """Forget the tasks with the oldest news, as far as necessary, and yield them."""
        while self._tasks:
            task_id, oldest = next(iter(self._tasks.items()))
            is_full = len(self._tasks) > _MOST_TASKS or self._size > _MOST_BYTES
            if not is_full and now - oldest.latest_news < _QUIET:
                return
            del self._tasks[task_id]
            self._size -= oldest.size
            yield oldest

    def _touch(self, known: TrackedTask, now: float) -> None:
        history = known.history
        first = [] if history.submission is None else [history.submission]
        kept = [*first, *history.polls, *history.cancels, *history.webhooks]
        size = sum(len(one.body) + len(one.response_body) + _OVERHEAD for one in kept)
        self._size += size - known.size
        known.size, known.latest_news = size, max(now, known.latest_news)
        self._tasks.move_to_end(history.task_id)


def _add_poll(polls: list[Exchange], poll: Exchange) -> bool:
    """Add a poll; return whether it differs from the last two.

    A third equal poll replaces the second: of a long wait, its first and its last poll are enough.
    """
    same = len(polls) > 1 and all(
        (one.status, one.response_body) == (poll.status, poll.response_body) for one in polls[-2:]
    )
    if same:
        polls[-1] = poll
        return False
    polls.append(poll)
    del polls[1:-_MOST_POLLS]
    return True


def _add_to_webhooks(known: TrackedTask, poll: Exchange, began: float) -> bool:
    """Store the first poll after each webhook with it, as what a poll showed on its arrival."""
    added = False
    for number, webhook in enumerate(known.history.webhooks):
        if not webhook.response_body and known.arrived[number] <= began:
            shown = replace(webhook, status=poll.status, response_body=poll.response_body)
            known.history.webhooks[number] = shown
            added = True
    return added
