"""Sockets to listen on: an address belongs to one program at a time."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import Any

_BACKLOG = 1024
_EVERYWHERE = {"": "0.0.0.0", "0.0.0.0": "0.0.0.0", "::": "::"}  # noqa: S104


def address_of(host: str) -> str:
    """Look the name of an interface up; give it as a number. Raises OSError."""
    if host in _EVERYWHERE:
        return _EVERYWHERE[host]
    try:
        found = socket.getaddrinfo(host, None, 0, socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(errno.EINVAL, str(error)) from None
    found.sort(key=lambda one: one[0] != socket.AF_INET)  # a name can mean both; clients try IPv4
    return str(found[0][4][0])


def listen_on(host: str, port: int) -> socket.socket:
    """Listen on a port of *host*, or on a free one if it is 0.

    Raises OSError, whose `strerror` also says what to do, if anybody else has it. What two
    programs bind at one moment only one of them can listen on: the kernel sees to that, unless
    they agree to share (SO_REUSEPORT), which this never does.
    """
    address = address_of(host)
    bound = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # old connections linger
        bound.bind((address, port))
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        if error.errno != errno.EADDRINUSE or not port:
            raise
        raise OSError(error.errno, f"{error.strerror}; --port 0 takes a free one") from None
    return bound


def reachable(host: str) -> str:
    """Give an address that reaches a server on this machine that listens on *host*."""
    return {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


def base_of(scheme: str, host: str, port: int) -> str:
    """Give the base URL, for a client on this machine, of a server that listens on *host*."""
    host = reachable(host)
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def faults_to(tell: Callable[[str], object]) -> Callable[[Any, dict[str, Any]], None]:
    """Make a handler for what goes wrong in an event loop and is nobody's, such as too many files.

    It tells of it in one line; asyncio would log a traceback for each connection.
    """

    def handle(_loop: Any, context: dict[str, Any]) -> None:
        if not isinstance(context.get("exception"), asyncio.CancelledError):
            tell(f"{context['message'].partition(' <')[0]}: {context.get('exception', '')}")

    return handle
