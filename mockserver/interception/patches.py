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
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from mockserver.interception.import_hook import call_when_imported
from mockserver.interception.redirection import (
    MOCK_ADDRESS,
    WEB_PORTS,
    MockContext,
    admit,
    belonging,
    check_peer,
    destination,
    explained,
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
    _patch(socket, "getaddrinfo", _getaddrinfo)
    _patch(asyncio.BaseEventLoop, "getaddrinfo", _loop_getaddrinfo)
    for name in ("gethostbyname", "gethostbyname_ex"):
        _patch(socket, name, _gethostbyname)
    for name in ("connect", "connect_ex"):
        _patch(_Socket, name, _connect)
    _patch(ssl.SSLContext, "wrap_socket", functools.partial(_wrap, 4))
    _patch(ssl.SSLContext, "wrap_bio", functools.partial(_wrap, 3))
    for kind, names in (
        # some clients ignore a failed write, and wait for a response
        (ssl.SSLSocket, ("send", "write", "recv", "recv_into", "read")),
        (ssl.SSLObject, ("write", "read")),
    ):
        _patch(kind, "do_handshake", _handshake)
        for name in names:
            _patch(kind, name, _checked)
    _patch(http.client.HTTPConnection, "putrequest", _putrequest)
    _patch(http.client.HTTPConnection, "set_tunnel", _set_tunnel)
    _patch(threading.Thread, "start", _start)
    _patch(_thread, "start_new_thread", _start_raw)
    _patch(ThreadPoolExecutor, "submit", _submit)
    call_when_imported(_OF_OTHERS)


def _patch(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
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
        if not _is_redirected(host, web=port in WEB_PORTS):
            return original(host, port, family, type, proto, flags)
        if family == socket.AF_INET6:
            raise socket.gaierror(socket.EAI_NONAME, "maxapi: the mock has no IPv6 address")
        # without flags: on an offline machine, AI_ADDRCONFIG hides even its own addresses
        return original(MOCK_ADDRESS, port, socket.AF_INET, type, proto, 0)

    return getaddrinfo


def _is_redirected(host: Any, *, web: bool = False) -> bool:
    """Return whether *host* is to resolve to the mock. Raises gaierror if it must not resolve."""
    name = named(host)
    try:
        if web:
            admit(name, name)
        return redirection_of(name) is not None
    except ConnectionRefusedError as error:
        raise socket.gaierror(socket.EAI_NONAME, error.strerror) from None


def _loop_getaddrinfo(original: Any) -> Any:
    """Decide in the task: the thread that does the look-up does not belong to one."""

    async def getaddrinfo(self: Any, host: Any, port: Any, **more: object) -> Any:
        return await original(self, MOCK_ADDRESS if _is_redirected(host) else host, port, **more)

    return getaddrinfo


def _gethostbyname(original: Any) -> Any:
    def gethostbyname(host: Any) -> Any:
        return original(MOCK_ADDRESS if _is_redirected(host) else host)

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
        if redirection_of(name) is not None:
            if base or self.default_port != 443:
                raise rejected(f"{method} http://{name}: the API is at https://")
            if not isinstance(getattr(self.sock, "context", None), MockContext):
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


def _loop_create_connection(original: Any) -> Any:
    async def create_connection(
        self: Any, factory: Any, host: Any = None, port: Any = None, **more: object
    ) -> Any:
        if host is not None:
            if more.get("ssl"):
                more["server_hostname"] = more.get("server_hostname") or host
            host, port = destination((host, port), stream=True)
        return await original(self, factory, host, port, **more)

    return create_connection


def _resolve(original: Any) -> Any:
    async def resolve(self: Any, host: Any, port: Any = 0, *args: object, **more: object) -> Any:
        if not _is_redirected(host, web=port in WEB_PORTS):
            return await original(self, host, port, *args, **more)
        found = {"hostname": host, "host": MOCK_ADDRESS, "port": port}
        return [{**found, "family": int(socket.AF_INET), "proto": 0, "flags": 0}]

    return resolve


def _patch_aiohttp(resolver: Any) -> None:
    _patch(resolver.AsyncResolver, "resolve", _resolve)


def _patch_uvloop(uvloop: Any) -> None:
    """Patch what resolves names, and connects, without the module `socket`."""
    _patch(uvloop.Loop, "create_connection", _loop_create_connection)
    _patch(uvloop.Loop, "getaddrinfo", _loop_getaddrinfo)


def _patch_responses(responses: Any) -> None:
    """Let `responses`, whenever it was activated, respond for other hosts only."""

    def send(original: Any) -> Any:
        def on_request(self: Any, adapter: Any, request: Any, **more: Any) -> Any:
            if redirection_of(named(urlsplit(str(request.url)).hostname)) is not None:
                more.pop("retries", None)
                return responses._real_send(adapter, request, **more)  # noqa: SLF001
            return original(self, adapter, request, **more)

        return on_request

    _patch(responses.RequestsMock, "_on_request", send)


_OF_OTHERS: Mapping[str, Callable[[Any], None]] = {
    "aiohttp.resolver": _patch_aiohttp,
    "responses": _patch_responses,
    "uvloop": _patch_uvloop,
}
"""What patches a module of somebody else, which a test may import at any time, or never."""
