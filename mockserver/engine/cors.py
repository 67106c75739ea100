"""CORS: whether a web page of another origin may read the API's responses."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import replace
from fnmatch import fnmatchcase

from mockserver.engine.messages import Request, Response

ANY = "*"
_METHODS = "GET, HEAD, POST, OPTIONS"
_SHOWN = "Accept-Ranges, Content-Range, Retry-After, X-Mock-Clock, X-Mock-Scenario, X-Mock-Warning"
_MAX_AGE = "600"
"""Seconds that a browser may cache the response to a preflight."""

Headers = tuple[tuple[str, str], ...]


def preflight(request: Request, origins: AbstractSet[str]) -> Response | None:
    """Return the response to a browser's preflight, whatever its path; None for other requests.

    A preflight is sent by the browser, not by the app, so it belongs to no sandbox. One for an
    unknown path succeeds, too: so the page sees the 404, and not an error without explanation.
    """
    sent = request.headers
    if request.method != "OPTIONS" or "access-control-request-method" not in sent:
        return None
    allowed = _allowed(request, origins)
    if not allowed:
        return None
    headers = [
        *allowed,
        ("Access-Control-Allow-Methods", _METHODS),
        ("Access-Control-Max-Age", _MAX_AGE),
    ]
    if names := sent.get("access-control-request-headers"):  # `*` would exclude Authorization
        headers.append(("Access-Control-Allow-Headers", names))
    if sent.get("access-control-request-private-network") == "true":
        headers.append(("Access-Control-Allow-Private-Network", "true"))
    return Response(204, tuple(headers), b"")


def shared(response: Response, request: Request, origins: AbstractSet[str]) -> Response:
    """Let the requesting page read *response* if its origin is one of *origins*."""
    headers = _allowed(request, origins)
    if headers:
        headers = (*headers, ("Access-Control-Expose-Headers", _SHOWN))
    elif ANY not in origins:
        headers = (("Vary", "Origin"),)
    return replace(response, headers=(*response.headers, *headers))


def _allowed(request: Request, origins: AbstractSet[str]) -> Headers:
    origin = request.headers.get("origin")
    if origin is None or not any(fnmatchcase(origin, one) for one in origins):
        return ()
    if ANY in origins:
        return (("Access-Control-Allow-Origin", ANY),)
    return (
        ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Allow-Credentials", "true"),
        ("Vary", "Origin"),
    )
