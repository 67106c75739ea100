"""The command `maxapi-mock`, of which only the subcommand that is called is imported."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

import click

from mockserver.commands.command import CONTEXT, HELP, Context, did_you_mean, explained
from mockserver.commands.output import PASS, USAGE, complain
from mockserver.commands.overview import COMMANDS, COMPLETE, NAME, VERSION_HELP, called, overview
from mockserver.errors import MaxapiMockError
from mockserver.version import __version__


class _Commands(click.Group):
    """The commands, of which only the one that is called is imported."""

    context_class = Context

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, summary = COMMANDS[cmd_name]
        found: click.Command = getattr(import_module(f"mockserver.commands.{module}"), cmd_name)
        found.help = f"{summary[0].upper()}{summary[1:]}."
        return found

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            ctx.fail(f"no command; use one of {', '.join(COMMANDS)}")
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not ctx.resilient_parsing:
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = did_you_mean(near) or f"; use one of {', '.join(COMMANDS)}"
            ctx.fail(f"no such command: {args[0]!r}{hint}")
        return super().resolve_command(ctx, args)

    def get_help(self, ctx: click.Context) -> str:  # noqa: ARG002
        return overview()

    def get_help_option(self, ctx: click.Context) -> click.Option | None:  # noqa: ARG002
        return HELP


def _print_version(ctx: click.Context, _option: click.Parameter, value: Any) -> None:
    if value and not ctx.resilient_parsing:
        print(f"{NAME} {__version__}")
        ctx.exit()


_VERSION = click.Option(
    ["--version"],
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help=VERSION_HELP,
)
MAIN = _Commands(
    NAME,
    params=[_VERSION],
    no_args_is_help=False,
    context_settings=CONTEXT,
)


def perform(arguments: Sequence[str]) -> int:
    """Run the command, return its status; every error that is for people ends in one line here."""
    _complete()
    try:
        with MAIN.make_context(NAME, list(arguments)) as context:
            status: int = MAIN.invoke(context)
            return status
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.UsageError as error:
        complain(explained(error))
        return USAGE
    except MaxapiMockError as error:
        complain(f"{called(arguments)}: {error}")
        return error.status


def _complete() -> None:
    """Answer a shell that asks for completions, and end."""
    asked = os.environ.get(COMPLETE)
    if asked:
        from click.shell_completion import shell_complete

        status: int = USAGE
        with suppress(KeyError, ValueError):  # a shell would have set more variables
            status = shell_complete(MAIN, {}, NAME, COMPLETE, asked)
        if status:
            known = "bash_source, zsh_source or fish_source"
            complain(f"{NAME}: {COMPLETE}: {asked[:20]!r} is not accepted; use {known}")
        raise SystemExit(USAGE if status else PASS)
