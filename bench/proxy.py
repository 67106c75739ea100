"""Measures what `maxapi-mock proxy` adds to a request; it checks it in the background."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import cycle
from multiprocessing.connection import Connection
from statistics import median
from threading import Event
from typing import Any

from processes import child, connected, free_port, mock, take
from table import SHARE, Row
from traffic import HOST, Client, http_request

_RATE = 50
"""Requests a second."""
_SECONDS = 4 * SHARE


def proxy(submit: bytes) -> Iterator[Row]:
    """Measure polls directly and through the proxy, in turn, at `_RATE` a second each.

    *submit* is a complete request that submits a task.
    """
    port = free_port()
    with (
        mock(port),
        connected(port) as direct,
        child(_serve, port) as pipe,
        Client(take(pipe)) as proxied,
    ):
        task = json.loads(proxied.send(submit))["data"]["taskId"]
        poll = http_request("GET", f"/api/v1/task/{task}")
        ours, others = _in_turn((proxied, direct), poll)
    what = f"poll through the proxy at {_RATE} a second"
    yield Row(what, median(ours) * 1000, "ms", "the same poll, direct", median(others) * 1000)


def _in_turn(clients: tuple[Client, ...], request: bytes) -> tuple[list[float], ...]:
    """Send *request* with each client in turn, at even intervals; return the seconds it took."""
    taken: tuple[list[float], ...] = tuple([] for _ in clients)
    gap, due = 1 / _RATE / len(clients), time.perf_counter()
    end = due + _SECONDS
    for client, found in cycle(zip(clients, taken, strict=True)):
        if due > end:
            return taken
        time.sleep(max(0.0, due - time.perf_counter()))
        begun = time.perf_counter()
        client.send(request)
        found.append(time.perf_counter() - begun)
        due += gap
    return taken


def _serve(pipe: Connection[Any, Any], port: int) -> None:
    """Run the proxy as the command does, in front of the mock on *port*; send its own port."""
    from contract_tests.checks import PASSIVE
    from mockserver.conformance.traffic.monitor import Monitor
    from mockserver.contract import load_contract
    from mockserver.proxy.proxy import Proxy

    upstream = f"http://{HOST}:{port}"
    observer = Monitor(load_contract(), upstream, PASSIVE, found=print, notice=print)
    with Proxy(
        upstream, observer=observer.see, notice=observer.notice, report=lambda _: b""
    ) as running:
        pipe.send(running.port)
        Event().wait()
