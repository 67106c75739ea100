"""The variables that keep an app's calls to the mock off its user's proxies."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from mockserver.network.loopback import LOOPBACK_HOSTS

NO_PROXY = ("NO_PROXY", "no_proxy")
"""Some clients read only one of the two, others prefer one."""


def past_proxies(
    environment: Mapping[str, str], *urls: str, redirected: Sequence[str] = ()
) -> dict[str, str]:
    """Return the variables that let calls to this machine, and to *urls*, bypass every proxy.

    The user's own exceptions stay, except those that would also exempt one of the *redirected*
    hosts, whose calls have to go through a proxy of ours.
    """
    hosts = [*LOOPBACK_HOSTS, *(urlsplit(url).hostname or "" for url in urls)]
    changes = {}
    for name, other in zip(NO_PROXY, reversed(NO_PROXY), strict=True):
        own = [one for one in _entries(environment, name, other) if not _exempts(one, redirected)]
        more = [host for host in dict.fromkeys(hosts) if host and host not in own]
        changes[name] = "*" if "*" in own else ",".join([*own, *more])  # "*" has to stand alone
    return changes


def _entries(environment: Mapping[str, str], name: str, other: str) -> Iterator[str]:
    text = environment.get(name) or environment.get(other) or ""
    yield from filter(None, re.split(r"[,\s]+", text))


def _exempts(entry: str, hosts: Sequence[str]) -> bool:
    """Return whether any client may apply *entry* to one of *hosts*; they read it differently."""
    name = re.sub(r":[0-9]+$", "", entry.lower())
    suffix = name.lstrip("*.").rstrip(".")
    return any(
        fnmatchcase(host, name) or (host.endswith(suffix) and bool(suffix)) for host in hosts
    )
