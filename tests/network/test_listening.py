"""An address belongs to one program at a time."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Barrier
from unittest.mock import Mock

import pytest

from mockserver.contract import Contract
from mockserver.engine.service import Service
from mockserver.network.listening import listen_on, one_line_errors, stop_accepting
from mockserver.settings import make_settings
from mockserver.testing import InboxServer
from mockserver.web.server import Server, ServerError
from tests.proxy.upstream import proxied

PATIENCE = 60
IN_USE = "Address already in use; --port 0 takes a free one"
PROC = Path("/proc/self/fd")


def free_port() -> int:
    """Find a port that is not in use."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def test_of_many_at_one_moment_one_wins() -> None:
    """In whatever order they bind and listen; the others' errors say what to do."""
    together = Barrier(8)

    def take(port: int) -> socket.socket | OSError:
        together.wait(PATIENCE)
        try:
            return listen_on("127.0.0.1", port)
        except OSError as error:
            return error

    with ThreadPoolExecutor(8) as pool:
        for _ in range(50):
            taken = list(pool.map(take, [free_port()] * 8))

            winners = [one for one in taken if isinstance(one, socket.socket)]
            errors = {one.strerror for one in taken if isinstance(one, OSError)}
            for one in winners:
                one.close()
            assert (len(winners), errors) == (1, {IN_USE})


def test_an_error_is_reported_once_a_second() -> None:
    """When there are too many open files, asyncio fails a thousand times at once."""
    loop, lines = Mock(), list[str]()
    handle = one_line_errors(lines.append)

    for loop.time.return_value in (10.0, 10.5, 11.0):
        handle(loop, {"message": "accept", "exception": OSError("files")})
    handle(loop, {"message": "other"})

    assert lines == ["accept: files", "accept: files", "other: "]


@pytest.mark.parametrize("iterations", range(6))
def test_no_connection_is_forgotten_when_a_server_stops(iterations: int) -> None:
    """At whatever moment it was accepted; asyncio by itself would leave the client waiting."""

    async def main() -> bytes:
        loop, bound = asyncio.get_running_loop(), listen_on("127.0.0.1", 0)
        made: list[asyncio.BaseTransport] = []
        protocol = type(
            "Kept",
            (asyncio.Protocol,),
            {"connection_made": lambda _, transport: made.append(transport)},
        )
        server = await loop.create_server(protocol, sock=bound)
        client = socket.create_connection(bound.getsockname(), PATIENCE)
        for _ in range(iterations):
            await asyncio.sleep(0)

        await stop_accepting(server)
        for transport in made:
            transport.abort()  # type: ignore[attr-defined]

        with client, suppress(ConnectionResetError):
            return await asyncio.to_thread(client.recv, 1)
        return b""

    gc.disable()  # which would close what is forgotten
    try:
        assert asyncio.run(main()) == b""
    finally:
        gc.enable()


