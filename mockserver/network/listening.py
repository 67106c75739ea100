"""Sockets that listen, each alone at its address, and the connections that come of them."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

BACKLOG = 1024
"""Connections that wait to be accepted."""
_NO_LINGER = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
_Handler = Callable[[asyncio.AbstractEventLoop, dict[str, Any]], None]
_EVERYWHERE = {"": "0.0.0.0", "0.0.0.0": "0.0.0.0", "::": "::"}  # noqa: S104


def address_of(host: str) -> str:
    """Resolve the name of an interface to a numeric address. Raises OSError."""
    if host in _EVERYWHERE:
        return _EVERYWHERE[host]
    with suppress(OSError, ValueError):  # to look a number up takes long for the first time
        socket.inet_pton(socket.AF_INET, host)
        return host
    try:
        found = socket.getaddrinfo(host, None, 0, socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(errno.EINVAL, str(error)) from None
    found.sort(key=lambda one: one[0] != socket.AF_INET)  # of both, clients try IPv4
    return str(found[0][4][0])


def listen_on(host: str, port: int) -> socket.socket:
    """Listen on a port of *host*, or on a free one if *port* is 0.

    Raises OSError if another program has the port; its `strerror` also says what to do. Two
    programs may bind the same port at the same moment, but the kernel lets only one of them
    listen, unless both agree to share it (SO_REUSEPORT), which this never does.
    """
    address = address_of(host)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # asyncio sends small pieces at once (TCP_NODELAY) only if the protocol is named.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # old connections linger
        bound.bind((address, port))
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        if error.errno != errno.EADDRINUSE or not port:
            raise
        raise OSError(error.errno, f"{error.strerror}; --port 0 takes a free one") from None
    return bound


def reachable(host: str) -> str:
    """Return an address at which clients on this machine reach a server that listens on *host*."""
    return {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


def base_of(scheme: str, host: str, port: int) -> str:
    """Return the base URL, for clients on this machine, of a server that listens on *host*."""
    host = reachable(host)
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def reset(transport: asyncio.BaseTransport) -> None:
    """Reset a connection (TCP RST), and discard what has not been sent."""
    opened = transport.get_extra_info("socket")
    with suppress(OSError):  # the peer was faster
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    cast("asyncio.WriteTransport", transport).abort()


async def stop_accepting(server: asyncio.Server) -> None:
    """Close a server's sockets; what was accepted before has its connection when this returns."""
    loop = asyncio.get_running_loop()
    for bound in server.sockets:
        loop.remove_reader(bound.fileno())
    for _ in range(2):  # a closed server would leave the sockets of connections to come open
        await asyncio.sleep(0)
    server.close()


def one_line_errors(report: Callable[[str], object]) -> _Handler:
    """Make an event loop's handler for errors that belong to no task, like too many open files.

    It reports each in one line, and the same once a second; asyncio would log a traceback for
    every connection, and for as many that it fails to accept as may wait.
    """
    last, quiet_until = "", 0.0

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        nonlocal last, quiet_until
        if isinstance(context.get("exception"), asyncio.CancelledError):
            return
        if "_start_serving" in context["message"]:  # a server that has ended tries to accept again
            return
        line = f"{context['message'].partition(' <')[0]}: {context.get('exception', '')}"
        if line != last or loop.time() >= quiet_until:
            last, quiet_until = line, loop.time() + 1
            report(line)

    return handle
