"""Every setting: its type, how it is read, its default, and what it is for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from mockserver.domain.document import FORMS, Form
from mockserver.domain.plan import PACES, PaceName
from mockserver.domain.scenario import Script
from mockserver.settings.setting import setting
from mockserver.settings.texts import (
    RateLimit,
    choice_reader,
    integer_reader,
    read_authorities,
    read_balance,
    read_bytes,
    read_duration,
    read_expected,
    read_flag,
    read_header,
    read_hosts,
    read_names,
    read_origins,
    read_path,
    read_positive_duration,
    read_rate,
    read_rate_limit,
    read_ratio,
    read_replica_address,
    read_scenario,
    read_secret,
    read_state,
    read_states,
    read_task_duration,
    read_text,
    read_token,
    read_url,
    read_usd,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the mock behaves; see `maxapi-mock serve --help` for each."""

    host: str = setting(read_text, "address to listen on", "127.0.0.1")
    port: int = setting(integer_reader(0, 65535), "port to listen on; 0 takes a free one", "6290")
    tls: bool = setting(read_flag, "serve HTTPS, also under the names of the API", "false")
    tls_folder: Path | None = setting(
        read_path, "folder that --tls writes its certificates to; by default, a temporary one"
    )
    public_url: str | None = setting(
        read_url, "base of result URLs, for a mock behind another name"
    )
    state: str | None = setting(
        read_state,
        "where tasks and sandboxes are kept: memory, sqlite:///FILE, or postgresql://... for "
        "several replicas; only 'serve' keeps them anywhere but in memory",
        "memory",
        none="memory",
        secret=True,
    )
    replica_address: str | None = setting(
        read_replica_address,
        "HOST:PORT at which other replicas reach this one; by default, a free port at --host, or "
        "at the address by which it reaches the database",
    )
    api_key: frozenset[str] | None = setting(
        read_names,
        "API keys to accept, comma-separated or repeated; by default, any",
        secret=True,
    )
    service: Path | None = setting(
        read_path, "JSON file of facts that replace those of schemas/service.json"
    )
    model_cards: Path | None = setting(
        read_path, "folder of further model cards (*.json), or one card's file"
    )
    replay: Path | None = setting(
        read_path,
        "folder that `maxapi-mock proxy --record` has written: the same submissions get the same "
        "responses and results again",
    )
    result_files: Path | None = setting(
        read_path,
        "folder of your own pictures (png, jpg, webp), which are scaled, and videos (mp4), to be "
        "the results instead of drawn ones",
    )
    pace: PaceName = setting(
        choice_reader(*PACES),
        f"how tasks move from state to state: {', '.join(PACES)}",
        "realtime",
        own=True,
    )
    duration: timedelta | None = setting(
        read_task_duration,
        "time from submission to result, or 'typical' for the model's own",
        fact="lifecycle.duration",
        none="typical",
        own=True,
    )
    cancellable: frozenset[str] = setting(
        read_states,
        "states that a task can be cancelled in",
        fact="lifecycle.cancellable",
        own=True,
    )
    default_ratio: str = setting(
        read_ratio, "ratio of a result whose request names none", fact="results.default_ratio"
    )
    answers: Form = setting(
        choice_reader(*FORMS),
        "fields of a task: full, or minimal, which are those of the example on gpt-image-2's page",
        "full",
        own=True,
    )
    error_status: Literal["code", "200"] = setting(
        choice_reader("code", "200"),
        "HTTP status of an API error: its code, or 200 with the code in the body only",
        "code",
        own=True,
    )
    null: Literal["reject", "omit"] = setting(
        choice_reader("reject", "omit"),
        "null for an optional field: reject it as a wrong type, or treat the field as omitted",
        "reject",
        own=True,
    )
    unknown_fields: Literal["ignore", "refuse"] = setting(
        choice_reader("ignore", "refuse"),
        "undocumented fields of a submission: 'ignore' them, or 'refuse' it with 400",
        "ignore",
        own=True,
    )
    read_input_images: bool = setting(
        read_flag,
        "read input images that this machine serves, for results that take their ratio from them",
        "false",
    )
    balance: Decimal | None = setting(
        read_balance,
        "US dollars that each sandbox can spend, or 'unlimited'",
        "unlimited",
        none="unlimited",
        own=True,
    )
    unknown_price: Decimal | None = setting(
        read_usd,
        "unit price in US dollars of models without a published price; by default, they cost "
        "nothing, and sums say so",
    )
    scenario: Script | None = setting(
        read_scenario,
        "scenario of every request that does not name one and that no rule matches",
        "none",
        none="none",
        own=True,
    )
    expect: frozenset[str] | None = setting(
        read_expected,
        "what a test provokes on purpose, and so causes no contract warning: 404, submit:400, or a "
        "kind of warning, comma-separated; or 'none'",
        "none",
        none="none",
        own=True,
    )
    chaos: float = setting(
        read_rate, "probability of a fault in each exchange and delivery", "0", own=True
    )
    hold_timeout: timedelta = setting(
        read_positive_duration,
        "real time after which what the scenarios held and webhook-held hold is sent without a "
        "release",
        "30s",
        own=True,
    )
    rate_limit: RateLimit | None = setting(
        read_rate_limit,
        "requests that a sandbox accepts, as <n>/<duration>, or 'none'",
        "none",
        none="none",
        own=True,
    )
    control_token: str | None = setting(
        read_token, "token that the control plane requires in X-Mock-Control-Token", secret=True
    )
    cors: frozenset[str] | None = setting(
        read_origins,
        "origins whose web pages may call the API and read its files: globs, comma-separated, or "
        "'*'; by default, none",
    )
    callback_allow: frozenset[str] | None = setting(
        read_hosts, "hosts besides this machine that webhooks are sent to: globs, comma-separated"
    )
    seed: str | None = setting(
        read_text, "text that makes task ids, result files and chaos repeatable"
    )
    strict_callbacks: bool = setting(
        read_flag,
        "reject a callBackUrl of this machine, as the live service does",
        "false",
        own=True,
    )
    webhook_timeout: timedelta = setting(
        read_positive_duration,
        "time in which a webhook receiver must respond",
        fact="webhook.timeout",
        own=True,
    )
    webhook_tries: int = setting(
        integer_reader(1, 100), "attempts to deliver a webhook", fact="webhook.tries", own=True
    )
    webhook_backoff: timedelta = setting(
        read_duration,
        "time before the second attempt; doubles for each further one",
        fact="webhook.backoff",
        own=True,
    )
    webhook_secret: str | None = setting(
        read_secret,
        "secret to sign webhooks with, or to send in a header; or 'none'",
        "none",
        none="none",
        own=True,
        secret=True,
    )
    webhook_secret_style: Literal["hmac", "header"] = setting(
        choice_reader("hmac", "header"),
        "hmac: X-Webhook-Signature and X-Webhook-Timestamp; header: the secret itself",
        "hmac",
        own=True,
    )
    webhook_secret_header: str = setting(
        read_header,
        "name of the header for --webhook-secret-style header",
        "x-maxapi-webhook-secret",
        own=True,
    )
    webhook_ca: Path | None = setting(
        read_authorities, "PEM file of additional authorities to trust for https receivers"
    )
    webhook_verify: bool = setting(read_flag, "verify the certificates of https receivers", "true")
    webhook_concurrency: int = setting(
        integer_reader(1, 256), "webhooks sent to one receiver at the same time", "8"
    )
    result_expiry: timedelta = setting(
        read_duration,
        "time from the end of a task until its result URLs expire",
        fact="results.expire_after",
        own=True,
    )
    expired_status: Literal["410", "403", "404"] = setting(
        choice_reader("410", "403", "404"),
        "HTTP status of a result URL that has expired",
        fact="results.expired_status",
        own=True,
    )
    image_cache: int = setting(read_bytes, "bytes of result files kept in memory", "8M")
    max_body: int = setting(read_bytes, "size limit of a request body in bytes", fact="limits.body")
    max_nesting: int = setting(
        integer_reader(1, 200), "levels of nesting that JSON may have", fact="limits.nesting"
    )
    max_tasks: int = setting(
        integer_reader(1, 10_000_000),
        "tasks that a sandbox keeps; those that ended first are forgotten first",
        "20000",
    )
    max_sandboxes: int = setting(
        integer_reader(1, 1_000_000),
        "sandboxes that are kept; those that were idle longest are forgotten first",
        "2000",
    )
    task_bytes: int = setting(
        read_bytes,
        "bytes that the tasks of all sandboxes take together, roughly; in the one that was not "
        "used for longest, those that ended first are forgotten first",
        "16M",
    )
    journal_entries: int = setting(
        integer_reader(0, 1_000_000),
        "requests, and deliveries, that a sandbox's journal keeps",
        "1000",
    )
    journal_bytes: int = setting(read_bytes, "bytes that all journals keep together", "8M")

    @property
    def is_public(self) -> bool:
        """Whether other machines can reach the mock."""
        return self.host != "localhost" and not _is_loopback(self.host)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


