"""Servers that are put under the same load in turn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from example import polls, submit
from load import Client, Order
from processes import Generator, processor_seconds
from table import Row, Scale

KINDS = ("submits", "polls")
_TASKS = 50
"""That are polled in turn."""


Figure = Literal["rate", "p99", "processor"]
_UNITS: Mapping[Figure, str] = {"rate": "/s", "p99": "ms", "processor": "µs"}


class Measured(NamedTuple):
    """What a server did in a round."""

    responses: int
    rate: float
    p99: float
    processor: float
    """Microseconds of processor time for each response, whatever else the machine does."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server under load."""

    name: str
    port: int
    pid: int
    tasks_of: int
    """The port of the server that has the tasks which are polled."""
    goal: str = ""
    reset: bytes = b""
    """The request that empties its journal, which could fill the machine's memory otherwise."""

    def requests(self, kind: str) -> Sequence[bytes]:
        """Make the requests of a kind; tasks are new, as the mock forgets old ones."""
        return [submit()] if kind == "submits" else polls(self.tasks_of, _TASKS)

    def load(self, execute: Generator, requests: Sequence[bytes], seconds: float) -> Measured:
        """Put the server under load."""
        if self.reset:
            with Client(self.port) as client:
                client.send(self.reset)
        before = processor_seconds(self.pid)
        load = execute(Order(self.port, requests, seconds))
        used = processor_seconds(self.pid) - before
        return Measured(load.responses, load.rate, load.p99, 1e6 * used / load.responses)


Rounds = Mapping[str, Sequence[Measured]]
"""What each server did, by its name."""


def take_turns(execute: Generator, targets: Sequence[Target], kind: str, scale: Scale) -> Rounds:
    """Put each server under load in each round."""
    requests = [target.requests(kind) for target in targets]
    rounds: dict[str, list[Measured]] = defaultdict(list)
    for _ in range(scale.rounds):
        for target, own in zip(targets, requests, strict=True):
            rounds[target.name].append(target.load(execute, own, scale.seconds))
    return rounds


def rows(
    what: str, figure: Figure, rounds: Rounds, ours: Target, others: Sequence[Target]
) -> Iterator[Row]:
    """Compare a server with others by one figure."""
    for other in others:
        names = (ours.name, other.name)
        mine, theirs = ([getattr(one, figure) for one in rounds[name]] for name in names)
        goal = other.goal if figure == "rate" else ""
        yield Row(what, mine, _UNITS[figure], other.name, theirs, goal)
