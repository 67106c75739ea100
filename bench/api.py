"""Measures the API over keep-alive connections: its start, rates, latencies and memory."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack

from comparison import KINDS, Target, rows, take_turns
from example import HEALTH, polls, submit
from load import PATIENCE, Client, http_request, respond
from peers import WITHOUT_WIREMOCK, flask_server, wiremock, wiremock_jar
from processes import (
    COMMAND,
    Generator,
    child,
    connected,
    free_port,
    generator,
    mock,
    resident_mb,
    running,
    take,
)
from table import Row, Scale

_WARM = 50_000
"""Requests of each kind after which a JVM has compiled what it compiles."""
_STABLE = 1.15
"""A server is warm if the highest of its last rates is less than so many times the lowest."""
_LAST = 4
"""How many rates are compared."""
_WIREMOCKS: Mapping[str, Sequence[str]] = {
    "WireMock": (),
    "WireMock, journal of 1,000": ("--max-request-journal-entries", "1000"),
}
"""Its journal keeps every request; that of the mock, 1,000."""
_GOAL = ">= 3"
_RESET = http_request("DELETE", "/__admin/requests")


def start(scale: Scale) -> Iterator[Row]:
    """Measure how long a client waits for a mock that it has just started."""
    health, rounds = http_request("GET", HEALTH), scale.rounds + 2
    taken = [
        (_first_response(health), _first_response(submit()), _imports()) for _ in range(rounds)
    ]
    healths, submits, imports = ([1000 * one for one in kind] for kind in zip(*taken, strict=True))
    yardstick = 'python -c "import flask"'
    yield Row("start to first health", healths, "ms", yardstick, imports)
    yield Row("start to first accepted submit", submits, "ms", yardstick, imports, "<= 300 ms")


def _first_response(request: bytes) -> float:
    port, begun = free_port(), time.perf_counter()
    with running([COMMAND, "serve", "--port", str(port)]), connected(port) as client:
        client.send(request)
        return time.perf_counter() - begun


def _imports() -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import flask"], check=True, timeout=PATIENCE)
    return time.perf_counter() - begun


def api(scale: Scale) -> Iterator[Row | str]:
    """Measure submits and polls in rounds, in which all servers take turns."""
    with ExitStack() as stack:
        execute = stack.enter_context(generator())
        port, pid = stack.enter_context(mock())
        yield Row("memory after the start", [resident_mb(pid)], "MB")
        ours = Target("mock", port, pid, port)
        others: list[Target] = []
        for target in _wiremocks(stack, ours, scale):
            others.append(target)
            yield from _warm_up(execute, target, scale)
        if not others:
            yield WITHOUT_WIREMOCK
        own, process = take(stack.enter_context(child(flask_server)))
        others.append(Target("Flask's server", own, process, own))
        own, process = take(stack.enter_context(child(respond, b"x" * 400)))
        others.append(Target("limit of the load generator", own, process, port))
        yield from _compare(execute, ours, others, scale)
        memory = [resident_mb(pid)]
        yield Row("memory after all load", memory, "MB", goal="<= 80 MB")
        for one in others[:-1]:
            yield Row("memory after all load", memory, "MB", one.name, [resident_mb(one.pid)])


def _wiremocks(stack: ExitStack, ours: Target, scale: Scale) -> Iterator[Target]:
    """Start WireMock in each variant, if it is there and there is time to warm it."""
    jar = wiremock_jar() if scale.warm_up else None
    if jar is None:
        return
    with Client(ours.port) as client:
        task = json.loads(client.send(polls(ours.port, 1)[0]))["data"]
    for name, options in _WIREMOCKS.items():
        port, pid = stack.enter_context(wiremock(jar, task, *options))
        yield Target(name, port, pid, ours.port, _GOAL, _RESET)


def _warm_up(execute: Generator, target: Target, scale: Scale) -> Iterator[str]:
    """Put a server under load until its rates are stable."""
    rates: dict[str, list[float]] = defaultdict(list)
    sent, end = 0, time.monotonic() + scale.warm_up
    while time.monotonic() < end and (sent < _WARM or not all(map(_is_stable, rates.values()))):
        loads = {
            kind: target.load(execute, target.requests(kind), 2 * scale.seconds) for kind in KINDS
        }
        sent += min(load.responses for load in loads.values())
        for kind, load in loads.items():
            rates[kind].append(load.rate)
    for kind, found in rates.items():
        shown = " ".join(f"{rate:,.0f}" for rate in found[-_LAST:])
        state = "warm" if _is_stable(found) else "not yet stable"
        yield f"  {target.name} is {state} after {sent:,} {kind}; its last rates: {shown} /s"


def _is_stable(rates: Sequence[float]) -> bool:
    last = rates[-_LAST:]
    return len(last) == _LAST and max(last) < _STABLE * min(last)


def _compare(
    execute: Generator, ours: Target, others: Sequence[Target], scale: Scale
) -> Iterator[Row]:
    for kind in KINDS:
        rounds = take_turns(execute, (ours, *others), kind, scale)
        yield from rows(kind, "rate", rounds, ours, others)
        what = f"{kind}: processor time of each"
        yield from rows(what, "processor", rounds, ours, others)
        yield from rows(f"{kind}: 99% within", "p99", rounds, ours, others[:1])
