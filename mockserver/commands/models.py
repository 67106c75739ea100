"""`maxapi-mock models` and `maxapi-mock card`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from mockserver.commands.options import PASS, USAGE, add_settings, resolve
from mockserver.contract import Contract, ContractError, load_contract
from mockserver.contract.card_copy import copy_card
from mockserver.contract.catalogue import UnknownModelError, details, summary
from mockserver.contract.loader import pretty
from mockserver.contract.violation import show


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options of `models`."""
    parser.add_argument(
        "name", nargs="?", default="*", metavar="NAME", help="a model, or a glob such as 'veo*'"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_settings(parser, "model_cards")


def run(options: argparse.Namespace) -> int:
    """Print the models, or all that is known of one; give the exit status."""
    contract = resolve(options).contract
    listed = [name for name in contract.cards if fnmatchcase(name, options.name)]
    if not listed or options.name in contract.cards:
        return _tell("models", lambda: _one(contract, options.name, as_json=options.json))
    rows = [summary(contract, name) for name in listed]
    print(pretty({"models": rows}) if options.json else "\n".join(_table(map(_row, rows))))
    return PASS


def add_card(parser: argparse.ArgumentParser) -> None:
    """Add the options of `card`."""
    parser.add_argument("name", metavar="NAME", help="a model, as `maxapi-mock models` lists them")
    add_settings(parser, "model_cards")


def run_card(options: argparse.Namespace) -> int:
    """Print a copy of a model's card to be changed; give the exit status."""
    contract = _contract_for(options)
    return _tell("card", lambda: pretty(copy_card(contract, options.name)))


def _contract_for(options: argparse.Namespace) -> Contract:
    """Give the contract of the settings, or that without further cards if one is unusable.

    `maxapi-mock card NAME > FOLDER/mine.json` begins with an empty file in that folder.
    """
    try:
        return resolve(options).contract
    except ContractError:
        contract = load_contract()
        if options.name in contract.cards:
            return contract
        raise


def _tell(command: str, make: Callable[[], str]) -> int:
    try:
        print(make())
    except UnknownModelError as error:
        print(f"maxapi-mock {command}: {error}", file=sys.stderr)
        return USAGE
    return PASS


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    return one["model"], one["result"], _price(one["price"]), one["confidence"], one["title"]


def _price(price: Mapping[str, Any]) -> str:
    usd = price["usd"]
    if usd is None:
        return f"not published, per {price['per']}"
    if isinstance(usd, str):
        return f"${usd} per {price['per']}"
    return f"{', '.join(f'{value} ${amount}' for value, amount in usd.items())} per {price['per']}"


def _table(rows: Iterable[tuple[str, ...]], indent: str = "") -> Iterator[str]:
    """Align the columns."""
    filled = list(rows)
    widths = [max(map(len, column)) for column in zip(*filled, strict=True)]
    for row in filled:
        cells = (f"{cell:{width}}" for cell, width in zip(row, widths, strict=True))
        yield f"{indent}{'  '.join(cells)}".rstrip()


def _one(contract: Contract, name: str, *, as_json: bool) -> str:
    known = details(contract, name)
    if as_json:
        return pretty(known)
    low, high = known["typical_seconds"]
    price = known["price"]
    return "\n".join(
        [
            f"{known['model']}: {known['title']} ({known['confidence']}: {known['page']})",
            f"  {known['description']}",
            f"  result  {known['result']}, typically after {low:g} to {high:g} s",
            f"  price   {_price(price)} ({price['confidence']})",
            "  input (* is required)",
            *_table(map(_field, known["fields"]), "    "),
            *_section("rules", [f"{one['text']} ({one['confidence']})" for one in known["rules"]]),
            "  pixels",
            *_table(_pixels(known["pixels"]), "    "),
        ]
    )


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return [f"  {title}", *(f"    {line}" for line in lines)] if lines else []


def _field(one: Mapping[str, Any]) -> tuple[str, ...]:
    default = "" if one["default"] is None else f"; default {show(one['default'])}"
    doubts = [f"{name} {source['confidence']}" for name, source in one["less_sure"].items()]
    name = f"{one['name']} *" if one["required"] else one["name"]
    return name, "; ".join([one["confidence"], *doubts]), one["accepts"] + default


def _pixels(pixels: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    """Write a line for each ratio and confidence, a column for each resolution."""
    resolutions = list(dict.fromkeys(one["resolution"] for one in pixels))
    yield ("ratio", *resolutions, "")
    lines: dict[tuple[str, str], dict[str, str]] = {}
    for one in pixels:
        line = lines.setdefault((one["ratio"], one["confidence"]), {})
        line[one["resolution"]] = f"{one['width']}x{one['height']}"
    for (ratio, confidence), line in lines.items():
        yield (ratio, *(line.get(name, "-") for name in resolutions), confidence)
