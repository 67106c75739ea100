"""Has every socket, TLS connection and thread of this process ask `redirection` what it may do.

The patches are made with the first redirection and stay, as other mocks may have wrapped them;
without a redirection in force they only pass calls on.
"""

from __future__ import annotations

import asyncio
import functools
import http.client
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from mockserver.testing.redirection import (
    MOCK_ADDRESS,
    WEB_PORTS,
    MockContext,
    admit,
    check_peer,
    destination,
    left_over,
    named,
    outlives,
    redirection_of,
    rejected,
)

_patches: set[Any] = set()


def install_patches() -> None:
    """Make the patches, also those that another mock has taken back."""
    plain: Any = ssl.SSLSocket.__mro__[1]  # the class of sockets, whatever `socket.socket` is now
    _patch(socket, "getaddrinfo", _getaddrinfo)
    _patch(asyncio.BaseEventLoop, "getaddrinfo", _loop_getaddrinfo)
    for name in ("gethostbyname", "gethostbyname_ex"):
        _patch(socket, name, _gethostbyname)
    for name in ("connect", "connect_ex"):
        _patch(plain, name, _connect)
    for name in ("wrap_socket", "wrap_bio"):
        _patch(ssl.SSLContext, name, _wrap)
    for kind, names in (
        # some clients make nothing of a failed write, and wait for an answer
        (ssl.SSLSocket, ("do_handshake", "send", "write", "recv", "recv_into", "read")),
        (ssl.SSLObject, ("do_handshake", "write", "read")),
    ):
        for name in names:
            _patch(kind, name, _checked)
    _patch(http.client.HTTPConnection, "putrequest", _putrequest)
    _patch(http.client.HTTPConnection, "set_tunnel", _set_tunnel)
    _patch(threading.Thread, "start", _start)
    _install_in_responses()


def _patch(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    original = getattr(owner, name)
    if original not in _patches:
        made = functools.wraps(original)(make(original))
        _patches.add(made)
        setattr(owner, name, made)


def _getaddrinfo(original: Any) -> Any:
    def getaddrinfo(host: Any, port: Any, family: int = 0, *args: Any, **more: Any) -> Any:
        if not _leads(host, web=port in WEB_PORTS):
            return original(host, port, family, *args, **more)
        if family == socket.AF_INET6:
            raise socket.gaierror(socket.EAI_NONAME, "maxapi: the mock has no IPv6 address")
        return original(MOCK_ADDRESS, port, socket.AF_INET, *args, **more)

    return getaddrinfo


def _leads(host: Any, *, web: bool = False) -> bool:
    """Return whether the name *host* leads to the mock. Raises gaierror if it leads nowhere."""
    name = named(host)
    try:
        if web:
            admit(name, name)
        return redirection_of(name) is not None
    except ConnectionRefusedError as error:
        raise socket.gaierror(socket.EAI_NONAME, error.strerror) from None


def _loop_getaddrinfo(original: Any) -> Any:
    """Decide in the task: the thread that asks for it does not know whose call it is."""

    async def getaddrinfo(self: Any, host: Any, port: Any, **more: Any) -> Any:
        return await original(self, MOCK_ADDRESS if _leads(host) else host, port, **more)

    return getaddrinfo


def _gethostbyname(original: Any) -> Any:
    def gethostbyname(host: Any) -> Any:
        return original(MOCK_ADDRESS if _leads(host) else host)

    return gethostbyname


def _connect(original: Any) -> Any:
    def connect(self: socket.socket, address: Any) -> Any:
        stream = self.type == socket.SOCK_STREAM and self.family in (
            socket.AF_INET,
            socket.AF_INET6,
        )
        return original(self, destination(address, stream=stream))

    return connect


def _wrap(original: Any) -> Any:
    """Let a context of the user's speak with the mock, if it is to be spoken to."""

    def wrap(self: ssl.SSLContext, *args: Any, **more: Any) -> Any:
        redirection = redirection_of(named(more.get("server_hostname")))
        if redirection is None or isinstance(self, MockContext):
            return original(self, *args, **more)
        return original(redirection.context, *args, **more | {"session": None})

    return wrap


def _checked(original: Any) -> Any:
    def checked(self: Any, *args: Any, **more: Any) -> Any:
        check_peer(self)
        return original(self, *args, **more)

    return checked


def _putrequest(original: Any) -> Any:
    """Let a connection that was kept alive be made anew, to the mock."""

    def putrequest(self: Any, method: str, url: str, *args: Any, **more: Any) -> Any:
        base = urlsplit(url) if "://" in url else None
        name = named(base.hostname if base else getattr(self, "_tunnel_host", None) or self.host)
        admit(name, f"{method} {name}")
        if redirection_of(name) is not None:
            if base or self.default_port != 443:
                raise rejected(f"{method} http://{name}: the API is at https://")
            if not isinstance(getattr(self.sock, "context", None), MockContext):
                http.client.HTTPConnection.close(self)  # urllib3's forgets the request, too
        return original(self, method, url, *args, **more)

    return putrequest


def _set_tunnel(original: Any) -> Any:
    def set_tunnel(self: Any, host: str, *args: Any, **more: Any) -> Any:
        name = named(host)
        if redirection_of(name) is not None:
            raise rejected(
                f"{name}: this client would call the API through the proxy {self.host}, and not "
                "the mock; leave it out (by NO_PROXY)"
            )
        return original(self, host, *args, **more)

    return set_tunnel


def _start(original: Any) -> Any:
    """Let what outlives a redirection have no heirs that are free of it."""

    def start(self: threading.Thread) -> Any:
        if outlives():
            left_over.add(self)
        return original(self)

    return start


def _install_in_responses() -> None:
    """Let `responses`, in whatever order it was activated, answer for other hosts only."""
    import responses

    def send(original: Any) -> Any:
        def on_request(self: Any, adapter: Any, request: Any, **more: Any) -> Any:
            if redirection_of(named(urlsplit(str(request.url)).hostname)) is not None:
                more.pop("retries", None)
                return responses._real_send(adapter, request, **more)  # noqa: SLF001
            return original(self, adapter, request, **more)

        return on_request

    _patch(responses.RequestsMock, "_on_request", send)
