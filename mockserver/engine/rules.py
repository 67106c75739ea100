"""Which requests a rule or a verification means: explained first, decided second."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from itertools import count
from threading import Lock
from typing import Any

from mockserver.contract import NotJson, parse_json
from mockserver.contract.violation import show
from mockserver.domain.scenario import Script


@dataclass(frozen=True, slots=True)
class Seen:
    """What can be matched of a request."""

    method: str
    path: str
    document: Any
    """The body as JSON, or None."""

    @classmethod
    def of(cls, method: str, path: str, body: bytes) -> Seen:
        """Read what can be matched from a request; a body that is not JSON matches nothing."""
        try:
            return cls(method, path, parse_json(body) if body else None)
        except NotJson:
            return cls(method, path, None)

    def field(self, *path: str) -> Any:
        """Give a member of the body, or None."""
        node = self.document
        for name in path:
            node = node.get(name) if isinstance(node, Mapping) else None
        return node


@dataclass(frozen=True, slots=True)
class Match:
    """What a request has to be like; what is None does not matter."""

    model: str | None = None
    """A glob."""
    prompt: str | None = None
    """A text that the prompt contains."""
    user_id: str | None = None
    method: str | None = None
    path: str | None = None
    """A glob."""
    nth: int | None = None
    """Among the requests that match the rest, only the n-th, from 1."""

    def differences(self, seen: Seen) -> list[str]:
        """Say everything in which a request differs, but for `nth`; nothing if it matches.

        A browser's preflight is not the request that it asks about: only its method finds it.
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
        """Show what matters."""
        shown = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: value for name, value in shown.items() if value is not None}


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
    """A scenario for the requests that match, so many times."""

    id: int
    match: Match
    script: Script
    times: int | None
    matched: int = 0
    fired: int = 0

    def would_fire(self, seen: Seen) -> bool:
        """Count a request if it matches; say whether the rule speaks for it."""
        if self.match.differences(seen):
            return False
        self.matched += 1
        return self.fired != self.times and self.match.nth in (None, self.matched)

    def as_json(self) -> dict[str, Any]:
        """Show the rule and how often it has spoken."""
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
        self._ids = count(1)
        self._lock = Lock()

    def add(self, match: Match, script: Script, times: int | None) -> Rule:
        """Add a rule behind the others."""
        with self._lock:
            rule = Rule(next(self._ids), match, script, times)
            self._rules.append(rule)
            return rule

    def remove(self, id_: str | None = None) -> int:
        """Remove one rule, or all; give how many there were."""
        with self._lock:
            kept = [] if id_ is None else [rule for rule in self._rules if str(rule.id) != id_]
            removed, self._rules = len(self._rules) - len(kept), kept
            return removed

    def script_for(self, seen: Seen, *, asked: bool) -> Script | None:
        """Give the script of the first rule that speaks for a request; each rule counts it.

        None speaks if the request has *asked* for a scenario itself.
        """
        with self._lock:
            speaking = [rule for rule in self._rules if rule.would_fire(seen)]
            if asked or not speaking:
                return None
            speaking[0].fired += 1
            return speaking[0].script

    def __iter__(self) -> Any:
        return iter(list(self._rules))

    def __len__(self) -> int:
        return len(self._rules)
