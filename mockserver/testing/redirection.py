"""Redirects calls to the API's hosts to a mock in this process, and lets none of them get past it.

It works below the HTTP clients, so it needs to know none of them. Names of the API resolve to an
address that stands for the mock, and connections to that address go to the mock's port. TLS under
one of these names is spoken with the mock's own authority only: a connection that came about in any
other way (kept alive from before, through a proxy, by a resolver of its own) fails in its
handshake, or with its next byte.

The patches are made with the first redirection and stay, as other mocks may have wrapped them;
without a redirection in force they only pass calls on. But what began while one was in force (a
thread, an asyncio task) never reaches the real API afterwards: it may hold a key of the user's.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakSet

_MOCK = "127.87.109.97"
"""The address that the API's names resolve to: of this machine, and nobody listens there."""
_HTTPS = (443, "443", b"443", "https", b"https")
_WEB = (80, "80", b"80", "http", b"http", *_HTTPS)


@dataclass(frozen=True, slots=True, eq=False)
class Redirection:
    """Where calls to *hosts* go: to *port* of this machine, which speaks TLS as *authority* says."""

    hosts: frozenset[str]
    port: int
    context: ssl.SSLContext
    allow_others: bool = False
    before: WeakSet[threading.Thread] = field(default_factory=lambda: WeakSet(threading.enumerate()))
    """The threads that were there before it."""


class _MockSocket(ssl.SSLSocket):
    """A connection under the API's name; its handshake succeeds with the mock only."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002
        with _explained(self.server_hostname):
            super().do_handshake(block)


class _MockObject(ssl.SSLObject):
    """The same for asyncio."""

    def do_handshake(self) -> None:
        with _explained(self.server_hostname):
            super().do_handshake()


class MockContext(ssl.SSLContext):
    """A client's context that trusts *authority*, the certificates of a mock in PEM, only."""

    sslsocket_class = _MockSocket
    sslobject_class = _MockObject

    def __new__(cls, authority: str) -> MockContext:  # noqa: PYI034
        made = super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)
        made.load_verify_locations(cadata=authority)
        made.set_alpn_protocols(["http/1.1"])
        return made


_in_force: list[Redirection] = []
_own: ContextVar[Redirection | None] = ContextVar("redirection", default=None)
"""The one in which an asyncio task began."""
_left_over: WeakSet[threading.Thread] = WeakSet()
"""Threads that began while a redirection was in force that has ended."""
_hosts: set[str] = set()
"""Every host that was ever redirected."""
_patches: set[Any] = set()


@contextmanager
def redirected(redirection: Redirection) -> Iterator[None]:
    """Keep *redirection* in force. The innermost of several counts, except where one's task began."""
    _install()
    _hosts.update(redirection.hosts)
    _in_force.append(redirection)
    token = _own.set(redirection)
    try:
        yield
    finally:
        with suppress(ValueError):  # ended by another task than the one that began it
            _own.reset(token)
        _in_force.remove(redirection)
        _left_over.update(set(threading.enumerate()) - set(redirection.before))


# -- what is to become of a call -------------------------------------------------------------


def _redirection(host: str) -> Redirection | None:
    """Find where a call to *host*, one of the API's, is to go; None if it is free to go there.

    Raises ConnectionRefusedError if it must not go anywhere.
    """
    if _in_force:
        return _present()
    if _outlives():
        raise _rejected(
            f"{host}: this {'task' if _own.get() else 'thread'} began while calls to the API were "
            "intercepted and has outlived that; it does not reach the real API. "
            "Stop it at the end of the test"
        )
    return None


def _present() -> Redirection:
    own = _own.get()
    return own if own is not None and own in _in_force else _in_force[-1]


def _outlives() -> bool:
    """Return whether the current thread or task began in a redirection that has ended."""
    own = _own.get()
    ended = own is not None and own not in _in_force
    return ended or threading.current_thread() in _left_over


def _rejected(message: str) -> ConnectionRefusedError:
    return ConnectionRefusedError(errno.ECONNREFUSED, f"maxapi: {message}")


def _named(host: Any) -> str:
    """Give a host as it is compared: text, lower case, without a dot at its end."""
    text = host.decode("latin-1") if isinstance(host, bytes | bytearray) else host
    return text.lower().removesuffix(".") if isinstance(text, str) else ""


def _is_here(host: str) -> bool:
    """Whether *host* is this machine, as far as can be told without looking its name up."""
    with suppress(ValueError):
        address = ip_address(host.strip("[]").partition("%")[0])
        return address.is_loopback or address.is_unspecified
    return host in {"", "localhost", socket.gethostname().lower()} or host.endswith(".localhost")


def _admit(host: str, what: str) -> None:
    """Let a call to another host than the API's pass, or raise ConnectionRefusedError."""
    if _in_force and not _present().allow_others and not _is_here(host):
        raise _rejected(
            f"{what}: only the API is here; intercept(allow_others=True) lets others pass"
        )


def _destination(address: Any, *, stream: bool) -> Any:
    """Give the address to connect to instead of *address*."""
    if not (isinstance(address, tuple) and len(address) >= 2):
        return address
    host, port = _named(address[0]), address[1]
    if host != _MOCK and host not in _hosts:
        if stream and port in _WEB:
            _admit(host, f"{host}:{port}")
        return address
    redirection = _redirection(host)
    if redirection is None:
        if host == _MOCK:
            raise _rejected("this connection is to the mock of a test that has ended")
        return address
    if port not in _HTTPS:
        raise _rejected(f"port {port} of the API: it is at https://, which is port 443")
    return ("127.0.0.1", redirection.port)


