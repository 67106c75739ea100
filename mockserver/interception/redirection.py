"""Redirects calls to the API's hosts to a mock in this process, and lets none get past it.

It works below the HTTP clients, so it does not depend on any of them. The API's names resolve to
an address that stands for the mock, and connections to that address go to the mock's port. TLS
under one of these names accepts the mock's own authority only: a connection that was made in any
other way (kept alive from before, through a proxy, with a resolver of its own) fails in its
handshake, or with its next byte.

What began while a redirection was in force (a thread, an asyncio task) never reaches the real API
afterwards either, as it may still hold a key of the user's. `patches` has the code that asks here.
"""

from __future__ import annotations

import errno
import functools
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from weakref import WeakSet

from mockserver.interception.direct_socket import DirectSocket, Receive
from mockserver.network.loopback import is_localhost, is_loopback

MOCK_ADDRESS = "127.87.109.97"
"""The address that the API's names resolve to: on this machine, where nothing listens."""
_HTTPS = (443, "443", b"443", "https", b"https")
WEB_PORTS = (80, "80", b"80", "http", b"http", *_HTTPS)


@dataclass(frozen=True, slots=True, eq=False)
class Redirection:
    """Where calls to *hosts* go: to a mock, by sockets and TLS or directly."""

    hosts: frozenset[str]
    listen: Callable[[], tuple[int, str]]
    """Lets the mock listen, unless it does; returns its port, and the authority (PEM) for TLS."""
    receiver: Callable[[], Receive]
    """Makes what answers one client without sockets."""
    allow_others: bool = False
    process: int = field(default_factory=os.getpid)
    """The process that the mock is in."""
    before: WeakSet[threading.Thread] = field(
        default_factory=lambda: WeakSet(threading.enumerate())
    )
    """The threads that existed before it."""

    @property
    def context(self) -> MockContext:
        """The context with which clients verify the mock."""
        return context_of(self.listen()[1])

    def connect(self, host: str) -> ssl.SSLSocket:
        """Connect to the mock by TLS."""
        plain = socket.create_connection(("127.0.0.1", self.listen()[0]))
        secure: ssl.SSLSocket = self.context.wrap_socket(plain, server_hostname=host)
        return secure

    def open(self, host: str) -> DirectSocket:
        """Connect to the mock without a socket."""
        return DirectSocket(self.receiver(), functools.partial(self.connect, host), self)

    def owns(self, connection: DirectSocket) -> bool:
        """Return whether a connection leads to this mock, and not to the copy of it in a fork."""
        return connection.owner is self and self.is_here

    @property
    def is_here(self) -> bool:
        """Whether the mock is in this process."""
        return self.process == os.getpid()


_Context: Any = next(one for one in ssl.SSLContext.__mro__ if one.__module__ == "ssl")
"""The standard library's, even if something (truststore, for example) has replaced it."""


class MockContext(_Context):  # type: ignore[misc]
    """A client's TLS context that trusts *authority* (PEM), that of a mock, and no other."""

    is_of_mock = True
    """Tells the hook of `run --intercept`, in which this may run, to leave it alone."""

    def __new__(cls, authority: str) -> MockContext:  # noqa: D102, PYI034
        made: MockContext = super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)
        made.load_verify_locations(cadata=authority)
        made.set_alpn_protocols(["http/1.1"])
        return made


@functools.lru_cache(maxsize=4)
def context_of(authority: str) -> MockContext:
    """Return the context that trusts *authority*, which takes long to make."""
    return MockContext(authority)


_in_force: list[Redirection] = []
_own: ContextVar[Redirection | None] = ContextVar("redirection", default=None)
"""The one in which an asyncio task began."""
left_over: WeakSet[threading.Thread] = WeakSet()
"""Threads that began while a redirection was in force that has ended."""
_hosts: set[str] = {MOCK_ADDRESS}
"""Every host that was ever redirected, and the address that they resolve to."""


@contextmanager
def redirected(redirection: Redirection) -> Iterator[None]:
    """Keep *redirection* in force.

    Of several, the one in which the current task began applies, else the innermost.
    """
    _hosts.update(redirection.hosts)
    _in_force.append(redirection)
    token = _own.set(redirection)
    try:
        yield
    finally:
        with suppress(ValueError):  # ended by another task than the one that began it
            _own.reset(token)
        left_over.update(set(threading.enumerate()) - set(redirection.before))
        _in_force.remove(redirection)


def _listen_for_children() -> None:
    for redirection in _in_force:
        redirection.listen()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_listen_for_children)


# -- where a call may go --------------------------------------------------------------------


