"""`maxapi-mock run`: a command with a mock of its own, and a summary of what it did."""

from __future__ import annotations

import argparse
import os
import re
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from mockserver.commands.child import Child, signals_to
from mockserver.commands.environment import told
from mockserver.commands.options import (
    FAILURE,
    PASS,
    USAGE,
    add_settings,
    complain,
    not_written,
    resolve,
    secrets_of,
    usage,
    without_secrets,
)
from mockserver.commands.summary import as_json, as_markdown, as_text
from mockserver.writing import append_whole, write_whole

if TYPE_CHECKING:
    from mockserver.engine.usage import Usage

_SUFFIX = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)+")
_NOT_READ = "does the command read MAXAPI_BASE_URL?"
_PAST_INTERCEPT = "did its client go past --intercept? docs/clients.md says which do"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.usage = "maxapi-mock run [options] -- COMMAND [ARGUMENT...]"
    parser.epilog = (
        "The command gets MAXAPI_BASE_URL, MAXAPI_API_KEY and MAXAPI_MOCK_URL, and this one ends "
        "with its exit status."
    )
    add_settings(parser)
    parser.add_argument(
        "--summary-file", metavar="FILE", type=Path, help="write the summary: *.json, else Markdown"
    )
    parser.add_argument(
        "--fail-on-warnings",
        action="store_true",
        help="end with 1 after a contract warning: see --expect for those that a test provokes",
    )
    parser.add_argument(
        "--intercept",
        action="store_true",
        help="lead the command's HTTPS calls to the API's own hosts to the mock, and no others out",
    )
    parser.add_argument(
        "--allow-others", action="store_true", help="with --intercept: let other hosts pass"
    )
    parser.add_argument(
        "--base-url-suffix",
        metavar="PATH",
        help="what MAXAPI_BASE_URL ends with, such as /api/v1 for a client that appends only "
        "/task/submit; with --intercept, the variable is left alone without this option",
    )
    parser.add_argument(
        "--expect-requests",
        action="store_true",
        help="end with 1 if no request came to the mock",
    )
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="-- COMMAND")


def run(options: argparse.Namespace) -> int:
    """Run the command; give its exit status."""
    command = options.arguments[options.arguments[:1] == ["--"] :]
    fault = _fault(options, command)
    if fault:
        return usage("run", fault)
    own = {} if options.port is not None else {"port": "0"}
    if options.intercept:
        own["tls"] = "false"  # the proxy has the certificates, and speaks to the mock without
    resolved = resolve(options, **own)
    from mockserver.engine.service import Service
    from mockserver.engine.usage import Usage
    from mockserver.web.server import Server, ServerError

    seen = Usage()
    server = Server(Service(resolved.contract, resolved.settings, watch=seen))
    with signals_to(child := Child()):
        try:
            server.start()
        except ServerError as error:
            print(f"maxapi-mock: {error}", file=sys.stderr)
            return USAGE
        try:
            with told(resolved, server, options) as environment:
                status = child.run(command, environment)
        finally:
            ended = server.stop()
    seen.finish(_PAST_INTERCEPT if options.intercept else _NOT_READ, resolved.settings.expect)
    sandboxes = server.service.sandboxes
    spent = sandboxes.spent_ever, sandboxes.unpriced_ever
    hidden = [*sandboxes.keys, *secrets_of(resolved.settings)]
    seen.rewrite(lambda text: without_secrets(text, hidden))
    written = _report(seen, spent, options.summary_file)
    if status == PASS and seen.warnings and options.fail_on_warnings:
        complain("maxapi-mock run: failed by --fail-on-warnings")
        status = FAILURE
    if status == PASS and options.expect_requests and not seen.request_count:
        complain("maxapi-mock run: failed by --expect-requests")
        status = FAILURE
    if status == PASS and not written:
        status = USAGE
    if not ended:  # a client keeps the server's threads, and they would outlive the interpreter
        os._exit(status)
    return status


def _fault(options: argparse.Namespace, command: list[str]) -> str:
    if not command:
        return "no command; use maxapi-mock run [options] -- COMMAND"
    if options.allow_others and not options.intercept:
        return "--allow-others: is for --intercept; use both"
    if options.base_url_suffix and not _SUFFIX.fullmatch(options.base_url_suffix):
        shown = f"--base-url-suffix: {options.base_url_suffix!r} is not accepted"
        return f"{shown}; use a path such as /api/v1, without query and fragment"
    folder = options.summary_file and options.summary_file.resolve().parent
    if folder and not folder.is_dir():
        return f"--summary-file: {folder} is no folder; use one that exists"
    return ""


def _report(usage: Usage, spent: tuple[Decimal, int], file: Path | None) -> bool:
    """Print the summary, and write it where it was asked for; return whether that could be done.

    *spent* is in US dollars, and in tasks whose price nobody knows.
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
