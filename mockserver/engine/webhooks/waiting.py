"""What an attempt to send a webhook waits for.

An attempt is a coroutine that awaits nothing but what is here, and so does not decide how to wait:
`perform_here` blocks its thread, `Sender` waits for all of its attempts at once.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from selectors import DefaultSelector
from typing import Any, Generic, Self, TypeVar

from mockserver.engine.clock import real_seconds

T = TypeVar("T")


class Deadline:
    """The real time that one attempt has."""

    def __init__(self, seconds: float) -> None:
        self.ends = real_seconds() + seconds

    def left(self) -> float:
        """Return the seconds that are left. Raises TimeoutError when there are none."""
        left = self.ends - real_seconds()
        if left <= 0:
            raise TimeoutError
        return left


@dataclass(frozen=True, slots=True)
class Ready:
    """Awaiting it returns for which of *events* a socket is ready. Raises TimeoutError."""

    sock: socket.socket
    events: int
    deadline: Deadline

    def __await__(self) -> Generator[Self, int, int]:
        return (yield self)

    def block(self) -> int:
        """Wait in this thread."""
        with DefaultSelector() as selector:
            selector.register(self.sock, self.events)
            for _, events in selector.select(self.deadline.left()):
                return events
        raise TimeoutError


@dataclass(frozen=True, slots=True)
class LookUp(Generic[T]):
    """Awaiting it returns the result of *function*, which can take long. Raises TimeoutError."""

    name: str
    function: Callable[[], T]
    deadline: Deadline

    def __await__(self) -> Generator[Self, T, T]:
        return (yield self)

    def block(self) -> T:
        """Wait in this thread."""
        return self.function()


Wait = Ready | LookUp[Any]
Attempt = Coroutine[Wait, Any, T]


def perform_here(attempt: Attempt[T]) -> T:
    """Perform *attempt* in this thread, which waits; return or raise what it does."""
    resume: Callable[[], Wait] = lambda: attempt.send(None)  # noqa: E731
    try:
        while True:
            resume = _resumption(attempt, resume())
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        attempt.close()


def _resumption(attempt: Attempt[Any], wait: Wait) -> Callable[[], Wait]:
    """Wait; return what goes on with the result, or with the error."""
    try:
        result = wait.block()
    except Exception as error:
        return lambda error=error: attempt.throw(error)  # type: ignore[misc]
    return lambda: attempt.send(result)
