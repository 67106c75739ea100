"""What type checkers know of what tests pass in (scenarios, matches, settings) and get back.

Nothing here decides at run time: there, any text is looked up. A test checks that these types are
equal to the tables that decide, and to `schemas/control.json`.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from os import PathLike
from typing import Any, Literal, NewType, NotRequired, TypedDict

ScenarioName = Literal[
    "success",
    "failure",
    "content-moderation",
    "invalid-parameters",
    "insufficient-points",
    "timeout",
    "stuck",
    "instant",
    "moderated",
    "unauthorized",
    "rate-limited",
    "server-error",
    "bad-gateway",
    "unavailable",
    "gateway-timeout",
    "held",
    "hang",
    "truncated",
    "connection-closed",
    "connection-reset",
    "half-headers",
    "malformed-chunk",
    "garbage-then-close",
    "keep-alive-broken",
    "garbled",
    "empty",
    "cancel-too-late",
    "webhook-lost",
    "webhook-twice",
    "webhook-held",
    "webhook-early",
    "webhook-reordered",
    "webhook-conflicting",
    "webhook-truncated",
    "webhook-redirected",
    "webhook-unsigned",
    "webhook-wrong-signature",
    "fewer-results",
    "result-missing",
    "result-expired",
    "result-truncated",
    "result-connection-reset",
    "result-html",
    "result-wrong-size",
]
"""The scenarios that need no value."""

ScenarioWithValue = Literal[
    "slow",
    "moderated",
    "rate-limited",
    "status",
    "accepted-but",
    "latency",
    "drip",
    "held",
    "flaky-poll",
    "stale-poll",
    "unknown-at-first",
    "webhook-late",
    "webhook-held",
    "fewer-results",
    "result-slow",
    "result-drip",
]
"""The scenarios that take a value: `scenario("slow", "90s")`."""

ScenarioText = NewType("ScenarioText", str)
"""One or several scenarios as one text, which type checkers cannot look into.

For example `ScenarioText("slow=90s, webhook-lost")`, as the header `X-Mock-Scenario` has them. At
run time it is the text itself.
"""

Duration = str | float
"""Seconds, or a text like `250ms`, `90s` or `6d`."""
Usd = str | float | Decimal
Count = int | str
Flag = bool | Literal["true", "false"]


class RequestMatch(TypedDict, total=False):
    """Which requests match; what is left out matches all."""

    model: str
    """A glob."""
    prompt: str
    """A text that the prompt has to contain."""
    user_id: str
    method: str
    path: str
    """A glob, for example `*/submit`."""
    nth: int
    """Of the requests that match everything else, only the n-th; the first is 1."""


class SandboxSettings(TypedDict, total=False):
    """The settings of a sandbox; `maxapi-mock serve --help` describes them."""

    pace: Literal["realtime", "instant", "per-poll"]
    duration: Duration
    cancellable: str | Collection[str]
    answers: Literal["full", "minimal"]
    error_status: Literal["code", "200", 200]
    null: Literal["reject", "omit"]
    unknown_fields: Literal["ignore", "refuse"]
    balance: Usd
    scenario: ScenarioName | ScenarioText | Literal["none"]
    expect: str | int | Collection[str | int]
    chaos: float
    hold_timeout: Duration
    rate_limit: str
    strict_callbacks: Flag
    webhook_timeout: Duration
    webhook_tries: Count
    webhook_backoff: Duration
    webhook_secret: str
    webhook_secret_style: Literal["hmac", "header"]
    webhook_secret_header: str
    result_expiry: Duration
    expired_status: Literal["410", "403", "404", 410, 403, 404]


class MockSettings(SandboxSettings, total=False):
    """The settings of a mock: those of its sandboxes, and its own."""

    host: str
    port: int | str
    tls: Flag
    tls_folder: str | PathLike[str]
    public_url: str
    model_cards: str | PathLike[str]
    replay: str | PathLike[str]
    result_files: str | PathLike[str]
    default_ratio: str
    read_input_images: Flag
    unknown_price: Usd
    control_token: str
    cors: str
    callback_allow: str
    seed: str | int
    state: str
    replica_address: str
    webhook_ca: str | PathLike[str]
    webhook_verify: Flag
    webhook_concurrency: Count
    image_cache: Count
    max_body: Count
    max_nesting: Count
    max_tasks: Count
    max_sandboxes: Count
    task_bytes: Count
    journal_entries: Count
    journal_bytes: Count


class ServerSettings(MockSettings, total=False):
    """The same, and the API keys that it accepts."""

    api_key: str


class ClockState(TypedDict):
    """What the clock of a sandbox shows."""

    now: str
    """ISO 8601, in UTC."""
    speed: float
    frozen: bool


class Rule(TypedDict):
    """A scenario for the requests that match."""

    id: int
    match: RequestMatch
    scenario: str
    times: int | None
    """How many more requests it is for; None is without a limit."""
    fired: int
    """How many requests it has decided."""


class HeldItem(TypedDict):
    """A response or webhook that waits until it is released by its name."""

    name: str
    kind: Literal["response", "webhook"]
    what: str
    """In words, for example `response to POST /api/v1/task/submit`."""
    at: str
    """The moment at which it was held, by the sandbox's clock."""
    held_ms: float
    """For how long it has been held, in real time."""
    taskId: str | None


class NearMiss(TypedDict):
    """A request that nearly matched."""

    request: dict[str, Any]
    differences: list[str]


class FoundRequests(TypedDict):
    """The requests that match and, if none does, those that come nearest."""

    requests: list[dict[str, Any]]
    near_misses: list[NearMiss]


class ContractWarning(TypedDict):
    """Something that the app did against the contract."""

    kind: str
    text: str
    count: int


class OtherRequests(TypedDict):
    """How many requests came with keys that no test controls."""

    with_other_keys: int
    without_key: int


class Balance(TypedDict):
    """What a sandbox has spent, and what is left; amounts are decimal texts, in USD."""

    balance_usd: str | None
    spent_usd: str
    unpriced_tasks: NotRequired[int]
    note: NotRequired[str]


def with_value(scenario: str, value: str | float | None) -> ScenarioText:
    """Return a scenario and its value, if it has one, as the text that rules and settings take."""
    return ScenarioText(scenario if value is None else f"{scenario}={value}")


_LISTS = ("expect", "cancellable")
"""Settings that can have several values at once."""


def as_setting(name: str, value: object) -> str | float | None:
    """Return a setting's value as the command line has it; numbers may stay numbers."""
    if name in _LISTS and isinstance(value, list | tuple | set | frozenset):
        return ",".join(map(str, value))
    return value if isinstance(value, str | int | float | None) else str(value)
