"""Measures what it costs to keep state: SQLite and PostgreSQL against memory."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from comparison import KINDS, Target, rows, take_turns
from example import HEALTH, SUBMIT, TASK, document, submit
from load import http_request
from processes import COMMAND, connected, free_port, generator, mock, running
from table import Row, Scale

from mockserver.contract import dump_json, load_contract
from mockserver.engine.messages import Request
from mockserver.engine.service import Service
from mockserver.settings import make_settings
from mockserver.state.database import opened
from mockserver.state.store import Store
from tests.state.postgres import programs, running_postgres

_MANY = 100_000
"""Tasks in the file that a server starts with."""
_ACROSS = 10
"""Sandboxes that have them."""


def state(scale: Scale) -> Iterator[Row | str]:
    """Measure submits and polls of equal mocks in turn, and the start with many tasks."""
    with ExitStack() as stack:
        execute = stack.enter_context(generator())
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        urls = {"memory": "memory", "SQLite": f"sqlite:///{folder}/mock.db"}
        found = programs()
        if found is None:
            yield "PostgreSQL is not installed: not measured"
        else:
            postgres = stack.enter_context(running_postgres(found, is_safe=True))
            urls["PostgreSQL"] = postgres.new_database()
            shared = postgres.new_database()
        targets = []
        for name, url in urls.items():
            port, pid = stack.enter_context(mock("--state", url))
            targets.append(Target(name, port, pid, port))
        if found is not None:
            ports = [stack.enter_context(mock("--state", shared)) for _ in range(2)]
            # The first one has the sandbox; the second relays every request to it.
            first, second = (port for port, _ in ports)
            with connected(first) as client:
                client.send(submit())
            targets.append(Target("a second replica", second, ports[1][1], first))
        goals = {"SQLite": ">= 0.35", "PostgreSQL": ">= 0.15", "a second replica": ""}
        for kind in KINDS:
            rounds = take_turns(execute, targets, kind, scale)
            for one in targets[1:]:
                memory = Target("memory", *_place(targets[0]), goals[one.name])
                yield from rows(f"{kind}: {one.name}", "rate", rounds, one, [memory])
    yield from _start(scale)


def _place(target: Target) -> tuple[int, int, int]:
    return target.port, target.pid, target.tasks_of


def _start(scale: Scale) -> Iterator[Row]:
    """Measure how long a client waits for a task of a file with many."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mock.db"
        path = _fill(file)
        full, empty = [], []
        for _ in range(scale.rounds):
            full.append(1000 * _first_response(f"sqlite:///{file}", path))
            empty.append(1000 * _first_response("memory", HEALTH))
        what = f"start to first poll with {_MANY:,} tasks in SQLite"
        yield Row(what, full, "ms", "first health, in memory", empty, "<= 600 ms")


def _fill(file: Path) -> str:
    """Keep many tasks in a file; return the path of one, which is of the key `bench-0`."""
    contract = load_contract()
    service = Service(contract, make_settings(contract))
    headers = {"content-type": "application/json"}
    with opened(f"sqlite:///{file}") as database:
        store = Store(database)
        for number in range(_ACROSS):
            own = {**headers, "authorization": f"Bearer bench-{number}"}
            body = dump_json(document())
            assert service.respond(Request("POST", SUBMIT, own, body)).status == 200
            sandbox = service.sandbox_of(own)
            whole = sandbox.whole({})
            tasks = [replace(whole.tasks[0], id=str(uuid4())) for _ in range(_MANY // _ACROSS)]
            store.put(replace(whole, tasks=tasks, events=()))
            if not number:
                path = TASK + tasks[0].id
    service.close()
    return path


def _first_response(url: str, path: str) -> float:
    port, begun = free_port(), time.perf_counter()
    options = ("--port", str(port), "--log", "off", "--state", url)
    request = http_request("GET", path, key="bench-0")
    with running([COMMAND, "serve", *options]), connected(port) as client:
        client.send(request)
        return time.perf_counter() - begun
