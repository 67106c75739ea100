"""`maxapi-mock logs`: what has happened in a mock that runs."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from mockserver.commands.command import command, option, receives
from mockserver.commands.output import PASS, plural, say
from mockserver.commands.running_mock import Mock, MockOptions, asking, name_of, with_mock
from mockserver.domain.redaction import without_url_secrets
from mockserver.file_writing import write_whole

_MOST = 10_000
_WAIT = 20
"""Real seconds that one request waits for the next event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options(MockOptions):
    follow: bool
    as_json: bool
    har: Path | None


@command("logs")
@option("-f", "--follow", is_flag=True, help="go on with what happens, until interrupted")
@option("--json", "as_json", is_flag=True, help="print events as lines of JSON")
@option(
    "--har",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="write the exchanges as HAR 1.2 instead, without keys",
)
@with_mock
@receives(_Options)
def logs(options: _Options) -> int:
    """Print what has happened; return the exit status. Raises MaxapiMockError."""
    mock = Mock(options)
    if options.har is not None and (options.follow or options.as_json):
        other = "--follow" if options.follow else "--json"
        raise click.UsageError(f"{other}: not allowed with --har; use one of them")
    with asking(mock), suppress(KeyboardInterrupt, BrokenPipeError):
        if options.har is not None:
            return _write_har(mock, options.har)
        _print(mock, options)
    return PASS


def _print(mock: Mock, options: _Options) -> None:
    from mockserver.commands.event_log import EventWriter

    writer = EventWriter("json" if options.as_json else "all")
    names = {one["id"]: name_of(one) for one in mock.sandboxes()}
    last: int | None = None
    while last is None or options.follow:
        wait = 0 if last is None else _WAIT
        found = mock.control.events(last, limit=_MOST, wait=wait, everything=True)
        events = found["events"]
        if not mock.is_part and not names.keys() >= {one["sandbox"] for one in events}:
            names |= {one["id"]: name_of(one) for one in mock.sandboxes()}
        if last is not None and not found["complete"]:
            writer.note("... some events are left out: the mock has forgotten them")
        writer.write([one for one in events if not mock.is_part or one["sandbox"] in names], names)
        last = found["last"]


def _write_har(mock: Mock, file: Path) -> int:
    from mockserver.commands.har import har_of

    requests: list[dict[str, Any]] = []
    for one in mock.sandboxes():
        requests += mock.client(one["id"]).requests()
    requests.sort(key=lambda one: str(one["at"]))
    text = without_url_secrets(json.dumps(har_of(requests, mock.url), indent=2))
    write_whole({file: f"{text}\n".encode()})
    say(f"{plural(len(requests), 'exchange')} written to {file}", "logs")
    return PASS
