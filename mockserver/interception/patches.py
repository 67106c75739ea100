"""Makes every socket, TLS connection and thread of this process ask `redirection` what it may do.

The patches are made for the first redirection and stay in place, as other mocks may have wrapped
them by then; while no redirection is in force, they only pass calls on.
"""

from __future__ import annotations

import _thread
import asyncio
import functools
import http.client
import socket
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from mockserver.interception.redirection import (
    MOCK_ADDRESS,
    WEB_PORTS,
    MockContext,
    admit,
    belonging,
    check_peer,
    destination,
    explained,
    leads,
    left_over,
    named,
    outlives,
    redirection_of,
    rejected,
)

_patches: set[Any] = set()
_Socket: Any = next(
    (one for one in ssl.SSLSocket.__mro__ if one.__module__ == "socket"), socket.socket
)
"""The standard library's class, even if something has replaced `socket.socket`."""


def install_patches() -> None:
    """Make the patches, also those that another mock has undone."""
    patch(socket, "getaddrinfo", _getaddrinfo)
    patch(asyncio.BaseEventLoop, "getaddrinfo", loop_getaddrinfo)
    for name in ("gethostbyname", "gethostbyname_ex"):
        patch(socket, name, _gethostbyname)
    for name in ("connect", "connect_ex"):
        patch(_Socket, name, _connect)
    patch(ssl.SSLContext, "wrap_socket", functools.partial(_wrap, 4))
    patch(ssl.SSLContext, "wrap_bio", functools.partial(_wrap, 3))
    for kind, names in (
        # some clients ignore a failed write, and wait for a response
        (ssl.SSLSocket, ("send", "write", "recv", "recv_into", "read")),
        (ssl.SSLObject, ("write", "read")),
    ):
        patch(kind, "do_handshake", _handshake)
        for name in names:
            patch(kind, name, _checked)
    patch(http.client.HTTPConnection, "putrequest", _putrequest)
    patch(http.client.HTTPConnection, "set_tunnel", _set_tunnel)
    patch(threading.Thread, "start", _start)
    patch(_thread, "start_new_thread", _start_raw)
    patch(ThreadPoolExecutor, "submit", _submit)


def patch(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Replace a function of *owner* by what *make* makes of it, once; it may be missing."""
    original = getattr(owner, name, None)  # the class of another mock may lack it
    if original is not None and original not in _patches:
        made = functools.wraps(original)(make(original))
        _patches.add(made)
        setattr(owner, name, made)


def _getaddrinfo(original: Any) -> Any:
    def getaddrinfo(  # noqa: PLR0917
        host: Any,
        port: Any,
        family: int = 0,
        type: int = 0,  # noqa: A002
        proto: int = 0,
        flags: int = 0,
    ) -> Any:
        if not is_redirected(host, web=port in WEB_PORTS):
            return original(host, port, family, type, proto, flags)
        if family == socket.AF_INET6:
            raise socket.gaierror(socket.EAI_NONAME, "maxapi: the mock has no IPv6 address")
        # without flags: on an offline machine, AI_ADDRCONFIG hides even its own addresses
        return original(MOCK_ADDRESS, port, socket.AF_INET, type, proto, 0)

    return getaddrinfo


def is_redirected(host: Any, *, web: bool = False) -> bool:
    """Return whether *host* is to resolve to the mock. Raises gaierror if it must not resolve."""
    name = named(host)
    try:
        if web:
            admit(name, name)
        return redirection_of(name) is not None
    except ConnectionRefusedError as error:
        raise socket.gaierror(socket.EAI_NONAME, error.strerror) from None


def loop_getaddrinfo(original: Any) -> Any:
    """Decide in the task: the thread that does the look-up does not belong to one."""

    async def getaddrinfo(self: Any, host: Any, port: Any, **more: object) -> Any:
        return await original(self, MOCK_ADDRESS if is_redirected(host) else host, port, **more)

    return getaddrinfo


def _gethostbyname(original: Any) -> Any:
    def gethostbyname(host: Any) -> Any:
        return original(MOCK_ADDRESS if is_redirected(host) else host)

    return gethostbyname


def _connect(original: Any) -> Any:
    def connect(self: socket.socket, address: Any) -> Any:
        stream = self.type == socket.SOCK_STREAM and self.family in (
            socket.AF_INET,
            socket.AF_INET6,
        )
        return original(self, destination(address, stream=stream))

    return connect


def _wrap(place: int, original: Any) -> Any:
    """Use the mock's own context in place of a user's, where the mock is called.

    *place* is the position of the server's name among the arguments.
    """

    def wrap(self: ssl.SSLContext, *args: object, **more: object) -> Any:
        host = more.get("server_hostname", (*args, *[None] * 5)[place])
        redirection = redirection_of(named(host))
        if redirection is None or isinstance(self, MockContext):
            return original(self, *args, **more)
        wrap_in = getattr(redirection.context, original.__name__)
        return wrap_in(*args[: place + 1], **{**more, "session": None})

    return wrap


def _handshake(original: Any) -> Any:
    def do_handshake(self: Any, *args: object) -> Any:
        check_peer(self)
        if not isinstance(self.context, MockContext):
            return original(self, *args)
        with explained(self.server_hostname):
            return original(self, *args)

    return do_handshake


def _checked(original: Any) -> Any:
    def checked(self: Any, *args: object, **more: object) -> Any:
        check_peer(self)
        return original(self, *args, **more)

    return checked


def _putrequest(original: Any) -> Any:
    """Reopen a connection to the API that was kept alive from before, to the mock."""

    def putrequest(self: Any, method: str, url: str, *args: object, **more: object) -> Any:
        base = urlsplit(url) if "://" in url else None
        name = named(base.hostname if base else getattr(self, "_tunnel_host", None) or self.host)
        admit(name, f"{method} {name}")
        redirection = redirection_of(name)
        if redirection is not None and (base or self.default_port != 443):
            raise rejected(f"{method} http://{name}: the API is at https://")
        if not leads(self.sock, redirection):
            http.client.HTTPConnection.close(self)  # urllib3's own would forget the request
        return original(self, method, url, *args, **more)

    return putrequest


def _set_tunnel(original: Any) -> Any:
    def set_tunnel(self: Any, host: str, *args: object, **more: object) -> Any:
        name = named(host)
        if redirection_of(name) is not None:
            raise rejected(
                f"{name}: this client would call the API through the proxy {self.host}, not the "
                "mock; exempt the host with NO_PROXY"
            )
        return original(self, host, *args, **more)

    return set_tunnel


def _start(original: Any) -> Any:
    """Let a thread that outlives its redirection start none that counts as new."""

    def start(self: threading.Thread) -> Any:
        if outlives():
            left_over.add(self)
        return original(self)

    return start


def _start_raw(original: Any) -> Any:
    def start_new_thread(function: Any, *args: object) -> Any:
        return original(belonging(function), *args)

    return start_new_thread


def _submit(original: Any) -> Any:
    """Let a job belong to the test that submitted it, whenever its thread began."""

    def submit(self: Any, function: Any, /, *args: object, **more: object) -> Any:
        return original(self, belonging(function), *args, **more)

    return submit
