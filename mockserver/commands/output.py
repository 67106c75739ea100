"""What commands print: for people on standard error, and nothing that is a secret."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from mockserver.domain.redaction import Redactor, is_ours, without_url_secrets

PASS, FAILURE, USAGE, STOPPED, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit statuses; STOPPED is for a run that the spending limit has stopped."""


def complain(text: str) -> None:
    """Print a line of *text* for people, if anybody is there to read it; no secrets of URLs."""
    if sys.stderr is None:
        return
    try:
        print(without_url_secrets(text), file=sys.stderr, flush=True)
    except OSError:
        sys.stderr = None


def say(text: str, command: str) -> None:
    """Print *text* where a reader that has gone must not keep *command* from its work."""
    if sys.stdout is None:
        return
    try:
        print(text, flush=True)
    except OSError as error:
        sys.stdout = None
        if not isinstance(error, BrokenPipeError):
            complain(f"maxapi-mock {command}: {not_written(error)}")


def not_written(error: OSError) -> str:
    """Return which file cannot be written, and why."""
    return f"{error.filename or 'standard output'}: {error.strerror or error}"


def without_secrets(text: str, secrets: Iterable[str | None]) -> str:
    """Return *text* without secrets of URLs and *secrets*, except keys that the mock made."""
    own = [one for one in secrets if one and not is_ours(one)]
    return without_url_secrets(Redactor(own).text(text))


def command_line() -> str:
    """Return how this command was called, without secrets of URLs; no option holds another one."""
    return without_url_secrets(" ".join(["maxapi-mock", *sys.argv[1:]]))


def plural(number: int, name: str) -> str:
    """Return *number* with a name of what is counted."""
    return f"{number} {name}{'' if number == 1 else 's'}"


def on_one_line(text: str, width: int | None = None) -> str:
    """Write a text that may hold anything on one line, of at most *width* characters."""
    plain = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
    return plain if width is None or len(plain) <= width else f"{plain[:width]}..."


def plain_words(message: str) -> str:
    """Write a sentence of the command line's library as a part of a line."""
    plain = message if message.endswith("...") else message.removesuffix(".")
    first, *others = plain.split(" ") if plain else [""]
    return " ".join([first.lower() if first.istitle() else first, *others])
