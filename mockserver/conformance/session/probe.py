"""Tells a target that is not the API at all from one that has drifted."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

from mockserver.conformance.model import Exchange
from mockserver.conformance.operations import QUERY
from mockserver.conformance.session.client import Client
from mockserver.conformance.session.rate_limit import RateLimited

_NO_TASK = "is-anybody-there"
"""A taskId that no API issues."""
_UNAUTHORIZED = (401, 403)
_ADVICE = "use the base URL of the API, without /api/v1"


def problem_of(target: Client) -> str:
    """Return why checks make no sense against *target*, and what to do; empty if they do.

    It polls a task that does not exist, with the token and without: nothing is charged. An API
    that has drifted still requires a token, or still responds with its envelope.
    """
    try:
        known = target.poll(_NO_TASK)
        stranger = target.send(*target.route_of(QUERY, _NO_TASK), authorization=None)
    except RateLimited as limited:
        return f"{limited}; try again later, or use a lower --rate"
    if known.error is not None:
        return f"{target.base_url} {_silence(known, target.base_url)}"
    if 300 <= (known.status or 0) < 400:
        return f"{target.base_url} redirects to {_destination(known)}"
    if known.status == 401 == stranger.status:
        return f"{target.base_url} rejects the API key with 401; check the variable that holds it"
    if _is_envelope(known) or _is_envelope(stranger) or stranger.status in _UNAUTHORIZED:
        return ""
    kind = known.response_headers.get("content-type", "").partition(";")[0]
    what = "a web page" if "html" in kind else f"{kind or 'something'} that is not of this API"
    return (
        f"{target.base_url} is not the API: {known.method} {known.path} returned"
        f" {known.status} with {what}, {known.said()!r}; {_ADVICE}"
    )


def _is_envelope(exchange: Exchange) -> bool:
    return isinstance(exchange.json, dict) and {"code", "msg"} <= exchange.json.keys()


def _silence(exchange: Exchange, url: str) -> str:
    error = str(exchange.error)
    if exchange.never_sent:
        return f"does not respond: {error}; is it running, and is --url right?"
    if "SSL" in error and url.startswith("https:"):
        return f"cannot be reached over TLS: {error}; use http:// if it serves plain HTTP"
    if any(name in error for name in ("BadStatusLine", "RemoteDisconnected", "InvalidHeader")):
        return f"does not speak HTTP there: {error}; check the port, and http or https"
    return f"does not respond: {error}"


def _destination(exchange: Exchange) -> str:
    """Return where a redirect points, and the base URL to use if the path is the same."""
    place = urljoin(exchange.url, exchange.response_headers.get("location", ""))
    parts = urlsplit(place)
    if parts.path.endswith(exchange.path):
        prefix = parts.path.removesuffix(exchange.path)
        return f"{parts.scheme}://{parts.netloc}{prefix}; use that as the base URL"
    return f"{place[:200]}, which is not its own path (a login page?); {_ADVICE}"
