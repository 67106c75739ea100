"""Rules that never fired, and the requests that came nearest to them."""

from __future__ import annotations

from collections.abc import Iterator

from mockserver.testing.control import ControlClient
from mockserver.testing.names import Rule

__tracebackhide__ = True
"""A test that fails in here shows its own line."""


def unused_rules(control: ControlClient) -> list[Rule]:
    """List the rules of a sandbox that never fired, in order."""
    return [rule for rule in control.rules() if not rule["fired"]]


def explained(control: ControlClient, rule: Rule) -> Iterator[str]:
    """Describe a rule that never fired, and the request that came nearest to it."""
    match = ", ".join(f"{name}={value!r}" for name, value in rule["match"].items())
    yield f"{rule['scenario']} for {match or 'any request'}"
    found = control.find(**rule["match"])
    if found["requests"]:
        number = len(found["requests"])
        yield f"  {number} matched, but an earlier rule or the request's own scenario applied"
    elif not found["near_misses"]:
        yield "  no request came"
    for miss in found["near_misses"][:1]:
        request = miss["request"]
        yield f"  nearest: {request['method']} {request['path']}"
        for difference in miss["differences"]:
            yield f"           {difference}"
