"""All settings: one frozen object, one place that reads the environment and the config file."""

from __future__ import annotations

import dataclasses
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from mockserver.contract import Contract, load_contract
from mockserver.domain.moment import format_duration, parse_duration
from mockserver.domain.plan import PACES
from mockserver.domain.scenario import Script, make_script, parse_named

ENVIRONMENT = "MAXAPI_MOCK_"
CONFIG_FILE = "maxapi-mock.toml"
_NOT_SETTINGS = frozenset((f"{ENVIRONMENT}URL", f"{ENVIRONMENT}CONFIG"))
"""URL is what the mock tells its child processes; CONFIG names the config file itself."""

Parse = Callable[[str, Contract], Any]


class SettingError(Exception):
    """A setting is wrong; one line says which, where it was set, and what is accepted."""


def _text(text: str, _contract: Contract) -> str:
    if not text:
        raise ValueError("is empty; use some text")
    return text


def _path(text: str, contract: Contract) -> Path:
    return Path(_text(text, contract))


def _integer(low: int, high: int) -> Parse:
    def parse(text: str, _contract: Contract) -> int:
        if not re.fullmatch(r"[0-9]{1,15}", text.strip()) or not low <= int(text) <= high:
            raise ValueError(f"{text!r} is not accepted; use an integer from {low} to {high}")
        return int(text)

    return parse


