"""`maxapi-mock mcp`: a mock that runs, for a coding assistant."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.util import find_spec

import click

from mockserver.commands.arguments import LOCAL_MOCK
from mockserver.commands.command import command, option, receives
from mockserver.commands.output import PASS, complain
from mockserver.commands.running_mock import URL_OPTION, Mock, MockOptions
from mockserver.domain.redaction import without_users
from mockserver.errors import MaxapiMockError
from mockserver.network.receiver import is_this_machine


class _McpError(MaxapiMockError):
    """The server cannot start; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    url: str | None
    allow_changes: bool


@command("mcp")
@URL_OPTION
@option(
    "--allow-changes",
    is_flag=True,
    help="let the assistant also submit tasks, add scenarios and move clocks",
)
@receives(_Options)
def mcp(options: _Options) -> int:
    """Serve an assistant until it hangs up; return the exit status. Raises MaxapiMockError."""
    url = _local(Mock(MockOptions(url=options.url, key=None, sandbox=None)).url)
    if find_spec("mcp") is None:
        from mockserver.commands.suite import installation

        raise _McpError(f"the package mcp is missing: {installation('mcp', ('mcp',))}")
    from mockserver.commands.assistant import make_server

    if sys.stdin is not None and sys.stdin.isatty():
        complain("maxapi-mock mcp: for the configuration of an assistant, which talks to it on")
        complain("standard input; Ctrl-C ends it")
    make_server(url, allow_changes=options.allow_changes).run("stdio")
    return PASS


def _local(url: str) -> str:
    """Return *url* if it is on this machine. Raises UsageError."""
    if not is_this_machine(url):
        shown = without_users(url)
        raise click.UsageError(
            f"{shown!r} is not on this machine, and an assistant reaches no other; "
            f"use one like {LOCAL_MOCK} with --url or in MAXAPI_MOCK_URL"
        )
    return url
