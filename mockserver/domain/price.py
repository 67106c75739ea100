"""What a task costs, and how many pixels its result has, by the model's card."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from mockserver.contract import ModelCard


def count_of(card: ModelCard, submitted: Mapping[str, Any]) -> int:
    """Say how many results a task of the model has."""
    return int(card.value_of("n", submitted) or 1)


UNPRICED = "of models whose price is not published (set it with --unknown-price)"
"""What to say of tasks whose cost nobody knows, after their number."""


def cost_of(
    card: ModelCard, submitted: Mapping[str, Any], unknown_price: Decimal | None
) -> Decimal:
    """Return what a task costs in US dollars.

    *unknown_price* stands for a price that is not published; if that is None, such a task is counted as nothing: see `is_priced`.
    """
    unit = _unit_price(card, submitted, unknown_price or Decimal())
    if card.price_per == "image":
        return unit * count_of(card, submitted)
    if card.price_per == "second":
        return unit * int(card.value_of("duration", submitted) or 1)
    return unit


def is_priced(card: ModelCard, unknown_price: Decimal | None) -> bool:
    """Say whether the cost of the model's tasks is known."""
    return card.prices is not None or unknown_price is not None


def spent_text(spent: Decimal, unpriced: int) -> str:
    """Write what was spent, if *unpriced* tasks among those charged have no known price."""
    if not unpriced:
        return f"${money(spent)}"
    tasks = "1 task" if unpriced == 1 else f"{unpriced} tasks"
    return f"at least ${money(spent)}; {tasks} {UNPRICED}"


def _unit_price(card: ModelCard, submitted: Mapping[str, Any], unknown_price: Decimal) -> Decimal:
    if isinstance(card.prices, Mapping):
        chosen = card.value_of(card.price_by or "", submitted)
        return card.prices.get(str(chosen), unknown_price)
    return unknown_price if card.prices is None else card.prices


def money(amount: Decimal) -> str:
    """Write US dollars with at least two decimals and no more than are needed: 0.02, 0.0015."""
    text = f"{amount.normalize():f}"
    whole, _, cents = text.partition(".")
    return f"{whole}.{cents:0<2}"
