"""Every setting: its type, how it is read, its default, and what it is for."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from mockserver.domain.plan import PACES
from mockserver.domain.scenario import Script
from mockserver.settings.texts import (
    Parse,
    RateLimit,
    choice_reader,
    integer_reader,
    read_balance,
    read_bytes,
    read_duration,
    read_flag,
    read_hosts,
    read_names,
    read_path,
    read_positive_duration,
    read_rate,
    read_rate_limit,
    read_ratio,
    read_scenario,
    read_states,
    read_task_duration,
    read_text,
    read_token,
    read_url,
    read_usd,
)

OPTIONAL = ""
"""The default of a setting that has no value unless it is given one."""


def _setting(
    parse: Parse,
    help_: str,
    default: str = OPTIONAL,
    *,
    fact: str = "",
    none: str = "",
    own: bool = False,
) -> Any:
    """Declare a setting.

    *fact* names the place in `service.json` that holds its default; *none* is the text of the
    value None; *own* says that a sandbox can have a value of its own.
    """
    about = {
        "parse": parse,
        "help": help_,
        "default": default,
        "fact": fact,
        "none": none,
        "own": own,
    }
    return field(metadata=about)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the mock behaves; see `maxapi-mock serve --help` for each."""

    host: str = _setting(read_text, "address to listen on", "127.0.0.1")
    port: int = _setting(integer_reader(0, 65535), "port to listen on; 0 takes a free one", "6290")
    tls: bool = _setting(read_flag, "serve HTTPS, also under the names of the API", "false")
    tls_folder: Path | None = _setting(
        read_path, "folder that --tls writes its certificates to; else a temporary one"
    )
    public_url: str | None = _setting(
        read_url, "base of result URLs, for a mock behind another name"
    )
    api_key: frozenset[str] | None = _setting(
        read_names, "accept only these Bearer tokens, comma-separated or repeated; else any"
    )
    model_cards: Path | None = _setting(read_path, "folder of further model cards (*.json)")
    pace: str = _setting(
        choice_reader(*PACES), f"how tasks move on: {', '.join(PACES)}", "realtime", own=True
    )
    duration: timedelta | None = _setting(
        read_task_duration,
        "time from submission to result, or 'typical' for the model's own",
        fact="lifecycle.duration",
        none="typical",
        own=True,
    )
    cancellable: frozenset[str] = _setting(
        read_states,
        "states that a task can be cancelled in",
        fact="lifecycle.cancellable",
        own=True,
    )
    default_ratio: str = _setting(
        read_ratio, "ratio of a result whose request names none", fact="results.default_ratio"
    )
    read_input_images: bool = _setting(
        read_flag,
        "look at an input image of this machine where a result's ratio is to follow it",
        "false",
    )
    balance: Decimal | None = _setting(
        read_balance,
        "US dollars that each sandbox can spend, or 'unlimited'",
        "unlimited",
        none="unlimited",
        own=True,
    )
    unknown_price: Decimal | None = _setting(
        read_usd,
        "unit price in US dollars of models whose price nobody publishes; else they cost nothing, "
        "and that is said",
    )
    scenario: Script | None = _setting(
        read_scenario,
        "what happens unless a request or a rule says otherwise",
        "none",
        none="none",
        own=True,
    )
    chaos: float = _setting(
        read_rate, "probability of a mischief for each exchange and delivery", "0", own=True
    )
    rate_limit: RateLimit | None = _setting(
        read_rate_limit,
        "requests that a sandbox lets in, as <n>/<duration>, or 'none'",
        "none",
        none="none",
        own=True,
    )
    control_token: str | None = _setting(
        read_token, "token that the control plane asks for in X-Mock-Control-Token"
    )
    callback_allow: frozenset[str] | None = _setting(
        read_hosts, "hosts that webhooks may go to, globs, comma-separated; else any"
    )
    seed: str | None = _setting(read_text, "makes task ids, result files and chaos repeat")
    strict_callbacks: bool = _setting(
        read_flag,
        "refuse a callBackUrl of this machine, as the live service does",
        "false",
        own=True,
    )
    webhook_timeout: timedelta = _setting(
        read_positive_duration,
        "time a webhook receiver has to answer",
        fact="webhook.timeout",
        own=True,
    )
    webhook_tries: int = _setting(
        integer_reader(1, 100), "attempts to deliver a webhook", fact="webhook.tries", own=True
    )
    webhook_backoff: timedelta = _setting(
        read_duration,
        "wait before the second attempt; doubles each time",
        fact="webhook.backoff",
        own=True,
    )
    webhook_concurrency: int = _setting(
        integer_reader(1, 256), "webhooks in flight to one receiver at a time", "8"
    )
    result_expiry: timedelta = _setting(
        read_duration,
        "time from the end of a task to that of its result URLs",
        fact="results.expire_after",
        own=True,
    )
    image_cache: int = _setting(read_bytes, "bytes of result files kept in memory", "64M")
    max_body: int = _setting(read_bytes, "bytes of the largest request body", fact="limits.body")
    max_nesting: int = _setting(
        integer_reader(1, 200), "levels of the deepest JSON accepted", fact="limits.nesting"
    )
    max_tasks: int = _setting(
        integer_reader(1, 10_000_000),
        "tasks that a sandbox remembers; what ended first is forgotten first",
        "20000",
    )
    max_sandboxes: int = _setting(
        integer_reader(1, 1_000_000),
        "sandboxes remembered; those at rest longest go first",
        "10000",
    )
    journal_entries: int = _setting(
        integer_reader(0, 1_000_000),
        "requests, and deliveries, that a sandbox's journal holds",
        "1000",
    )
    journal_bytes: int = _setting(read_bytes, "bytes that all journals together hold", "64M")

    @property
    def is_public(self) -> bool:
        """Whether others than this machine can reach the mock."""
        return self.host != "localhost" and not _is_loopback(self.host)

    @property
    def callback_hosts(self) -> frozenset[str] | None:
        """The hosts that webhooks may go to; None is any. A public mock calls nobody by itself."""
        if self.callback_allow is None and self.is_public:
            return frozenset()
        return self.callback_allow


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


SETTINGS = {setting.name: setting for setting in dataclasses.fields(Settings)}
