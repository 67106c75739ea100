"""What keeps an app's calls to the mock off the proxies of its user."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

NO_PROXY = ("NO_PROXY", "no_proxy")
"""Some clients read only one of the two, some prefer one."""
LOCAL = ("localhost", "127.0.0.1", "::1")


def past_proxies(
    environment: Mapping[str, str], *urls: str, led: Sequence[str] = ()
) -> dict[str, str]:
    """Give the variables to set so that calls to this machine, and to *urls*, need no proxy.

    The user's own exceptions stay, except those that would let calls to a host of *led* past a
    proxy that is to get them.
    """
    hosts = [*LOCAL, *(urlsplit(url).hostname or "" for url in urls)]
    changes = {}
    for name, other in zip(NO_PROXY, reversed(NO_PROXY), strict=True):
        own = [one for one in _named(environment, name, other) if not _frees(one, led)]
        more = [host for host in dict.fromkeys(hosts) if host and host not in own]
        changes[name] = "*" if "*" in own else ",".join([*own, *more])  # alone, or it has no effect
    return changes


def _named(environment: Mapping[str, str], name: str, other: str) -> Iterator[str]:
    text = environment.get(name) or environment.get(other) or ""
    yield from filter(None, re.split(r"[,\s]+", text))


def _frees(entry: str, hosts: Sequence[str]) -> bool:
    """Return whether any client may take *entry* for one of *hosts*; they read it differently."""
    name = re.sub(r":[0-9]+$", "", entry.lower())
    suffix = name.lstrip("*.").rstrip(".")
    return any(
        fnmatchcase(host, name) or (host.endswith(suffix) and bool(suffix)) for host in hosts
    )
