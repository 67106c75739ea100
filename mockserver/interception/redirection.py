"""Redirects calls to the API's hosts to a mock in this process, and lets none of them get past it.

It works below the HTTP clients, so it needs to know none of them. Names of the API resolve to an
address that stands for the mock, and connections to that address go to the mock's port. TLS under
one of these names is spoken with the mock's own authority only: a connection that came about in any
other way (kept alive from before, through a proxy, by a resolver of its own) fails in its
handshake, or with its next byte.

What began while a redirection was in force (a thread, an asyncio task) never reaches the real API
afterwards: it may go on with a key of the user's. `patches` has what asks here.
"""

from __future__ import annotations

import errno
import functools
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

MOCK_ADDRESS = "127.87.109.97"
"""The address that the API's names resolve to: of this machine, and nobody listens there."""
_HTTPS = (443, "443", b"443", "https", b"https")
WEB_PORTS = (80, "80", b"80", "http", b"http", *_HTTPS)


@dataclass(frozen=True, slots=True, eq=False)
class Redirection:
    """Where calls to *hosts* go: to *port* of this machine, in TLS as *context* checks it."""

    hosts: frozenset[str]
    port: int
    context: ssl.SSLContext
    allow_others: bool = False
    before: WeakSet[threading.Thread] = field(
        default_factory=lambda: WeakSet(threading.enumerate())
    )
    """The threads that were there before it."""


_Context: Any = next(one for one in ssl.SSLContext.__mro__ if one.__module__ == "ssl")
"""The standard library's, whatever others (truststore for one) have put into its place."""


class MockContext(_Context):  # type: ignore[misc]
    """A client's context that trusts *authority*, the certificates of a mock in PEM, only."""

    is_led = True
    """Says to the hook of `run --intercept`, which may surround this, that it is not needed."""

    def __new__(cls, authority: str) -> MockContext:  # noqa: D102, PYI034
        made: MockContext = super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)
        made.load_verify_locations(cadata=authority)
        made.set_alpn_protocols(["http/1.1"])
        return made


_in_force: list[Redirection] = []
_own: ContextVar[Redirection | None] = ContextVar("redirection", default=None)
"""The one in which an asyncio task began."""
left_over: WeakSet[threading.Thread] = WeakSet()
"""Threads that began while a redirection was in force that has ended."""
_hosts: set[str] = {MOCK_ADDRESS}
"""Every host that was ever redirected, and what it resolves to meanwhile."""


@contextmanager
def redirected(redirection: Redirection) -> Iterator[None]:
    """Keep *redirection* in force.

    Of several, that in which the current task began counts, else the innermost.
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


# -- what is to become of a call -------------------------------------------------------------


def redirection_of(host: str) -> Redirection | None:
    """Find where a call to *host* is redirected to; None if it goes where it wants.

    Raises ConnectionRefusedError if it must not go anywhere.
    """
    if host not in _hosts:
        return None
    if _in_force:
        return _present()
    if outlives():
        raise rejected(
            f"{host}: this {'task' if _own.get() else 'thread'} began while calls to the API were "
            "intercepted and has outlived that; it does not reach the real API. "
            "Stop it at the end of the test"
        )
    return None


def _present() -> Redirection:
    own = _own.get()
    return own if own is not None and own in _in_force else _in_force[-1]


def outlives() -> bool:
    """Return whether the current thread, task or job began in a redirection that has ended.

    Of a thread that Python did not start nobody knows when it began, so it counts as such.
    """
    own, thread = _own.get(), threading.current_thread()
    if own is not None and own not in _in_force:
        return True
    is_foreign = isinstance(thread, threading._DummyThread)  # noqa: SLF001
    return thread in left_over or (is_foreign and len(_hosts) > 1)


def belonging(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let *function*, which another thread will run, belong to the redirection in force, if any."""
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
    """Make the error of a call that gets nowhere: what a client expects of a network."""
    return ConnectionRefusedError(errno.ECONNREFUSED, f"maxapi: {message}")


def named(host: Any) -> str:
    """Give a host as it is compared: text, lower case, without a dot at its end."""
    text = host.decode("latin-1") if isinstance(host, bytes | bytearray) else host
    if not isinstance(text, str):
        return ""
    with suppress(UnicodeError):
        text = text if text.isascii() else text.encode("idna").decode()
    return text.lower().removesuffix(".")


def _is_here(host: str) -> bool:
    """Whether *host* is this machine, as far as can be told without looking its name up."""
    with suppress(ValueError):
        address = ip_address(host.strip("[]").partition("%")[0])
        return address.is_loopback or address.is_unspecified
    return host in {"", "localhost", socket.gethostname().lower()} or host.endswith(".localhost")


def admit(host: str, what: str) -> None:
    """Let *what*, a call to a host that is not the API's, pass or raise ConnectionRefusedError."""
    strict = bool(_in_force) and not _present().allow_others
    if strict and host not in _hosts and not _is_here(host):
        raise rejected(
            f"{what}: only the API is here; intercept(allow_others=True) lets others pass"
        )


def destination(address: Any, *, stream: bool) -> Any:
    """Give the address to connect to instead of *address*."""
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
    return ("127.0.0.1", redirection.port)


@contextmanager
def explained(host: str | None) -> Iterator[None]:
    """Say of a handshake that fails why it can."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise ssl.SSLCertVerificationError(
            error.errno,
            f"maxapi: {host}: calls to the API are intercepted, and this connection does not lead "
            f"to the mock (through a proxy, or by a resolver of its own?): {error.verify_message}",
        ) from None


def check_peer(connection: ssl.SSLSocket | ssl.SSLObject) -> None:
    """Raise ConnectionRefusedError if *connection* is to the real API and must not be used."""
    if isinstance(connection.context, MockContext) or connection.server_side:
        return
    host = named(connection.server_hostname)
    if redirection_of(host) is not None:
        raise rejected(f"{host}: this connection is to the real API, from before it was redirected")
