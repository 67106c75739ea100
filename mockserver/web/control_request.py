"""A control request: its operation, sandbox and body, checked against `control.json`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

from mockserver.contract import NotJson, parse_json
from mockserver.contract.loader import BASE
from mockserver.engine.messages import ApiError, Request, check_coding
from mockserver.engine.sandbox import Sandbox
from mockserver.engine.service import CONTROL_PREFIX, Service, note_label
from mockserver.web.access import Session

SANDBOX_HEADER = "X-Mock-Sandbox"
"""Names a sandbox by its id, in place of a token."""
_SANDBOX = SANDBOX_HEADER.lower()
NUMBER = re.compile(r"[0-9]{1,18}")
"""No number is longer; Python rejects conversions of thousands of digits."""


class Routes:
    """Finds the operation of a request by its path and method."""

    def __init__(self, operations: Mapping[str, Mapping[str, Any]]) -> None:
        routes: dict[str, tuple[Sequence[str], dict[str, str]]] = {}
        for name, operation in operations.items():
            path, method = operation["path"], operation["method"]
            _, names = routes.setdefault(path, (path.split("/"), {}))
            names[method] = name
            if method == "GET":
                names["HEAD"] = name
        self._routes = [routes[path] for path in sorted(routes, key=lambda path: path.count("{"))]
        """Segments of paths, those without placeholders first, and the operation of each method."""

    def find(self, request: Request) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """Return the operation of each method at the path, and the values of its placeholders.

        Raises ApiError if there is no operation for the request.
        """
        method, path, segments = request.method, request.path, request.path.split("/")
        for template, names in self._routes:
            place = _values(template, segments)
            if place is not None:
                if method not in names and method != "OPTIONS":
                    allow = allowed(names)
                    message = f"{method[:20]} is not allowed on {path[:100]}; use {allow}"
                    raise ApiError(405, message, headers={"Allow": allow})
                return names, place
        see = f"see GET {CONTROL_PREFIX}openapi.json"
        raise ApiError(404, f"no such route: {method[:20]} {path[:100]}; {see}")


def _values(template: Sequence[str], segments: Sequence[str]) -> dict[str, str] | None:
    """Match the segments of a path; the name of a model has slashes."""
    if template[-1] == "{model}":
        fixed = len(template) - 1
        segments = [*segments[:fixed], "/".join(segments[fixed:])]
        if segments[-1].startswith("/"):
            return None
    if len(template) != len(segments):
        return None
    place = {}
    for wanted, given in zip(template, segments, strict=True):
        if wanted.startswith("{") and given:
            place[wanted[1:-1]] = given
        elif wanted != given:
            return None
    return place


def allowed(names: Mapping[str, str]) -> str:
    """Return the methods of a route, as the header `Allow` has them."""
    return ", ".join(sorted({*names, "OPTIONS"}))


@dataclass(frozen=True)
class ControlRequest:
    """A request for one operation of the control plane."""

    service: Service
    request: Request
    name: str
    """The operation's."""
    session: Session

    @cached_property
    def query(self) -> list[tuple[str, str]]:
        """The names and values of the query, in order."""
        return parse_qsl(self.request.query, keep_blank_values=True)

    def check_form(self) -> None:
        """Raise ApiError 400 for a query or a body that the operation does not accept."""
        operation = self.service.contract.control["operations"][self.name]
        known, names = operation.get("query", {}), [name for name, _ in self.query]
        for given in names:
            if given not in known or names.count(given) > 1:
                wrong = "is given twice" if given in known else "is unknown"
                use = ", ".join(known) or "none"
                raise ApiError(400, f"query: {given[:40]!r} {wrong}; use {use}")
        takes_body = "request" in operation or self.request.method in ("GET", "HEAD")
        if not takes_body and self.request.body.strip() not in (b"", b"{}", b"null"):
            name = self.name.replace("_", " ")
            raise ApiError(400, f"body: {name} takes none; send no body")

    @property
    def sandbox(self) -> Sandbox:
        """The sandbox that the request names, or that of its token.

        Raises ApiError for a name that is unknown, or a token that is not accepted.
        """
        named = sandbox_named(self.request, dict(self.query))
        if named is not None:
            return self._named(named)
        if "authorization" not in self.request.headers:
            return self.service.anonymous
        sandbox = self.service.sandbox_of(self.request.headers)
        sandbox.is_controlled = True
        note_label(sandbox, self.request.headers)
        return sandbox

    def _named(self, id_: str) -> Sandbox:
        sandbox = self.service.sandboxes.of_id(id_)
        if sandbox is None:
            see = f"see GET {CONTROL_PREFIX}sandboxes"
            raise ApiError(404, f"{SANDBOX_HEADER}: {id_[:40]!r} not found; {see}")
        return sandbox

    def text(self, name: str) -> str | None:
        """Return a parameter of the query; None if absent."""
        return dict(self.query).get(name)

    def flag(self, name: str) -> bool:
        """Return whether a parameter of the query is true. Raises ApiError 400."""
        given = dict(self.query).get(name, "false")
        if given not in ("true", "false"):
            raise ApiError(400, f"{name}: {given[:20]!r} is not accepted; use true or false")
        return given == "true"

    def number(self, name: str, most: int) -> int | None:
        """Return a parameter of the query, from 0 to *most*; None if absent. Raises ApiError."""
        given = dict(self.query).get(name)
        if given is None:
            return None
        if not NUMBER.fullmatch(given) or int(given) > most:
            problem = f"{name}: {given[:20]!r} is not accepted"
            raise ApiError(400, f"{problem}; use an integer from 0 to {most}")
        return int(given)

    def body(self, schema: str) -> dict[str, Any]:
        """Read the request's body; without one, return an empty object. Raises ApiError."""
        text, limit = self.request.body, self.service.settings.max_body
        if len(text) > limit:
            raise ApiError(413, f"the body is larger than {limit} bytes")
        if text:
            check_coding(self.request.headers)
        try:
            document = _with_integers(parse_json(text)) if text else {}
        except NotJson as error:
            raise ApiError(400, f"body: not valid JSON: {error}") from None
        validator = self.service.contract.schemas.validator(f"{BASE}control.json#/$defs/{schema}")
        violations = [str(one) for one in validator.violations(document)]
        if violations:
            raise ApiError(400, " | ".join(violations))
        return dict(document)


def sandbox_named(request: Request, query: Mapping[str, str]) -> str | None:
    """Return the id by which a request names its sandbox, if it does."""
    return query.get("sandbox") or request.headers.get(_SANDBOX)


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
