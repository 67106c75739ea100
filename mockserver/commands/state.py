"""`maxapi-mock state`: sandboxes move between a mock that runs, SQLite and PostgreSQL."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mockserver.commands.command import command, option, receives
from mockserver.commands.output import PASS, say
from mockserver.commands.running_mock import Mock, MockOptions, asking, with_mock
from mockserver.commands.serve import without_extra
from mockserver.errors import MaxapiMockError
from mockserver.file_writing import write_whole

if TYPE_CHECKING:
    from mockserver.engine.keeping import KeptSandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options(MockOptions):
    action: str
    file: Path
    state: str | None


@command("state")
@click.argument("action", type=click.Choice(["export", "import"]))
@click.argument("file", type=click.Path(path_type=Path))
@option(
    "--state",
    metavar="URL",
    help="the database to export from or to import into, in place of a mock that runs: "
    "sqlite:///FILE or postgresql://...",
)
@with_mock
@receives(_Options)
def state(options: _Options) -> int:
    """Export or import sandboxes; return the exit status. Raises MaxapiMockError."""
    if options.state is not None and (options.url or options.key):
        other = "--url" if options.url else "--key"
        raise click.UsageError(f"{other}: not allowed with --state; use one of them")
    try:
        import mockserver.state.lines  # noqa: F401
    except ModuleNotFoundError as missing:
        raise without_extra(missing) from None
    return _export(options) if options.action == "export" else _import(options)


def _export(options: _Options) -> int:
    lines = list(_of_mock(options) if options.state is None else _of_database(options))
    text = "".join(f"{line}\n" for line in lines)
    if str(options.file) == "-":
        print(text, end="")
        return PASS
    try:
        write_whole({options.file: text.encode()}, mode=0o600)
    except OSError as error:
        raise MaxapiMockError(f"{options.file}: {error.strerror}") from None
    _say(options, sum(line.startswith('{"sandbox"') for line in lines))
    return PASS


def _of_mock(options: _Options) -> Iterator[str]:
    mock = Mock(options)
    with asking(mock):
        for index, one in enumerate(mock.sandboxes()):
            lines = mock.client(one["id"]).export_state()
            yield from lines[1:] if index else lines


def _of_database(options: _Options) -> Iterator[str]:
    from mockserver.state import lines
    from mockserver.state.database import opened
    from mockserver.state.store import Store

    with opened(str(options.state)) as database:
        found = Store(database).all(options.sandbox or "")
        if not found and options.sandbox:
            raise MaxapiMockError(f"--sandbox: no id begins with {options.sandbox!r}")
        yield from lines.written(found)


def _import(options: _Options) -> int:
    from mockserver.state import lines

    try:
        is_input = str(options.file) == "-"
        text = sys.stdin.read() if is_input else options.file.read_text("utf-8")
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not text in UTF-8"
        raise MaxapiMockError(f"{options.file}: {reason}") from None
    try:
        sandboxes = list(lines.read(text.splitlines()))
    except lines.LinesError as error:
        raise MaxapiMockError(f"{options.file}: {error}; nothing was imported") from None
    if options.state is None:
        _into_mock(options, sandboxes)
    else:
        _into_database(options.state, sandboxes)
    _say(options, len(sandboxes))
    return PASS


def _say(options: _Options, count: int) -> None:
    sandboxes = "1 sandbox" if count == 1 else f"{count} sandboxes"
    say(f"{sandboxes} {options.action}ed: {options.file}", "maxapi-mock state")


def _into_mock(options: _Options, sandboxes: Iterable[KeptSandbox]) -> None:
    from mockserver.state import lines

    mock = Mock(options)
    with asking(mock):
        for one in sandboxes:
            mock.control.import_state(list(lines.written([one])))


def _into_database(url: str, sandboxes: Iterable[KeptSandbox]) -> None:
    from mockserver.engine.keeping import Unavailable
    from mockserver.state.database import opened
    from mockserver.state.store import Store

    with opened(url) as database:
        store = Store(database)
        try:
            for one in sandboxes:
                store.put(one)
        except Unavailable as problem:
            raise MaxapiMockError(str(problem)) from None
