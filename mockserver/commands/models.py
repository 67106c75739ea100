"""`maxapi-mock models` and `maxapi-mock card`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from mockserver.commands.command import argument, command, option, receives
from mockserver.commands.options import Given, complete_models, resolve, with_settings
from mockserver.commands.output import PASS
from mockserver.contract import Contract, ContractError, load_contract
from mockserver.contract.card_copy import copy_card
from mockserver.contract.catalogue import details, summary
from mockserver.contract.loader import pretty
from mockserver.contract.violation import show


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    name: str
    settings: Given
    json: bool = False


@command("models")
@argument(
    "name",
    default="*",
    metavar="[NAME]",
    about="a model, or a glob, for example 'veo*'",
    shell_complete=complete_models,
)
@option("--json", is_flag=True, help="print JSON")
@with_settings("model_cards")
@receives(_Options)
def models(options: _Options) -> int:
    """Print the models, or all that is known of one; return the exit status."""
    contract = resolve(options.settings).contract
    listed = [name for name in contract.cards if fnmatchcase(name, options.name)]
    if not listed or options.name in contract.cards:
        print(_one(contract, options.name, as_json=options.json))
        return PASS
    rows = [summary(contract, name) for name in listed]
    print(pretty({"models": rows}) if options.json else "\n".join(_table(map(_row, rows))))
    return PASS


@command("card")
@argument(
    "name",
    metavar="NAME",
    about="a model, as `maxapi-mock models` lists them",
    shell_complete=complete_models,
)
@with_settings("model_cards")
@receives(_Options)
def card(options: _Options) -> int:
    """Print a copy of a model's card to be changed; return the exit status."""
    print(pretty(copy_card(_contract_for(options), options.name)))
    return PASS


def _contract_for(options: _Options) -> Contract:
    """Return the contract of the settings, or that without further cards if one is unusable.

    `maxapi-mock card NAME > FOLDER/mine.json` begins with an empty file in that folder.
    """
    try:
        return resolve(options.settings).contract
    except ContractError:
        contract = load_contract()
        if options.name in contract.cards:
            return contract
        raise


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
