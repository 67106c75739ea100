"""The command `maxapi-mock`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from io import TextIOWrapper
from typing import NoReturn

from mockserver.commands import listen, models, proxy, run, serve, validate, verify
from mockserver.commands.options import (
    FAILURE,
    INTERRUPTED,
    PASS,
    USAGE,
    add_settings,
    complain,
    contract_of,
    not_written,
)
from mockserver.contract import ContractError
from mockserver.contract.loader import pretty
from mockserver.domain.redaction import SHORTEST, without_url_secrets
from mockserver.domain.scenario import SCENARIOS
from mockserver.settings import SettingError
from mockserver.version import __version__


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        shown = without_url_secrets(message)
        self.exit(USAGE, f"{self.prog}: {shown} (see {self.prog} --help)\n")

    def reject(self, unknown: Sequence[str]) -> NoReturn:
        """Say which argument nobody knows, and which one may be meant."""
        options = [option for action in self._actions for option in action.option_strings]
        near = get_close_matches(unknown[0].partition("=")[0], options, n=1)
        hint = f", did you mean {near[0]}?" if near else ""
        self.error(f"unrecognized arguments: {' '.join(_shown(unknown))}{hint}")


def _shown(arguments: Sequence[str]) -> Iterator[str]:
    """Give arguments that nobody knows, without the values of options: one can be a key."""
    for one in arguments:
        name, equals, _ = one.partition("=")
        if one.startswith("-"):
            yield f"{name}{equals and '=...'}"
        else:
            yield one if len(one) < SHORTEST else f"{one[:3]}..."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with *arguments*, by default the process's; give its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name of a file can be any bytes
    try:
        with _flushed():
            return _perform(arguments)
    except (SettingError, ContractError) as error:
        complain(f"maxapi-mock: {error}")
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        sys.stdout = None  # what is left cannot be written
        if isinstance(error, BrokenPipeError):
            return FAILURE
        complain(f"maxapi-mock: {not_written(error)}")
        return USAGE


@contextmanager
def _flushed() -> Iterator[None]:
    """See to it that whatever was printed can be, also the help that ends the process."""
    try:
        yield
    finally:
        if sys.stdout is not None:
            sys.stdout.flush()


def _perform(arguments: Sequence[str] | None) -> int:
    options, unknown = _make_parser().parse_known_args(arguments)
    if unknown:
        options.parser.reject(unknown)
    status: int = options.run(options)
    return status


def _make_parser() -> _Parser:
    parser = _Parser(
        prog="maxapi-mock", description="A local stand-in for MaxAPI.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"maxapi-mock {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for name, module, help_ in (
        ("serve", serve, "serve the mock until interrupted"),
        ("run", run, "run a command, such as a test suite, with a mock of its own"),
        ("listen", listen, "receive webhooks and print them, until interrupted"),
        ("verify", verify, "hold every law of the contract against a mock, or the live API"),
        ("proxy", proxy, "pass an app's own traffic on unchanged, and judge it by the contract"),
        ("validate", validate, "hold JSON documents against the contract"),
        ("models", models, "print the models, or all that is known of one"),
    ):
        command = commands.add_parser(name, help=help_, allow_abbrev=False)
        module.add(command)
        command.set_defaults(run=module.run, parser=command)

    card = commands.add_parser("card", help="print a model's card, as a start for one of your own")
    models.add_card(card)
    card.set_defaults(run=models.run_card, parser=card)
    demo = commands.add_parser("demo", help="show one task from submission to image")
    demo.set_defaults(run=_demo, parser=demo)
    scenarios = commands.add_parser("scenarios", help="print the catalogue of scenarios")
    scenarios.set_defaults(run=_scenarios, parser=scenarios)
    openapi = commands.add_parser("openapi", help="print the contract as OpenAPI 3.1")
    add_settings(openapi, "service", "model_cards")
    openapi.set_defaults(run=_openapi, parser=openapi)
    return parser


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

    print(pretty(openapi_document(contract_of(options), version=__version__)))
    return PASS
