"""A user's own facts, which replace those of `service.json`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mockserver.contract.violation import join_place, show

_PLACEHOLDER = re.compile(r"\{[A-Za-z]+\}")
CONFIDENCES = ("seed", "documented", "corroborated", "assumed")
_FIXED = ("$id", "request", "response", "refusals")
"""Members that name other parts of the contract and are not facts."""
_START = re.compile(r"/|https?://")
_NAMES = {
    bool: "true or false",
    int: "an integer",
    float: "a number",
    str: "a string",
    list: "an array",
    dict: "an object",
}


def overlaid(own: Any, facts: Any, found: list[str], place: tuple[str | int, ...] = ()) -> Any:
    """Return a copy of *own* in which *facts* replaces what is in the same places.

    A fact must be of the same kind as the one that it replaces, and cannot be new. Every mistake
    is added to *found*, with its place and what would be accepted.
    """
    if isinstance(own, Mapping) and isinstance(facts, dict):
        return _members(own, facts, found, place)
    wrong = _difference(own, facts)
    if place[-1:] == ("confidence",) and facts not in CONFIDENCES:
        wrong = f"use one of {', '.join(CONFIDENCES)}"
    if wrong:
        found.append(f"{join_place(list(place)) or 'file'}: {show(facts)} is not accepted; {wrong}")
        return own
    return facts


def _members(
    own: Mapping[str, Any], facts: Mapping[str, Any], found: list[str], place: tuple[str | int, ...]
) -> dict[str, Any]:
    members = dict(own)
    for name, fact in facts.items():
        if name in _FIXED:
            found.append(f"{join_place([*place, name])}: cannot be replaced; leave it out")
        elif name in own:
            members[name] = overlaid(own[name], fact, found, (*place, name))
        else:
            from difflib import get_close_matches

            near = get_close_matches(name, own, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(own)}"
            found.append(f"{join_place([*place, name])}: unknown; {hint}")
    return members


def _difference(own: Any, fact: Any) -> str:
    """Return what would be accepted in place of *own*; empty if *fact* is."""
    if _kind(own) is not _kind(fact) and not (_kind(own) is float and _kind(fact) is int):
        return f"use {_NAMES[_kind(own)]}"
    if isinstance(own, str) and _START.match(own) and not _START.match(fact):
        return "use a path that starts with /" if own[0] == "/" else "use an http or https URL"
    if isinstance(own, str):
        needed = sorted(_PLACEHOLDER.findall(own))
        if not fact or sorted(_PLACEHOLDER.findall(fact)) != needed:
            return f"use a text with {' '.join(needed)}" if needed else "use some text"
    if isinstance(own, list):
        kinds = {_kind(item) for item in own} | ({int} if float in map(_kind, own) else set())
        if not fact or not {_kind(item) for item in fact} <= kinds:
            names = sorted({_NAMES[_kind(item)].split()[-1] for item in own})
            return f"use an array of one or more {' or '.join(names)}s"
    return ""


def _kind(value: Any) -> type:
    return next((kind for kind in _NAMES if isinstance(value, kind)), type(None))
