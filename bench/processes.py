"""Child processes that always end, and what the kernel says of them."""

from __future__ import annotations

import logging
import multiprocessing
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from traffic import HOST, PATIENCE, Line

_SPAWN = multiprocessing.get_context("spawn")  # a fork would copy threads' locks
COMMAND = Path(sys.executable).with_name("maxapi-mock")


@contextmanager
def child(work: Callable[..., None], *arguments: Any) -> Iterator[Connection[Any, Any]]:
    """Run *work* in a process of its own until the block ends; give the pipe to it."""
    pipe, far_end = _SPAWN.Pipe()
    process = _SPAWN.Process(target=work, args=(far_end, *arguments), daemon=True)
    process.start()
    far_end.close()
    try:
        yield pipe
    finally:
        process.terminate()
        process.join(PATIENCE)
        process.kill()
        pipe.close()


def take(pipe: Connection[Any, Any]) -> Any:
    """Give what the child sends next. Raises TimeoutError, and EOFError if it has ended."""
    if not pipe.poll(PATIENCE):
        raise TimeoutError("a child process of the bench says nothing")
    return pipe.recv()


def own_environment() -> dict[str, str]:
    """Give the environment without what sets up a mock, or leads to another."""
    return {k: v for k, v in os.environ.items() if not k.startswith("MAXAPI_MOCK_")}


@contextmanager
def mock(port: int) -> Iterator[int]:
    """Run `maxapi-mock serve` with its defaults until the block ends; give the process id."""
    process = subprocess.Popen(
        [COMMAND, "serve", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        env=own_environment(),
        cwd=Path(__file__).parent,  # no config file is here
    )
    try:
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def flask_server(pipe: Connection[Any, Any]) -> None:
    """Serve the same application as plain Flask under its development server; send the port."""
    from werkzeug.serving import make_server

    from mockserver.contract import load_contract
    from mockserver.engine.service import Service
    from mockserver.settings import make_settings
    from mockserver.web.app import create_app

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    contract = load_contract()
    application = create_app(Service(contract, make_settings(contract)))
    server = make_server(HOST, 0, application, threaded=True)
    pipe.send(server.port)
    server.serve_forever()


def free_port() -> int:
    """Find a port that nobody uses."""
    with socket.create_server((HOST, 0)) as server:
        port: int = server.getsockname()[1]
        return port


def connected(port: int) -> Line:
    """Connect as soon as somebody listens. Raises TimeoutError."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            return Line(port)
        except ConnectionRefusedError:
            time.sleep(0.001)
    raise TimeoutError(f"nobody listens on port {port}")


def resident_mb(pid: int) -> float:
    """Say how many MB of memory a process and its descendants hold (RSS)."""
    pages = sum(int(_proc(one, "statm").split()[1]) for one in _family(pid))
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def cpu_seconds(pid: int) -> float:
    """Say how much processor time a process and its descendants have used."""
    stats = [_proc(one, "stat").rpartition(")")[2].split() for one in _family(pid)]
    ticks = sum(int(stat[11]) + int(stat[12]) for stat in stats)
    return ticks / os.sysconf("SC_CLK_TCK")


def _family(pid: int) -> list[int]:
    threads = Path(f"/proc/{pid}/task").iterdir()
    children = [int(one) for thread in threads for one in (thread / "children").read_text().split()]
    return [pid, *(one for each in children for one in _family(each))]


def _proc(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text()
