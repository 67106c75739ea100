"""The settings as options of a command."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from contextlib import suppress

from mockserver.contract import Contract, load_contract
from mockserver.domain.redaction import Redactor, is_ours, without_url_secrets
from mockserver.settings import (
    SETTINGS,
    Resolved,
    Settings,
    default_text,
    option_of,
    resolve_contract,
    resolve_settings,
    unknown_variables,
)

PASS, FAILURE, USAGE, INTERRUPTED = 0, 1, 2, 130
"""What a command ends with."""

_REPEATED = {"api_key": "KEY", "expect": "WHAT"}
"""Settings that an option can be repeated for."""


def usage(command: str, message: str) -> int:
    """Say what is wrong with how a command was called; give its exit status."""
    prog = f"maxapi-mock {command}"
    complain(f"{prog}: {message} (see {prog} --help)")
    return USAGE


def complain(text: str) -> None:
    """Print a line of *text* for people, if anybody is there to read it; no secrets of URLs."""
    if sys.stderr is None:
        return
    try:
        print(without_url_secrets(text), file=sys.stderr, flush=True)
    except OSError:
        sys.stderr = None


def say(text: str) -> None:
    """Print *text* where a reader that has gone must not keep this command from its work."""
    if sys.stdout is None:
        return
    try:
        print(text, flush=True)
    except OSError as error:
        sys.stdout = None
        if not isinstance(error, BrokenPipeError):
            complain(f"maxapi-mock: {not_written(error)}")


def not_written(error: OSError) -> str:
    """Say which file cannot be written, and why."""
    return f"{error.filename or 'standard output'}: {error.strerror or error}"


def without_secrets(text: str, secrets: Iterable[str | None]) -> str:
    """Give *text* without *secrets*, but for keys that the mock made, and without those of URLs."""
    own = [one for one in secrets if one and not is_ours(one)]
    return without_url_secrets(Redactor(own).text(text))


def secrets_of(settings: Settings) -> list[str | None]:
    """Give what must not be shown of the settings."""
    return [settings.control_token, settings.webhook_secret, *(settings.api_key or ())]


def command_line() -> str:
    """Say how this command was called, without secrets of URLs; no option holds another one."""
    return without_url_secrets(" ".join(["maxapi-mock", *sys.argv[1:]]))


def add_settings(parser: argparse.ArgumentParser, *names: str) -> None:
    """Add the options of the settings, or of some of them."""
    parser.add_argument("--config", metavar="FILE", help="config file (TOML)")
    contract = load_contract()
    added = [name for name in SETTINGS if not names or name in names]
    parser.set_defaults(settings=added)  # another option can have the name of a setting
    for name in added:
        setting = SETTINGS[name]
        about = setting.metadata
        default = f" (default {text})" if (text := default_text(name, contract)) else ""
        extra: dict[str, object] = {"metavar": "VALUE"}
        if about["default"] in ("true", "false"):
            extra = {"nargs": "?", "const": "true", "metavar": "true|false"}
        elif name in _REPEATED:
            extra = {"action": "append", "metavar": _REPEATED[name]}
        help_ = (about["help"] + default).replace("%", "%%")
        parser.add_argument(option_of(name), dest=name, help=help_, **extra)  # type: ignore[arg-type]


def resolve(options: argparse.Namespace, **own: str) -> Resolved:
    """Settle the settings from the command's options; *own* go before all else.

    What is wrong in the environment without being in the way is said on standard error. Raises
    SettingError and ContractError.
    """
    _warn_of_variables()
    return resolve_settings(_given(options) | own)


def contract_of(options: argparse.Namespace) -> Contract:
    """Read the contract that the command's options name; wrong settings of a server do not matter.

    Raises SettingError and ContractError.
    """
    _warn_of_variables()
    return resolve_contract(_given(options))


def _given(options: argparse.Namespace) -> dict[str, str]:
    given: dict[str, str] = {}
    for name in ("config", *options.settings):
        value = getattr(options, name, None)
        if value is not None:
            given[name] = ",".join(value) if isinstance(value, list) else value
    return given


def _warn_of_variables() -> None:
    if sys.stderr is None:
        return
    for warning in unknown_variables(os.environ):
        with suppress(OSError):
            complain(f"maxapi-mock: {warning}")
