"""Matching of requests for rules and searches: a match is the absence of differences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from threading import Lock
from typing import TYPE_CHECKING, Any

from mockserver.contract import NotJson, parse_json
from mockserver.contract.violation import show
from mockserver.domain.scenario import Script

if TYPE_CHECKING:
    from mockserver.engine.journal import RecordedRequest

_NEAR_MISSES = 3
"""The most requests that are reported as nearly matching."""


def field_of(document: Any, *path: str) -> Any:
    """Return a member of a JSON document, or None."""
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return document


@dataclass(frozen=True, slots=True)
class Seen:
    """What can be matched of a request."""

    method: str
    path: str
    document: Any
    """The body as JSON, or None."""

    @classmethod
    def of(cls, method: str, path: str, body: bytes) -> Seen:
        """Read what can be matched from a request; a body that is not JSON has no fields."""
        try:
            return cls(method, path, parse_json(body) if body else None)
        except NotJson:
            return cls(method, path, None)

    def field(self, *path: str) -> Any:
        """Return a member of the body, or None."""
        return field_of(self.document, *path)


@dataclass(frozen=True, slots=True)
class Match:
    """What a request must be like; None means that anything matches."""

    model: str | None = None
    """A glob."""
    prompt: str | None = None
    """A text that the prompt must contain."""
    user_id: str | None = None
    method: str | None = None
    path: str | None = None
    """A glob."""
    nth: int | None = None
    """Only the n-th of the requests that match everything else, from 1."""

    def differences(self, seen: Seen) -> list[str]:
        """Return every difference of a request except `nth`; an empty list if it matches.

        A browser's preflight is not the request that it announces: only its method matches it.
        """
        if seen.method == "OPTIONS" and self.method is None:
            return ["method: 'OPTIONS' is a preflight, which only method 'OPTIONS' matches"]
        model, prompt = seen.field("model"), seen.field("input", "prompt")
        wanted = {
            "model": (self.model, model, _globs, "does not match"),
            "prompt": (self.prompt, prompt, _contains, "does not contain"),
            "user_id": (self.user_id, seen.field("user_id"), _equals, "is not"),
            "method": (self.method and self.method.upper(), seen.method, _equals, "is not"),
            "path": (self.path, seen.path, _globs, "does not match"),
        }
        return [
            f"{name}: {_shown(have)} {differs} {want!r}"
            for name, (want, have, fits, differs) in wanted.items()
            if want is not None and not fits(want, have)
        ]

    def as_json(self) -> dict[str, Any]:
        """Return the criteria that are set."""
        shown = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: value for name, value in shown.items() if value is not None}


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A request that does not match, and why."""

    request: RecordedRequest
    differences: list[str]


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The requests that match and, if there are none, those that differ least."""

    found: list[RecordedRequest]
    near_misses: list[NearMiss]


def search(requests: Iterable[RecordedRequest], match: Match) -> SearchResult:
    """Search *requests*, in their order, for those that match."""
    found: list[RecordedRequest] = []
    others: list[NearMiss] = []
    for one in requests:
        request = one.request
        differences = match.differences(Seen.of(request.method, request.path, request.body))
        if differences:
            others.append(NearMiss(one, differences))
        else:
            found.append(one)
    if match.nth is not None:
        rest = [one for number, one in enumerate(found, 1) if number != match.nth]
        others += [NearMiss(one, [f"nth: is not number {match.nth} of those"]) for one in rest]
        found = found[match.nth - 1 : match.nth]
    if found:
        return SearchResult(found, [])
    others.sort(key=lambda one: (len(one.differences), -one.request.number))
    return SearchResult([], others[:_NEAR_MISSES])


def _shown(have: Any) -> str:
    return f"{have!r}" if have is None else show(have)


def _globs(want: str, have: Any) -> bool:
    return isinstance(have, str) and fnmatchcase(have, want)


def _contains(want: str, have: Any) -> bool:
    return isinstance(have, str) and want in have


def _equals(want: str, have: Any) -> bool:
    return bool(want == have)


@dataclass(slots=True)
class Rule:
    """A scenario for matching requests, up to a number of times."""

    id: int
    match: Match
    script: Script
    times: int | None
    matched: int = 0
    fired: int = 0

    def would_fire(self, seen: Seen) -> bool:
        """Count a request if it matches; return whether the rule applies to it."""
        if self.match.differences(seen):
            return False
        self.matched += 1
        return self.fired != self.times and self.match.nth in (None, self.matched)

    def as_json(self) -> dict[str, Any]:
        """Return the rule with the number of times it has applied."""
        return {
            "id": self.id,
            "match": self.match.as_json(),
            "scenario": ", ".join(self.script.names),
            "times": self.times,
            "fired": self.fired,
        }


class Rules:
    """The rules of a sandbox, in the order in which they were added; safe for several threads."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._added = 0
        """Rules that were ever added, and so the latest id."""
        self._lock = Lock()

    def add(self, match: Match, script: Script, times: int | None) -> Rule:
        """Add a rule after the others."""
        with self._lock:
            self._added += 1
            rule = Rule(self._added, match, script, times)
            self._rules.append(rule)
            return rule

    def remove(self, id_: str | None = None) -> int:
        """Remove one rule, or all; return how many were removed."""
        with self._lock:
            kept = [] if id_ is None else [rule for rule in self._rules if str(rule.id) != id_]
            removed, self._rules = len(self._rules) - len(kept), kept
            return removed

    def script_for(self, seen: Seen, *, asked: bool) -> Script | None:
        """Return the script of the first rule that applies to a request; every rule counts it.

        No rule applies if the request itself has *asked* for a scenario.
        """
        with self._lock:
            applicable = [rule for rule in self._rules if rule.would_fire(seen)]
            if asked or not applicable:
                return None
            applicable[0].fired += 1
            return applicable[0].script

    def kept(self) -> tuple[list[Rule], int]:
        """Return copies of the rules, and how many were ever added."""
        with self._lock:
            return [replace(rule) for rule in self._rules], self._added

    def restore(self, rules: Iterable[Rule], added: int) -> None:
        """Have the rules that were kept, in place of all others."""
        with self._lock:
            self._rules, self._added = [replace(rule) for rule in rules], added

    def __iter__(self) -> Iterator[Rule]:
        return iter(list(self._rules))

    def __len__(self) -> int:
        return len(self._rules)
