"""The settings as options of a command."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress

from mockserver.contract import Contract, load_contract
from mockserver.settings import (
    SETTINGS,
    Resolved,
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
    print(f"{prog}: {message} (see {prog} --help)", file=sys.stderr)
    return USAGE


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
            print(f"maxapi-mock: {warning}", file=sys.stderr, flush=True)
