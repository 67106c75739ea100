"""Child processes that always end, and what they use of memory and processor."""

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

from traffic import HOST, PATIENCE, Client

_SPAWN = multiprocessing.get_context("spawn")  # a fork would copy threads' locks
COMMAND = Path(sys.executable).with_name("maxapi-mock")


@contextmanager
def child(work: Callable[..., None], *arguments: Any) -> Iterator[Connection[Any, Any]]:
    """Run *work* in a process of its own until the block ends; yield the pipe to it."""
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
    """Return what the child sends next. Raises TimeoutError, or EOFError if it has ended."""
    if not pipe.poll(PATIENCE):
        raise TimeoutError("a child process of the bench does not report")
    return pipe.recv()


def own_environment() -> dict[str, str]:
    """Return the environment without the settings of a mock."""
    return {k: v for k, v in os.environ.items() if not k.startswith("MAXAPI_MOCK_")}


@contextmanager
def mock(port: int) -> Iterator[int]:
    """Run `maxapi-mock serve` with its defaults until the block ends; yield the process id."""
    process = subprocess.Popen(
        [COMMAND, "serve", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        env=own_environment(),
        cwd=Path(__file__).parent,  # it has no config file
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
    """Serve the same application on Flask's development server; send the port."""
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
    """Find a port that is not in use."""
    with socket.create_server((HOST, 0)) as server:
        port: int = server.getsockname()[1]
        return port


def connected(port: int) -> Client:
    """Connect as soon as a server listens. Raises TimeoutError."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            return Client(port)
        except ConnectionRefusedError:
            time.sleep(0.001)
    raise TimeoutError(f"nothing listens on port {port}")


def resident_mb(pid: int) -> float:
    """Return how many MB of memory a process and its descendants use (RSS)."""
    pages = sum(int(_proc(one, "statm").split()[1]) for one in _family(pid))
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def cpu_seconds(pid: int) -> float:
    """Return how many seconds of processor time a process and its descendants have used."""
    stats = [_proc(one, "stat").rpartition(")")[2].split() for one in _family(pid)]
    ticks = sum(int(stat[11]) + int(stat[12]) for stat in stats)
    return ticks / os.sysconf("SC_CLK_TCK")


def _family(pid: int) -> list[int]:
    threads = Path(f"/proc/{pid}/task").iterdir()
    children = [int(one) for thread in threads for one in (thread / "children").read_text().split()]
    return [pid, *(one for each in children for one in _family(each))]


def _proc(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text()
