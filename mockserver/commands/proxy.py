"""`maxapi-mock proxy`: an app's own traffic, passed on unchanged and held against the contract."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mockserver.commands.options import (
    FAILURE,
    PASS,
    USAGE,
    add_settings,
    command_line,
    contract_of,
    say,
    usage,
)
from mockserver.commands.signals import stop_signals
from mockserver.commands.suite import load_checks, write_report
from mockserver.contract import load_contract
from mockserver.network.loopback import LOOPBACK_HOSTS

if TYPE_CHECKING:
    from mockserver.conformance.model import Finding, Report
    from mockserver.conformance.traffic.monitor import Monitor
    from mockserver.conformance.traffic.recorder import Recorder

_DEFAULT_PORT = 6292


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    upstream = load_contract().fact("base_url")
    parser.add_argument(
        "--upstream",
        metavar="URL",
        default=upstream,
        help=f"the API that everything is passed to (default {upstream})",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument(
        "--port",
        type=int,
        default=_DEFAULT_PORT,
        help=f"port to listen on; 0 takes a free one (default {_DEFAULT_PORT})",
    )
    parser.add_argument(
        "--public-url",
        metavar="URL",
        help="address at which the API reaches this proxy: webhooks then pass through it as well",
    )
    parser.add_argument(
        "--record",
        metavar="DIR",
        type=Path,
        help="keep each shape of document as a golden one, without tokens, user ids and webhooks",
    )
    parser.add_argument(
        "--report", metavar="DIR", type=Path, help="write JSON, Markdown, HTML and JUnit at the end"
    )
    add_settings(parser, "model_cards")


def run(options: argparse.Namespace) -> int:
    """Pass on until interrupted; give the exit status."""
    fault = _fault(options)
    if fault:
        return usage("proxy", fault)
    contract = contract_of(options)
    checks = load_checks()
    from mockserver.conformance.session.active_check import passive_checks
    from mockserver.conformance.traffic.monitor import Monitor
    from mockserver.conformance.traffic.recorder import Recorder

    recorder = Recorder(options.record, contract) if options.record else None
    watch = Monitor(
        contract,
        options.upstream,
        passive_checks(checks),
        found=_print_finding,
        notice=_print_notice,
        recorder=recorder,
        command=command_line(),
    )
    with stop_signals() as wait:
        status = _pass_on(options, watch, wait)
    if status is not None:
        return status
    report = watch.report(time.monotonic())
    written = options.report is None or write_report(options.report, "proxy", report)
    _print_summary(report, watch, recorder)
    if not written or watch.unrecorded:
        return USAGE
    return FAILURE if report.drift else PASS


def _pass_on(options: argparse.Namespace, watch: Monitor, wait: Callable[[], object]) -> int | None:
    """Run the proxy until a signal comes; give the status if it could not begin."""
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
            return usage("proxy", f"cannot listen on {options.host}:{options.port}: {reason}")
        if _is_itself(options.upstream, proxy.port):
            return usage("proxy", f"--upstream: {options.upstream} is this proxy itself")
        print(f"maxapi-mock proxy {proxy.url} passes everything to {options.upstream}")
        if options.public_url is not None:
            print(f"webhooks are to come by {options.public_url}")
        print(f"what is found is told here, and by GET {proxy.url}/__mock/report", flush=True)
        wait()
    return None


def _fault(options: argparse.Namespace) -> str:
    if not 0 <= options.port <= 65535:
        return f"--port: {options.port} is not accepted; use an integer from 0 to 65535"
    for name in ("upstream", "public_url"):
        url = getattr(options, name)
        if url is not None and not _is_base(url, path=name == "public_url"):
            option = f"--{name.replace('_', '-')}"
            return f"{option}: {url!r} is not accepted; use such as https://api.example.com"
    for name in ("record", "report"):
        folder = getattr(options, name)
        try:
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            return f"--{name}: {folder}: {error.strerror}; use a folder"
    return ""


def _is_base(url: str, *, path: bool) -> bool:
    """Say whether *url* is an http URL with a host and nothing else, but perhaps a path."""
    from mockserver.network.origin import origin_of

    try:
        origin_of(url)
    except ValueError:
        return False
    parts = urlsplit(url)
    extra = parts.query or parts.fragment or "@" in parts.netloc
    return not extra and (path or parts.path in ("", "/"))


def _is_itself(upstream: str, port: int) -> bool:
    parts = urlsplit(upstream)
    return parts.hostname in LOOPBACK_HOSTS and parts.port == port


# -- what is told ----------------------------------------------------------------------------

_LATER = ("change", "seen")
"""Rows that say nothing yet of a finding that has just been made."""
_LISTED = 20
"""Findings that the summary names again, with how often they were seen."""


def _print_finding(finding: Finding) -> None:
    from mockserver.conformance.report import view as outline

    rows: list[tuple[str, str]] = [row for row in outline.rows(finding, "") if row[0] not in _LATER]
    if finding.exchange is not None:
        rows.append(("exchange", outline.one_line(str(finding.exchange), 160)))
    lines = [f"{finding.severity}: {outline.heading_of(finding)}"]
    lines += [f"  {name:11}{text}" for name, text in rows]
    say("\n".join(lines))


def _print_notice(text: str) -> None:
    from mockserver.conformance.report.view import one_line

    say(f"notice: {one_line(text)}")


def _print_summary(report: Report, watch: Monitor, recorder: Recorder | None) -> None:
    from mockserver.conformance.report import view as outline
    from mockserver.conformance.report.wording import often

    print(f"maxapi-mock proxy: {outline.headline(report, None)}")
    counted = dict(outline.facts(report, None))
    for name in ("requests", "checks", "findings"):
        print(f"  {name:11}{counted[name]}")
    for finding in report.findings[:_LISTED]:
        text = f"{often(finding)}: {outline.heading_of(finding)}"
        print(f"  {'seen':11}{text}")
    for text in report.notes:
        print(f"  {'note':11}{outline.one_line(text)}")
    for text, times in watch.notices.items():
        print(f"  {'notice':11}{outline.one_line(text)}{f' ({times} times)' if times > 1 else ''}")
    if recorder is not None:
        print(f"  {'recorded':11}{outline.plural(len(recorder.written), 'new document')}")
