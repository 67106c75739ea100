"""The command `maxapi-mock`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from importlib import import_module
from io import TextIOWrapper
from typing import Any

import click

from mockserver.commands.command import CONTEXT, HELP, Context, did_you_mean, explained
from mockserver.commands.output import FAILURE, INTERRUPTED, PASS, USAGE, complain, not_written
from mockserver.errors import MaxapiMockError
from mockserver.version import __version__

_COMMANDS: Mapping[str, tuple[str, str]] = {
    "serve": ("serve", "serve the mock until interrupted"),
    "run": ("run", "run a command, for example a test suite, with a mock of its own"),
    "listen": ("listen", "receive webhooks and print them, until interrupted"),
    "verify": ("verify", "run the checks of the contract on a mock, or on the live API"),
    "proxy": ("proxy", "pass an app's own traffic on unchanged, and check it against the contract"),
    "validate": ("validate", "check JSON documents against the contract"),
    "models": ("models", "print the models, or all that is known of one"),
    "card": ("models", "print a model's card, as a start for one of your own"),
    "demo": ("demo", "show one task from submission to image"),
    "scenarios": ("scenarios", "print the catalogue of scenarios"),
    "openapi": ("openapi", "print the contract as OpenAPI 3.1"),
}
"""Each command, with the module that it is imported from once it is called, and its summary."""

_NAME = "maxapi-mock"
_COMPLETE = "_MAXAPI_MOCK_COMPLETE"
"""The variable by which a shell asks for completions."""
_EPILOG = f"""\
\b
To complete commands and options in your shell, add the line for it to its startup file:
  bash  eval "$({_COMPLETE}=bash_source maxapi-mock)"
  zsh   eval "$({_COMPLETE}=zsh_source maxapi-mock)"
  fish  {_COMPLETE}=fish_source maxapi-mock | source
"""


class _Commands(click.Group):
    """The commands, of which only the one that is called is imported."""

    context_class = Context

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module, summary = _COMMANDS[cmd_name]
        found: click.Command = getattr(import_module(f"mockserver.commands.{module}"), cmd_name)
        found.help = f"{summary[0].upper()}{summary[1:]}."
        return found

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            ctx.fail(f"no command; use one of {', '.join(_COMMANDS)}")
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in _COMMANDS and not ctx.resilient_parsing:
            near = get_close_matches(args[0], _COMMANDS, n=1)
            hint = did_you_mean(near) or f"; use one of {', '.join(_COMMANDS)}"
            ctx.fail(f"no such command: {args[0]!r}{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in _COMMANDS.items()])

    def get_help_option(self, ctx: click.Context) -> click.Option | None:  # noqa: ARG002
        return HELP


def _print_version(ctx: click.Context, _option: click.Parameter, value: Any) -> None:
    if value and not ctx.resilient_parsing:
        print(f"{_NAME} {__version__}")
        ctx.exit()


_VERSION = click.Option(
    ["--version"],
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="show the version and end",
)
_MAIN = _Commands(
    _NAME,
    help="A local stand-in for MaxAPI.",
    epilog=_EPILOG,
    params=[_VERSION],
    subcommand_metavar="COMMAND [OPTIONS]",
    options_metavar="",
    no_args_is_help=False,
    context_settings=CONTEXT,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with *arguments*, by default the process's; return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name of a file can be any bytes
    try:
        with _flushed():
            return _perform(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        sys.stdout = None  # what is left cannot be written
        if isinstance(error, BrokenPipeError):
            return FAILURE
        complain(f"{_NAME}: {not_written(error)}")
        return USAGE


@contextmanager
def _flushed() -> Iterator[None]:
    """Flush whatever was printed, also the help, so that an error of writing is noticed."""
    try:
        yield
    finally:
        if sys.stdout is not None:
            sys.stdout.flush()


def _perform(arguments: Sequence[str]) -> int:
    """Run the command; every error that is for people ends in one line here."""
    _complete()
    command = _NAME
    try:
        with _MAIN.make_context(_NAME, list(arguments)) as context:
            try:
                status: int = _MAIN.invoke(context)
            finally:
                command = f"{_NAME} {context.invoked_subcommand}"
            return status
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.UsageError as error:
        complain(explained(error))
        return USAGE
    except MaxapiMockError as error:
        complain(f"{command if error.names_command else _NAME}: {error}")
        return error.status


def _complete() -> None:
    """Answer a shell that asks for completions, and end."""
    asked = os.environ.get(_COMPLETE)
    if asked:
        from click.shell_completion import shell_complete

        status: int = USAGE
        with suppress(KeyError, ValueError):  # a shell would have set more variables
            status = shell_complete(_MAIN, {}, _NAME, _COMPLETE, asked)
        if status:
            known = "bash_source, zsh_source or fish_source"
            complain(f"{_NAME}: {_COMPLETE}: {asked[:20]!r} is not accepted; use {known}")
        raise SystemExit(USAGE if status else PASS)
