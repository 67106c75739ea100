"""Measures what it costs to watch a mock: a listener of its events, and lines in a terminal."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from multiprocessing.connection import Connection
from typing import Any

from comparison import KINDS, Target, rows, take_turns
from load import HOST, PATIENCE
from processes import child, generator, mock, take
from table import Row, Scale

_LISTENING = (
    b"GET /__mock/events?all=true HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n"
)
_AT_MOST = 65536


def events(scale: Scale) -> Iterator[Row]:
    """Measure submits and polls of equal mocks in turn: watched in two ways, and not at all."""
    with ExitStack() as stack:
        execute = stack.enter_context(generator())
        targets = []
        for name, log in (("heard", "off"), ("unheard", "off"), ("printing", "all")):
            port, pid = stack.enter_context(mock(log=log))
            targets.append(Target(name, port, pid, port))
        take(stack.enter_context(child(_listen, targets[0].port)))
        heard, unheard, printing = targets
        for kind in KINDS:
            rounds = take_turns(execute, targets, kind, scale)
            for what, one in (("a listener", heard), ("a line for each", printing)):
                title = f"{kind} with {what}"
                goal = ">= 0.95" if one is heard and kind == "submits" else ""
                without = Target("without", *_place(unheard), unheard.tasks_of, goal)
                named = {one.name: rounds[one.name], "without": rounds["unheard"]}
                yield from rows(title, "rate", named, one, [without])
                yield from rows(f"{title}: processor time", "processor", named, one, [without])


def _place(target: Target) -> tuple[int, int]:
    return target.port, target.pid


def _listen(pipe: Connection[Any, Any], port: int) -> None:
    """Read the stream of a mock, as fast as it comes, until this process is ended."""
    with socket.create_connection((HOST, port), timeout=PATIENCE) as connection:
        connection.sendall(_LISTENING)
        head = connection.recv(_AT_MOST)
        assert b"text/event-stream" in head, head
        connection.settimeout(None)
        pipe.send(port)
        while connection.recv(_AT_MOST):
            pass
