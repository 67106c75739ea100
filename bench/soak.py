"""Measures whether the mock stays as fast and as small as it is, whatever is sent to it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import linear_regression
from urllib.parse import urlsplit

import click
from example import SUBMIT, document, polls, submit
from load import Client, Order, http_request
from processes import Generator, generator, mock, resident_mb
from table import Row, Scale

from mockserver.contract import dump_json

_STEPS = 10
"""In a quarter, at most."""
_PER_TASK = 10
"""Images of a task."""
_WHOLE = 100_000
"""Requests that the smallest of the whole loads has."""

Requests = Callable[[int, range], Sequence[bytes]]
"""Returns requests for a port, those with the given numbers of the whole load."""


def soak(scale: Scale) -> Iterator[Row | str]:
    """Measure rate and memory in each quarter of a long load, for three kinds of load."""
    keys = int(10_000 * scale.soak)
    kinds: tuple[tuple[str, float, Requests], ...] = (
        ("submits, one key", 1e6, lambda *_: [submit()]),
        (
            f"submits, {keys:,} keys",
            1e5,
            lambda _, numbers: [submit(f"{n % keys}") for n in numbers],
        ),
        ("images", 1e5, lambda port, numbers: _images(port, len(numbers))),
    )
    for what, whole, requests in kinds:
        with generator() as execute, mock("--pace", "instant") as (port, pid):
            yield from _quarters(execute, port, pid, (what, int(whole * scale.soak), requests))


def _quarters(
    execute: Generator, port: int, pid: int, load: tuple[str, int, Requests]
) -> Iterator[Row | str]:
    what, count, requests = load
    steps = 4 * max(1, min(_STEPS, count // 100))
    size, memory = max(1, count // steps), [resident_mb(pid)]
    rates: list[float] = []
    with _progress(steps, f"{count:,} {what}") as advance:
        for step in range(steps):
            numbers = range(step * size, (step + 1) * size)
            rates.append(execute(Order(port, requests(port, numbers), count=size)).rate)
            if len(rates) % (steps // 4) == 0:
                memory.append(resident_mb(pid))
            advance(1)
    first, last = rates[: steps // 4], rates[-steps // 4 :]
    goal = ">= 0.95" if count >= _WHOLE else ""  # less does not fill what is kept
    ends, yardstick = f"{count:,} {what}: last quarter", "first quarter"
    yield Row(ends, last, "/s", yardstick, first, goal)
    yield Row(ends, memory[-1:], "MB", yardstick, memory[1:2], goal)
    slope = linear_regression(range(4), memory[1:]).slope
    points = ", ".join(f"{one:.1f}" for one in memory)
    yield f"  memory before, and after each quarter: {points} MB; slope {slope:+.1f} MB"


def _images(port: int, count: int) -> list[bytes]:
    """Submit tasks that have *count* images; write the requests that fetch them."""
    tasks = max(1, count // _PER_TASK)
    body = dump_json(document(n=min(count, _PER_TASK)))
    with Client(port) as client:
        found = [
            json.loads(client.send(poll))["data"]
            for poll in polls(port, tasks, http_request("POST", SUBMIT, body, "polls"))
        ]
    urls = [url for task in found for url in task["result"]["urls"]]
    return [http_request("GET", urlsplit(url).path) for url in urls]


@contextmanager
def _progress(steps: int, label: str) -> Iterator[Callable[[int], None]]:
    """Show on a terminal, and only there, how far the load is."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with click.progressbar(length=steps, label=f"  {label}", file=sys.stderr) as bar:
        yield bar.update
    sys.stderr.write("\x1b[A\x1b[K")  # the rows take its place
