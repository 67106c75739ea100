"""Model cards and the lifecycle: the contract's data as typed values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """The names of the states, as `schemas/task.json` gives them."""

    path: tuple[str, ...]
    """The states before the end, in order; a new task is in the first."""
    success: str
    failure: str
    timeout: str
    cancelled: str
    terminal: frozenset[str] = field(init=False, compare=False)
    """The states that no task ever leaves."""

    def __post_init__(self) -> None:
        """Collect the terminal states once: they are asked for with every request."""
        terminal = frozenset((self.success, self.failure, self.timeout, self.cancelled))
        object.__setattr__(self, "terminal", terminal)


@dataclass(frozen=True, slots=True)
class Effect:
    """A rule between fields of a card: when it applies, a field is ignored or has a fixed value."""

    field: str
    applies: Callable[[Any], bool] | None
    """Returns whether the rule applies to an input; None means always."""
    ignored: bool
    """Whether the field is treated as if it had been omitted."""
    becomes: Any
    """The value that the field has, if it is not ignored."""
    message: str
    """The message for a client that sent another value: `has no effect in mode i2v`."""


@dataclass(frozen=True, slots=True)
class Surcharge:
    """The cost of tasks that fail for a certain reason, by the number of such failures in a day."""

    reason: str
    """The value of `failure_reason`."""
    shares: tuple[tuple[int, Decimal], ...]
    """The number of a failure in its day, and the share of its cost from there on; ascending."""

    def share(self, number: int) -> Decimal:
        """Return the share of its cost that the *number*th failure of a day costs."""
        return max((one for one in self.shares if one[0] <= number), default=(0, Decimal()))[1]


@dataclass(frozen=True)
class ModelCard:
    """One file of `schemas/models/`, with its table of sizes resolved."""

    model: str
    result: str
    """The kind of result: `result.type` of a task."""
    input: Mapping[str, Any]
    """JSON Schema of the request's `input`."""
    when_omitted: Mapping[str, Any]
    price_per: str
    """What a unit of the price is: `image`, `second` or `task`."""
    price_by: str | None
    """The input field that selects the unit price, if any."""
    prices: Mapping[str, Decimal] | Decimal | None
    """US dollars; None if the price is unpublished."""
    sizes: Mapping[str, Mapping[str, tuple[int, int]]]
    """Width and height in pixels, by ratio, then by resolution."""
    typical_duration: tuple[float, float]
    """Shortest and longest usual time from submission to result, in seconds."""
    effects: tuple[Effect, ...] = ()
    """Rules between fields, in the order in which they are applied: each one sees the effects of
    those before it."""
    surcharge: Surcharge | None = None

    @cached_property
    def fields(self) -> frozenset[str]:
        """The names that `input` may hold."""
        return frozenset(self.input["properties"])

    @cached_property
    def ignored(self) -> frozenset[str]:
        """The fields that never have an effect."""
        return frozenset(one.field for one in self.effects if one.ignored and one.applies is None)

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """The known values of omitted fields."""
        return {**self.when_omitted, **defaults_of(self.input["properties"])}

    def value_of(self, field: str, submitted: Mapping[str, Any]) -> Any:
        """Return the value of *field* that is in force: the submitted one, the default, or None.

        The card's effects are applied first.
        """
        if field in self.fields:
            given = self._in_force(submitted) if self.effects else submitted
            if field in given:
                return given[field]
        return self.defaults.get(field)

    def _in_force(self, submitted: Mapping[str, Any]) -> Mapping[str, Any]:
        """Apply the effects to an input."""
        given = dict(submitted)
        for effect in self.effects:
            if effect.applies is not None and not effect.applies(given):
                continue
            if effect.ignored:
                given.pop(effect.field, None)
            else:
                given[effect.field] = effect.becomes
        return given

    def without_effect(self, submitted: Mapping[str, Any]) -> list[str]:
        """Return a message for each submitted value that the effects overrule."""
        if not any(effect.field in submitted for effect in self.effects):
            return []
        told, given = [], dict(submitted)
        for effect in self.effects:
            if effect.applies is not None and not effect.applies(given):
                continue
            sent = given.pop(effect.field, None)
            overruled = effect.ignored or sent != effect.becomes
            if effect.field in submitted and sent is not None and overruled:
                told.append(f"input.{effect.field} {effect.message}")
            if not effect.ignored:
                given[effect.field] = effect.becomes
        return told


def defaults_of(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Collect the defaults of fields; one with a source of its own is in the field's `allOf`."""
    return {
        name: clause["default"]
        for name, schema in properties.items()
        for clause in (*schema.get("allOf", ()), schema)
        if isinstance(clause, Mapping) and "default" in clause
    }
