"""What a task costs, by the model's card."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from mockserver.contract import ModelCard
from mockserver.contract.violation import counted


def count_of(card: ModelCard, submitted: Mapping[str, Any]) -> int:
    """Return the number of results of a task of the model."""
    return int(card.value_of("n", submitted) or 1)


_FREE = Decimal()
UNPRICED = "of models whose price is not published (set it with --unknown-price)"
"""Follows the number of tasks whose cost is unknown."""


def cost_of(
    card: ModelCard, submitted: Mapping[str, Any], unknown_price: Decimal | None
) -> Decimal:
    """Return the cost of a task in US dollars; *unknown_price* replaces an unpublished price.

    If that is None, such a task counts as free: see `is_priced`.
    """
    unit = _unit_price(card, submitted, unknown_price or _FREE)
    if card.price_per == "image":
        return _product(unit, count_of(card, submitted))
    if card.price_per == "second":
        return _product(unit, int(card.value_of("duration", submitted) or 1))
    return unit


@lru_cache(maxsize=1024)
def _product(unit: Decimal, count: int) -> Decimal:
    """Multiply a price; tasks that cost the same share one number."""
    return unit * count


def is_priced(card: ModelCard, unknown_price: Decimal | None) -> bool:
    """Return whether the cost of the model's tasks is known."""
    return card.prices is not None or unknown_price is not None


def spent_text(spent: Decimal, unpriced: int) -> str:
    """Return what was spent as a text; *unpriced* of the charged tasks have no known price."""
    if not unpriced:
        return f"${money(spent)}"
    return f"at least ${money(spent)}; {counted(unpriced, 'task')} {UNPRICED}"


def _unit_price(card: ModelCard, submitted: Mapping[str, Any], unknown_price: Decimal) -> Decimal:
    if isinstance(card.prices, Mapping):
        chosen = card.value_of(card.price_by or "", submitted)
        return card.prices.get(str(chosen), unknown_price)
    return unknown_price if card.prices is None else card.prices


def money(amount: Decimal) -> str:
    """Return US dollars with at least two decimals, and more only if needed: 0.02, 0.0015."""
    text = f"{amount.normalize():f}"
    whole, _, cents = text.partition(".")
    return f"{whole}.{cents:0<2}"
