"""Child processes that always end, and the memory that they use."""

from __future__ import annotations

import multiprocessing
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from load import HOST, PATIENCE, Client, Load, Order, generate
from table import BenchError

HERE = Path(__file__).parent
"""A folder without a config file."""
COMMAND = Path(sys.executable).with_name("maxapi-mock")

_SPAWN = multiprocessing.get_context("spawn")  # a fork would copy threads' locks
_MOST = 2000
"""Bytes of a server's messages that are shown."""
_PATIENCE = 120
"""Seconds in which a child process must report."""


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
    if not pipe.poll(_PATIENCE):
        raise TimeoutError("a child process of the bench does not report")
    return pipe.recv()


Generator = Callable[[Order], Load]


@contextmanager
def generator() -> Iterator[Generator]:
    """Run a load generator, which stays warm from order to order, until the block ends."""
    with child(generate) as pipe:

        def execute(order: Order) -> Load:
            pipe.send(order)
            load: Load = take(pipe)
            if load.failed:
                raise BenchError(f"{load.failed} of {load.responses} failed: {load.failure!r}")
            return load

        yield execute


@contextmanager
def running(command: Sequence[str | Path]) -> Iterator[int]:
    """Run a server's command until the block ends; yield the process id.

    What it writes to standard error is shown if the block fails.
    """
    with TemporaryFile() as told:
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=told, env=own_environment(), cwd=HERE
        )
        try:
            yield process.pid
        except Exception:
            told.seek(0)
            sys.stderr.write(told.read(_MOST).decode(errors="replace"))
            raise
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def mock(*options: str, log: str = "off") -> Iterator[tuple[int, int]]:
    """Run `maxapi-mock serve` until the block ends; yield its port and process id."""
    port = free_port()
    with running([COMMAND, "serve", "--port", str(port), "--log", log, *options]) as pid:
        with connected(port):
            pass
        yield port, pid


def own_environment() -> dict[str, str]:
    """Return the environment without the settings of a mock, and with compiled modules kept."""
    ours = ("MAXAPI_MOCK_", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def free_port() -> int:
    """Find a port that is not in use."""
    with socket.create_server((HOST, 0)) as server:
        port: int = server.getsockname()[1]
        return port


def connected(port: int) -> Client:
    """Connect as soon as a server listens. Raises TimeoutError."""
    deadline = time.monotonic() + 2 * PATIENCE
    while time.monotonic() < deadline:
        client = Client(port)
        try:
            client.connect()
        except ConnectionRefusedError:
            time.sleep(0.001)
        else:
            return client
    raise TimeoutError(f"nothing listens on port {port}")


def resident_mb(pid: int) -> float:
    """Return how many MB of memory a process and its descendants use (RSS)."""
    pages = sum(int(_proc(one, "statm").split()[1]) for one in _family(pid))
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def processor_seconds(pid: int) -> float:
    """Return how many seconds of processor time a process and its descendants have used."""
    stats = [_proc(one, "stat").rpartition(")")[2].split() for one in _family(pid)]
    ticks = sum(int(stat[11]) + int(stat[12]) for stat in stats)
    return ticks / os.sysconf("SC_CLK_TCK")


def _family(pid: int) -> list[int]:
    children: list[str] = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError):  # it has just ended
            children += (thread / "children").read_text().split()
    return [pid, *(one for each in children for one in _family(int(each)))]


def _proc(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text()
