"""Model cards and the lifecycle: the contract's data as typed values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """The names of the states, as `schemas/task.json` gives them."""

    path: tuple[str, ...]
    """The states before the end, in their order; the first is that of a new task."""
    success: str
    failure: str
    timeout: str
    cancelled: str

    @property
    def terminal(self) -> frozenset[str]:
        """The states that no task ever leaves."""
        return frozenset((self.success, self.failure, self.timeout, self.cancelled))


@dataclass(frozen=True)
class ModelCard:
    """One file of `schemas/models/`, with its table of sizes resolved."""

    model: str
    result: str
    """The kind of the result: `result.type` of a task."""
    input: Mapping[str, Any]
    """JSON Schema of the request's `input`."""
    when_omitted: Mapping[str, Any]
    price_per: str
    """What a unit of the price is: `image`, `second` or `task`."""
    price_by: str | None
    """The input field that selects the unit price, if any."""
    prices: Mapping[str, Decimal] | Decimal | None
    """US dollars; None if nobody publishes a price."""
    sizes: Mapping[str, Mapping[str, tuple[int, int]]]
    """Width and height in pixels, by ratio, then by resolution."""
    typical_duration: tuple[float, float]
    """Shortest and longest usual time from submission to result, in seconds."""

    @cached_property
    def fields(self) -> frozenset[str]:
        """The names that `input` may hold."""
        return frozenset(self.input["properties"])

    @cached_property
    def _defaults(self) -> dict[str, Any]:
        documented = {
            name: schema["default"]
            for name, schema in self.input["properties"].items()
            if "default" in schema
        }
        return {**self.when_omitted, **documented}

    def value_of(self, field: str, submitted: Mapping[str, Any]) -> Any:
        """Say which value of *field* is in force: the submitted one, the default, or None."""
        if field in submitted and field in self._choosable:
            return submitted[field]
        return self._defaults.get(field)

    @cached_property
    def _choosable(self) -> frozenset[str]:
        properties = self.input["properties"]
        return frozenset(name for name in properties if not properties[name].get("x-ignored"))
