"""Answers HTTP on a socket: granian, in this process, in a thread of its own.

Whatever of ours answers HTTP by itself does it here, and so takes what clients send in one way.
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

    Answer = Callable[[Scope, HTTPProtocol], Awaitable[None]]

_DEADLINE = 10.0
"""Real seconds that a server may take to start."""
_BACKLOG = 1024
"""Connections that wait to be accepted."""
_PATIENCE = 50
"""Looks, a millisecond apart, at threads of which none ends."""
_GRACE = 1.0
"""Real seconds that requests in flight have when the server stops."""


class _RealTimeLoop(asyncio.SelectorEventLoop):
    """Is late by real time, also in a test that freezes it."""

    def time(self) -> float:
        return real_seconds()


class Listener:
    """Has *answer* answer every request between `start` and `stop`; *tls* is as granian has it."""

    def __init__(self, answer: Answer, name: str = "http") -> None:
        self.stopping = asyncio.Event()
        """Set when nobody is to be kept waiting any longer."""
        self._answer = answer
        self._name = name
        self._thread: LoopThread | None = None
        self._granian: Any = None
        self._native: set[str] = set()

    def start(self, bound: socket, tls: Mapping[str, Path] | None = None) -> None:
        """Serve on a socket that listens, and that this closes at the end. Raises OSError."""
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
        """Answer no more.

        Say whether the server has ended: a client that is still sending its request can keep it
        alive, but not this process.
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
        """Let granian's own threads end: one that outlives the interpreter panics.

        An idle one of its pool does neither: it stays, so what changes no more is not awaited.
        """
        left, unchanged = self._native, 0
        while left and unchanged < _PATIENCE:  # not by the clock: tests of users stop it
            sleep(0.001)
            before, left = left, self._native & _native_threads()
            unchanged = unchanged + 1 if left == before else 0

    async def _serve(self, address: tuple[str, int], fd: int, tls: Mapping[str, Any]) -> None:
        self._granian = _granian_on(fd)(self, *address, **tls)
        await self._granian.serve()

    def _end(self) -> None:
        self.stopping.set()
        self._granian.stop()

    # -- what granian calls ------------------------------------------------------------------

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Note the start, once the event loop comes to what follows it."""
        if self._thread is not None:
            loop.call_soon(self._thread.started)

    async def __rsgi__(self, scope: Scope, proto: HTTPProtocol) -> None:
        await self._answer(scope, proto)


def _granian_on(fd: int) -> Callable[..., Any]:
    """Give a granian for a socket that listens; those that it makes share their port with anybody.

    And one of them it never closes. It is imported with the first start only.
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
        backpressure=65536,  # requests made to wait must never keep others out
    )


def _native_threads() -> set[str]:
    """List the threads of this process that Python does not know, where it is told."""
    known = {str(thread.native_id) for thread in enumerate_threads()}
    try:
        return {path.name for path in Path("/proc/self/task").iterdir()} - known
    except OSError:
        return set()
