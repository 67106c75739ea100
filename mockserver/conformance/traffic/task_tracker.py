"""What is remembered of tasks whose polls pass by: little of each, and of not too many."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

from mockserver.conformance.model import Exchange, History

_MOST_TASKS = 2000
_MOST_BYTES = 64 * 1024 * 1024
_KEPT = 24 * 3600.0
"""Seconds without news of a task after which it is forgotten."""
_MOST_POLLS, _MOST_OTHERS = 40, 10
"""Of one task; the first of them and the last ones are kept."""
_MOST_TOKENS = 20_000
_OVERDUE = 60.0
"""Seconds after the end of a task was seen, in which its webhook may still come."""


@dataclass
class TrackedTask:
    """A task, and what helps to tell what its exchanges mean."""

    history: History
    key: bytes | None = None
    """Which token it belongs to; others may not see it."""
    news: float = 0.0
    """When it was last heard of."""
    polled: float = 0.0
    """When the last poll was answered that says what came after what."""
    ended: float | None = None
    """When its end was first seen."""
    led: bool = False
    """Whether its webhook would pass by."""
    arrived: list[float] = field(default_factory=list)
    """When each webhook came."""
    is_inconclusive: bool = False
    """Whether it may have been cancelled, and nobody knows."""
    size: int = 0

    def is_overdue(self, now: float) -> bool:
        """Say whether its webhook would have come by now."""
        return self.led and self.ended is not None and now - self.ended >= _OVERDUE


class TaskTracker:
    """The tasks, those with the oldest news first."""

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
        """Remember a submission that was accepted; *token* is in the URL of its webhook."""
        known = self._tasks.setdefault(task_id, TrackedTask(History(task_id)))
        if known.history.submission is not None:
            return
        known.history.submission, known.key = exchange, key
        known.led = token is not None
        if token is not None:
            self._tokens[token] = task_id
            if len(self._tokens) > _MOST_TOKENS:
                self._tokens.popitem(last=False)
        self._touch(known, now)

    def polled(
        self, exchange: Exchange, key: bytes, began: float, ended: float
    ) -> TrackedTask | None:
        """Remember a poll; give its task if that is news.

        Left out is what proves nothing: a poll with another token, one that was not answered or
        refused for other reasons than the task, and one that overlapped with the one before, as
        nobody can tell which of them saw more.
        """
        task_id = exchange.path.rpartition("/")[2]
        known = self._tasks.get(task_id)
        if known is None and exchange.task is not None:
            known = self._tasks[task_id] = TrackedTask(History(task_id))
        if known is None or exchange.status not in (200, 404):
            return None
        known.key = known.key or key
        if known.key != key or began < known.polled:
            return None
        known.polled = ended
        if known.ended is None and (exchange.task or {}).get("status") in self._terminal:
            known.ended = ended
        news = _add_poll(known.history.polls, exchange) | _add_to_webhooks(known, exchange, began)
        self._touch(known, ended)
        return known if news else None

    def cancelled(
        self, exchange: Exchange, key: bytes, began: float, ended: float
    ) -> TrackedTask | None:
        """Remember a cancellation; give its task if that is news.

        Left out is one that came when the end was known already; and if it is not clear what came
        of one, all of them are.
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

    def called(self, webhook: Exchange, token: str | None, now: float) -> TrackedTask | None:
        """Remember a webhook; give its task, or None if nobody knows which one it tells of."""
        told = webhook.request.get("data") if isinstance(webhook.request, dict) else None
        task_id = told.get("taskId") if isinstance(told, dict) else None
        by_token = self._tokens.get(token or "")
        known = self._tasks.get(by_token or "")
        if known is None and isinstance(task_id, str):  # it can be faster than the submission
            known = self._tasks.setdefault(task_id, TrackedTask(History(task_id)))
        if known is None:
            return None
        known.history.webhooks.append(webhook)
        known.arrived.append(now)
        del known.history.webhooks[1:-_MOST_OTHERS], known.arrived[1:-_MOST_OTHERS]
        self._touch(known, now)
        return known

    def forget(self, now: float) -> Iterator[TrackedTask]:
        """Forget what is old or too much; give it."""
        while self._tasks:
            task_id, oldest = next(iter(self._tasks.items()))
            many = len(self._tasks) > _MOST_TASKS or self._size > _MOST_BYTES
            if not many and now - oldest.news < _KEPT:
                return
            del self._tasks[task_id]
            self._size -= oldest.size
            yield oldest

    def _touch(self, known: TrackedTask, now: float) -> None:
        history = known.history
        one = [] if history.submission is None else [history.submission]
        every = [*one, *history.polls, *history.cancels, *history.webhooks]
        size = sum(len(each.body) + len(each.response_body) + 1000 for each in every)
        self._size += size - known.size
        known.size, known.news = size, max(now, known.news)
        self._tasks.move_to_end(history.task_id)


def _add_poll(polls: list[Exchange], poll: Exchange) -> bool:
    """Add a poll, and say whether it tells more than the last two, which it else takes part of."""
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
    """Let the first poll after each webhook say what a poll showed when it had come."""
    added = False
    for number, webhook in enumerate(known.history.webhooks):
        if not webhook.response_body and known.arrived[number] <= began:
            shown = replace(webhook, status=poll.status, response_body=poll.response_body)
            known.history.webhooks[number] = shown
            added = True
    return added
