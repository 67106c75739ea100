"""Which names and addresses mean this machine and no other."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")
"""The usual ways to write it, for lists of hosts in variables and certificates."""


def is_localhost(name: str) -> bool:
    """Return whether *name*, in lower case, is `localhost` or below it (RFC 6761)."""
    return name == "localhost" or name.endswith(".localhost")


def is_loopback(address: IPv4Address | IPv6Address) -> bool:
    """Return whether a connection to *address* stays on this machine.

    `0.0.0.0` and `::` count: as a destination, they reach the loopback.
    """
    return address.is_loopback or address.is_unspecified
