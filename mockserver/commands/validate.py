"""`maxapi-mock validate`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from mockserver.commands.command import argument, command, option, receives
from mockserver.commands.options import Given, contract_of, with_settings
from mockserver.commands.output import FAILURE, PASS, USAGE, plural
from mockserver.contract import Contract, NotJson, Violation, parse_json
from mockserver.contract.documents import recognise
from mockserver.contract.loader import KINDS, check_card
from mockserver.contract.validation import UNKNOWN
from mockserver.engine.unknown_fields import remarks, unknown_fields


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    files: tuple[str, ...]
    kind: str | None
    settings: Given


@command("validate")
@argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE...",
    about="JSON documents; - is standard input",
    type=click.Path(allow_dash=True),
)
@option(
    "--as",
    "kind",
    metavar="KIND",
    type=click.Choice(KINDS),
    help=f"what they are: {', '.join(KINDS)}; by default, it is recognised",
)
@with_settings("model_cards")
@receives(_Options)
def validate(options: _Options) -> int:
    """Print the verdict on each file; return the exit status."""
    contract = contract_of(options.settings)
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
        print(f"{name}: does not look like any document of the contract; say which with --as KIND")
        return FAILURE
    violations = contract.violations(kind, document)
    if kind == "model-card" and not violations:
        return _validate_card(contract, name, document)
    print(f"{name}: {kind}: {_verdict(violations)}")
    if kind == "submit-request":
        for one in _notes(document, contract, conforms=not violations):
            print(f"  note: {one}")
    return FAILURE if violations else PASS


def _notes(request: Any, contract: Contract, *, conforms: bool) -> list[str]:
    """Return what a submission holds in vain; of one with violations, only its unknown fields."""
    if conforms:
        return remarks(request, contract)
    if not isinstance(request, dict) or not isinstance(request.get("input"), dict):
        return []
    model = request.get("model")
    if not isinstance(model, str) or model not in contract.cards:
        return []
    return unknown_fields(request, contract)


def _validate_card(contract: Contract, name: str, card: Any) -> int:
    faulty = check_card(contract.schemas, card)
    print("\n  ".join([f"{name}: model-card: {'unusable' if faulty else 'conforms'}", *faulty]))
    return FAILURE if faulty else PASS


def _verdict(violations: list[Violation]) -> str:
    if not violations:
        return "conforms"
    lines = [plural(len(violations), "violation")]
    for one in violations:
        what = str(one).partition(": ")[2]
        source = "" if one.source == UNKNOWN else f" ({one.source})"  # of a form of our own
        lines += [f"  {one.path}: {what}", f"    {one.rule} in {one.clause}{source}"]
    return "\n".join(lines)
