"""How calls leave this machine: through the proxy that its user has set, if there is one."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import socket
import ssl
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Network, ip_address
from urllib.parse import unquote, urlsplit

from mockserver.network.receiver import is_this_machine, place, read_receiver

_PATIENCE = 30.0
"""Real seconds that a proxy has to make a connection."""
_HEAD_LIMIT = 64 * 1024


class UserProxyError(OSError):
    """The user's proxy cannot be used, or does not connect; the message says why."""


def place_of(url: str) -> str:
    """Return the host and port that a URL names, for people; never its user or path."""
    try:
        return read_receiver(url).place
    except ValueError:
        return url.partition("://")[2].partition("/")[0].rpartition("@")[2]


def why_not_connected(error: BaseException, where: str, patience: float | None = None) -> str:
    """Return why there is no connection to *where*, whichever library the error is from.

    Sockets, asyncio and urllib3 each have a form of their own for a port at which nothing listens.
    *patience* is how many seconds a connection may have taken.
    """
    cause = root_cause(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the certificate of {where} is not trusted: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError) and cause.reason == "WRONG_VERSION_NUMBER":
        return f"{where} does not speak TLS; use http:// if it serves plain HTTP"
    if isinstance(cause, UserProxyError):
        return str(cause)
    if isinstance(cause, TimeoutError):
        return f"cannot connect to {where}{f' within {patience:g} s' if patience else ' in time'}"
    said = str(getattr(cause, "strerror", None) or cause)
    numbers = [int(number) for number in _BY_ASYNCIO.findall(str(cause))]
    if numbers:
        said = os.strerror(errno.ECONNREFUSED if errno.ECONNREFUSED in numbers else numbers[0])
    if said == os.strerror(errno.ECONNREFUSED):
        return f"connection refused at {where}"
    return f"cannot connect to {where}: {' '.join(said.split()) or type(cause).__name__}"


_BY_ASYNCIO = re.compile(r"\[Errno (\d+)\] Connect call failed")
"""How asyncio writes the failure of one address of a host; it joins those of several."""


def root_cause(error: BaseException) -> BaseException:
    """Return the error that caused the others."""
    cause: BaseException | None = error
    while cause is not None:
        error, cause = cause, cause.__cause__
        if cause is None and not error.__suppress_context__:
            cause = error.__context__
    return error


@dataclass(frozen=True, slots=True, repr=False)
class UserProxy:
    """An HTTP proxy, as a variable like HTTPS_PROXY names it."""

    host: str
    port: int
    authorization: str | None
    """The value of the header Proxy-Authorization; it is a secret."""

    @property
    def url(self) -> str:
        """Its URL, without user and password."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{name}:{self.port}"


def proxy_for(url: str) -> UserProxy | None:
    """Return the proxy for calls to *url*; None if there is none, and always for this machine.

    Reads HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY in either case, and the settings of the
    system where Python knows them. Raises UserProxyError.
    """
    from requests.utils import get_environ_proxies, select_proxy

    if is_this_machine(url):
        return None
    text = select_proxy(url, get_environ_proxies(url, no_proxy=None))
    return _parsed(text if "://" in text else f"http://{text}") if text else None


def _parsed(text: str) -> UserProxy:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port or 80
    except ValueError:
        raise UserProxyError("the proxy's URL cannot be read; use http://host:port") from None
    if parts.scheme != "http" or not host:
        shown = f"{parts.scheme}://{host}"
        raise UserProxyError(f"the proxy {shown} is not supported; use an http proxy")
    if parts.username is None:
        return UserProxy(host, port, None)
    user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return UserProxy(host, port, f"Basic {b64encode(user.encode()).decode()}")


async def connect(
    make: Callable[[], asyncio.BaseProtocol], host: str, port: int, context: ssl.SSLContext | None
) -> None:
    """Connect a protocol to a host, with TLS if *context* is given. Raises OSError, ValueError."""
    loop, name = asyncio.get_running_loop(), host if context else None
    through = await tunnel(host, port, tls=context is not None)
    if through is not None:
        await loop.create_connection(make, sock=through, ssl=context, server_hostname=name)
        return
    await loop.create_connection(
        make, host, port, ssl=context, server_hostname=name, happy_eyeballs_delay=0.25
    )


async def tunnel(host: str, port: int, *, tls: bool) -> socket.socket | None:
    """Return a connection to a host through the user's proxy; None if there is no proxy for it.

    Raises OSError.
    """
    name = f"[{host}]" if ":" in host else host
    proxy = proxy_for(f"{'https' if tls else 'http'}://{name}:{port}")
    if proxy is None:
        return None
    sock = await _connect_to(proxy)
    try:
        async with asyncio.timeout(_PATIENCE):
            await _request_tunnel(sock, proxy, f"{name}:{port}")
    except BaseException:
        sock.close()
        raise
    return sock


async def _connect_to(proxy: UserProxy) -> socket.socket:
    loop, failure = asyncio.get_running_loop(), OSError("no address")
    for family, kind, number, _, address in await loop.getaddrinfo(
        proxy.host, proxy.port, type=socket.SOCK_STREAM
    ):
        sock = socket.socket(family, kind, number)
        sock.setblocking(False)  # noqa: FBT003 - its only argument
        try:
            async with asyncio.timeout(_PATIENCE):
                await loop.sock_connect(sock, address)
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock
    raise UserProxyError(why_not_connected(failure, f"the proxy {place(proxy.host, proxy.port)}"))


async def _request_tunnel(sock: socket.socket, proxy: UserProxy, target: str) -> None:
    loop = asyncio.get_running_loop()
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if proxy.authorization is not None:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    await loop.sock_sendall(sock, "\r\n".join([*lines, "", ""]).encode("latin-1"))
    head = b""
    while not head.endswith(b"\r\n\r\n"):  # byte by byte: what follows is already the host's
        byte = await loop.sock_recv(sock, 1)
        head += byte
        if not byte or len(head) > _HEAD_LIMIT:
            raise UserProxyError(f"the proxy {proxy.url} does not answer CONNECT: {head[:80]!r}")
    status = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")[2]
    if not status.startswith("2"):
        raise UserProxyError(f"the proxy {proxy.url} does not connect to {target}: {status[:80]}")


def public_address(host: str, port: int) -> str:
    """Return an address of a host that is on the public internet, to connect to exactly that.

    Raises OSError for a host that has no address, or any address that is not public.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(one[4][0]) for one in found]
    for address in addresses:
        if not _is_public(address):
            raise OSError(f"{host} is not on the public internet")
    return addresses[0]


_NAT64 = IPv6Network("64:ff9b::/96")
"""IPv6 addresses behind which a gateway connects to the IPv4 address in their last 32 bits."""


def _is_public(text: str) -> bool:
    address = ip_address(text.partition("%")[0])
    plain = getattr(address, "ipv4_mapped", None) or address
    if plain.version == 6 and plain in _NAT64:
        plain = IPv4Address(int(plain) & 0xFFFFFFFF)
    return plain.is_global and not plain.is_multicast
