"""An event loop that runs one coroutine in a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from threading import Event, Thread


class LoopThread:
    """Runs *main*, which calls `started` once it serves, until it returns.

    The thread is a daemon: a *main* that never returns does not keep the process alive.
    """

    def __init__(
        self,
        main: Callable[[], Coroutine[object, object, None]],
        name: str,
        loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
    ) -> None:
        self._main = main
        self._loop_factory = loop_factory
        self._ready = Event()
        self._is_started = False
        self._failure: Exception | None = None
        self._loop: asyncio.AbstractEventLoop
        self._thread = Thread(target=self._run, name=name, daemon=True)

    @property
    def is_alive(self) -> bool:
        """Whether *main* is still running."""
        return self._thread.is_alive()

    def start(self, timeout: float) -> None:
        """Start *main*; return once it serves.

        Raises what *main* raised instead, or OSError if it ended, or does not serve within
        *timeout* real seconds.
        """
        self._thread.start()
        self._ready.wait(timeout)
        if self._failure is not None:
            raise self._failure
        if not self._is_started:
            raise OSError("it did not start")

    def started(self) -> None:
        """Report that *main* serves from now on."""
        self._is_started = True
        self._ready.set()

    def call(self, function: Callable[..., object], *arguments: object) -> None:
        """Call *function* soon in the loop, from another thread."""
        self._loop.call_soon_threadsafe(function, *arguments)

    def join(self, timeout: float | None = None) -> bool:
        """Wait until *main* has returned, or *timeout* is over; return whether it has."""
        self._thread.join(timeout)
        return not self.is_alive

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=self._loop_factory) as runner:
                self._loop = runner.get_loop()
                runner.run(self._main())
        except Exception as error:
            if self._is_started:
                raise
            self._failure = error
        finally:
            self._ready.set()


async def cancel_other_tasks(grace: float | None = None) -> None:
    """Cancel all tasks but the current one, and await their ends for *grace* seconds at most."""
    await asyncio.sleep(0)  # a connection that was just accepted gets its task
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=grace)


async def is_set_within(seconds: float, event: asyncio.Event) -> bool:
    """Wait for *event*; return whether it is set before *seconds* are over."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def is_any_set_within(seconds: float, *events: asyncio.Event) -> bool:
    """Wait for the first of *events*; return whether it is set before *seconds* are over."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        done, _ = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return bool(done)