@contextmanager
def started(command: str, port: int, count: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Start a command several times at the same moment."""
    arguments = [sys.executable, "-m", "mockserver", command, "--port", str(port)]
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
                )
            )
            for _ in range(count)
        ]
        try:
            yield processes
        finally:
            for process in processes:
                with suppress(OSError):
                    process.terminate()


@pytest.mark.parametrize("command", ["serve", "listen", "proxy"])
def test_of_many_commands_at_one_moment_one_serves(command: str) -> None:
    """The others end with status 2 and one line that has the hint."""
    port = free_port()
    with started(command, port, 3) as processes:
        lines = [process.stdout.readline() for process in processes if process.stdout]

        losers = [process for process, line in zip(processes, lines, strict=True) if not line]
        errors = [process.communicate(timeout=PATIENCE) for process in losers]

    assert [str(port) in line for line in lines if line] == [True]
    assert [process.returncode for process in losers] == [2, 2]
    for out, err in errors:
        assert (out, err.count("\n")) == ("", 1)
        assert f"cannot listen on 127.0.0.1:{port}: {IN_USE}" in err


@pytest.mark.parametrize("first", ["mock", "inbox", "proxy"])
def test_each_respects_the_others(contract: Contract, first: str) -> None:
    """A mock, an inbox and a proxy never share a port, not even with a program that would."""
    with ExitStack() as stack:
        port = {
            "mock": lambda: stack.enter_context(served(contract, 0)).port,
            "inbox": lambda: int(stack.enter_context(InboxServer()).url.rpartition(":")[2]),
            "proxy": lambda: stack.enter_context(proxied("http://127.0.0.1:9"))[0].port,
        }[first]()

        with pytest.raises(ServerError, match=IN_USE), served(contract, port):
            pass
        with pytest.raises(OSError, match=IN_USE):
            InboxServer(port=port)
        with pytest.raises(OSError, match=IN_USE), proxied("http://127.0.0.1:9", port=port):
            pass
        with socket.socket() as sharing:
            sharing.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            with pytest.raises(OSError, match="in use"):
                sharing.bind(("127.0.0.1", port))


def served(contract: Contract, port: int) -> Server:
    """Make a server."""
    return Server(Service(contract, make_settings(contract, port=port)))


def test_a_port_whose_connections_linger_can_be_taken() -> None:
    """A mock that was just stopped can be started again."""
    with listen_on("127.0.0.1", 0) as server:
        port = server.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port), PATIENCE)
        accepted, _ = server.accept()
    accepted.close()  # it is the server that hangs up, and so has to remember the connection
    client.close()

    with listen_on("127.0.0.1", port) as again:
        assert again.getsockname()[1] == port


@pytest.mark.parametrize("host", ["x" * 300, "192.0.2.1"])
def test_other_reasons_are_the_systems(host: str) -> None:
    """A name that is invalid, and an address of another machine."""
    with pytest.raises(OSError, match=r".+") as failure:
        listen_on(host, 0)

    assert failure.value.errno != errno.EADDRINUSE


@pytest.mark.skipif(not PROC.is_dir(), reason="the system does not list the files of a process")
def test_nothing_stays_open_however_often_a_server_starts(contract: Contract) -> None:
    """Of a mock, an inbox, or one that could not be started."""

    def use() -> int:
        with served(contract, 0) as server, InboxServer(), pytest.raises(ServerError):
            served(contract, server.port).start()
        return sum(1 for _ in PROC.iterdir())

    assert len({use() for _ in range(5)}) == 1


TOO_MANY = "socket.accept() out of system resource: [Errno 24] Too many open files"
FEW_FILES = (
    "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (48, 48));"
    "from mockserver.__main__ import main; raise SystemExit(main())"
)


@pytest.mark.parametrize(
    ("command", "status"),
    [(["serve"], 0), (["listen"], 0), (["proxy", "--upstream", "http://127.0.0.1:9"], 2)],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_more_connections_than_files(command: list[str], status: int) -> None:
    """They have to wait, and that is said; afterwards the next request is served as before."""
    plain = b"GET /__mock/health HTTP/1.1\r\nHost: localhost\r\n"
    arguments = [sys.executable, "-c", FEW_FILES, *command, "--port", "0"]
    env = {name: value for name, value in os.environ.items() if "COV" not in name}  # needs files
    with subprocess.Popen(
        arguments, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:(\d+)", process.stdout.readline())
        assert found is not None
        address = ("127.0.0.1", int(found[1]))
        with ExitStack() as stack:
            for _ in range(100):
                one = stack.enter_context(socket.create_connection(address, PATIENCE))
                one.sendall(plain)

        with socket.create_connection(address, PATIENCE) as connection:
            connection.sendall(plain + b"\r\n")
            answered = connection.recv(12)
        process.terminate()
        _, err = process.communicate(timeout=PATIENCE)

    assert answered == b"HTTP/1.1 200"
    assert process.returncode == status  # 2, as nothing is checked without an upstream
    said = err.replace("maxapi-mock proxy: nothing was checked: ", "").splitlines()
    assert set(said) <= {TOO_MANY}