def redirection_of(host: str) -> Redirection | None:
    """Return the redirection that applies to *host*; None if a call to it may pass unchanged.

    Raises ConnectionRefusedError if there must be no call at all.
    """
    if host not in _hosts:
        return None
    if _in_force:
        return _present()
    if outlives():
        raise rejected(
            f"{host}: this {'task' if _own.get() else 'thread'} began while calls to the API were "
            "intercepted, and is still running; it cannot reach the real API. "
            "Stop it at the end of the test"
        )
    return None


def _present() -> Redirection:
    own = _own.get()
    return own if own is not None and own in _in_force else _in_force[-1]


def outlives() -> bool:
    """Return whether the current thread, task or job began in a redirection that has ended.

    A thread that Python did not start counts as such, as it is unknown when it began.
    """
    own, thread = _own.get(), threading.current_thread()
    if own is not None and own not in _in_force:
        return True
    is_foreign = isinstance(thread, threading._DummyThread)  # noqa: SLF001
    return thread in left_over or (is_foreign and len(_hosts) > 1)


def opened(host: str) -> DirectSocket | None:
    """Connect a client to the mock without a socket, if that is where its calls go."""
    try:
        redirection = redirection_of(host)
    except ConnectionRefusedError:  # which the attempt to use a socket explains
        return None
    return redirection.open(host) if redirection and redirection.is_here else None


def leads(connection: Any, redirection: Redirection | None) -> bool:
    """Return whether an open *connection* leads to where *redirection* says."""
    if isinstance(connection, DirectSocket):
        return redirection is not None and redirection.owns(connection)
    return redirection is None or isinstance(getattr(connection, "context", None), MockContext)


def belonging(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let *function*, which another thread will run, belong to the redirection in force."""
    if not _in_force:
        return function
    redirection = _present()

    @functools.wraps(function)
    def run(*args: Any, **more: Any) -> Any:
        token = _own.set(redirection)
        try:
            return function(*args, **more)
        finally:
            _own.reset(token)

    return run


def rejected(message: str) -> ConnectionRefusedError:
    """Make the error of a call that must not be made: one that clients know from networks."""
    return ConnectionRefusedError(errno.ECONNREFUSED, f"maxapi: {message}")


def named(host: Any) -> str:
    """Return a host as it is compared: text, in lower case, without a trailing dot."""
    text = host.decode("latin-1") if isinstance(host, bytes | bytearray) else host
    if not isinstance(text, str):
        return ""
    with suppress(UnicodeError):
        text = text if text.isascii() else text.encode("idna").decode()
    return text.lower().removesuffix(".")


def _is_here(host: str) -> bool:
    """Return whether *host* is this machine, as far as that is known without resolving it."""
    with suppress(ValueError):
        return is_loopback(ip_address(host.strip("[]").partition("%")[0]))
    return host in {"", socket.gethostname().lower()} or is_localhost(host)


def admit(host: str, what: str) -> None:
    """Check that *what*, a call to another host, may pass. Raises ConnectionRefusedError."""
    strict = bool(_in_force) and not _present().allow_others
    if strict and host not in _hosts and not _is_here(host):
        raise rejected(
            f"{what}: only the API can be called; intercept(allow_others=True) lets others pass"
        )


def destination(address: Any, *, stream: bool) -> Any:
    """Return the address to connect to in place of *address*. Raises ConnectionRefusedError."""
    if not (isinstance(address, tuple) and len(address) >= 2):
        return address
    host, port = named(address[0]), address[1]
    if stream and port in WEB_PORTS:
        admit(host, f"{host}:{port}")
    redirection = redirection_of(host)
    if redirection is None:
        return address
    if port not in _HTTPS:
        raise rejected(f"port {port} of the API: it is at https://, which is port 443")
    return ("127.0.0.1", redirection.listen()[0])


@contextmanager
def explained(host: str | None) -> Iterator[None]:
    """Explain the failure of a handshake."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise ssl.SSLCertVerificationError(
            error.errno,
            f"maxapi: {host}: calls to the API are intercepted, but this connection is not to the "
            f"mock (through a proxy, or with a resolver of its own?): {error.verify_message}",
        ) from None


def check_peer(connection: ssl.SSLSocket | ssl.SSLObject) -> None:
    """Raise ConnectionRefusedError if *connection* is to the real API and must not be used."""
    if isinstance(connection.context, MockContext) or connection.server_side:
        return
    host = named(connection.server_hostname)
    if redirection_of(host) is not None:
        raise rejected(f"{host}: this connection is to the real API, from before it was redirected")
