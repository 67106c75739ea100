"""How a response is delivered: the steps are decided here, and each front end performs them.

The front ends are the server, with a connection for each client, and the WSGI application, without
any connection. Each handles all kinds of steps, so that neither can forget a fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mockserver.engine.messages import Response


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
    """Send the response; unless it is *complete*, end the connection after half of the body."""

    complete: bool


Step = Run | Pause | Hang | Send


def steps_of(response: Response) -> Iterator[Step]:
    """Yield what delivers *response*, in order; the last step sends it."""
    if response.first is not None:
        yield Run(response.first)
    fault = response.fault
    if fault is None:
        yield Send(complete=True)
        return
    if fault.latency:
        yield Pause(fault.latency)
    if fault.hang:
        yield Hang()
    yield Send(complete=not (fault.cut or fault.hang))
