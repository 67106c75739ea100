"""What commands are made of: options grouped by subject, and errors that say what is accepted."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import Any, TypeVar

import click

from mockserver.commands import overview
from mockserver.commands.output import plain_words
from mockserver.domain.redaction import SHORTEST

_OPTIONS = "Options"
_OPTION = re.compile(r"-(?![0-9.]|\Z)")
"""How an option begins; a negative number is a value, and so is `-`."""
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": overview.WIDEST}

T = TypeVar("T")
Run = Callable[..., int]
Decorator = Callable[[Run], Run]


class Option(click.Option):
    """An option that help shows below the title *group*."""

    def __init__(self, *declared: Any, group: str = _OPTIONS, **attributes: Any) -> None:
        super().__init__(*declared, **attributes)
        self.group = group
        self.can_have_value = not self.is_flag
        self.needs_value = self.can_have_value and "flag_value" not in attributes


class Argument(click.Argument):
    """An argument that help describes."""

    def __init__(self, *declared: Any, about: str, **attributes: Any) -> None:
        super().__init__(*declared, **attributes)
        self._about = about

    def get_help_record(self, ctx: click.Context) -> tuple[str, str]:
        """Return its name and what it is for."""
        return self.make_metavar(ctx), self._about


class _Formatter(click.HelpFormatter):
    """Writes headings in bold on a terminal."""

    def write_heading(self, heading: str) -> None:
        self.write(f"{'':>{self.current_indent}}{overview.heading(heading)}\n")


class Context(click.Context):
    """What is known of one call of a command."""

    formatter_class = _Formatter


class Command(click.Command):
    """A command whose help is grouped, and that shows no value of what it does not know."""

    context_class = Context
    allow_extra_args = True  # so that they are rejected here

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the command line. Raises UsageError."""
        if not ctx.resilient_parsing:
            self._check_values(ctx, args)
        try:
            rest = super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx  # click's parser does not say which command it was
            raise
        if rest and not ctx.resilient_parsing:
            ctx.fail(f"unrecognized arguments: {' '.join(map(_cut, rest))}")
        return rest

    def _check_values(self, ctx: click.Context, args: Sequence[str]) -> None:
        """Raise UsageError if an option stands where the value of another one was forgotten.

        click would take it for the value, and `run --seed -- rm` would run with the seed `--`.
        """
        options = {name: one for one in self.params if isinstance(one, Option) for name in one.opts}
        rest = list(reversed(args))
        while rest:
            word = rest.pop()
            found = options.get(word)
            if word == "--" or not (word.startswith("-") or ctx.allow_interspersed_args):
                return
            has_value = bool(rest) and not _OPTION.match(rest[-1])
            if found is not None and found.needs_value and not has_value:
                raise click.BadOptionUsage(word, f"{word}: a value is missing", ctx)
            if found is not None and found.can_have_value and has_value:
                rest.pop()

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, group by group."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for one in self.get_params(ctx):
            record = one.get_help_record(ctx)
            title = "Arguments" if isinstance(one, Argument) else getattr(one, "group", _OPTIONS)
            if record is not None:
                groups.setdefault(title, []).append(record)
        groups[_OPTIONS] = groups.pop(_OPTIONS)  # what every command has comes last
        for title, rows in groups.items():
            with formatter.section(title):
                formatter.write_dl(rows)

    def get_help_option(self, ctx: click.Context) -> click.Option | None:  # noqa: ARG002
        """Return the option that prints the help."""
        return HELP


def _print_help(ctx: click.Context, _option: click.Parameter, value: object) -> None:
    if value and not ctx.resilient_parsing:
        print(ctx.get_help())
        ctx.exit()


HELP = click.Option(
    ["-h", "--help"],
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_help,
    help=overview.HELP_HELP,
)
"""The option that prints the help of a command, and ends it; one object, as click compares it."""


def command(name: str, *, epilog: str = "", own_words: bool = False) -> Callable[[Run], Command]:
    """Make a command of a function; its help begins with its summary in the list of commands.

    With *own_words*, everything from the first argument on is left as it is.
    """
    settings = {**CONTEXT, "allow_interspersed_args": not own_words}
    return click.command(name, cls=Command, help="", epilog=epilog, context_settings=settings)


option = partial(click.option, cls=Option)
argument = partial(click.argument, cls=Argument)


def receives(kind: Callable[..., T]) -> Callable[[Callable[[T], int]], Run]:
    """Let a function receive the command's options as one record of *kind*."""

    def decorate(run: Callable[[T], int]) -> Run:
        @wraps(run)
        def with_record(**values: object) -> int:
            return run(kind(**values))

        return with_record

    return decorate


def explained(error: click.UsageError) -> str:
    """Write what is wrong with how a command was called, on one line."""
    path = error.ctx.command_path if error.ctx else "maxapi-mock"
    return f"{path}: {plain_words(_reason(error))} (see {path} --help)"


def _reason(error: click.UsageError) -> str:
    if isinstance(error, click.NoSuchOption):
        return f"no such option: {error.option_name}{did_you_mean(error.possibilities or ())}"
    if isinstance(error, click.MissingParameter):
        return f"{_name(error)}: is missing"
    if isinstance(error, click.BadParameter) and error.param is not None:
        return f"{_name(error)}: {error.message}"
    return error.message


def _name(error: click.BadParameter) -> str:
    if isinstance(error.param, click.Option):
        return error.param.opts[-1]
    return (error.param and (error.param.metavar or error.param.name)) or "an argument"


def did_you_mean(near: Sequence[str]) -> str:
    """Return the end of a message about an unknown name: the known one that may be meant."""
    return f", did you mean {near[0]}?" if near else ""


def _cut(text: str) -> str:
    """Return the beginning of an argument that is not expected: it can be a key."""
    return text if len(text) < SHORTEST else f"{text[:3]}..."