@contextmanager
def _explained(host: str | None) -> Iterator[None]:
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise ssl.SSLCertVerificationError(
            error.errno,
            f"maxapi: {host}: calls to the API are intercepted, and this connection does not lead "
            f"to the mock (through a proxy, or by a resolver of its own?): {error.verify_message}",
        ) from None


def _check_peer(connection: ssl.SSLSocket | ssl.SSLObject) -> None:
    """Raise ConnectionRefusedError if *connection* is to the real API and must not be used."""
    if isinstance(connection.context, MockContext) or connection.server_side:
        return
    host = _named(connection.server_hostname)
    if host in _hosts and _redirection(host) is not None:
        raise _rejected(f"{host}: this connection is to the real API, from before it was redirected")


# -- the patches -----------------------------------------------------------------------------


def _install() -> None:
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
        name = _named(host)
        if name not in _hosts:
            if port in _WEB:
                with _as_failed_lookup():
                    _admit(name, f"{name}:{port}")
            return original(host, port, family, *args, **more)
        with _as_failed_lookup():
            redirection = _redirection(name)
        if redirection is None:
            return original(host, port, family, *args, **more)
        if family == socket.AF_INET6:
            raise socket.gaierror(socket.EAI_NONAME, "maxapi: the mock has no IPv6 address")
        return original(_MOCK, port, socket.AF_INET, *args, **more)

    return getaddrinfo


@contextmanager
def _as_failed_lookup() -> Iterator[None]:
    try:
        yield
    except ConnectionRefusedError as error:
        raise socket.gaierror(socket.EAI_NONAME, error.strerror) from None


def _loop_getaddrinfo(original: Any) -> Any:
    """Decide in the task: the thread that asks for it does not know whose call it is."""

    async def getaddrinfo(self: Any, host: Any, port: Any, **more: Any) -> Any:
        name = _named(host)
        with _as_failed_lookup():
            led = name in _hosts and _redirection(name) is not None
        return await original(self, _MOCK if led else host, port, **more)

    return getaddrinfo


def _gethostbyname(original: Any) -> Any:
    def gethostbyname(host: Any) -> Any:
        name = _named(host)
        with _as_failed_lookup():
            led = name in _hosts and _redirection(name) is not None
        return original(_MOCK if led else host)

    return gethostbyname


def _connect(original: Any) -> Any:
    def connect(self: socket.socket, address: Any) -> Any:
        stream = self.type == socket.SOCK_STREAM and self.family in (
            socket.AF_INET,
            socket.AF_INET6,
        )
        return original(self, _destination(address, stream=stream))

    return connect


def _wrap(original: Any) -> Any:
    """Let a context of the user's speak with the mock, if it is to be spoken to."""

    def wrap(self: ssl.SSLContext, *args: Any, **more: Any) -> Any:
        name = _named(more.get("server_hostname"))
        redirection = _redirection(name) if name in _hosts else None
        if redirection is None or isinstance(self, MockContext):
            return original(self, *args, **more)
        return original(redirection.context, *args, **more | {"session": None})

    return wrap


def _checked(original: Any) -> Any:
    def checked(self: Any, *args: Any, **more: Any) -> Any:
        _check_peer(self)
        return original(self, *args, **more)

    return checked


def _putrequest(original: Any) -> Any:
    """Let a connection that was kept alive be made anew, to the mock."""

    def putrequest(self: Any, method: str, url: str, *args: Any, **more: Any) -> Any:
        base = urlsplit(url) if "://" in url else None
        name = _named(base.hostname if base else getattr(self, "_tunnel_host", None) or self.host)
        if name not in _hosts:
            _admit(name, f"{method} {name}")
        elif _redirection(name) is not None:
            if base or self.default_port != 443:
                raise _rejected(f"{method} http://{name}: the API is at https://")
            if not isinstance(getattr(self.sock, "context", None), MockContext):
                http.client.HTTPConnection.close(self)  # urllib3's forgets the request, too
        return original(self, method, url, *args, **more)

    return putrequest


def _set_tunnel(original: Any) -> Any:
    def set_tunnel(self: Any, host: str, *args: Any, **more: Any) -> Any:
        name = _named(host)
        if name in _hosts and _redirection(name) is not None:
            raise _rejected(
                f"{name}: this client would call the API through the proxy {self.host}, and not "
                "the mock; leave it out (by NO_PROXY)"
            )
        return original(self, host, *args, **more)

    return set_tunnel


def _start(original: Any) -> Any:
    """Let what outlives a redirection have no heirs that are free of it."""

    def start(self: threading.Thread) -> Any:
        if _outlives():
            _left_over.add(self)
        return original(self)

    return start


def _install_in_responses() -> None:
    """Let `responses`, in whatever order it was activated, answer for other hosts only."""
    import responses

    def send(original: Any) -> Any:
        def on_request(self: Any, adapter: Any, request: Any, **more: Any) -> Any:
            name = _named(urlsplit(str(request.url)).hostname)
            if name in _hosts and _redirection(name) is not None:
                more.pop("retries", None)
                return responses._real_send(adapter, request, **more)  # noqa: SLF001
            return original(self, adapter, request, **more)

        return on_request

    _patch(responses.RequestsMock, "_on_request", send)
