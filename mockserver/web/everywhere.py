"""Responses about all sandboxes, of which each replica has some: theirs are put together."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from mockserver.engine.messages import Request, Response, Stream, json_response

Json = dict[str, Any]


def without_wait(request: Request) -> tuple[Request, float]:
    """Return a request for events that is answered at once, and for how long it would wait."""
    query = dict(parse_qsl(request.query, keep_blank_values=True))
    wait = query.pop("wait", "0")
    if not wait.isdecimal():
        return request, 0.0
    return replace(request, query=urlencode(query)), float(wait)


def has_events(response: Response) -> bool:
    """Return whether a response has something that is worth no further wait."""
    return response.stream is not None or response.status != 200 or b'"number"' in response.body


def merged(
    name: str, request: Request, responses: Sequence[Response], is_whole: Callable[[], bool]
) -> Response:
    """Return the response of all replicas to an operation; the first that failed, if one has.

    *is_whole* returns whether these are still all replicas, for streams.
    """
    failed = next((one for one in responses if one.status != 200), None)
    if failed is not None:
        return failed
    streams = [one.stream for one in responses if one.stream is not None]
    if streams:
        return replace(responses[0], stream=_AllStreams(streams, is_whole))
    documents = [json.loads(one.body) for one in responses]
    if name == "list_events":
        query = dict(parse_qsl(request.query, keep_blank_values=True))
        return json_response(200, _events(documents, query))
    return json_response(200, _MERGED[name](documents))


def _sums(documents: Sequence[Json]) -> Json:
    return {name: sum(one[name] for one in documents) for name in documents[0]}


def _sandboxes(documents: Sequence[Json]) -> Json:
    return {"sandboxes": [sandbox for one in documents for sandbox in one["sandboxes"]]}


_MERGED: dict[str, Callable[[Sequence[Json]], Json]] = {
    "list_sandboxes": _sandboxes,
    "reset": _sums,
}


def _events(documents: Sequence[Json], query: dict[str, str]) -> Json:
    events = sorted(
        (event for one in documents for event in one["events"]), key=lambda event: event["number"]
    )
    is_complete = all(one["complete"] for one in documents)
    most = int(query.get("limit", "1000"))
    if len(events) > most:
        latest = "since" not in query
        events = events[len(events) - most :] if latest else events[:most]
        is_complete = is_complete and not latest
    last = events[-1]["number"] if events else max(one["last"] for one in documents)
    return {"events": events, "last": last, "complete": is_complete}


class _AllStreams:
    """Several streams as one."""

    def __init__(self, streams: Sequence[Stream], is_whole: Callable[[], bool]) -> None:
        self._streams = streams
        self._is_whole = is_whole

    def begin(self) -> bool:
        """Begin all of them."""
        begun = [one.begin() for one in self._streams]
        return all(begun)

    def take(self) -> bytes | None:
        """Return what they have, each whole events; None once one of them ends, or one is missing.

        A client that comes back then gets the streams of all replicas that there are.
        """
        parts = [one.take() for one in self._streams]
        whole = [part for part in parts if part is not None]
        return b"".join(whole) if len(whole) == len(parts) and self._is_whole() else None

    def end(self) -> None:
        """End all of them."""
        for one in self._streams:
            one.end()
