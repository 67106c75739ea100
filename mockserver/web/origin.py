"""Where a request goes, as its URL says."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlsplit


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
