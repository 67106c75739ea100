"""A thread that evaluates what passes through the proxy, so that no connection waits for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from threading import Condition, Thread
from typing import Self, TypeVar

_MAX_BYTES = 128 * 1024 * 1024
_MAX_JOBS = 5000

_Result = TypeVar("_Result")


class BackgroundWorker:
    """Calls functions one after the other, as a context manager; leaves when all were called.

    What exceeds the limits of its queue is dropped, and counted. *failed* is called with what a
    function raises.
    """

    def __init__(self, failed: Callable[[Exception], object]) -> None:
        self.dropped = 0
        """How many functions were never called, as too many were waiting."""
        self._failed = failed
        self._jobs: deque[tuple[Callable[[], object], int]] = deque()
        self._bytes = 0
        self._is_closed = False
        self._changed = Condition()
        self._thread = Thread(target=self._run, name="observer", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()

    def call(self, function: Callable[[], object], size: int = 0) -> None:
        """Call *function* soon; until then it keeps *size* bytes in memory."""
        with self._changed:
            if self._bytes + size > _MAX_BYTES or len(self._jobs) >= _MAX_JOBS:
                self.dropped += 1
                return
            self._bytes += size
            self._jobs.append((function, size))
            self._changed.notify()

    def submit(self, function: Callable[[], _Result]) -> Future[_Result]:
        """Call *function* after everything that is already waiting; return its future result.

        Unlike `call`, it is never dropped.
        """
        future: Future[_Result] = Future()

        def settle() -> None:
            try:
                future.set_result(function())
            except Exception as error:
                future.set_exception(error)

        with self._changed:
            self._jobs.append((settle, 0))
            self._changed.notify()
        return future

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs or self._is_closed)
                if not self._jobs:
                    return
                function, size = self._jobs.popleft()
                self._bytes -= size
            try:
                function()
            except Exception as error:
                with suppress(Exception):
                    self._failed(error)
