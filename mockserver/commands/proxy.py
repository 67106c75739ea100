"""`maxapi-mock proxy`: an app's own traffic, passed on unchanged and checked by the contract."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from mockserver.commands.arguments import base_url, port_option
from mockserver.commands.command import command, option, receives
from mockserver.commands.options import Given, contract_of, with_settings
from mockserver.commands.output import (
    FAILURE,
    PASS,
    USAGE,
    command_line,
    complain,
    plural,
    say,
)
from mockserver.commands.signals import stop_signals
from mockserver.commands.suite import load_checks, write_report
from mockserver.contract import Contract, load_contract
from mockserver.network.loopback import LOOPBACK_HOSTS

if TYPE_CHECKING:
    from mockserver.conformance.model import Finding, Report
    from mockserver.conformance.traffic.file_recorder import FileRecorder
    from mockserver.conformance.traffic.monitor import Monitor
    from mockserver.conformance.traffic.recorder import Recorder
    from mockserver.conformance.traffic.task_recorder import TaskRecorder

_NAME = "proxy"
_DEFAULT_PORT = 6292
_PATIENCE = 30.0
"""Seconds in which result files may still come after the proxy has stopped."""


_UPSTREAM = str(load_contract().fact("base_url"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    upstream: str
    host: str
    port: int
    public_url: str | None
    record: Path | None
    record_files: bool
    report: Path | None
    settings: Given


@command("proxy")
@option(
    "--upstream",
    metavar="URL",
    type=base_url(path=False),
    default=_UPSTREAM,
    group="Server",
    help=f"the API that everything is passed to (default {_UPSTREAM})",
)
@option(
    "--host",
    metavar="ADDRESS",
    default="127.0.0.1",
    group="Server",
    help="address to listen on (default 127.0.0.1)",
)
@port_option(_DEFAULT_PORT)
@option(
    "--public-url",
    metavar="URL",
    type=base_url(path=True),
    group="Server",
    help="address at which the API reaches this proxy: webhooks then pass through it as well",
)
@option(
    "--record",
    metavar="DIR",
    type=click.Path(path_type=Path),
    group="Output",
    help="keep each shape of document as a golden one, and what became of each submission for "
    "serve --replay, without keys, user ids and webhooks",
)
@option(
    "--record-files",
    is_flag=True,
    group="Output",
    help="with --record: fetch the result files as well, up to 64 MiB each, from public addresses "
    "and the upstream",
)
@option(
    "--report",
    metavar="DIR",
    type=click.Path(path_type=Path),
    group="Output",
    help="write JSON, Markdown, HTML and JUnit at the end",
)
@with_settings("model_cards")
@receives(_Options)
def proxy(options: _Options) -> int:
    """Pass on until interrupted; return the exit status. Raises UsageError."""
    if options.record_files and options.record is None:
        raise click.UsageError("--record-files: is for --record; use both")
    _make_folders(options)
    contract = contract_of(options.settings)
    checks = load_checks()
    from mockserver.conformance.session.active_check import passive_checks
    from mockserver.conformance.traffic.monitor import Monitor

    recorders = _recorders(options, contract)
    watch = Monitor(
        contract,
        options.upstream,
        passive_checks(checks),
        found=_print_finding,
        notice=_print_notice,
        recorder=recorders.documents,
        task_recorder=recorders.tasks,
        command=command_line(),
    )
    with stop_signals() as wait:
        _pass_on(options, watch, wait)
        if recorders.files is not None:
            recorders.files.close(_PATIENCE)
    report = watch.report(time.monotonic())
    written = options.report is None or write_report(options.report, "proxy", report)
    _print_summary(report, watch)
    _print_recorded(recorders)
    if report.lost:
        complain(f"maxapi-mock {_NAME}: {report.lost}")
    if report.lost or not written or watch.unrecorded:
        return USAGE
    return FAILURE if report.drift else PASS


@dataclass(frozen=True, slots=True)
class _Recorders:
    """What records, as far as the options ask for it."""

    documents: Recorder | None = None
    tasks: TaskRecorder | None = None
    files: FileRecorder | None = None


def _recorders(options: _Options, contract: Contract) -> _Recorders:
    if options.record is None:
        return _Recorders()
    from mockserver.conformance.traffic.file_recorder import FileRecorder
    from mockserver.conformance.traffic.recorder import Recorder
    from mockserver.conformance.traffic.task_recorder import TaskRecorder

    files = FileRecorder(options.upstream, _print_notice) if options.record_files else None
    return _Recorders(
        Recorder(options.record, contract),
        TaskRecorder(options.record, contract.lifecycle, files),
        files,
    )


def _pass_on(options: _Options, watch: Monitor, wait: Callable[[], object]) -> None:
    """Run the proxy until a signal comes. Raises UsageError if it cannot begin."""
    from mockserver.conformance.report.html import as_html
    from mockserver.conformance.report.view import view_of
    from mockserver.conformance.report.writers import as_json
    from mockserver.proxy.proxy import Proxy

    def report(html: bool) -> bytes:  # noqa: FBT001 - the proxy calls it
        made = view_of(watch.report(time.monotonic()))
        if html:
            return as_html(made).encode()
        return json.dumps(as_json(made), indent=2).encode() + b"\n"

    proxy = Proxy(
        options.upstream,
        observer=watch.see,
        notice=watch.notice,
        report=report,
        host=options.host,
        port=options.port,
        public_url=options.public_url,
    )
    with ExitStack() as stack:
        try:
            stack.enter_context(proxy)
        except OSError as error:
            reason = error.strerror or error
            said = f"cannot listen on {options.host}:{options.port}: {reason}"
            raise click.UsageError(said) from None
        if _is_itself(options.upstream, proxy.port):
            raise click.UsageError(f"--upstream: {options.upstream} is this proxy itself")
        print(f"maxapi-mock proxy {proxy.url} passes everything to {options.upstream}")
        if options.public_url is not None:
            print(f"webhooks are to come by {options.public_url}")
        print(
            f"findings are printed here, and returned by GET {proxy.url}/__mock/report", flush=True
        )
        wait()


def _make_folders(options: _Options) -> None:
    """Make the folders that are written to, before anything is. Raises UsageError."""
    for name, folder in (("--record", options.record), ("--report", options.report)):
        try:
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            said = f"{name}: {folder}: {error.strerror}; use a folder"
            raise click.UsageError(said) from None


def _is_itself(upstream: str, port: int) -> bool:
    parts = urlsplit(upstream)
    return parts.hostname in LOOPBACK_HOSTS and parts.port == port


# -- what is printed -------------------------------------------------------------------------

_LATER = ("change", "seen")
"""Rows that are not known yet of a finding that has just been made."""
_LISTED = 20
"""Findings that the summary names again, with how often they were seen."""


def _print_finding(finding: Finding) -> None:
    from mockserver.conformance.report import view

    rows: list[tuple[str, str]] = [row for row in view.rows(finding, "") if row[0] not in _LATER]
    if finding.exchange is not None:
        rows.append(("exchange", view.one_line(str(finding.exchange), 160)))
    lines = [f"{finding.severity}: {view.heading_of(finding)}"]
    lines += [f"  {name:11}{text}" for name, text in rows]
    say("\n".join(lines), _NAME)


def _print_notice(text: str) -> None:
    from mockserver.conformance.report.view import one_line

    say(f"notice: {one_line(text)}", _NAME)


def _print_summary(report: Report, watch: Monitor) -> None:
    from mockserver.conformance.report import view
    from mockserver.conformance.report.wording import often

    print(f"maxapi-mock {_NAME}: {view.headline(report, None)}")
    counted = dict(view.facts(report, None))
    for name in ("requests", "checks", "findings"):
        print(f"  {name:11}{counted[name]}")
    for finding in report.findings[:_LISTED]:
        text = f"{often(finding)}: {view.heading_of(finding)}"
        print(f"  {'seen':11}{text}")
    for text in report.notes:
        print(f"  {'note':11}{view.one_line(text)}")
    for text, times in watch.notices.items():
        print(f"  {'notice':11}{view.one_line(text)}{f' ({times} times)' if times > 1 else ''}")
    if not watch.passed and not watch.notices:
        print(f"  {'note':11}no request came; does your app use this proxy as its base URL?")


def _print_recorded(recorders: _Recorders) -> None:
    documents, tasks, files = recorders.documents, recorders.tasks, recorders.files
    if documents is None or tasks is None:
        return
    print(f"  {'recorded':11}{plural(len(documents.written), 'new document')}")
    fetched = "" if files is None else f", {plural(files.count, 'result file')}"
    print(f"  {'to replay':11}{plural(tasks.count, 'submission')}{fetched}")
    for text, times in files.notices.items() if files is not None else ():
        print(f"  {'notice':11}{text}{f' ({times} times)' if times > 1 else ''}")
