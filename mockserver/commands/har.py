"""Exchanges of a mock as HAR 1.2, which browsers and many other tools read.

See http://www.softwareishard.com/blog/har-12-spec/.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, quote

from mockserver.version import __version__

_UNKNOWN = -1
"""What HAR writes for a size or a time that is not known."""


def har_of(requests: Iterable[Mapping[str, Any]], url: str) -> dict[str, Any]:
    """Return requests, as the control plane shows them, of the mock at *url* as a document."""
    entries = [_entry(one, url) for one in requests]
    creator = {"name": "maxapi-mock", "version": __version__}
    return {"log": {"version": "1.2", "creator": creator, "entries": entries}}


def _entry(one: Mapping[str, Any], url: str) -> dict[str, Any]:
    comment = "; ".join(
        [*(f"scenario {name}" for name in one["scenarios"]), *map(_text, one.get("warnings", ()))]
    )
    return {
        "startedDateTime": one["at"],
        "time": 0,
        "request": _request(one, url),
        "response": _response(one),
        "cache": {},
        "timings": {"send": 0, "wait": 0, "receive": 0},
        **({"comment": comment} if comment else {}),
    }


def _request(one: Mapping[str, Any], url: str) -> dict[str, Any]:
    query, body = one.get("query", ""), _body(one["body"])
    address = f"{url}{quote(one['path'])}"
    request = {
        "method": one["method"],
        "url": f"{address}?{query}" if query else address,
        **_head(one["headers"]),
        "queryString": _pairs(parse_qsl(query, keep_blank_values=True)),
        "bodySize": len(body.encode()),
    }
    if body:
        kind = one["headers"].get("content-type", "")
        request["postData"] = {"mimeType": kind, "text": body, "params": []}
    return request


def _response(one: Mapping[str, Any]) -> dict[str, Any]:
    body, headers = _body(one["response_body"]), one["response_headers"]
    kinds = [value for name, value in headers.items() if name.lower() == "content-type"]
    content = {"size": len(body.encode()), "mimeType": "".join(kinds), "text": body}
    return {
        "status": one["status"],
        "statusText": _phrase(one["status"]),
        **_head(headers),
        "content": content,
        "redirectURL": "",
        "bodySize": content["size"],
    }


def _head(headers: Mapping[str, str]) -> dict[str, Any]:
    return {
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _pairs(headers.items()),
        "headersSize": _UNKNOWN,
    }


def _pairs(pairs: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in pairs]


def _body(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _text(warning: Mapping[str, str]) -> str:
    return warning["text"]


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
