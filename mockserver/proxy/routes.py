"""The requests that the proxy answers itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import Future
from http import HTTPStatus

from mockserver.network.loopback import LOOPBACK_HOSTS, is_localhost
from mockserver.network.origin import check_host, name_in, origin_form
from mockserver.proxy.http1 import Head

_HEALTH, _REPORT = "/__mock/health", "/__mock/report"
_JSON = "application/json"


def path_of(head: Head) -> str:
    """Return the path that a request is for."""
    return origin_form(head.words[1]).partition("?")[0]


def is_own(head: Head) -> bool:
    """Return whether the proxy has a route for this request."""
    return head.words[0] in ("GET", "HEAD") and path_of(head) in (_HEALTH, _REPORT)


async def own_response(head: Head, host: str, report: Callable[[bool], Future[bytes]]) -> bytes:
    """Return the bytes that respond to such a request, or to a webhook with an unknown token.

    *host* is the address at which the proxy listens; *report* makes the report, as HTML if its
    argument is true.
    """
    path, error = path_of(head), _host_error(head)
    if error:
        return _error(head, 400, error)
    if path == _HEALTH:
        return _written(head, 200, _JSON, b'{"status": "ok"}')
    if path != _REPORT:
        return _error(head, 410, "this webhook's token is unknown, or was forgotten")
    if not _is_local(head, host):
        return _error(head, 403, "the report is only for programs on this machine")
    html = "text/html" in ",".join(head.values("accept"))
    kind = "text/html; charset=utf-8" if html else _JSON
    return _written(head, 200, kind, await asyncio.wrap_future(report(html)))


def _is_local(head: Head, host: str) -> bool:
    """Return whether a program on this machine asks.

    A request by way of the public URL names that in `Host`, and so does a web page that has made
    its own name resolve to this machine; a page of another origin names that in `Origin`.
    """
    asked = "".join(head.values("host"))
    name = name_in(asked)
    here = name in (*LOOPBACK_HOSTS, host) or is_localhost(name)
    return here and all(one.partition("://")[2] == asked for one in head.values("origin"))


def _host_error(head: Head) -> str:
    line, _, _ = head.raw.partition(b"\n")
    try:
        check_host(head.values("host"), line.strip()[-3:].decode("latin-1"))
    except ValueError as error:
        return str(error)
    return ""


def _error(head: Head, code: int, msg: str) -> bytes:
    return _written(head, code, _JSON, json.dumps({"code": code, "msg": msg}).encode())


def _written(head: Head, status: int, kind: str, body: bytes) -> bytes:
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"Content-Type: {kind}"]
    lines += [f"Content-Length: {len(body)}", "Connection: close", "", ""]
    written = "\r\n".join(lines).encode()
    return written if head.words[0] == "HEAD" else written + body
