"""The environment of the command that `run` runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mockserver.network.proxy_environment import past_proxies
from mockserver.settings import Resolved
from mockserver.settings.environment import as_suffix

if TYPE_CHECKING:
    from mockserver.web.server import Server

_KEY = "maxapi-mock-run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirection:
    """How the command finds the mock."""

    intercept: bool
    allow_others: bool
    base_url_suffix: str | None


def names_of_the_mock(
    resolved: Resolved, url: str, suffix: str | None, *, intercepted: bool
) -> dict[str, str]:
    """Name the mock to the command by the names that apps use.

    The base URL ends with *suffix*. An app that is intercepted keeps its own unless there is one.
    """
    accepted = sorted(resolved.settings.api_key or [_KEY])
    environment = {"MAXAPI_API_KEY": accepted[0], "MAXAPI_MOCK_URL": url}
    if suffix is not None or not intercepted:
        environment["MAXAPI_BASE_URL"] = url + as_suffix(suffix or "")
    if resolved.settings.control_token is not None:
        environment["MAXAPI_MOCK_CONTROL_TOKEN"] = resolved.settings.control_token
    return environment


@contextmanager
def command_environment(
    resolved: Resolved, server: Server, options: Redirection, rejected: Callable[[str], object]
) -> Iterator[dict[str, str]]:
    """Yield all the variables that the command gets, the user's own among them.

    *rejected* is called with the reason why an intercepted connection did not get to the mock.
    """
    suffix, url = options.base_url_suffix, server.url
    named = names_of_the_mock(resolved, url, suffix, intercepted=options.intercept)
    if not options.intercept:
        trusted = server.authority.environment if server.authority else {}
        yield os.environ | past_proxies(os.environ, url) | named | dict(trusted)
        return
    with _intercepted(resolved, server, options, rejected) as variables:
        yield os.environ | variables | named


@contextmanager
def _intercepted(
    resolved: Resolved, server: Server, options: Redirection, rejected: Callable[[str], object]
) -> Iterator[Mapping[str, str]]:
    """Offer a proxy that redirects to the mock; yield what makes clients use and trust it."""
    from mockserver.interception.certificates import Authority, api_hosts
    from mockserver.interception.clients import ClientSetup
    from mockserver.interception.interceptor import Interceptor
    from mockserver.network.listening import reachable

    hosts, mock = api_hosts(resolved.contract), (reachable(server.host), server.port)
    with (
        Authority(hosts) as authority,
        Interceptor(
            hosts,
            authority.context(),
            mock,
            allow_others=options.allow_others,
            rejected=rejected,
        ) as interceptor,
    ):
        yield ClientSetup(interceptor, authority, mock, (server.url,), os.environ).variables()
