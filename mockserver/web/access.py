"""Access to the control plane: for programs on this machine, or for clients with the token."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from mockserver.engine.messages import ApiError, Request
from mockserver.network.loopback import LOOPBACK_HOSTS, is_localhost
from mockserver.network.origin import name_in
from mockserver.settings import Settings
from mockserver.web.inboxes import is_webhook

TOKEN_HEADER = "X-Mock-Control-Token"  # noqa: S105 - its name
_OPEN = ("/__mock/health", "/__mock/version")


def check_access(request: Request, settings: Settings) -> None:
    """Accept a control request, or raise ApiError 403 that says what is missing.

    A web page of another origin is rejected by its `Origin` or, if it has made its own host name
    resolve to this machine, by its `Host`.
    """
    _check_origin(request)
    if request.path in _OPEN or is_webhook(request):
        return
    if settings.control_token is not None:
        given = request.headers.get(TOKEN_HEADER.lower(), "")
        if not hmac.compare_digest(given.encode(), settings.control_token.encode()):
            raise ApiError(403, f"the control plane needs its token; send {TOKEN_HEADER}")
        return
    if settings.is_public:
        raise ApiError(
            403, f"the mock listens on {settings.host}; start it with --control-token to control it"
        )
    _check_host(request, settings)


def _check_origin(request: Request) -> None:
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != request.headers.get("host"):
        raise ApiError(403, f"origin {origin[:100]!r} may not control the mock")


def _check_host(request: Request, settings: Settings) -> None:
    own = {*LOOPBACK_HOSTS, settings.host, urlsplit(settings.public_url or "").hostname}
    try:
        host = name_in(request.headers.get("host", "localhost"))
    except ValueError as error:
        raise ApiError(400, str(error)) from None
    if host not in own and not is_localhost(host):
        raise ApiError(403, f"host {host[:100]!r} is not this machine; use http://127.0.0.1")
