"""The routes that the proxy answers itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import Future
from http import HTTPStatus

from mockserver.network.origin import check_host, name_in, origin_form
from mockserver.proxy.http1 import Head

_HEALTH, _REPORT = "/__mock/health", "/__mock/report"
_JSON = "application/json"


def path_of(head: Head) -> str:
    """Give the path that a request is for."""
    return origin_form(head.words[1]).partition("?")[0]


def is_own(head: Head) -> bool:
    """Say whether the proxy has a route for this request."""
    return head.words[0] in ("GET", "HEAD") and path_of(head) in (_HEALTH, _REPORT)


async def own_response(
    head: Head, local: frozenset[str], report: Callable[[bool], Future[bytes]]
) -> bytes:
    """Answer such a request, or a webhook that nobody awaits, with all bytes of the response.

    *local* are the names by which programs of this machine call the proxy; *report* makes the
    report, as HTML if it is asked to.
    """
    path, fault = path_of(head), _host_fault(head)
    if fault:
        return _rejected(head, 400, fault)
    if path == _HEALTH:
        return _written(head, 200, _JSON, b'{"status": "ok"}')
    if path != _REPORT:
        return _rejected(head, 410, "nobody awaits this webhook any longer")
    if not _is_local(head, local):
        return _rejected(head, 403, "the report is for programs of this machine")
    html = "text/html" in ",".join(head.values("accept"))
    kind = "text/html; charset=utf-8" if html else _JSON
    return _written(head, 200, kind, await asyncio.wrap_future(report(html)))


def _is_local(head: Head, local: frozenset[str]) -> bool:
    """Say whether no web page, and nobody at the public URL, can have asked for this."""
    host = "".join(head.values("host"))
    name = name_in(host)
    here = name in local or name.endswith(".localhost")
    return here and all(one.partition("://")[2] == host for one in head.values("origin"))


def _host_fault(head: Head) -> str:
    line, _, _ = head.raw.partition(b"\n")
    try:
        check_host(head.values("host"), line.strip()[-3:].decode("latin-1"))
    except ValueError as error:
        return str(error)
    return ""


def _rejected(head: Head, code: int, msg: str) -> bytes:
    return _written(head, code, _JSON, json.dumps({"code": code, "msg": msg}).encode())


def _written(head: Head, status: int, kind: str, body: bytes) -> bytes:
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"Content-Type: {kind}"]
    lines += [f"Content-Length: {len(body)}", "Connection: close", "", ""]
    written = "\r\n".join(lines).encode()
    return written if head.words[0] == "HEAD" else written + body
