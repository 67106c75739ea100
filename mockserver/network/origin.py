"""Which server a request goes to, as its URL and its Host header name it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address

from mockserver.network.receiver import place, read_receiver

_HOST = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]+)(?:%[\w.~-]+)?\]|(?P<name>(?:[\w.~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*))"
    r"(?::(?P<port>[0-9]*))?",
    re.ASCII,
)
"""What RFC 9110 lets a Host header be."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A server, as clients connect to it."""

    host: str
    port: int
    tls: bool
    name: str
    """What the Host header calls it."""

    @property
    def place(self) -> str:
        """Host and port, for people."""
        return place(self.host, self.port)

    def __str__(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.name}"


def origin_of(url: str) -> Origin:
    """Return the origin of an http or https URL. Raises ValueError."""
    read = read_receiver(url)
    return Origin(read.host, read.port, read.scheme == "https", read.authority)


def target_of(url: str) -> str:
    """Return path and query of a URL, as a request line has them. Raises ValueError."""
    return read_receiver(url).target


def origin_form(target: str) -> str:
    """Return path and query of an absolute target; any other target as it is.

    Only proxies are sent absolute targets, but servers have to accept them (RFC 9112, 3.2.2).
    """
    scheme, absolute, rest = target.partition("://")
    if not absolute or scheme.lower() not in ("http", "https"):
        return target
    path = rest[len(re.split("[/?#]", rest, maxsplit=1)[0]) :]
    return path if path.startswith("/") else f"/{path}"


def check_host(values: Sequence[str], version: str) -> None:
    """Check that the Host headers of a request name one host. Raises ValueError."""
    if not values and version == "1.1":
        raise ValueError("Host: missing; HTTP/1.1 requires it")
    if len(values) > 1:
        raise ValueError(f"Host: sent {len(values)} times; send it once")
    for value in values:
        name_in(value)


@lru_cache(maxsize=256)
def name_in(host: str) -> str:
    """Return the name or address in a Host header, without brackets. Raises ValueError."""
    found = _HOST.fullmatch(host)
    if found is None or int((found["port"] or "0")[-9:]) > 65535:
        raise _bad_host(host, "127.0.0.1:6290")
    if found["six"] is None:
        return found["name"].lower()
    try:
        return str(IPv6Address(found["six"]))
    except AddressValueError:
        raise _bad_host(host, "[::1]:6290") from None


def _bad_host(host: str, example: str) -> ValueError:
    return ValueError(f"Host: {host[:100]!r} is not a host; use, for example, {example}")
