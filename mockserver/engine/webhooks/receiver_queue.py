"""The attempts for one receiver that have not begun."""

from __future__ import annotations

from collections import deque
from functools import lru_cache
from typing import Protocol
from urllib.parse import urlsplit

from mockserver.engine.webhooks.waiting import Attempt

_MOST_FORGOTTEN = 1000
"""Jobs of a queue that may be forgotten, besides as many as others."""


class Job(Protocol):
    """An attempt that has not begun."""

    @property
    def is_forgotten(self) -> bool:
        """Whether it would do nothing."""

    def begin(self) -> Attempt[object]:
        """Return the attempt, which will be performed."""

    def drop(self) -> None:
        """Note that it will not begin."""


class ReceiverQueue:
    """The jobs for one receiver, and the number of its attempts in progress."""

    __slots__ = ("_limit", "in_progress", "is_noted", "jobs", "receiver")

    def __init__(self, receiver: str) -> None:
        self.receiver = receiver
        self.jobs: deque[Job] = deque()
        self.in_progress = 0
        self.is_noted = False
        """Whether the sender will look at it."""
        self._limit = _MOST_FORGOTTEN

    def drop_forgotten(self) -> int:
        """Return how many jobs were dropped: a slow receiver must not cost ever more memory."""
        if len(self.jobs) <= self._limit:
            return 0
        jobs, self.jobs = self.jobs, deque()
        for job in jobs:
            if job.is_forgotten:
                job.drop()
            else:
                self.jobs.append(job)
        self._limit = 2 * len(self.jobs) + _MOST_FORGOTTEN
        return len(jobs) - len(self.jobs)


@lru_cache(256)
def receiver_of(url: str) -> str:
    """Return what identifies the receiver of a URL: its scheme, host and port."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
