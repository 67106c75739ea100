"""What `maxapi-mock` does whatever it is called with: its streams, and how it ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper

from mockserver.commands.overview import COMPLETE, called, overview


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with *arguments*, by default the process's; return its exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name of a file can be any bytes
    try:
        with _flushed():
            return _perform(given)
    except KeyboardInterrupt:
        from mockserver.commands.output import INTERRUPTED

        return INTERRUPTED
    except OSError as error:
        from mockserver.commands.output import FAILURE, USAGE, complain, not_written

        sys.stdout = None  # what is left cannot be written
        if isinstance(error, BrokenPipeError):
            return FAILURE
        complain(f"{called(given)}: {not_written(error)}")
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
    if list(arguments) in (["-h"], ["--help"]) and COMPLETE not in os.environ:
        print(overview())  # without the library for command lines, which is slow to import
        return 0
    from mockserver.commands.group import perform

    return perform(arguments)
