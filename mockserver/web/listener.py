"""Serves HTTP on a socket: granian, in this process, in a thread of its own.

All servers of this package use it, so that they all read requests in the same way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from threading import enumerate as enumerate_threads
from time import sleep
from typing import TYPE_CHECKING, Any

from mockserver.engine.clock import real_seconds
from mockserver.network.loop_thread import LoopThread

if TYPE_CHECKING:
    from socket import socket

    from granian._granian import RSGIHTTPProtocol as HTTPProtocol
    from granian.rsgi import Scope

    Handler = Callable[[Scope, HTTPProtocol], Awaitable[None]]

_DEADLINE = 10.0
"""Real seconds that a server may take to start."""
_BACKLOG = 1024
"""Connections that wait to be accepted."""
_MOST_UNCHANGED = 50
"""Checks, a millisecond apart, without any thread ending, after which no more are expected to."""
_GRACE = 1.0
"""Real seconds that requests in progress have when the server stops."""


class _RealTimeLoop(asyncio.SelectorEventLoop):
    """Measures delays in real time, even in a test that freezes it."""

    def time(self) -> float:
        return real_seconds()


class Listener:
    """Passes every request between `start` and `stop` to *handle*."""

    def __init__(self, handle: Handler, name: str = "http") -> None:
        self.stopping = asyncio.Event()
        """Set when no client is to be kept waiting any longer."""
        self._handle = handle
        self._name = name
        self._thread: LoopThread | None = None
        self._granian: Any = None
        self._native: set[str] = set()

    def start(self, bound: socket, tls: Mapping[str, Path] | None = None) -> None:
        """Serve on a listening socket, which is closed at the end. Raises OSError.

        *tls* are granian's arguments for TLS.
        """
        address, fd = bound.getsockname()[:2], bound.detach()
        serve = partial(self._serve, address, fd, tls or {})
        self._thread = LoopThread(serve, self._name, _RealTimeLoop)
        others = _native_threads()
        try:
            self._thread.start(_DEADLINE)
        except Exception as error:
            raise OSError(f"the server did not start: {error}") from None
        self._native = _native_threads() - others

    def stop(self) -> bool:
        """Stop serving.

        Return whether the server has ended: a client that is still sending its request can keep
        it alive, but not this process.
        """
        thread = self._thread
        if thread is None:
            return True
        if thread.is_alive:
            if self._granian is not None:
                thread.call(self._end)
            thread.join(_GRACE)
            self._await_native_threads()
        return not thread.is_alive

    def _await_native_threads(self) -> None:
        """Wait for granian's own threads to end: one that outlives the interpreter panics.

        An idle thread of its pool stays, and does not panic, so the wait ends when nothing
        changes any more.
        """
        left, unchanged = self._native, 0
        while left and unchanged < _MOST_UNCHANGED:  # not by the clock: users' tests freeze it
            sleep(0.001)
            before, left = left, self._native & _native_threads()
            unchanged = unchanged + 1 if left == before else 0

    async def _serve(self, address: tuple[str, int], fd: int, tls: Mapping[str, Any]) -> None:
        self._granian = _granian_on(fd)(self, *address, **tls)
        await self._granian.serve()

    def _end(self) -> None:
        self.stopping.set()
        self._granian.stop()

    # -- called by granian ----------------------------------------------------------------------

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Note the start once the event loop runs what granian does after this."""
        if self._thread is not None:
            loop.call_soon(self._thread.started)

    async def __rsgi__(self, scope: Scope, proto: HTTPProtocol) -> None:
        await self._handle(scope, proto)


def _granian_on(fd: int) -> Callable[..., Any]:
    """Return a granian for a listening socket, imported on first use.

    The sockets that granian makes share their port with any program, and one is never closed.
    """
    from granian._granian import SocketHolder
    from granian.constants import HTTPModes, Interfaces
    from granian.server.embed import Server

    class OnSocket(Server):
        def _init_shared_socket(self: Any) -> None:
            self._ssp, self._sfd = None, fd
            self._shd = SocketHolder(fd, False, _BACKLOG)  # type: ignore[call-arg]  # noqa: FBT003

    return partial(
        OnSocket,
        interface=Interfaces.RSGI,
        http=HTTPModes.http1,
        websockets=False,
        log_enabled=False,
        backpressure=65536,  # requests that are made to wait must never block others
    )


def _native_threads() -> set[str]:
    """Return this process's threads that Python does not know; empty if the system hides them."""
    known = {str(thread.native_id) for thread in enumerate_threads()}
    try:
        return {path.name for path in Path("/proc/self/task").iterdir()} - known
    except OSError:
        return set()
