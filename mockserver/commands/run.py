"""`maxapi-mock run`: a command with a mock of its own, and a summary of what it did."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mockserver.commands.child import Child, signals_to
from mockserver.commands.child_environment import Redirection, command_environment
from mockserver.commands.command import argument, command, option, receives
from mockserver.commands.options import Given, resolve, secrets_of, with_settings
from mockserver.commands.output import (
    FAILURE,
    PASS,
    USAGE,
    complain,
    not_written,
    without_secrets,
)
from mockserver.commands.signals import stop_signals
from mockserver.commands.summary import as_json, as_markdown, as_text
from mockserver.file_writing import append_whole, write_whole

if TYPE_CHECKING:
    from mockserver.engine.usage import Usage
    from mockserver.web.server import Server

_SUFFIX = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)+")
_NOT_READ = "does the command read MAXAPI_BASE_URL?"
_PAST_INTERCEPT = (
    "did the command only call other hosts, or go past --intercept? docs/clients.md says which "
    "clients do"
)


_EPILOG = (
    "The command gets MAXAPI_BASE_URL, MAXAPI_API_KEY and MAXAPI_MOCK_URL, and its exit status "
    "is that of maxapi-mock. Everything after -- is passed on as it is."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options(Redirection):
    arguments: tuple[str, ...]
    settings: Given
    summary_file: Path | None
    fail_on_warnings: bool
    expect_requests: bool
    console: bool


@command("run", epilog=_EPILOG, own_words=True)
@argument(
    "arguments",
    nargs=-1,
    type=click.UNPROCESSED,
    metavar="-- COMMAND [ARGUMENT...]",
    about="the command, and its own arguments",
)
@option(
    "--summary-file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    group="Summary and exit status",
    help="write the summary: JSON if it ends with .json, otherwise Markdown",
)
@option(
    "--fail-on-warnings",
    is_flag=True,
    group="Summary and exit status",
    help="exit with status 1 after a contract warning: see --expect for those that a test provokes",
)
@option(
    "--expect-requests",
    is_flag=True,
    group="Summary and exit status",
    help="exit with status 1 if no request came to the mock",
)
@option(
    "--intercept",
    is_flag=True,
    group="How the command finds the mock",
    help="redirect the command's HTTPS requests to the API's own hosts to the mock, and let no "
    "others out",
)
@option(
    "--allow-others",
    is_flag=True,
    group="How the command finds the mock",
    help="with --intercept: let requests to other hosts pass",
)
@option(
    "--console",
    is_flag=True,
    help="keep the mock when the command has ended, to look at it in the browser, until Ctrl-C",
)
@option(
    "--base-url-suffix",
    metavar="PATH",
    group="How the command finds the mock",
    help="what MAXAPI_BASE_URL ends with, for example /api/v1 for a client that appends only "
    "/task/submit; with --intercept, the variable is left alone without this option",
)
@with_settings(defaults={"port": "a free one"})
@receives(_Options)
def run(options: _Options) -> int:
    """Run the command; return its exit status. Raises MaxapiMockError."""
    _check(options)
    own = {} if "port" in options.settings else {"port": "0"}
    if options.intercept:
        own["tls"] = "false"  # the proxy has the certificates, and speaks to the mock without
    resolved = resolve(options.settings, **own)
    from mockserver.engine.service import Service
    from mockserver.engine.usage import Usage
    from mockserver.web.server import Server

    seen = Usage()
    server = Server(Service(resolved.contract, resolved.settings, watch=seen))
    for what in server.service.loaded:
        complain(f"maxapi-mock run: {what}")
    with signals_to(child := Child()):
        server.start()
        try:
            with command_environment(resolved, server, options, seen.reject) as environment:
                status = child.run(list(options.arguments), environment)
            if options.console:
                _keep_open(server)
        finally:
            server.stop()
    seen.finish(_PAST_INTERCEPT if options.intercept else _NOT_READ, resolved.settings.expect)
    sandboxes = server.service.sandboxes
    spent = sandboxes.spent_ever, sandboxes.unpriced_ever
    hidden = [*sandboxes.keys, *secrets_of(resolved.settings)]
    seen.rewrite(lambda text: without_secrets(text, hidden))
    written = _report(seen, spent, options.summary_file)
    return _final(status, options, seen, written=written)


def _keep_open(server: Server) -> None:
    """Leave the mock as the command has left it, so that people can look at it."""
    from mockserver.engine.service import CONTROL_PREFIX

    complain(f"maxapi-mock run: look at it at {server.url}{CONTROL_PREFIX}; Ctrl-C ends it")
    with stop_signals() as wait:
        wait()


def _check(options: _Options) -> None:
    """Raise UsageError for options that do not fit together, before anything is started."""
    if not options.arguments:
        raise click.UsageError("no command; use maxapi-mock run [options] -- COMMAND")
    if options.allow_others and not options.intercept:
        raise click.UsageError("--allow-others: is for --intercept; use both")
    if options.base_url_suffix and not _SUFFIX.fullmatch(options.base_url_suffix):
        shown = f"--base-url-suffix: {options.base_url_suffix!r} is not accepted"
        raise click.UsageError(f"{shown}; use a path, for example /api/v1, without query")
    folder = options.summary_file and options.summary_file.resolve().parent
    if folder and not folder.is_dir():
        raise click.UsageError(f"--summary-file: {folder} is not a folder; use one that exists")


def _final(status: int, options: _Options, usage: Usage, *, written: bool) -> int:
    """Return the exit status: the command's, unless an option makes a failure of it."""
    if status == PASS and usage.warnings and options.fail_on_warnings:
        complain("maxapi-mock run: failed by --fail-on-warnings")
        status = FAILURE
    if status == PASS and options.expect_requests and not usage.request_count:
        complain("maxapi-mock run: failed by --expect-requests")
        status = FAILURE
    return USAGE if status == PASS and not written else status


def _report(usage: Usage, spent: tuple[Decimal, int], file: Path | None) -> bool:
    """Print the summary, and write it where it was asked for; return whether that could be done.

    *spent* is in US dollars, and in tasks whose price is unknown.
    """
    complain(as_text(usage, *spent))
    if file is None:
        return True
    try:
        if file.suffix == ".json":
            write_whole({file: as_json(usage, *spent).encode("utf-8", "backslashreplace")})
        else:  # the summary of a GitHub job belongs to all of its steps
            append_whole(file, as_markdown(usage, *spent).encode("utf-8", "backslashreplace"))
    except OSError as error:
        complain(f"maxapi-mock run: --summary-file: {not_written(error)}")
        return False
    return True
