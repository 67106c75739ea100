"""Scenarios: what happens to a task and to the HTTP exchanges around it, as one table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Literal, Unpack

from mockserver.contract import Contract
from mockserver.domain.durations import parse_duration
from mockserver.domain.script import (
    CUT,
    NOTHING,
    Drip,
    Script,
    ScriptChanges,
    WebhookFault,
    WireFault,
)

__all__ = [
    "CUT",
    "HEADER",
    "NOTHING",
    "SCENARIOS",
    "Scenario",
    "ScenarioError",
    "Script",
    "make_script",
    "markers",
    "parse_named",
]

HEADER = "X-Mock-Scenario"

_MARKER = re.compile(r"#mock:([A-Za-z0-9_-]*)(?:=((?:[A-Za-z0-9/,._-]*[A-Za-z0-9])?))?")


class ScenarioError(ValueError):
    """A scenario's name or value is unknown; the message lists what is accepted."""


About = Literal["outcome", "submit", "transport", "poll", "cancel", "webhook", "result"]
"""What a scenario affects."""
Chance = Literal["exchange", "delivery"]
"""What faults are drawn for at random."""

Parse = Callable[[str, Contract], Any]
Changes = Callable[[Any], ScriptChanges]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row of the table."""

    name: str
    about: About
    """What the scenario affects."""
    sentence: str
    """What happens, in one sentence for the catalogue."""
    changes: Changes = field(repr=False)
    """Returns the fields of Script that it sets, by its value."""
    parse: Parse | None = field(default=None, repr=False)
    """Parses its value; None if it takes none."""
    value: str = ""
    """How the value is written: `<duration>`."""
    default: str | None = None
    """The value if none is given; None if one is required."""
    chaos: Chance | None = None
    """What `--chaos` may draw it for."""

    @property
    def usage(self) -> str:
        """The name with its value, as in the catalogue."""
        if self.parse is None:
            return self.name
        return (
            f"{self.name}={self.value}" if self.default is None else f"{self.name}[={self.value}]"
        )


def _duration(text: str, _contract: Contract) -> timedelta:
    return parse_duration(text)


def _count(text: str, _contract: Contract) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,5}", text):
        raise ValueError(f"{text!r} is not a count; use an integer from 1")
    return int(text)


def _drip(text: str, contract: Contract) -> Drip:
    size, slash, pause = text.partition("/")
    if not slash:
        raise ValueError(f"{text!r} is not bytes per duration; use, for example, 100/50ms")
    return Drip(_count(size, contract), parse_duration(pause))


def _name(text: str, _contract: Contract) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?", text):
        raise ValueError(
            f"{text[:80]!r} is not a name; use up to 64 letters, digits, '.', '_' and '-', with a "
            "letter or digit at each end"
        )
    return text


def _code(text: str, _contract: Contract) -> int:
    if not re.fullmatch(r"[45][0-9]{2}", text):
        raise ValueError(f"{text!r} is not the code of an error; use an integer from 400 to 599")
    return int(text)


def _code_or_cut(text: str, contract: Contract) -> int | str:
    try:
        return CUT if text == CUT else _code(text, contract)
    except ValueError as error:
        raise ValueError(f"{error}, or {CUT!r}") from None


def _categories(text: str, contract: Contract) -> tuple[str, ...]:
    known = contract.moderation_categories
    chosen = tuple(text.split(",")) if text else known[:1]
    for category in chosen:
        if category not in known:
            raise ValueError(f"{category!r} is not a category; use some of {', '.join(known)}")
    return chosen


def _sets(**changes: Unpack[ScriptChanges]) -> Changes:
    return lambda _value: changes


def _rejects(code: int) -> Changes:
    return _sets(rejection=code)


def _wire(fault: WireFault) -> Changes:
    return _sets(wire=fault)


def _webhook(fault: WebhookFault) -> Changes:
    return _sets(webhook=frozenset((fault,)))


_ROWS = (
    Scenario("success", "outcome", "The task succeeds.", _sets(end="success")),
    Scenario("failure", "outcome", "The task fails without a reason: a transient failure, which may be retried.", _sets(end="failure")),
    Scenario("content-moderation", "outcome", "The task fails: moderation stopped it while it ran.", _sets(end="failure", reason="moderation")),
    Scenario("invalid-parameters", "outcome", "The task fails: the upstream rejected its parameters.", _sets(end="failure", reason="invalid")),
    Scenario("insufficient-points", "outcome", "The task fails: the balance is too low for it.", _sets(end="failure", reason="points")),
    Scenario("timeout", "outcome", "The task times out.", _sets(end="timeout")),
    Scenario("stuck", "outcome", "The task never ends.", _sets(stuck=True)),
    Scenario("slow", "outcome", "The task takes this long.", lambda value: {"duration": value}, _duration, "<duration>"),
    Scenario("instant", "outcome", "The task has already ended when its submission returns.", _sets(duration=timedelta())),
    Scenario("moderated", "submit", "The submission is rejected by moderation, with these categories.", lambda value: {"flagged": value}, _categories, "<category>,…", default=""),
    Scenario("unauthorized", "submit", "Returns 401, as for a revoked key.", _rejects(401)),
    Scenario("rate-limited", "submit", "Returns 429 with Retry-After in seconds.", lambda value: {"rejection": 429, "retry_after": value}, _count, "<seconds>", default="1", chaos="exchange"),
    Scenario("server-error", "submit", "Returns 500 in the API's envelope.", _rejects(500), chaos="exchange"),
    Scenario("bad-gateway", "submit", "Returns 502 with an HTML body, as proxies do.", _sets(rejection=502, html=True), chaos="exchange"),
    Scenario("unavailable", "submit", "Returns 503 in the API's envelope.", _rejects(503), chaos="exchange"),
    Scenario("gateway-timeout", "submit", "Returns 504 in the API's envelope.", _rejects(504), chaos="exchange"),
    Scenario("status", "submit", "Returns an error with this status in the API's envelope.", lambda value: {"rejection": value, "html": False}, _code, "<code>"),
    Scenario("accepted-but", "submit", "The request is accepted (a task is created and billed), but its response is lost: the client sees this error or, with `cut`, a broken connection; also written `accepted-but-<code>`.", lambda value: {"accepted_but": value}, _code_or_cut, "<code>"),
    Scenario("latency", "transport", "The response is delayed by this much real time.", lambda value: {"latency": value}, _duration, "<duration>"),
    Scenario("drip", "transport", "The response's body arrives in pieces of this many bytes, each after this much real time.", lambda value: {"drip": value}, _drip, "<bytes>/<duration>"),
    Scenario("held", "transport", "The response waits until it is released by this name; the request has taken effect.", lambda value: {"held": value}, _name, "<name>", default="held"),
    Scenario("hang", "transport", "There is no response; the connection stays open until the client leaves or the mock stops.", _wire(WireFault.HANG)),
    Scenario("truncated", "transport", "The connection ends in the middle of the body.", _wire(WireFault.TRUNCATED), chaos="exchange"),
    Scenario("connection-closed", "transport", "The connection ends without a response.", _wire(WireFault.CLOSED)),
    Scenario("connection-reset", "transport", "The connection is reset (TCP RST) without a response.", _wire(WireFault.RESET), chaos="exchange"),
    Scenario("half-headers", "transport", "The connection ends in the middle of the response's headers.", _wire(WireFault.HALF_HEADERS)),
    Scenario("malformed-chunk", "transport", "The response comes in chunks, and after half of the body the size of one is malformed.", _wire(WireFault.MALFORMED_CHUNK)),
    Scenario("garbage-then-close", "transport", "Bytes that are not HTTP arrive instead of a response, then the connection ends.", _wire(WireFault.GARBAGE)),
    Scenario("keep-alive-broken", "transport", "The response is complete, but the next request on its connection is not read: the connection is reset, as if it had been idle for too long.", _wire(WireFault.KEEP_ALIVE_BROKEN)),
    Scenario("garbled", "transport", "Returns 200 with a body that is not JSON.", _sets(body_fault="garbled"), chaos="exchange"),
    Scenario("empty", "transport", "Returns 200 without a body.", _sets(body_fault="empty"), chaos="exchange"),
    Scenario("flaky-poll", "poll", "Every n-th poll of the task returns 500.", lambda value: {"flaky_poll": value}, _count, "<n>"),
    Scenario("stale-poll", "poll", "Polls show the task as it was this long ago, and so lag behind the webhook.", lambda value: {"stale_poll": value}, _duration, "<duration>"),
    Scenario("unknown-at-first", "poll", "The first n polls of the task return 404.", lambda value: {"unknown_at_first": value}, _count, "<n>"),
    Scenario("cancel-too-late", "cancel", "A cancellation is accepted, but the task goes on and ends as if it had not been cancelled.", _sets(cancel_too_late=True)),
    Scenario("webhook-lost", "webhook", "The webhook never arrives and is not retried.", _webhook(WebhookFault.LOST), chaos="delivery"),
    Scenario("webhook-twice", "webhook", "The webhook arrives twice.", _webhook(WebhookFault.TWICE), chaos="delivery"),
    Scenario("webhook-late", "webhook", "The webhook is sent this long after the end.", lambda value: {"webhook_late": value}, _duration, "<duration>"),
    Scenario("webhook-held", "webhook", "The webhook waits until it is released by this name.", lambda value: {"webhook_held": value}, _name, "<name>", default="webhook-held"),
    Scenario("webhook-early", "webhook", "The task ends at once, and its webhook arrives before the submit's response.", _sets(webhook=frozenset((WebhookFault.EARLY,)), duration=timedelta())),
    Scenario("webhook-reordered", "webhook", "The webhooks of two such tasks are swapped: that of the task that ended first arrives last.", _webhook(WebhookFault.REORDERED)),
    Scenario("webhook-conflicting", "webhook", "The webhook says FAILURE where a poll says SUCCESS.", _webhook(WebhookFault.CONFLICTING)),
    Scenario("webhook-truncated", "webhook", "The webhook's body is cut in half.", _webhook(WebhookFault.TRUNCATED), chaos="delivery"),
    Scenario("webhook-redirected", "webhook", "The webhook arrives as a GET without a body, as after a careless redirect.", _webhook(WebhookFault.REDIRECTED)),
    Scenario("webhook-unsigned", "webhook", "The webhook has no signature or secret, in spite of `--webhook-secret`.", _webhook(WebhookFault.UNSIGNED)),
    Scenario("webhook-wrong-signature", "webhook", "The webhook has a wrong signature or secret, as if sent by somebody who does not know `--webhook-secret`.", _webhook(WebhookFault.FORGED)),
    Scenario("fewer-results", "result", "The task succeeds with at most this many results, and costs as much as the number that was requested.", lambda value: {"fewer_results": value}, _count, "<k>", default="1"),
    Scenario("result-missing", "result", "Result URLs return 404.", _sets(result="missing")),
    Scenario("result-expired", "result", "Result URLs respond as if their seven days were over.", _sets(result="expired")),
    Scenario("result-truncated", "result", "The connection ends in the middle of the file.", _sets(result_wire=WireFault.TRUNCATED)),
    Scenario("result-connection-reset", "result", "The connection is reset (TCP RST) instead of sending the file.", _sets(result_wire=WireFault.RESET)),
    Scenario("result-html", "result", "Returns 200, and the file is a web page.", _sets(result="html")),
    Scenario("result-slow", "result", "The file is delayed by this much real time.", lambda value: {"result_latency": value}, _duration, "<duration>"),
    Scenario("result-drip", "result", "The file arrives in pieces of this many bytes, each after this much real time.", lambda value: {"result_drip": value}, _drip, "<bytes>/<duration>"),
    Scenario("result-wrong-size", "result", "The file has half the promised width and height.", _sets(result="wrong-size")),
)  # fmt: skip

_ACCEPTED_BUT = "accepted-but-"
_ALL = "use one that `maxapi-mock scenarios` and GET /__mock/scenarios list"

SCENARIOS: Mapping[str, Scenario] = {row.name: row for row in _ROWS}
"""The catalogue by name."""


def make_script(named: Iterable[tuple[str, str | None]], contract: Contract) -> Script:
    """Combine scenarios, given by name and value, into one script.

    If two set the same, the later one wins; faults of the webhook add up. Raises ScenarioError.
    """
    script = Script()
    for name, value in map(_spelled, named):
        scenario = _find(name)
        changes = scenario.changes(_value(scenario, value, contract))
        changes = {**changes, "webhook": script.webhook | changes.get("webhook", frozenset())}
        shown = name if value is None else f"{name}={value}"
        script = replace(script, names=(*script.names, shown), **changes)
    return script


def _spelled(named: tuple[str, str | None]) -> tuple[str, str | None]:
    """Read `accepted-but-504` as `accepted-but=504`."""
    name, value = named
    code = name.removeprefix(_ACCEPTED_BUT)
    if value is None and code != name:
        return _ACCEPTED_BUT[:-1], code
    return name, value


def _find(name: str) -> Scenario:
    if name in SCENARIOS:
        return SCENARIOS[name]
    from difflib import get_close_matches

    near = get_close_matches(name, SCENARIOS, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ScenarioError(f"{name!r} is not a scenario; {hint}{_ALL}")


def _value(scenario: Scenario, value: str | None, contract: Contract) -> Any:
    if scenario.parse is None:
        if value is not None:
            raise ScenarioError(f"{scenario.name!r} takes no value; use it without '={value}'")
        return None
    text = scenario.default if value is None else value
    if text is None:
        raise ScenarioError(f"{scenario.name!r} needs a value; use {scenario.usage}")
    try:
        return scenario.parse(text, contract)
    except ValueError as error:
        raise ScenarioError(f"{scenario.usage}: {error}") from None


def markers(prompt: str) -> list[tuple[str, str | None]]:
    """List the markers `#mock:<name>[=<value>]` in *prompt*, each with its value or None."""
    if "#mock:" not in prompt:
        return []
    return [(match[1], match[2]) for match in _MARKER.finditer(prompt)]


def parse_named(text: str) -> list[tuple[str, str | None]]:
    """Parse `<name>[=<value>], …`, the form of the header and the settings.

    A comma belongs to the value before it unless a scenario's name follows.
    """
    named: list[tuple[str, str | None]] = []
    for part in text.split(","):
        name, equals, value = part.strip().partition("=")
        known = _spelled((name, None))[0] in SCENARIOS
        if not equals and not known and named and named[-1][1] is not None:
            named[-1] = (named[-1][0], f"{named[-1][1]},{name}")
        elif name:
            named.append((name, value if equals else None))
    if not named:
        raise ScenarioError(f"{text!r} does not name a scenario; use one of {', '.join(SCENARIOS)}")
    return named
