"""Serves HTTP on a socket, in a thread of its own; all servers of this package use it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from functools import partial
from typing import TYPE_CHECKING

from mockserver.engine.clock import real_seconds
from mockserver.network.listening import BACKLOG, one_line_errors, stop_accepting
from mockserver.network.loop_thread import LoopThread, cancel_other_tasks, is_set_within
from mockserver.web.application import Application
from mockserver.web.connection import STALLED, TICK, Connection

if TYPE_CHECKING:
    import ssl
    from socket import socket

_log = logging.getLogger(__name__)

_DEADLINE = 10.0
"""Real seconds that a server may take to start."""
_GRACE = 1.0
"""Real seconds that requests in progress have when the server stops."""


class _RealTimeLoop(asyncio.SelectorEventLoop):
    """Measures delays in real time, even in a test that freezes it."""

    def time(self) -> float:
        return real_seconds()


class Listener:
    """Passes every request between `start` and `stop` to *application*."""

    def __init__(self, application: Application, name: str = "http") -> None:
        self._application = application
        self._name = name
        self._connections: set[Connection] = set()
        self._thread: LoopThread | None = None
        self._others: list[asyncio.Future[None]] = []
        self._stopping: asyncio.Event

    def start(self, bound: socket, context: ssl.SSLContext | None = None) -> None:
        """Serve on a listening socket, which is closed at the end. Raises OSError."""
        serve = partial(self._serve, bound, context)
        self._thread = LoopThread(serve, self._name, _RealTimeLoop)
        try:
            self._thread.start(_DEADLINE)
        except Exception as error:
            bound.close()
            raise OSError(f"the server did not start: {error}") from None

    def stop(self) -> None:
        """Stop serving; requests in progress have a second to end."""
        thread, self._thread = self._thread, None
        if thread is not None and thread.is_alive:
            thread.call(self._stopping.set)
            thread.join()

    def also(self, served: Coroutine[object, object, None]) -> None:
        """Run *served* in the same loop, once started, until the end."""
        thread = self._thread
        if thread is None:
            served.close()
            return
        thread.call(lambda: self._others.append(asyncio.ensure_future(served)))

    async def _serve(self, bound: socket, context: ssl.SSLContext | None) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(one_line_errors(_log.error))
        self._stopping = asyncio.Event()
        server = await loop.create_server(
            lambda: Connection(self._application, self._connections),
            sock=bound,
            ssl=context,
            ssl_shutdown_timeout=None if context is None else STALLED,
            backlog=BACKLOG,
        )
        if self._thread is not None:
            self._thread.started()
        while not await is_set_within(TICK, self._stopping):
            for connection in tuple(self._connections):
                connection.tick()
        await stop_accepting(server)
        await self._finish()

    async def _finish(self) -> None:
        for connection in tuple(self._connections):
            connection.finish()
        ends = [asyncio.ensure_future(one.finished.wait()) for one in self._connections]
        if ends:
            await asyncio.wait(ends, timeout=_GRACE)
        await asyncio.sleep(0)  # TLS tells an idle client of the end; its reply is not awaited
        for connection in tuple(self._connections):
            connection.abort()
        await cancel_other_tasks(_GRACE)
