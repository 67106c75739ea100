"""The list of commands, and the help that shows it, which is there at once: nothing is imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import wrap

NAME = "maxapi-mock"
COMMANDS: Mapping[str, tuple[str, str]] = {
    "serve": ("serve", "serve the mock until interrupted"),
    "run": ("run", "run a command, for example a test suite, with a mock of its own"),
    "listen": ("listen", "receive webhooks and print them, until interrupted"),
    "logs": ("logs", "print what has happened in a mock that runs, and go on with --follow"),
    "tasks": ("tasks", "print the tasks of a mock that runs"),
    "task": ("tasks", "print what happened to a task, what is to come, and curl lines"),
    "trigger": ("tasks", "submit a sample of a model to a mock that runs"),
    "state": ("state", "export sandboxes of a mock or a database to a file, or import them"),
    "verify": ("verify", "run the checks of the contract on a mock, or on the live API"),
    "proxy": ("proxy", "pass an app's own traffic on unchanged, and check it against the contract"),
    "validate": ("validate", "check JSON documents against the contract"),
    "models": ("models", "print the models, or all that is known of one"),
    "card": ("models", "print a model's card, as a start for one of your own"),
    "demo": ("demo", "show one task from submission to image"),
    "scenarios": ("scenarios", "print the catalogue of scenarios"),
    "openapi": ("openapi", "print the contract as OpenAPI 3.1"),
    "mcp": ("mcp", "let a coding assistant look at a mock that runs, by MCP on standard input"),
    "doctor": ("doctor", "print what a report of a problem needs, and what is wrong here"),
}
"""Each command, with the module that it is imported from once it is called, and its summary."""
COMPLETE = "_MAXAPI_MOCK_COMPLETE"
"""The variable by which a shell asks for completions."""
VERSION_HELP = "show the version and exit"
HELP_HELP = "show this message and exit"
WIDEST = 100
"""Columns of a terminal that the help uses."""
_EPILOG = f"""\
  To complete commands and options in your shell, add the line for it to its startup file:
    bash  eval "$({COMPLETE}=bash_source maxapi-mock)"
    zsh   eval "$({COMPLETE}=zsh_source maxapi-mock)"
    fish  {COMPLETE}=fish_source maxapi-mock | source"""


def called(arguments: Sequence[str]) -> str:
    """Return what every message of a call begins with: `maxapi-mock`, and the command if any."""
    return f"{NAME} {arguments[0]}" if arguments and arguments[0] in COMMANDS else NAME


def overview() -> str:
    """Return the help of `maxapi-mock` itself, in the width of the terminal."""
    options = {"--version": VERSION_HELP, "-h, --help": HELP_HELP}
    commands = {name: summary for name, (_, summary) in COMMANDS.items()}
    sections = (
        [f"Usage: {NAME} COMMAND [OPTIONS]"],
        ["  A local stand-in for MaxAPI."],
        [heading("Options"), *_rows(options.items())],
        [heading("Commands"), *_rows(commands.items())],
        [_EPILOG],
    )
    return "\n\n".join("\n".join(lines) for lines in sections)


def heading(title: str) -> str:
    """Return a heading, in bold on a terminal whose user did not say NO_COLOR."""
    return f"\x1b[1m{title}:\x1b[0m" if _is_coloured() else f"{title}:"


def _is_coloured() -> bool:
    if sys.stdout is None or os.environ.get("NO_COLOR"):
        return False
    return os.environ.get("TERM", "dumb") != "dumb" and sys.stdout.isatty()


def _rows(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    rows = list(rows)
    wide = max(len(term) for term, _ in rows) + 2
    room = max(50, min(_columns(), WIDEST) - 2) - wide - 2
    for term, text in rows:
        first, *others = wrap(text, room)
        yield f"  {term:{wide}}{first}"
        yield from (f"  {'':{wide}}{line}" for line in others)


def _columns() -> int:
    """Return the width of the terminal, as `shutil` does, which is slow to import."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdigit() and int(columns):
        return int(columns)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):
        return 80
