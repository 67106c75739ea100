"""A thread that looks at what passes, so that nothing waits for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from threading import Condition, Thread
from typing import Any, Self

_MOST_BYTES = 128 * 1024 * 1024
_MOST_ENTRIES = 5000


class BackgroundWorker:
    """Calls functions one after the other, as a context manager; ends when all were called.

    What is too much to remember is left out, and counted.
    """

    def __init__(self, failed: Callable[[Exception], object]) -> None:
        self.left_out = 0
        self._failed = failed
        self._calls: deque[tuple[Callable[[], object], int]] = deque()
        self._bytes = 0
        self._ends = False
        self._changed = Condition()
        self._thread = Thread(target=self._run, name="aside", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._ends = True
            self._changed.notify()
        self._thread.join()

    def call(self, function: Callable[[], object], size: int = 0) -> None:
        """Call *function* soon, which keeps so many bytes until then."""
        with self._changed:
            if self._bytes + size > _MOST_BYTES or len(self._calls) >= _MOST_ENTRIES:
                self.left_out += 1
                return
            self._bytes += size
            self._calls.append((function, size))
            self._changed.notify()

    def ask(self, function: Callable[[], Any]) -> Future[Any]:
        """Call *function* after all that was to be called before; give what will come of it."""
        future: Future[Any] = Future()

        def response_body() -> None:
            try:
                future.set_result(function())
            except Exception as error:
                future.set_exception(error)

        with self._changed:
            self._calls.append((response_body, 0))
            self._changed.notify()
        return future

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._calls or self._ends)
                if not self._calls:
                    return
                function, size = self._calls.popleft()
                self._bytes -= size
            try:
                function()
            except Exception as error:
                with suppress(Exception):
                    self._failed(error)
