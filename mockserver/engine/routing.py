"""The paths of the API, and which of them an unknown path probably means."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mockserver.engine.contract_warnings import OperationName
    from mockserver.engine.messages import Response
    from mockserver.engine.pending_request import PendingRequest

    Handler = Callable[[PendingRequest, Mapping[str, str]], Response]
    """Handles a request, with the values of its path's placeholders."""

_LIKENESS = 0.8
"""How similar two words must be, from 0 to 1, for one to be a typo of the other."""
_SHOWN = 100
"""Characters of a path that a message shows."""
CONTROL = "__mock"
"""The first segment of the mock's own routes."""


@dataclass(frozen=True, slots=True)
class Route:
    """A path of the API, and what handles it."""

    name: OperationName
    path: str
    pattern: re.Pattern[str]
    methods: tuple[str, ...]
    handler: Handler

    @classmethod
    def of(cls, name: OperationName, path: str, method: str, handler: Handler) -> Route:
        """Make a route; one for GET takes HEAD, too."""
        methods = ("GET", "HEAD") if method == "GET" else (method,)
        return cls(name, path, pattern_of(path), methods, handler)


Found = tuple[Route, Mapping[str, str]]
"""A route, with the values of its path's placeholders."""


class Routes:
    """All routes; a path without placeholders comes before those that have some."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._all = tuple(routes)
        self._fixed: dict[str, Found] = {
            route.path: (route, {}) for route in self._all if not route.pattern.groups
        }
        self._others = [route for route in self._all if route.pattern.groups]

    def __iter__(self) -> Iterator[Route]:
        return iter(self._all)

    def find(self, path: str) -> Found | None:
        """Find the route of a path."""
        found = self._fixed.get(path)
        if found is not None:
            return found
        for route in self._others:
            match = route.pattern.fullmatch(path)
            if match is not None:
                return route, match.groupdict()
        return None


def pattern_of(path: str) -> re.Pattern[str]:
    """Compile a path template: `{index}` matches a short number, others match one segment."""
    escaped = re.escape(path).replace(r"\{", "{").replace(r"\}", "}")
    numbered = escaped.replace("{index}", r"(?P<index>[0-9]{1,4})")
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", numbered), re.ASCII)


def no_such_route(method: str, path: str, routes: Iterable[tuple[str, str]], prefix: str) -> str:
    """Return a message: nothing is at *path*, what was probably meant, and how to fix the URL.

    *routes* are methods and path templates; those of the API begin with *prefix*.
    """
    routes = list(routes)
    message = f"no such route: {method[:20]} {path[:_SHOWN]}"
    segments = [segment for segment in path.split("/") if segment]
    if CONTROL in segments:
        return f"{message}; {_control_advice(segments)}"
    if any(segment in ("http:", "https:") for segment in segments):
        return f"{message}; a URL was appended to another one: use the URLs of results as they are"
    empty = [template for _, template in routes if _is_empty(path, template)]
    if empty:
        return f"{message}; did you mean {empty[0]}? The value in the braces is missing"
    meant = max(_meant(method, segments, routes), default=None, key=lambda one: one[0])
    if meant is None:
        known = ", ".join(f"{method} {path}" for method, path in routes if path.startswith(prefix))
        return f"{message}; the API has {known}"
    _, template, tail = meant
    filled = _filled(template, segments)
    return f"{message}; did you mean {filled[:_SHOWN]}? {_advice(path, segments, template, tail)}"


def _control_advice(segments: list[str]) -> str:
    at = segments.index(CONTROL)
    own, prefix = "/".join(segments[at:]), "/".join(segments[:at])
    if own == CONTROL:
        return f"see GET /{CONTROL}/openapi.json"
    wrong = f"the mock's own URL should not end in /{prefix}" if prefix else "one slash is enough"
    return f"did you mean /{own[:_SHOWN]}? Then {wrong}"


def _is_empty(path: str, template: str) -> bool:
    """Return whether *path* lacks a placeholder's value, as when an app has lost an id."""
    pattern = re.sub(r"\\{\w+\\}", "[^/]*", re.escape(template))
    return re.fullmatch(pattern, path) is not None or (
        template.endswith("}") and re.fullmatch(pattern, f"{path}/") is not None
    )


def _meant(
    method: str, segments: list[str], routes: list[tuple[str, str]]
) -> Iterator[tuple[tuple[int, int, bool], str, int]]:
    """Yield routes that end like *segments*: rank, template, and how many segments are alike."""
    for route_method, template in routes:
        wanted = template.strip("/").split("/")
        for tail in range(1, min(len(wanted), len(segments)) + 1):
            pairs = list(zip(wanted[-tail:], segments[-tail:], strict=True))
            fixed = [_alike(want, have) for want, have in pairs if not want.startswith("{")]
            if fixed and all(fixed):
                yield (tail, len(fixed), method == route_method), template, tail


def _alike(want: str, have: str) -> bool:
    from difflib import SequenceMatcher

    have = have.lower()
    return want == have or SequenceMatcher(None, want, have).ratio() >= _LIKENESS


def _filled(template: str, segments: list[str]) -> str:
    """Return a template filled with the values at the end of *segments*."""
    wanted = template.strip("/").split("/")
    given = [*[""] * len(wanted), *segments][-len(wanted) :]
    return "".join(
        f"/{have if have and want.startswith('{') else want}"
        for want, have in zip(wanted, given, strict=True)
    )


def _advice(path: str, segments: list[str], template: str, tail: int) -> str:
    """Return what differs; the last *tail* segments of both are alike."""
    wanted = template.strip("/").split("/")
    prefix, expected = _joined(segments[:-tail]), _joined(wanted[:-tail])
    if prefix != expected:
        return f"Then the base URL {_base_advice(prefix, expected)}"
    filled, given = _filled(template, segments), _joined(segments)
    if filled != given:
        same = filled.lower() == given.lower()
        return "Paths are in lower case" if same else "Check its spelling"
    if path.endswith("/") and "//" not in path:
        return "It has no slash at its end"
    return "Then the base URL should not end in a slash"


def _base_advice(prefix: str, expected: str) -> str:
    if not prefix:
        return f"should end in {expected}"
    if prefix.endswith(expected) or not expected:
        return f"should not end in {prefix.removesuffix(expected)}"
    return f"should have {expected} in place of {prefix[:_SHOWN]}"


def _joined(segments: list[str]) -> str:
    return "".join(f"/{segment}" for segment in segments)
