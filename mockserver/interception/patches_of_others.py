"""Patches modules of others, which a test may import at any time, or never.

They are those that call the API without the standard library's sockets, that get in between, or
that would take long to get there.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mockserver.interception.import_hook import call_when_imported
from mockserver.interception.patches import is_redirected, loop_getaddrinfo, patch
from mockserver.interception.redirection import (
    MOCK_ADDRESS,
    WEB_PORTS,
    destination,
    named,
    opened,
    redirection_of,
)


def patch_others() -> None:
    """Make the patches, of what is imported later as well."""
    call_when_imported(_PATCHES)


def _loop_create_connection(original: Any) -> Any:
    async def create_connection(
        self: Any, factory: Any, host: Any = None, port: Any = None, **more: object
    ) -> Any:
        if host is not None:
            if more.get("ssl"):
                more["server_hostname"] = more.get("server_hostname") or host
            host, port = destination((host, port), stream=True)
        return await original(self, factory, host, port, **more)

    return create_connection


def _resolve(original: Any) -> Any:
    async def resolve(self: Any, host: Any, port: Any = 0, *args: object, **more: object) -> Any:
        if not is_redirected(host, web=port in WEB_PORTS):
            return await original(self, host, port, *args, **more)
        found = {"hostname": host, "host": MOCK_ADDRESS, "port": port}
        return [{**found, "family": int(socket.AF_INET), "proto": 0, "flags": 0}]

    return resolve


def _patch_urllib3(connection: Any) -> None:
    """Let urllib3, and so requests, call the mock in the thread of the client.

    To make its own context, and to load the authorities that this trusts, would take longer than
    all the rest of a test.
    """

    def connect(original: Any) -> Any:
        def connect_directly(self: Any) -> None:
            direct = opened(named(self.host)) if _is_usual(self) else None
            if direct is None:
                original(self)
                return
            self.sock = direct
            wanted = connection.resolve_cert_reqs(self.cert_reqs)
            self.is_verified = wanted == ssl.CERT_REQUIRED

        return connect_directly

    patch(connection.HTTPSConnection, "connect", connect)


_UNUSUAL = (
    *("ssl_context", "ssl_version", "ssl_minimum_version", "ssl_maximum_version"),
    *("assert_hostname", "assert_fingerprint", "server_hostname", "cert_file", "key_file"),
    *("ca_cert_dir", "ca_cert_data", "proxy", "_tunnel_host"),
)
"""What decides, if a connection of urllib3 has it, whether a handshake fails."""


def _is_usual(connection: Any) -> bool:
    """Return whether a connection has nothing of its own that only TLS would show."""
    if connection.port != 443 or any(getattr(connection, name, None) for name in _UNUSUAL):
        return False
    return connection.ca_certs is None or Path(connection.ca_certs).is_file()


def _patch_aiohttp(resolver: Any) -> None:
    patch(resolver.AsyncResolver, "resolve", _resolve)


def _patch_uvloop(uvloop: Any) -> None:
    """Patch what resolves names, and connects, without the module `socket`."""
    patch(uvloop.Loop, "create_connection", _loop_create_connection)
    patch(uvloop.Loop, "getaddrinfo", loop_getaddrinfo)


def _patch_responses(responses: Any) -> None:
    """Let `responses`, whenever it was activated, respond for other hosts only."""

    def send(original: Any) -> Any:
        def on_request(self: Any, adapter: Any, request: Any, **more: Any) -> Any:
            if redirection_of(named(urlsplit(str(request.url)).hostname)) is not None:
                more.pop("retries", None)
                return responses._real_send(adapter, request, **more)  # noqa: SLF001
            return original(self, adapter, request, **more)

        return on_request

    patch(responses.RequestsMock, "_on_request", send)


_PATCHES: Mapping[str, Callable[[Any], None]] = {
    "aiohttp.resolver": _patch_aiohttp,
    "responses": _patch_responses,
    "urllib3.connection": _patch_urllib3,
    "uvloop": _patch_uvloop,
}
