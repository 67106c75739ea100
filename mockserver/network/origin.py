"""Where a request goes, as its URL says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address
from urllib.parse import quote, urlsplit

_HOST = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]+)(?:%[\w.~-]+)?\]|(?P<name>(?:[\w.~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*))"
    r"(?::(?P<port>[0-9]*))?",
    re.ASCII,
)
"""What RFC 9110 lets a Host header be."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request goes."""

    host: str
    port: int
    tls: bool
    name: str
    """What the Host header calls it."""

    def __str__(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.name}"


def origin_of(url: str) -> Origin:
    """Give the origin of an http or https URL. Raises ValueError."""
    parts = urlsplit(url)
    host, tls = (parts.hostname or "").encode("idna").decode("ascii"), parts.scheme == "https"
    if parts.scheme not in ("http", "https") or not host or parts.port == 0:
        raise ValueError(f"{url!r} is no http or https URL")
    name = f"[{host}]" if ":" in host else host
    usual = 443 if tls else 80
    port = parts.port or usual
    return Origin(host, port, tls, name if port == usual else f"{name}:{port}")


def target_of(url: str) -> str:
    """Give what a request for *url* asks the server for."""
    parts = urlsplit(url)
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return quote(target, safe="!#$%&'()*+,/:;=?@[]~")


def origin_form(target: str) -> str:
    """Give the path and query of an absolute target, as servers are asked for it; others as is."""
    scheme, absolute, rest = target.partition("://")
    if not absolute or scheme.lower() not in ("http", "https"):
        return target
    path = rest[len(re.split("[/?#]", rest, maxsplit=1)[0]) :]
    return path if path.startswith("/") else f"/{path}"


def check_host(values: Sequence[str], version: str) -> None:
    """See to it that the Host headers of a request name one host. Raises ValueError."""
    if not values and version == "1.1":
        raise ValueError("Host: missing; HTTP/1.1 asks for it")
    if len(values) > 1:
        raise ValueError(f"Host: sent {len(values)} times; send it once")
    for value in values:
        name_in(value)


def name_in(host: str) -> str:
    """Give the name or address in a Host header, without brackets. Raises ValueError."""
    found = _HOST.fullmatch(host)
    if found is None or int((found["port"] or "0")[-9:]) > 65535:
        raise ValueError(f"Host: {host[:100]!r} is no host; use such as 127.0.0.1:6290")
    if found["six"] is None:
        return found["name"].lower()
    try:
        return str(IPv6Address(found["six"]))
    except AddressValueError:
        raise ValueError(f"Host: {host[:100]!r} is no host; use such as [::1]:6290") from None
