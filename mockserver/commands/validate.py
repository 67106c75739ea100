"""`maxapi-mock validate`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from mockserver.commands.options import FAILURE, PASS, USAGE, add_settings, contract_of
from mockserver.contract import Contract, NotJson, Violation, parse_json
from mockserver.contract.documents import recognise
from mockserver.contract.loader import KINDS, check_card
from mockserver.engine.unknown_fields import remarks


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="a JSON document; - is standard input"
    )
    parser.add_argument(
        "--as",
        dest="kind",
        choices=KINDS,
        metavar="KIND",
        help=f"what they are: {', '.join(KINDS)}",
    )
    add_settings(parser, "model_cards")


def run(options: argparse.Namespace) -> int:
    """Print the verdict on each file; give the exit status."""
    contract = contract_of(options)
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
    if kind == "submit-request" and not violations:
        for one in remarks(document, contract):
            print(f"  note: {one}")
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
