"""The settings as options of a command."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial, wraps
from typing import Any

import click

from mockserver.commands.command import Decorator, Option, Run, option
from mockserver.commands.output import complain
from mockserver.contract import Contract, load_contract
from mockserver.domain.scenario import SCENARIOS
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
from mockserver.settings.declared import GROUPS
from mockserver.settings.texts import read_authorities, read_choice, read_path

Given = Mapping[str, str]
"""The texts that the command line has for settings, and for the config file."""

_GIVEN = f"{__name__}.given"
_REPEATED = {"api_key": "KEY", "expect": "WHAT"}
"""Settings that an option can be repeated for."""


class _Setting(Option):
    """The option of a setting; its text is read together with the other sources of settings."""

    def __init__(self, *declared: Any, own_default: str = "", **attributes: Any) -> None:
        super().__init__(*declared, **attributes)
        self._own_default = own_default

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the option and what the setting is for, with the contract's default."""
        name = str(self.name)
        own, default = self._own_default, default_text(name, load_contract())
        default = f"default: {own}" if own else default and f"default {default}"
        self.help = SETTINGS[name].metadata["help"] + (f" ({default})" if default else "")
        return super().get_help_record(ctx)


def with_settings(*names: str, defaults: Mapping[str, str] | None = None) -> Decorator:
    """Add the options of the settings, or of some of them; the function receives `settings`.

    *defaults* are those that the command has for settings itself, in words.
    """

    def decorate(run: Run) -> Run:
        @wraps(run)
        def with_given(**values: object) -> int:
            return run(settings=given_settings(click.get_current_context()), **values)

        added: list[Decorator] = [
            _setting(name, group if not names else "Options", (defaults or {}).get(name, ""))
            for group, members in GROUPS.items()
            for name in members
            if not names or name in names
        ]
        config: Decorator = option(
            "--config",
            metavar="FILE",
            type=click.Path(),
            help="config file (TOML)",
            expose_value=False,
            callback=_note,
        )
        for add in (*reversed(added), config):
            add(with_given)
        return with_given

    return decorate


def _setting(name: str, group: str, default: str) -> Decorator:
    read = SETTINGS[name].metadata["parse"]
    extra: dict[str, Any] = {"metavar": "VALUE"}
    if SETTINGS[name].metadata["default"] in ("true", "false"):
        extra = {"is_flag": False, "flag_value": "true", "metavar": "[true|false]"}
    elif name in _REPEATED:
        extra = {"metavar": _REPEATED[name], "multiple": True}
    elif name == "scenario":
        extra = {"metavar": "VALUE", "shell_complete": completes(SCENARIOS)}
    elif isinstance(read, partial) and read.func is read_choice:
        extra = {"metavar": "|".join(read.args[0]), "shell_complete": completes(read.args[0])}
    elif read in (read_path, read_authorities):
        extra = {"metavar": "PATH", "type": click.Path()}
    extra |= {"expose_value": False, "callback": _note, "group": group, "own_default": default}
    return click.option(option_of(name), name, cls=_Setting, **extra)


def completes(
    names: Iterable[str],
) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """Let a shell complete the value of an option or argument, or the last of a list of *names*."""

    def complete(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
        before, comma, last = begun.rpartition(",")
        return [f"{before}{comma}{one}" for one in names if one.startswith(last.lstrip())]

    return complete


def complete_models(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """Let a shell complete the name of a model."""
    return completes(load_contract().cards)(context, parameter, begun)


def _note(
    context: click.Context, parameter: click.Parameter, value: str | tuple[str, ...] | None
) -> None:
    if value is not None and value != ():
        text = value if isinstance(value, str) else ",".join(value)
        context.meta.setdefault(_GIVEN, {})[parameter.name] = text


def given_settings(context: click.Context) -> Given:
    """Return the texts that a command line has for settings."""
    given: Given = context.meta.get(_GIVEN, {})
    return given


def resolve(given: Given, **own: str) -> Resolved:
    """Settle the settings from the command line's texts; *own* go before all else.

    What is wrong in the environment without being in the way is said on standard error. Raises
    SettingError and ContractError.
    """
    _warn_of_variables()
    return resolve_settings({**given, **own})


def contract_of(given: Given) -> Contract:
    """Read the contract that the command line names; wrong settings of a server do not matter.

    Raises SettingError and ContractError.
    """
    _warn_of_variables()
    return resolve_contract(given)


def secrets_of(settings: Settings) -> list[str | None]:
    """Return what must not be shown of the settings."""
    return [settings.control_token, settings.webhook_secret, *(settings.api_key or ())]


def _warn_of_variables() -> None:
    if sys.stderr is None:
        return
    for warning in unknown_variables(os.environ):
        with suppress(OSError):
            complain(f"{click.get_current_context().command_path}: {warning}")
