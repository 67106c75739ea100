"""`maxapi-mock mcp`: a mock that runs, for a coding assistant."""

from __future__ import annotations

import sys
from dataclasses import dataclass

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
    try:
        from mockserver.commands.assistant import make_server
    except ImportError as error:
        raise _without_sdk(error) from None
    if sys.stdin is None or sys.stdout is None:
        raise _McpError("standard input or output is closed; let an assistant start this command")
    if sys.stdin.isatty():
        complain("maxapi-mock mcp: for the configuration of an assistant, which talks to it on")
        complain("standard input; Ctrl-C ends it")
    server = make_server(url, allow_changes=options.allow_changes)
    try:
        server.run("stdio")
    except* BrokenPipeError:  # the assistant has gone without a word
        sys.stdout = None
    return PASS


def _without_sdk(error: ImportError) -> _McpError:
    """Explain why what the extra installs cannot be imported: it is missing, or another version."""
    from mockserver.commands.suite import installation

    return _McpError(f"{error}; install what is needed: {installation('mcp', ('mcp',))}")


def _local(url: str) -> str:
    """Return *url* if it is on this machine. Raises UsageError."""
    if not is_this_machine(url):
        shown = without_users(url)
        raise click.UsageError(
            f"{shown!r} is not on this machine, and an assistant reaches no other; "
            f"use one like {LOCAL_MOCK} with --url or in MAXAPI_MOCK_URL"
        )
    return url
