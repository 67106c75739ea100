"""How a response is delivered: the steps are decided here, and each front end performs them.

The front ends are the server, with a connection for each client, and the WSGI application, without
any connection. Each handles all kinds of steps, so that neither can forget a fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mockserver.domain.script import Drip, WireFault
from mockserver.engine.messages import Response, Stream


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


Step = Run | Pause | Hang | Send | Follow


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
    if fault.wire is WireFault.HANG:
        yield Hang()
    yield Send(fault.wire, fault.drip)
