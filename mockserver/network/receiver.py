"""What an http or https URL names, and which receivers of webhooks the mock may call."""

from __future__ import annotations

import ipaddress
import re
import socket
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import SplitResult, quote, unquote, urlsplit

from mockserver.network.loopback import is_localhost, is_loopback

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_PORTS = {"http": 80, "https": 443}
_WRITTEN_AS_IT_IS = "!#$%&'()*+,-./:;<=>?@[]^_`{|}~\"\\"
"""What `quote` leaves alone besides letters and digits: a path is sent as it was given."""
_EVERYBODY = ipaddress.IPv4Address("255.255.255.255")
_NAME = re.compile(r"[a-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Receiver:
    """What a URL names, for example a callBackUrl.

    The check of which hosts may be called and the code that calls them share this reading: if
    there were two, one host could be checked and another one called.
    """

    scheme: str
    host: str
    """In lower case and ASCII, without a trailing dot; an address in its usual spelling."""
    port: int
    target: str
    """Path and query, as a request line has them."""
    userinfo: str | None
    """User and password, decoded; it is a secret."""
    address: Address | None
    """None for a name."""

    @property
    def is_loopback(self) -> bool:
        """Whether a connection to it stays on this machine, as far as its spelling tells."""
        return is_localhost(self.host) if self.address is None else is_loopback(self.address)

    @property
    def place(self) -> str:
        """Host and port, for people."""
        return place(self.host, self.port)

    @property
    def authority(self) -> str:
        """Host and port, as the Host header has them; the port only if it is not the default."""
        host = self.host.partition("%")[0]
        shown = f"[{host}]" if ":" in host else host
        return shown if self.port == _PORTS[self.scheme] else f"{shown}:{self.port}"


def place(host: str, port: int) -> str:
    """Write a host and port as people do: `127.0.0.1:6290`, `[::1]:6290`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def read_receiver(url: str) -> Receiver:
    """Read an http or https URL. Raises ValueError, which says what is wrong with it."""
    parts = _split(url)
    host = unicodedata.normalize("NFKC", unquote(parts.hostname or "")).rstrip(".")
    address = _address(host)
    userinfo, at, _ = parts.netloc.rpartition("@")
    target = (parts.path or "/") + (f"?{parts.query}" if "?" in url.partition("#")[0] else "")
    return Receiver(
        parts.scheme,
        _name(host) if address is None else str(address),
        _port(parts),
        quote(target, safe=_WRITTEN_AS_IT_IS),
        unquote(userinfo) if at else None,
        address,
    )


def _split(url: str) -> SplitResult:
    """Split a URL. Python's own message about one that it cannot split could hold a password."""
    try:
        url.encode()
        parts = urlsplit(url)
    except ValueError:
        raise ValueError("the URL cannot be read") from None
    if parts.scheme not in _PORTS or "\\" in parts.netloc:
        raise ValueError("the URL is not an http or https URL")
    return parts


def _port(parts: SplitResult) -> int:
    try:
        port = _PORTS[parts.scheme] if parts.port is None else parts.port
    except ValueError:
        port = 0
    if not port:
        raise ValueError("the URL's port is not a number from 1 to 65535")
    return port


def _name(host: str) -> str:
    try:
        name = host.encode("idna").decode().lower()
    except UnicodeError:
        name = ""
    if not _NAME.fullmatch(name):
        raise ValueError("the URL's host is neither a name nor an address")
    return name


def _address(host: str) -> Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        zoned = ":" in host and not address.is_link_local  # a zone means nothing anywhere else
        plain = ipaddress.ip_address(host.partition("%")[0]) if zoned else address
        return getattr(plain, "ipv4_mapped", None) or plain
    try:  # the short and numeric spellings: 127.1, 2130706433, 0x7f000001
        return ipaddress.IPv4Address(socket.inet_aton(host)) if host[:1].isdigit() else None
    except OSError:
        return None


def is_this_machine(url: str) -> bool:
    """Return whether a URL names this machine by a loopback name or address, however spelled."""
    try:
        return read_receiver(url).is_loopback
    except ValueError:
        return False


class Reach:
    """Which receivers the mock may call. It decides without resolving names.

    *named* are globs of hosts; *own* also allows receivers on this machine.
    """

    def __init__(self, named: Iterable[str] = (), *, own: bool = True) -> None:
        self._named = tuple(map(_canonical, named))
        self._own = own

    def why_not(self, receiver: Receiver) -> str | None:
        """Return why *receiver* may not be called; None if it may."""
        if any(fnmatchcase(receiver.host, one) for one in self._named):
            return None
        if not self._own:
            return f"{receiver.host} is not named by --callback-allow, and this mock is public"
        if receiver.is_loopback or _is_own(receiver.address):
            return None
        return f"{receiver.host} is not this machine; --callback-allow names others"


def _canonical(named: str) -> str:
    """Spell a host that a setting names as `read_receiver` spells it."""
    plain = named.strip("[]") if ":" in named else named.rstrip(".")
    address = _address(plain)
    if address is not None:
        return str(address)
    with suppress(UnicodeError):
        return plain.encode("idna").decode().lower()
    return plain.lower()


def _is_own(address: Address | None) -> bool:
    """Return whether an address is one of this machine's: a socket can be bound to it then.

    Any exception counts as no: a test suite that forbids sockets raises errors of its own.
    """
    if address is None or address.is_multicast or address == _EVERYBODY:
        return False
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with suppress(Exception), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.bind(socket.getaddrinfo(str(address), 0, family, flags=socket.AI_NUMERICHOST)[0][4])
        return True
    return False
