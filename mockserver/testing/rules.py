"""Rules that never fired, and what came nearest to them."""

from __future__ import annotations

from collections.abc import Iterator

from mockserver.testing.control import ControlClient, Json

__tracebackhide__ = True
"""A test that fails in here shows its own line."""


def unused_rules(control: ControlClient) -> list[Json]:
    """List the rules of a sandbox that have never spoken, in their order."""
    return [rule for rule in control.rules() if not rule["fired"]]


def explained(control: ControlClient, rule: Json) -> Iterator[str]:
    """Say what a rule that never fired is for, and which request came nearest."""
    match = ", ".join(f"{name}={value!r}" for name, value in rule["match"].items())
    yield f"{rule['scenario']} for {match or 'any request'}"
    found = control.find(**rule["match"])
    if found["requests"]:
        number = len(found["requests"])
        yield f"  {number} matched, but an earlier rule or the request itself spoke first"
    elif not found["near_misses"]:
        yield "  no request came"
    for miss in found["near_misses"][:1]:
        request = miss["request"]
        yield f"  nearest: {request['method']} {request['path']}"
        for difference in miss["differences"]:
            yield f"           {difference}"