SETTINGS = {one.name: one for one in dataclasses.fields(Settings)}

GROUPS: Mapping[str, tuple[str, ...]] = {
    "Server": ("host", "port", "tls", "tls_folder", "public_url", "state", "replica_address"),
    "Access": ("api_key", "control_token", "cors", "rate_limit"),
    "Contract": ("service", "model_cards"),
    "Tasks and results": (
        "replay",
        "result_files",
        "pace",
        "duration",
        "cancellable",
        "default_ratio",
        "read_input_images",
        "result_expiry",
        "expired_status",
    ),
    "Behaviour of the API": ("answers", "error_status", "null", "unknown_fields"),
    "Money": ("balance", "unknown_price"),
    "Scenarios and faults": ("scenario", "chaos", "seed", "expect", "hold_timeout"),
    "Webhooks": (
        "callback_allow",
        "strict_callbacks",
        "webhook_timeout",
        "webhook_tries",
        "webhook_backoff",
        "webhook_secret",
        "webhook_secret_style",
        "webhook_secret_header",
        "webhook_ca",
        "webhook_verify",
        "webhook_concurrency",
    ),
    "Limits": (
        "max_body",
        "max_nesting",
        "max_tasks",
        "max_sandboxes",
        "task_bytes",
        "image_cache",
        "journal_entries",
        "journal_bytes",
    ),
}
"""The settings by subject, as help shows them; each is in one group."""
