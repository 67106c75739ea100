"""What a control request contains: its sandbox and its body, checked against `control.json`."""

from __future__ import annotations

from typing import Any

import flask

from mockserver.contract import NotJson, parse_json
from mockserver.contract.loader import BASE
from mockserver.engine.messages import ApiError, check_coding
from mockserver.engine.sandbox import Sandbox
from mockserver.engine.service import Service


def check_form(service: Service) -> None:
    """Raise ApiError 400 for a query or a body that the operation does not accept."""
    request, name = flask.request, (flask.request.endpoint or "").rpartition(".")[2]
    operation = service.contract.control["operations"].get(name)
    if operation is None:
        return
    known = operation.get("query", {})
    for given, values in request.args.lists():
        if given not in known or len(values) > 1:
            wrong = "is given twice" if given in known else "is unknown"
            raise ApiError(400, f"query: {given[:40]!r} {wrong}; use {', '.join(known) or 'none'}")
    takes_body = "request" in operation or request.method in ("GET", "HEAD")
    if not takes_body and request.get_data(cache=True).strip() not in (b"", b"{}", b"null"):
        raise ApiError(400, f"body: {name.replace('_', ' ')} takes none; send no body")


def sandbox_of(service: Service) -> Sandbox:
    """Return the sandbox of the request's token. Raises ApiError for a token not accepted."""
    if "Authorization" not in flask.request.headers:
        return service.anonymous
    sandbox = service.sandbox_of({"authorization": flask.request.headers["Authorization"]})
    sandbox.is_controlled = True
    return sandbox


def body_of(service: Service, schema: str) -> dict[str, Any]:
    """Read the request's body; without one, return an empty object. Raises ApiError."""
    text = flask.request.get_data()
    if len(text) > service.settings.max_body:
        raise ApiError(413, f"the body is larger than {service.settings.max_body} bytes")
    if text:
        check_coding({name.lower(): value for name, value in flask.request.headers.items()})
    try:
        document = _with_integers(parse_json(text)) if text else {}
    except NotJson as error:
        raise ApiError(400, f"body: not valid JSON: {error}") from None
    validator = service.contract.schemas.validator(f"{BASE}control.json#/$defs/{schema}")
    violations = [str(one) for one in validator.violations(document)]
    if violations:
        raise ApiError(400, " | ".join(violations))
    return dict(document)


def as_text(value: Any) -> str:
    """Return a JSON value as a user would write it for a setting or as a duration."""
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _with_integers(value: Any) -> Any:
    """Replace floats without a fraction by integers: JSON does not distinguish them."""
    if isinstance(value, dict):
        return {name: _with_integers(member) for name, member in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value
