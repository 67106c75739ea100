"""What submissions may cost, and the most that they can have cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from mockserver.conformance.session.ledger import Ledger
from mockserver.contract import Contract
from mockserver.domain.price import cost_of


@dataclass
class Money:
    """What submissions may cost, and the most that they can have cost."""

    contract: Contract
    ledger: Ledger | None = None
    """None where nothing costs money: for a mock."""
    unknown_price: Decimal | None = None
    """The unit price of models without a published price; without it, such a model gets no
    submissions where they cost money."""
    reserved: Decimal = field(default_factory=Decimal)
    """US dollars that the accepted submissions of this run can have cost at most."""
    at_most: Decimal = field(default_factory=Decimal)
    """The same if every submission had been accepted."""

    @property
    def is_spent(self) -> bool:
        """Whether submissions cost money, so that none may be repeated."""
        return self.ledger is not None

    def worst_case(self, document: Any) -> Decimal | None:
        """Return the most that a submission can cost if it is accepted; None if that is unknown.

        An invalid document that does not show its model, its size or its number is priced like
        the most expensive one that a target could read it as.
        """
        named = document.get("model") if isinstance(document, dict) else None
        cards = self.contract.cards
        models = [named] if isinstance(named, str) and named in cards else list(cards)
        costs = [self._dearest(model, document) for model in models]
        known = [cost for cost in costs if cost is not None]
        return max(known) if len(known) == len(costs) else None

    def _dearest(self, model: str, document: Any) -> Decimal | None:
        card = self.contract.cards[model]
        if card.prices is None and self.unknown_price is None:
            return None
        submitted = document.get("input") if isinstance(document, dict) else None
        submitted = submitted if isinstance(submitted, dict) else {}
        unit = self.unknown_price or Decimal()
        if not self.contract.violations("submit-request", {"model": model, "input": submitted}):
            return cost_of(card, submitted, unit)
        units = [unit] if card.prices is None else []
        if isinstance(card.prices, Mapping):
            units += list(card.prices.values())
        elif card.prices is not None:
            units.append(card.prices)
        return max(units) * _most(card.price_per, card.input, submitted)


def _most(per: str, schema: Mapping[str, Any], submitted: Mapping[str, Any]) -> Decimal:
    """Return the most units that an invalid input could be billed for."""
    name = {"image": "n", "second": "duration"}.get(per)
    if name is None or name not in schema["properties"]:
        return Decimal(1)
    domain = schema["properties"][name]
    most = Decimal(max(domain.get("enum", [domain.get("maximum", 1)])))
    try:
        asked = Decimal(str(submitted.get(name)))  # a target may read a text as a number
    except InvalidOperation:
        return most
    return max(most, asked.copy_abs()) if asked.is_finite() else most
