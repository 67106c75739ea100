"""How a response is delivered: the steps are decided here, and each front end performs them.

The front ends are the server, with a connection for each client, and the WSGI application, without
any connection. Each handles all kinds of steps, so that neither can forget a fault.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mockserver.domain.script import Drip, WireFault
from mockserver.engine.held import HeldResponse
from mockserver.engine.messages import Response, Stream
from mockserver.network.loop_thread import is_any_set_within


@dataclass(frozen=True, slots=True)
class Run:
    """Call a function, which may take long."""

    function: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait, but no longer than the client and the mock do."""

    seconds: float
    """Of real time."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait until the response is released, but no longer than the client and the mock do."""

    held: HeldResponse

    async def until_over(self, left: asyncio.Event) -> None:
        """Wait without blocking the event loop; *left* is set when the client or the mock goes."""
        loop, over, expired = asyncio.get_running_loop(), asyncio.Event(), False
        self.held.begin(lambda: loop.call_soon_threadsafe(over.set))
        try:
            expired = not await is_any_set_within(self.held.timeout, over, left)
        finally:
            self.held.end(expired=expired)


@dataclass(frozen=True, slots=True)
class Hang:
    """Wait until the client or the mock gives up."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send the response, which ends its delivery."""

    fault: WireFault | None = None
    """What goes wrong on the connection meanwhile."""
    drip: Drip | None = None
    """How slowly the body arrives."""


@dataclass(frozen=True, slots=True)
class Follow:
    """Send what a stream has until the client or the mock gives up."""

    stream: Stream


Step = Run | Pause | Wait | Hang | Send | Follow


def takes_time(response: Response) -> bool:
    """Return whether a response takes more than a step: it is late, or fails, or goes on."""
    return response.fault is not None or response.first is not None or response.stream is not None


def steps_of(response: Response) -> Iterator[Step]:
    """Yield what delivers *response*, in order."""
    if response.first is not None:
        yield Run(response.first)
    if response.stream is not None:
        yield Follow(response.stream)
        return
    fault = response.fault
    if fault is None:
        yield Send()
        return
    if fault.latency:
        yield Pause(fault.latency)
    if fault.held is not None:
        yield Wait(fault.held)
    if fault.wire is WireFault.HANG:
        yield Hang()
    yield Send(fault.wire, fault.drip)


def finish(response: Response) -> None:
    """Tell what waits for it that *response* has been sent, or never will be."""
    if response.fault is not None and response.fault.held is not None:
        response.fault.held.finish()
