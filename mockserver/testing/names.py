"""What a type checker knows of the names that a test gives: scenarios, matches, settings.

A test holds these equal to the tables that decide at run time, where any text is looked up.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from os import PathLike
from typing import Literal, NewType, TypedDict

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
    "hang",
    "truncated",
    "garbled",
    "empty",
    "cancel-too-late",
    "webhook-lost",
    "webhook-twice",
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
    "flaky-poll",
    "stale-poll",
    "unknown-at-first",
    "webhook-late",
    "fewer-results",
    "result-slow",
]
"""Those that take one: `scenario("slow", "90s")`."""

ScenarioText = NewType("ScenarioText", str)
"""Scenarios as the header has them, into which no type checker can look.

`ScenarioText("slow=90s, webhook-lost")`; at run time it is the text itself.
"""

Duration = str | float
"""Seconds, or a text such as `250ms`, `90s`, `6d`."""
Usd = str | float | Decimal
Count = int | str
Flag = bool | Literal["true", "false"]


class RequestMatch(TypedDict, total=False):
    """What requests have to be like; what is left out does not matter."""

    model: str
    """A glob."""
    prompt: str
    """A text that the prompt contains."""
    user_id: str
    method: str
    path: str
    """A glob, such as `*/submit`."""
    nth: int
    """Among the requests that match the rest, only the n-th, from 1."""


class SandboxSettings(TypedDict, total=False):
    """The settings that a sandbox can have; `maxapi-mock serve --help` describes them."""

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
    """The settings of a mock that a program starts."""

    host: str
    port: int | str
    tls: Flag
    tls_folder: str | PathLike[str]
    public_url: str
    model_cards: str | PathLike[str]
    default_ratio: str
    read_input_images: Flag
    unknown_price: Usd
    control_token: str
    cors: str
    callback_allow: str
    seed: str | int
    webhook_ca: str | PathLike[str]
    webhook_verify: Flag
    webhook_concurrency: Count
    image_cache: Count
    max_body: Count
    max_nesting: Count
    max_tasks: Count
    max_sandboxes: Count
    journal_entries: Count
    journal_bytes: Count


class ServerSettings(MockSettings, total=False):
    """The same, and the keys that it accepts."""

    api_key: str


def with_value(scenario: str, value: str | float | None) -> ScenarioText:
    """Write a scenario with its value, if it has one, as rules and settings take it."""
    return ScenarioText(scenario if value is None else f"{scenario}={value}")
