"""The command `maxapi-mock`."""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn

from mockserver.contract import (
    Contract,
    ContractError,
    NotJson,
    Violation,
    load_contract,
    parse_json,
)
from mockserver.contract.documents import recognise
from mockserver.contract.loader import KINDS, check_card, pretty
from mockserver.domain.scenario import SCENARIOS
from mockserver.settings import (
    SETTINGS,
    Resolved,
    SettingError,
    Settings,
    default_text,
    option_of,
    resolve_settings,
    show_value,
)
from mockserver.version import __version__

PASS, FAILURE, USAGE, INTERRUPTED = 0, 1, 2, 130


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with *arguments*, by default the process's; give its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name of a file can be any bytes
    parser = _make_parser()
    options = parser.parse_args(arguments)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except (SettingError, ContractError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        if not isinstance(error, BrokenPipeError):
            print(f"{parser.prog}: {error}", file=sys.stderr)
        sys.stdout = None  # what is left cannot be written
        return FAILURE
    return status


def _make_parser() -> _Parser:
    parser = _Parser(
        prog="maxapi-mock", description="A local stand-in for MaxAPI.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"maxapi-mock {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")

    serve = commands.add_parser(
        "serve", help="serve the mock until interrupted", allow_abbrev=False
    )
    _add_settings(serve)
    serve.add_argument(
        "--show-settings", action="store_true", help="print each setting and its origin, and end"
    )
    serve.set_defaults(run=_serve)

    demo = commands.add_parser("demo", help="show one task from submission to image")
    demo.set_defaults(run=_demo)

    validate = commands.add_parser("validate", help="hold JSON documents against the contract")
    validate.add_argument(
        "files", nargs="+", metavar="FILE", help="a JSON document; - is standard input"
    )
    validate.add_argument(
        "--as",
        dest="kind",
        choices=KINDS,
        metavar="KIND",
        help=f"what they are: {', '.join(KINDS)}",
    )
    _add_settings(validate, "model_cards")
    validate.set_defaults(run=_validate)

    scenarios = commands.add_parser("scenarios", help="print the catalogue of scenarios")
    scenarios.set_defaults(run=_scenarios)

    openapi = commands.add_parser("openapi", help="print the contract as OpenAPI 3.1")
    _add_settings(openapi, "model_cards")
    openapi.set_defaults(run=_openapi)
    return parser


def _add_settings(parser: argparse.ArgumentParser, *names: str) -> None:
    """Add the options of the settings, or of some of them."""
    parser.add_argument("--config", metavar="FILE", help="config file (TOML)")
    contract = load_contract()
    for name, setting in SETTINGS.items():
        if names and name not in names:
            continue
        about = setting.metadata
        default = f" (default {text})" if (text := default_text(name, contract)) else ""
        extra: dict[str, object] = {"metavar": "VALUE"}
        if about["default"] in ("true", "false"):
            extra = {"nargs": "?", "const": "true", "metavar": "true|false"}
        elif name == "api_key":
            extra = {"action": "append", "metavar": "KEY"}
        help_ = (about["help"] + default).replace("%", "%%")
        parser.add_argument(option_of(name), dest=name, help=help_, **extra)  # type: ignore[arg-type]


def _resolve(options: argparse.Namespace) -> Resolved:
    given: dict[str, str] = {}
    for name in ("config", *SETTINGS):
        value = getattr(options, name, None)
        if value is not None:
            given[name] = ",".join(value) if isinstance(value, list) else value
    return resolve_settings(given)


def _serve(options: argparse.Namespace) -> int:
    resolved = _resolve(options)
    if options.show_settings:
        _show_settings(resolved)
        return PASS
    from mockserver.engine.service import Service
    from mockserver.web.server import Server, ServerError

    gc.freeze()
    gc.set_threshold(50_000, 20, 100)  # records are acyclic: collecting often only costs speed
    stopping = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, stopping)  # before there are threads to inherit it
    try:
        server = Server(Service(resolved.contract, resolved.settings))
        server.start()
    except ServerError as error:
        print(f"maxapi-mock: {error}", file=sys.stderr)
        return USAGE
    print(f"maxapi-mock {__version__} serves {server.url}", flush=True)
    _say_what_is_closed(resolved.settings)
    signal.sigwait(stopping)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, stopping)  # a second one ends it at once
    if not server.stop():
        sys.stdout.flush()
        os._exit(PASS)
    return PASS


def _say_what_is_closed(settings: Settings) -> None:
    """Tell what a mock that others can reach does not do by itself."""
    if settings.is_public and settings.control_token is None:
        print(f"{settings.host} is public: /__mock is closed; open it with --control-token")
    if settings.is_public and settings.callback_allow is None:
        print(f"{settings.host} is public: no webhooks; name their hosts with --callback-allow")
    sys.stdout.flush()


def _show_settings(resolved: Resolved) -> None:
    width = max(map(len, SETTINGS))
    for name in SETTINGS:
        value = show_value(name, getattr(resolved.settings, name))
        print(f"{name.replace('_', '-'):{width}}  {value:22}  {resolved.origins[name]}")


def _demo(_options: argparse.Namespace) -> int:
    from mockserver.demo import run_demo

    return PASS if run_demo() else FAILURE


def _scenarios(_options: argparse.Namespace) -> int:
    width = max(len(one.usage) for one in SCENARIOS.values())
    for one in SCENARIOS.values():
        print(f"{one.about:9}  {one.usage:{width}}  {one.sentence}")
    return PASS


def _openapi(options: argparse.Namespace) -> int:
    from mockserver.contract.openapi import openapi_document

    print(pretty(openapi_document(_resolve(options).contract, version=__version__)))
    return PASS


def _validate(options: argparse.Namespace) -> int:
    contract = _resolve(options).contract
    return max(_validate_file(contract, name, options.kind) for name in options.files)


def _validate_file(contract: Contract, name: str, kind: str | None) -> int:
    try:
        text = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        document = parse_json(text, nesting=contract.fact("limits.nesting"))
    except OSError as error:
        print(f"{name}: {error.strerror}; use a readable file", file=sys.stderr)
        return USAGE
    except NotJson as error:
        print(f"{name}: not valid JSON: {error}")
        return FAILURE
    kind = kind or recognise(document)
    if kind is None:
        print(f"{name}: is like no document of the contract; say which with --as KIND")
        return FAILURE
    violations = contract.violations(kind, document)
    if kind == "model-card" and not violations:
        return _validate_card(contract, name, document)
    print(f"{name}: {kind}: {_verdict(violations)}")
    return FAILURE if violations else PASS


def _validate_card(contract: Contract, name: str, card: Any) -> int:
    faulty = check_card(contract.schemas, card)
    print("\n  ".join([f"{name}: model-card: {'unusable' if faulty else 'conforms'}", *faulty]))
    return FAILURE if faulty else PASS


def _verdict(violations: list[Violation]) -> str:
    if not violations:
        return "conforms"
    lines = [f"{len(violations)} violation{'s' if len(violations) > 1 else ''}"]
    for one in violations:
        what = str(one).partition(": ")[2]
        lines += [f"  {one.path}: {what}", f"    {one.rule} in {one.clause} ({one.source})"]
    return "\n".join(lines)