def _bytes(text: str, _contract: Contract) -> int:
    match = re.fullmatch(r"([0-9]{1,12})\s*(k|M|G)?i?B?", text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a size; use bytes or 512k, 64M, 1G")
    return int(match[1]) * {None: 1, "k": 2**10, "M": 2**20, "G": 2**30}[match[2]]


def _flag(text: str, _contract: Contract) -> bool:
    known = {"true": True, "yes": True, "on": True, "1": True}
    known |= {"false": False, "no": False, "off": False, "0": False}
    if text.lower() not in known:
        raise ValueError(f"{text!r} is not accepted; use true or false")
    return known[text.lower()]


def _duration(text: str, _contract: Contract) -> timedelta:
    return parse_duration(text)


def _positive_duration(text: str, _contract: Contract) -> timedelta:
    duration = parse_duration(text)
    if not duration:
        raise ValueError(f"{text!r} is not accepted; use more than 0")
    return duration


def _task_duration(text: str, _contract: Contract) -> timedelta | None:
    try:
        return None if text == "typical" else parse_duration(text)
    except ValueError as error:
        raise ValueError(f"{error}, or 'typical' for the model's own") from None


def _usd(text: str, _contract: Contract) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or not 0 <= amount <= 10**9:
        raise ValueError(f"{text!r} is not an amount; use US dollars such as 0.50")
    return amount


def _balance(text: str, contract: Contract) -> Decimal | None:
    try:
        return None if text == "unlimited" else _usd(text, contract)
    except ValueError as error:
        raise ValueError(f"{error}, or 'unlimited'") from None


def _choice(*accepted: str) -> Parse:
    def parse(text: str, _contract: Contract) -> str:
        if text not in accepted:
            raise ValueError(f"{text!r} is not accepted; use one of {', '.join(accepted)}")
        return text

    return parse


def _states(text: str, contract: Contract) -> frozenset[str]:
    accepted = contract.lifecycle.path
    chosen = _names(text, contract)
    if not chosen <= set(accepted):
        raise ValueError(f"{text!r} is not accepted; use some of {','.join(accepted)}")
    return chosen


def _names(text: str, _contract: Contract) -> frozenset[str]:
    names = frozenset(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise ValueError(f"{text!r} names nothing; use one or more, separated by commas")
    return names


def _ratio(text: str, contract: Contract) -> str:
    accepted = {ratio: None for card in contract.cards.values() for ratio in card.sizes}
    if text not in accepted:
        raise ValueError(f"{text!r} is not accepted; use one of {', '.join(accepted)}")
    return text


def _url(text: str, _contract: Contract) -> str:
    if not re.fullmatch(
        r"https?://([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?(/[!-~]*)?", text
    ):
        raise ValueError(f"{text!r} is not accepted; use http(s)://host[:port][/path]")
    if set("?#") & set(text):
        raise ValueError(f"{text!r} is not accepted; use a URL without query and fragment")
    return text.rstrip("/")


def _rate(text: str, _contract: Contract) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= 1:
        raise ValueError(f"{text!r} is not accepted; use a probability from 0 to 1")
    return rate


@dataclass(frozen=True, slots=True)
class RateLimit:
    """How many requests are let in within a duration."""

    count: int
    per: timedelta

    def __str__(self) -> str:
        return f"{self.count}/{format_duration(self.per)}"


def _rate_limit(text: str, contract: Contract) -> RateLimit | None:
    if text == "none":
        return None
    count, slash, per = text.partition("/")
    if not slash or not re.fullmatch(r"[1-9][0-9]{0,8}", count):
        raise ValueError(f"{text!r} is not a rate; use <n>/<duration> such as 10/1s, or 'none'")
    return RateLimit(int(count), _positive_duration(per, contract))


def _scenario(text: str, contract: Contract) -> Script:
    return make_script(parse_named(text), contract)


def _hosts(text: str, contract: Contract) -> frozenset[str]:
    return frozenset(name.lower() for name in _names(text, contract))


_OPTIONAL = ""
"""The default of a setting that has no value unless it is given one."""


def _setting(
    parse: Parse, help_: str, default: str = _OPTIONAL, *, fact: str = "", own: bool = False
) -> Any:
    """Declare a setting.

    *fact* names the place in `service.json` that holds its default; *own* says that a sandbox
    can have a value of its own.
    """
    about = {"parse": parse, "help": help_, "default": default, "fact": fact, "own": own}
    return field(metadata=about)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the mock behaves; see `maxapi-mock serve --help` for each."""

    host: str = _setting(_text, "address to listen on", "127.0.0.1")
    port: int = _setting(_integer(0, 65535), "port to listen on; 0 takes a free one", "6290")
    public_url: str | None = _setting(_url, "base of result URLs, for a mock behind another name")
    api_key: frozenset[str] | None = _setting(
        _names, "accept only these Bearer tokens, comma-separated or repeated; else any"
    )
    model_cards: Path | None = _setting(_path, "folder of further model cards (*.json)")
    pace: str = _setting(
        _choice(*PACES), f"how tasks move on: {', '.join(PACES)}", "realtime", own=True
    )
    duration: timedelta | None = _setting(
        _task_duration,
        "time from submission to result, or 'typical' for the model's own",
        fact="lifecycle.duration",
        own=True,
    )
    cancellable: frozenset[str] = _setting(
        _states, "states that a task can be cancelled in", fact="lifecycle.cancellable", own=True
    )
    default_ratio: str = _setting(
        _ratio, "ratio of a result whose request names none", fact="results.default_ratio"
    )
    balance: Decimal | None = _setting(
        _balance, "US dollars that each sandbox can spend, or 'unlimited'", "unlimited", own=True
    )
    unknown_price: Decimal = _setting(
        _usd, "unit price in US dollars of models whose price nobody publishes", "0"
    )
    scenario: Script | None = _setting(
        _scenario, "what happens unless a request or a rule says otherwise", own=True
    )
    chaos: float = _setting(
        _rate, "probability of a mischief for each exchange and delivery", "0", own=True
    )
    rate_limit: RateLimit | None = _setting(
        _rate_limit,
        "requests that a sandbox lets in, as <n>/<duration>, or 'none'",
        "none",
        own=True,
    )
    control_token: str | None = _setting(
        _text, "token that the control plane asks for in X-Mock-Control-Token"
    )
    callback_allow: frozenset[str] | None = _setting(
        _hosts, "hosts that webhooks may go to, globs, comma-separated; else any"
    )
    seed: str | None = _setting(_text, "makes task ids, result files and chaos repeat")
    strict_callbacks: bool = _setting(
        _flag, "refuse a callBackUrl of this machine, as the live service does", "false", own=True
    )
    webhook_timeout: timedelta = _setting(
        _positive_duration,
        "time a webhook receiver has to answer",
        fact="webhook.timeout",
        own=True,
    )
    webhook_tries: int = _setting(
        _integer(1, 100), "attempts to deliver a webhook", fact="webhook.tries", own=True
    )
    webhook_backoff: timedelta = _setting(
        _duration,
        "wait before the second attempt; doubles each time",
        fact="webhook.backoff",
        own=True,
    )
    webhook_concurrency: int = _setting(
        _integer(1, 256), "webhooks in flight to one receiver at a time", "8"
    )
    result_expiry: timedelta = _setting(
        _duration,
        "time from the end of a task to that of its result URLs",
        fact="results.expire_after",
        own=True,
    )
    image_cache: int = _setting(_bytes, "bytes of result files kept in memory", "64M")
    max_body: int = _setting(_bytes, "bytes of the largest request body", fact="limits.body")
    max_nesting: int = _setting(
        _integer(1, 200), "levels of the deepest JSON accepted", fact="limits.nesting"
    )
    max_tasks: int = _setting(
        _integer(1, 10_000_000),
        "tasks that a sandbox remembers; what ended first is forgotten first",
        "100000",
    )
    max_sandboxes: int = _setting(
        _integer(1, 1_000_000), "sandboxes remembered; those at rest longest go first", "10000"
    )
    journal_entries: int = _setting(
        _integer(0, 1_000_000), "requests, and deliveries, that a sandbox's journal holds", "1000"
    )
    journal_bytes: int = _setting(_bytes, "bytes that all journals together hold", "64M")

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


@dataclass(frozen=True, slots=True)
class Resolved:
    """The settings in force, with the contract that they were read against."""

    settings: Settings
    contract: Contract
    origins: Mapping[str, str]
    """Where each setting was set: `--port`, `MAXAPI_MOCK_PORT`, a file, or `default`."""


@dataclass(frozen=True, slots=True)
class _Given:
    text: str
    origin: str


def resolve_settings(
    options: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Resolved:
    """Settle every setting: *options* over environment over config file over default.

    *options* are the command line's texts by setting name, `config` among them; *environment*
    and *folder* default to this process's. Raises SettingError, and ContractError for a wrong
    model card.
    """
    environ = os.environ if environment is None else environment
    given: dict[str, _Given] = {}
    given |= _from_file(_config_file(options or {}, environ, folder or Path.cwd()))
    given |= _from_environment(environ)
    given |= {
        name: _Given(text, option_of(name))
        for name, text in (options or {}).items()
        if name != "config"
    }
    cards = given.get("model_cards")
    contract = load_contract(None, Path(cards.text)) if cards else load_contract()
    values = {name: _value(name, given.get(name), contract) for name in SETTINGS}
    origins = {name: given[name].origin if name in given else "default" for name in SETTINGS}
    return Resolved(Settings(**values), contract, origins)


def make_settings(contract: Contract, **changes: Any) -> Settings:
    """Make settings in a program: the defaults, but for *changes*, which are values, not texts."""
    values = {name: _value(name, None, contract) for name in SETTINGS if name not in changes}
    return Settings(**values, **changes)


def changed_settings(settings: Settings, texts: Mapping[str, str], contract: Contract) -> Settings:
    """Give *settings* with the *texts* of some of the settings that a sandbox can have.

    Raises SettingError.
    """
    known = {name.replace("_", "-"): name for name in SETTINGS if SETTINGS[name].metadata["own"]}
    values = {}
    for key, text in texts.items():
        name = key.replace("_", "-")
        _check_name(name, "the settings of a sandbox", known)
        given = _Given(text, "the control plane")
        values[known[name]] = _value(known[name], given, contract)
    return dataclasses.replace(settings, **values)


def option_of(name: str) -> str:
    """Name the command line's option for a setting."""
    return f"--{name.replace('_', '-')}"


def show_value(value: Any) -> str:
    """Write a setting's value as it would be given."""
    if value is None:
        return "-"
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, Script):
        return ", ".join(value.names)
    if isinstance(value, frozenset):
        return ",".join(sorted(value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _value(name: str, given: _Given | None, contract: Contract) -> Any:
    about = SETTINGS[name].metadata
    if given is None:
        default = default_text(name, contract)
        return None if default == _OPTIONAL else about["parse"](default, contract)
    try:
        given.text.encode()  # the command line and the environment can hold any bytes
        return about["parse"](given.text, contract)
    except UnicodeEncodeError:
        label = name.replace("_", "-")
        raise SettingError(f"{label}: not UTF-8; use text (set by {given.origin})") from None
    except ValueError as error:
        raise SettingError(f"{name.replace('_', '-')}: {error} (set by {given.origin})") from None


def default_text(name: str, contract: Contract) -> str:
    """Give the default of a setting as it would be given; empty if it has none."""
    about = SETTINGS[name].metadata
    if not about["fact"]:
        return str(about["default"])
    value = contract.fact(about["fact"])
    return ",".join(value) if isinstance(value, list) else str(value)


def _check_name(name: str, origin: str, known: Mapping[str, str]) -> None:
    if name not in known:
        near = get_close_matches(name, known, n=1) or get_close_matches(name.upper(), known, n=1)
        hint = f", did you mean {near[0]}?" if near else f"; use one of {', '.join(known)}"
        raise SettingError(f"{name}: no such setting (in {origin}){hint}")


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, _Given]]:
    known = {f"{ENVIRONMENT}{name.upper()}": name for name in SETTINGS}
    for variable in sorted(environment):
        if variable.startswith(ENVIRONMENT) and variable not in _NOT_SETTINGS:
            _check_name(variable, "the environment", known)
            yield known[variable], _Given(environment[variable], variable)


def _config_file(
    options: Mapping[str, str], environment: Mapping[str, str], folder: Path
) -> tuple[Path, Mapping[str, Any]]:
    named = options.get("config", environment.get(f"{ENVIRONMENT}CONFIG"))
    if named is not None:
        return Path(named), _read_toml(Path(named))
    own, shared = folder / CONFIG_FILE, folder / "pyproject.toml"
    if own.exists():
        return own, _read_toml(own)
    return shared, _section(shared) if shared.is_file() else {}


def _section(path: Path) -> Mapping[str, Any]:
    """Read the mock's table of a `pyproject.toml`, which need not have one."""
    tools = _read_toml(path).get("tool", {})
    section = tools.get("maxapi-mock", {}) if isinstance(tools, Mapping) else {}
    if not isinstance(section, Mapping):
        raise SettingError(f"config: {path}: tool.maxapi-mock is no table; use [tool.maxapi-mock]")
    return section


def _read_toml(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SettingError(f"config: {path}: {reason}; use a readable TOML file") from None


def _from_file(file: tuple[Path, Mapping[str, Any]]) -> Iterator[tuple[str, _Given]]:
    path, table = file
    known = {name.replace("_", "-"): name for name in SETTINGS}
    for key, value in table.items():
        name = key.replace("_", "-")
        _check_name(name, str(path), known)
        yield known[name], _Given(_as_text(name, value, path), str(path))


def _as_text(name: str, value: Any, path: Path) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    if not isinstance(value, str | int | float):
        raise SettingError(
            f"{name}: {value!r} is not accepted; use a string, number or true/false (set by {path})"
        )
    return str(value)
