"""`maxapi-mock run`: a command with a mock of its own, and a summary of what it did."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from mockserver.commands.options import (
    FAILURE,
    PASS,
    USAGE,
    add_settings,
    complain,
    not_written,
    resolve,
    secrets_hidden,
    usage,
)
from mockserver.commands.summary import as_json, as_markdown, as_text
from mockserver.settings import Resolved
from mockserver.writing import append_whole, write_whole

if TYPE_CHECKING:
    from mockserver.engine.tally import Tally
    from mockserver.web.server import Server

_NOT_EXECUTABLE, _NOT_FOUND = 126, 127
"""What a shell says of a command that cannot be run."""
_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_KEY = "maxapi-mock-run"
_LOCAL = "localhost,127.0.0.1,::1"


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
    from mockserver.engine.tally import Tally
    from mockserver.web.server import Server, ServerError

    tally = Tally()
    server = Server(Service(resolved.contract, resolved.settings, watch=tally))
    with _signals_to(child := _Child()):
        try:
            server.start()
        except ServerError as error:
            print(f"maxapi-mock: {error}", file=sys.stderr)
            return USAGE
        try:
            with ExitStack() as stack:
                environment = _environment(resolved, server)
                if options.intercept:
                    environment |= stack.enter_context(_intercepted(resolved, server, options))
                status = child.run(command, os.environ | environment)
        finally:
            ended = server.stop()
    tally.finish("does the command read MAXAPI_BASE_URL?", resolved.settings.expect)
    sandboxes = server.service.sandboxes
    spent = sandboxes.spent_ever, sandboxes.unpriced_ever
    tally.rewrite(secrets_hidden(sandboxes.keys, resolved.settings))
    written = _report(tally, spent, options.summary_file)
    if status == PASS and tally.warnings and options.fail_on_warnings:
        complain("maxapi-mock run: failed by --fail-on-warnings")
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
    folder = options.summary_file and options.summary_file.resolve().parent
    if folder and not folder.is_dir():
        return f"--summary-file: {folder} is no folder; use one that exists"
    return ""


def _environment(resolved: Resolved, server: Server) -> dict[str, str]:
    """Name the mock to the command by the names that apps use."""
    accepted = sorted(resolved.settings.api_key or [_KEY])
    environment = {
        "MAXAPI_BASE_URL": server.url,
        "MAXAPI_API_KEY": accepted[0],
        "MAXAPI_MOCK_URL": server.url,
    }
    if resolved.settings.control_token is not None:
        environment["MAXAPI_MOCK_CONTROL_TOKEN"] = resolved.settings.control_token
    return environment | dict(server.authority.environment if server.authority else {})


@contextmanager
def _intercepted(
    resolved: Resolved, server: Server, options: argparse.Namespace
) -> Iterator[Mapping[str, str]]:
    """Offer a proxy that leads to the mock; give what makes clients use and trust it."""
    from mockserver.web.interceptor import Interceptor
    from mockserver.web.listening import reachable
    from mockserver.web.tls import Authority, api_hosts

    hosts = api_hosts(resolved.contract)
    with (
        Authority(hosts) as authority,
        Interceptor(
            hosts,
            authority.context(),
            (reachable(server.host), server.port),
            allow_others=options.allow_others,
        ) as interceptor,
    ):
        proxy = f"http://127.0.0.1:{interceptor.proxy_port}"
        script = interceptor.preload(authority.folder)
        node = f'{os.environ.get("NODE_OPTIONS", "")} --require "{script}"'.strip()
        yield {
            **authority.environment,
            **dict.fromkeys(("HTTPS_PROXY", "https_proxy"), proxy),
            **dict.fromkeys(("NO_PROXY", "no_proxy"), _LOCAL),
            "NODE_USE_ENV_PROXY": "1",
            "NODE_OPTIONS": node,
        }


class _Child:
    """The command's process."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._early: int | None = None

    def run(self, command: list[str], environment: Mapping[str, str]) -> int:
        """Run it to its end; give its status as a shell would."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _FORWARDED)
        if self._early is not None:
            return 128 + self._early
        try:
            self._process = subprocess.Popen(command, env=environment)
        except OSError as error:
            print(f"maxapi-mock run: {command[0]}: {error.strerror}", file=sys.stderr)
            found = not isinstance(error, FileNotFoundError)
            return _NOT_EXECUTABLE if found else _NOT_FOUND
        if self._early is not None:
            self._process.send_signal(self._early)
        status = self._process.wait()
        return status if status >= 0 else 128 - status

    def signal(self, number: int, _frame: object) -> None:
        """Pass a signal on, unless the terminal has sent it to the command as well."""
        if self._process is None:
            self._early = number
        elif number != signal.SIGINT or not _in_foreground():
            self._process.send_signal(number)


@contextmanager
def _signals_to(child: _Child) -> Iterator[None]:
    """Leave it to the command what a signal means: it ends, and then so does this one.

    Until the command is run, signals wait; and a thread that is started before gets none of
    them, for that would not wake the one that waits for the command.
    """
    heeded = [one for one in _FORWARDED if signal.getsignal(one) is not signal.SIG_IGN]
    before = {number: signal.signal(number, child.signal) for number in heeded}
    signal.pthread_sigmask(signal.SIG_BLOCK, _FORWARDED)  # before there are threads to inherit it
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _FORWARDED)
        for number, handler in before.items():
            signal.signal(number, handler)


def _in_foreground() -> bool:
    """Say whether a Ctrl-C in the terminal goes to this process and its children."""
    try:
        with Path("/dev/tty").open("rb") as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False


def _report(tally: Tally, spent: tuple[Decimal, int], file: Path | None) -> bool:
    """Print the summary, and write it where it was asked for; return whether that could be done.

    *spent* is in US dollars, and in tasks whose price nobody knows.
    """
    complain(as_text(tally, *spent))
    if file is None:
        return True
    try:
        if file.suffix == ".json":
            write_whole({file: as_json(tally, *spent).encode("utf-8", "backslashreplace")})
        else:  # the summary of a GitHub job belongs to all of its steps
            append_whole(file, as_markdown(tally, *spent).encode("utf-8", "backslashreplace"))
    except OSError as error:
        complain(f"maxapi-mock run: --summary-file: {not_written(error)}")
        return False
    return True
