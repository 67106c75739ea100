"""Reads a checked card file into a typed card."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from mockserver.contract.card import Effect, ModelCard, Surcharge
from mockserver.contract.validation import Schemas


def read_card(schemas: Schemas, uri: str, reasons: Mapping[str, str]) -> ModelCard:
    """Read the card at *uri*; *reasons* are the values of `failure_reason` by name."""
    card = schemas.documents[uri]
    price, (low, high) = card["price"], card["typical_duration"]["seconds"]
    omitted = card.get("when_omitted", {})
    return ModelCard(
        model=card["model"],
        result=card["result"],
        input=card["input"],
        when_omitted={name: value for name, value in omitted.items() if name != "x-source"},
        price_per=price["per"],
        price_by=price.get("by"),
        prices=_prices(price["usd"]),
        sizes=_sizes(schemas.follow(card["sizes"], uri)),
        typical_duration=(low, high),
        effects=_effects(schemas, card, uri),
        surcharge=_surcharge(card.get("surcharge"), reasons),
    )


def _sizes(table: Mapping[str, Any]) -> dict[str, dict[str, tuple[int, int]]]:
    """Read a table of sizes; a ratio can have several rows."""
    sizes: dict[str, dict[str, tuple[int, int]]] = {}
    for row in table["rows"]:
        pixels = {name: (width, height) for name, (width, height) in row["pixels"].items()}
        sizes.setdefault(row["ratio"], {}).update(pixels)
    return sizes


def _effects(schemas: Schemas, card: Mapping[str, Any], uri: str) -> tuple[Effect, ...]:
    return tuple(
        Effect(
            field=one["field"],
            applies=_condition(schemas, f"{uri}#/effects/{number}/if") if "if" in one else None,
            ignored=one.get("ignored", False),
            becomes=one.get("becomes"),
            message=one["message"],
        )
        for number, one in enumerate(card.get("effects", ()))
    )


def _condition(schemas: Schemas, uri: str) -> Callable[[Any], bool]:
    """Return a condition as a function, which is compiled on first use."""
    validator = schemas.validator(uri)
    return lambda submitted: bool(validator.is_valid(submitted))


def _surcharge(surcharge: Mapping[str, Any] | None, reasons: Mapping[str, str]) -> Surcharge | None:
    if surcharge is None:
        return None
    shares = ((row["from"], Decimal(row["share"])) for row in surcharge["rates"])
    return Surcharge(reasons[surcharge["reason"]], tuple(sorted(shares)))


def _prices(usd: str | Mapping[str, str] | None) -> Decimal | Mapping[str, Decimal] | None:
    if usd is None or isinstance(usd, str):
        return None if usd is None else Decimal(usd)
    return {value: Decimal(amount) for value, amount in usd.items()}
