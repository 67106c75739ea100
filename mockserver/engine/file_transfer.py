"""Result files over HTTP: whether a URL has a file, and which part of it is returned."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta

from mockserver.contract import Lifecycle
from mockserver.domain.task import Task, ends_at, status_at
from mockserver.engine.messages import ApiError, Request, Response
from mockserver.engine.pending_request import PendingRequest

_RANGE = re.compile(r"bytes=[ \t]*([0-9]{0,30})-([0-9]{0,30})[ \t]*", re.IGNORECASE)
_UNITS = ("Accept-Ranges", "bytes")


def reject_file(pending: PendingRequest, task: Task, lifecycle: Lifecycle) -> None:
    """Raise the ApiError for a URL that is not a file of *task*, or that has expired."""
    succeeded = status_at(task, pending.now) == lifecycle.success
    named = any(url.endswith(pending.request.path) for url in task.urls)
    if not succeeded or not named or task.script.result == "missing":
        raise ApiError(404, f"task {task.id} has no such result")
    # With which status is undocumented, and sibling services return 410, 403 or 404.
    settings = pending.sandbox.settings
    if have_expired(task, pending.now, lifecycle, settings.result_expiry):
        pending.expired = True
        raise ApiError(int(settings.expired_status), f"the results of task {task.id} have expired")


def have_expired(task: Task, now: datetime, lifecycle: Lifecycle, expiry: timedelta) -> bool:
    """Return whether the results of *task* have expired: *expiry* after its end, or before."""
    ends = ends_at(task, lifecycle)
    over = ends is not None and ends + expiry <= now
    return over or task.expired or task.script.result == "expired"


def in_part(response: Response, request: Request) -> Response:
    """Return the part of a file that the request's `Range` asks for, else the complete file.

    A malformed range and several ranges are ignored, as HTTP allows; so is any range of a HEAD,
    and one with `If-Range`, since the file has no validator to compare. Raises ApiError 416 for
    a range beyond the file.
    """
    response = replace(response, headers=(*response.headers, _UNITS))
    asked = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if asked is None or request.method != "GET" or "if-range" in request.headers:
        return response
    size = len(response.body)
    bounds = _bounds(asked[1], asked[2], size)
    if bounds is None:
        return response
    first, last = bounds
    if first > last:
        message = f"range: {asked[0][:80]} is beyond the file; use one within its {size} bytes"
        raise ApiError(416, message, headers={"Content-Range": f"bytes */{size}"})
    headers = (*response.headers, ("Content-Range", f"bytes {first}-{last}/{size}"))
    return replace(response, status=206, headers=headers, body=response.body[first : last + 1])


def _bounds(first: str, last: str, size: int) -> tuple[int, int] | None:
    """Return the first and the last byte (reversed if there are none); None without a range."""
    if not first:
        return (max(0, size - int(last)), size - 1) if last else None
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last or size), size - 1)
