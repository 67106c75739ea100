"""Reads settings from options, environment and config file; nothing else reads these."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from mockserver.contract import Contract, load_contract
from mockserver.domain.durations import format_duration
from mockserver.domain.scenario import Script
from mockserver.errors import MaxapiMockError
from mockserver.settings.declared import SETTINGS, Settings
from mockserver.settings.environment import CONFIG, settings_in
from mockserver.settings.setting import OPTIONAL
from mockserver.settings.texts import HIDDEN

CONFIG_FILE = "maxapi-mock.toml"


class SettingError(MaxapiMockError):
    """A setting is wrong; the message says which, where it was set, and what is accepted."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """The settings in force, and the contract with which they were read."""

    settings: Settings
    contract: Contract
    origins: Mapping[str, str]
    """Where each setting was set: `--port`, `MAXAPI_MOCK_PORT`, a file, or `default`."""


@dataclass(frozen=True, slots=True)
class _Given:
    text: str
    origin: str
    """Empty if whoever gets the message has set it."""

    def rejected(self, name: str, why: object) -> SettingError:
        """Make the error of a wrong text."""
        where = f" (set by {self.origin})" if self.origin else ""
        return SettingError(f"{name.replace('_', '-')}: {why}{where}")


def resolve_settings(
    options: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    *,
    names: Callable[[str], str] | None = None,
) -> Resolved:
    """Resolve every setting: options before environment, config file and defaults.

    *options* are texts by setting name, with `config` among them, and *names* is what their user
    calls each, by default the option of the command line; *environment* and *folder* default to
    this process's. Raises SettingError, and ContractError for an unusable model card.
    """
    environ = os.environ if environment is None else environment
    given = _given(options or {}, environ, folder or Path.cwd(), names or option_of)
    contract = _contract(given)
    values = {name: _value(name, given.get(name), contract) for name in SETTINGS}
    origins = {name: given[name].origin if name in given else "default" for name in SETTINGS}
    return Resolved(Settings(**values), contract, origins)


def resolve_contract(
    options: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Contract:
    """Read the contract as `resolve_settings` does, whatever other settings are.

    Raises SettingError for options and config files that cannot be read, and ContractError.
    """
    environ = os.environ if environment is None else environment
    return _contract(_given(options or {}, environ, folder or Path.cwd(), option_of))


def _given(
    options: Mapping[str, str],
    environ: Mapping[str, str],
    folder: Path,
    names: Callable[[str], str],
) -> dict[str, _Given]:
    """Collect the texts of all settings that are set anywhere."""
    given: dict[str, _Given] = {}
    given |= _from_file(_config_file(options, environ, folder))
    given |= {name: _Given(environ[variable], variable) for variable, name in settings_in(environ)}
    for name, text in options.items():
        if name != "config":
            _check_name(name, "(in the arguments)", SETTINGS)
            given[name] = _Given(text, names(name))
    return given


def _contract(given: Mapping[str, _Given]) -> Contract:
    files = {name: Path(given[name].text) for name in ("model_cards", "service") if name in given}
    if not files:
        return load_contract()
    return load_contract(None, files.get("model_cards"), files.get("service"))


def make_settings(contract: Contract, **changes: Any) -> Settings:
    """Return the default settings with *changes*, which are values, not texts."""
    values = {name: _value(name, None, contract) for name in SETTINGS if name not in changes}
    return Settings(**values, **changes)


def changed_settings(settings: Settings, texts: Mapping[str, str], contract: Contract) -> Settings:
    """Return *settings* with those changed that *texts* has, as a sandbox can have them.

    Raises SettingError, which does not say where they were set: only the caller knows.
    """
    known = {name.replace("_", "-"): name for name in SETTINGS if SETTINGS[name].metadata["own"]}
    values = {}
    for key, text in texts.items():
        name = key.replace("_", "-")
        if key.replace("-", "_") in SETTINGS and name not in known:
            problem = "belongs to the whole mock, not to a sandbox"
            raise SettingError(f"{name}: {problem}; set it where the mock is started")
        _check_name(name, "of a sandbox", known)
        values[known[name]] = _value(known[name], _Given(text, ""), contract)
    return dataclasses.replace(settings, **values)


def option_of(name: str) -> str:
    """Return the command-line option of a setting."""
    return f"--{name.replace('_', '-')}"


def show_value(name: str, value: Any) -> str:
    """Return a setting's value as a user would write it; `-` if there is no text for it.

    A secret is not shown.
    """
    if value is None:
        return str(SETTINGS[name].metadata["none"]) or "-"
    if SETTINGS[name].metadata["secret"]:
        return HIDDEN
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
        return _default(name, contract)
    try:
        given.text.encode()  # the command line and the environment can contain any bytes
        return about["parse"](given.text, contract)
    except UnicodeEncodeError:
        raise given.rejected(name, "not UTF-8; use text") from None
    except ValueError as error:
        raise given.rejected(name, error) from None


def _default(name: str, contract: Contract) -> Any:
    about, default = SETTINGS[name].metadata, default_text(name, contract)
    try:
        return None if default == OPTIONAL else about["parse"](default, contract)
    except ValueError as error:  # a user's own file can have any default
        label = name.replace("_", "-")
        raise SettingError(f"{label}: {error} (set by {about['fact']} of the service)") from None


def default_text(name: str, contract: Contract) -> str:
    """Return the default of a setting as a user would write it; empty if it has none."""
    about = SETTINGS[name].metadata
    if not about["fact"]:
        return str(about["default"])
    value = contract.fact(about["fact"])
    return ",".join(value) if isinstance(value, list) else str(value)


def _check_name(name: str, where: str, known: Mapping[str, Any]) -> None:
    if name not in known:
        from difflib import get_close_matches

        near = get_close_matches(name, known, n=1) or get_close_matches(name.upper(), known, n=1)
        hint = f", did you mean {near[0]}?" if near else f"; use one of {', '.join(known)}"
        raise SettingError(f"{name}: no such setting {where}{hint}")


def _config_file(
    options: Mapping[str, str], environment: Mapping[str, str], folder: Path
) -> tuple[Path, Mapping[str, Any]]:
    named = options.get("config", environment.get(CONFIG) or None)
    if named is not None:
        return Path(named), _read_toml(Path(named))
    own, shared = folder / CONFIG_FILE, folder / "pyproject.toml"
    if own.exists():
        return own, _read_toml(own)
    return shared, _section(shared) if shared.is_file() else {}


def config_files(
    environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> list[Path]:
    """List the config files that are there, of which only the first is read. Raises SettingError.

    *environment* and *folder* default to this process's.
    """
    environ = os.environ if environment is None else environment
    here = folder or Path.cwd()
    own, shared = here / CONFIG_FILE, here / "pyproject.toml"
    found = [Path(environ[CONFIG])] if environ.get(CONFIG) else []
    found += [own] if own.exists() else []
    return found + ([shared] if shared.is_file() and _section(shared) else [])


def _section(path: Path) -> Mapping[str, Any]:
    """Read the mock's table of a `pyproject.toml`; it may be missing."""
    tools = _read_toml(path).get("tool", {})
    section = tools.get("maxapi-mock", {}) if isinstance(tools, Mapping) else {}
    if not isinstance(section, Mapping):
        raise SettingError(
            f"config: {path}: tool.maxapi-mock is not a table; use [tool.maxapi-mock]"
        )
    return section


def _read_toml(path: Path) -> Mapping[str, Any]:
    try:
        return _parsed(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SettingError(f"config: {path}: {reason}; use a readable TOML file") from None


@lru_cache(maxsize=4)
def _parsed(text: str) -> Mapping[str, Any]:
    """Read TOML, which takes long: each mock of a test suite begins with the same file."""
    import tomllib

    return tomllib.loads(text)


def _from_file(file: tuple[Path, Mapping[str, Any]]) -> Iterator[tuple[str, _Given]]:
    path, table = file
    known = {name.replace("_", "-"): name for name in SETTINGS}
    for key, value in table.items():
        name = key.replace("_", "-")
        _check_name(name, f"(in {path})", known)
        yield known[name], _Given(_as_text(name, value, path), str(path))


def _as_text(name: str, value: Any, path: Path) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list) and all(type(item) in (str, int) for item in value):
        return ",".join(map(str, value))
    if not isinstance(value, str | int | float):
        shown = HIDDEN if SETTINGS[name.replace("-", "_")].metadata["secret"] else repr(value)
        raise SettingError(
            f"{name}: {shown} is not accepted; use a string, number or true/false (set by {path})"
        )
    return str(value)
