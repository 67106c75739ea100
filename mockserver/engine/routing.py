"""The paths of the API, and which of them was meant by a path that is none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher

_LIKENESS = 0.8
"""How much of two words has to be the same, from 0 to 1, for one to be a slip of the other."""
_SHOWN = 100
"""Characters of a path that a message repeats."""
CONTROL = "__mock"
"""The first segment of the mock's own routes."""


def pattern_of(path: str) -> re.Pattern[str]:
    """Make a pattern of a path template: `{index}` takes a short number, others one segment."""
    escaped = re.escape(path).replace(r"\{", "{").replace(r"\}", "}")
    numbered = escaped.replace("{index}", r"(?P<index>[0-9]{1,4})")
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", numbered), re.ASCII)


def no_such_route(method: str, path: str, routes: Iterable[tuple[str, str]], prefix: str) -> str:
    """Say that nothing is at *path*, what was meant, and what the base URL should then be.

    *routes* are methods and path templates; those of the API begin with *prefix*.
    """
    routes = list(routes)
    said = f"no such route: {method[:20]} {path[:_SHOWN]}"
    segments = [segment for segment in path.split("/") if segment]
    if CONTROL in segments:
        return f"{said}; {_of_the_mock(segments)}"
    if any(segment in ("http:", "https:") for segment in segments):
        return f"{said}; a whole URL was put behind another one: use URLs of results as they are"
    empty = [template for _, template in routes if _is_empty(path, template)]
    if empty:
        return f"{said}; did you mean {empty[0]}? The value in the braces is missing"
    meant = max(_meant(method, segments, routes), default=None, key=lambda one: one[0])
    if meant is None:
        known = ", ".join(f"{method} {path}" for method, path in routes if path.startswith(prefix))
        return f"{said}; the API has {known}"
    _, template, tail = meant
    whole = _filled(template, segments)
    return f"{said}; did you mean {whole[:_SHOWN]}? {_advice(path, segments, template, tail)}"


def _of_the_mock(segments: list[str]) -> str:
    at = segments.index(CONTROL)
    whole, lead = "/".join(segments[at:]), "/".join(segments[:at])
    if whole == CONTROL:
        return f"see GET /{CONTROL}/openapi.json"
    wrong = f"the mock's own URL should not end in /{lead}" if lead else "one slash is enough"
    return f"did you mean /{whole[:_SHOWN]}? Then {wrong}"


def _is_empty(path: str, template: str) -> bool:
    """Return whether *path* lacks the value of a placeholder, as when an app has lost an id."""
    pattern = re.sub(r"\\{\w+\\}", "[^/]*", re.escape(template))
    return re.fullmatch(pattern, path) is not None or (
        template.endswith("}") and re.fullmatch(pattern, f"{path}/") is not None
    )


def _meant(
    method: str, segments: list[str], routes: list[tuple[str, str]]
) -> Iterator[tuple[tuple[int, int, bool], str, int]]:
    """Give the routes whose last segments, so many, end *segments*; the likeliest is greatest."""
    for route_method, template in routes:
        wanted = template.strip("/").split("/")
        for tail in range(1, min(len(wanted), len(segments)) + 1):
            pairs = list(zip(wanted[-tail:], segments[-tail:], strict=True))
            fixed = [_alike(want, have) for want, have in pairs if not want.startswith("{")]
            if fixed and all(fixed):
                yield (tail, len(fixed), method == route_method), template, tail


def _alike(want: str, have: str) -> bool:
    have = have.lower()
    return want == have or SequenceMatcher(None, want, have).ratio() >= _LIKENESS


def _filled(template: str, segments: list[str]) -> str:
    """Write a template with the values that *segments* have at its end."""
    wanted = template.strip("/").split("/")
    given = [*[""] * len(wanted), *segments][-len(wanted) :]
    return "".join(
        f"/{have if have and want.startswith('{') else want}"
        for want, have in zip(wanted, given, strict=True)
    )


def _advice(path: str, segments: list[str], template: str, tail: int) -> str:
    """Say what differs; *tail* segments of both are the same, or nearly."""
    wanted = template.strip("/").split("/")
    lead, should = _joined(segments[:-tail]), _joined(wanted[:-tail])
    if lead != should:
        return f"Then the base URL {_of_base(lead, should)}"
    whole, given = _filled(template, segments), _joined(segments)
    if whole != given:
        return "Paths are in lower case" if whole.lower() == given.lower() else "Check its spelling"
    if path.endswith("/") and "//" not in path:
        return "It has no slash at its end"
    return "Then the base URL should not end in a slash"


def _of_base(lead: str, should: str) -> str:
    if not lead:
        return f"should end in {should}"
    if lead.endswith(should) or not should:
        return f"should not end in {lead.removesuffix(should)}"
    return f"should have {should} in the place of {lead[:_SHOWN]}"


def _joined(segments: list[str]) -> str:
    return "".join(f"/{segment}" for segment in segments)
