"""Inputs that together cover every pair of values of two fields of a model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import combinations
from random import Random
from typing import Any

from mockserver.conformance.odd_texts import URLS
from mockserver.conformance.values import valid_values
from mockserver.contract import Contract

_MOST_NUMBERS = 20
"""A range of up to so many numbers is tried completely, a wider one in steps."""
_MANY, _FEW = 6, 4
"""A range of more than _MANY numbers is combined completely only with fields of up to _FEW values;
the values of larger fields are combined with the ends and the middle of the range."""
_TRIES = 12

Cell = tuple[str, int | None]
"""A field, and the index of its value; None where the field is left out."""
Pair = tuple[Cell, Cell]


class Combiner:
    """Makes valid inputs of one model that cover every possible pair of values.

    The algorithm is greedy. It takes a pair that is not covered yet, and completes it field by
    field with the value that covers the most further pairs. If the result is not valid, it tries
    random values, and at last leaves out all optional fields; a pair that even then has no valid
    input is impossible, and dropped.
    """

    def __init__(self, contract: Contract, model: str, random: Random) -> None:
        self._contract, self._model, self._random = contract, model, random
        self._schema = contract.cards[model].input
        self.values = _values(contract, model)

    def inputs(self) -> list[dict[str, Any]]:
        """List inputs until every possible pair is in one of them."""
        left, made = dict.fromkeys(self._pairs()), []
        while left:
            pair = next(iter(left))
            row = self._row(pair, left)
            del left[pair]
            if row is not None:
                made.append(self._input(row))
                for covered in pairs_of(row):
                    left.pop(covered, None)
        return made

    def _cells(self, field: str) -> list[Cell]:
        cells: list[Cell] = [(field, number) for number in range(len(self.values[field]))]
        return cells if field in self._schema["required"] else [*cells, (field, None)]

    def _pairs(self) -> list[Pair]:
        found = [
            (one, other)
            for first, second in combinations(sorted(self.values), 2)
            for one in self._cells(first)
            for other in self._cells(second)
            if not (self._is_between(one, second) or self._is_between(other, first))
        ]
        self._random.shuffle(found)
        return found

    def _is_between(self, cell: Cell, other: str) -> bool:
        """Return whether a cell is inside a wide range, and so is not combined with *other*."""
        field, at = cell
        count = len(self.values[field])
        is_wide = "minimum" in self._schema["properties"][field] and count > _MANY
        wanted = (None, 0, count // 2, count - 1)
        return is_wide and at not in wanted and len(self.values[other]) > _FEW

    def _row(self, pair: Pair, left: Mapping[Pair, None]) -> dict[str, int | None] | None:
        """Complete a pair to a valid input; None if there is none."""
        for attempt in range(_TRIES):
            row = dict(pair)
            for field in self._random.sample(sorted(self.values), len(self.values)):
                if field not in row:
                    row[field] = self._best(field, row, left, at_random=attempt > 0)
            if attempt == _TRIES - 1:
                row = self._barest(pair)
            document = {"model": self._model, "input": self._input(row)}
            if not self._contract.violations("submit-request", document):
                return row
        return None

    def _best(
        self,
        field: str,
        row: Mapping[str, int | None],
        left: Mapping[Pair, None],
        *,
        at_random: bool,
    ) -> int | None:
        cells = self._cells(field)
        self._random.shuffle(cells)
        if at_random:
            return cells[0][1]
        return max(cells, key=lambda cell: sum(_pair(cell, one) in left for one in row.items()))[1]

    def _barest(self, pair: Pair) -> dict[str, int | None]:
        row = {name: self._cells(name)[0][1] for name in self._schema["required"]}
        return {**dict.fromkeys(self.values), **row, **dict(pair)}

    def _input(self, row: Mapping[str, int | None]) -> dict[str, Any]:
        return {name: self.values[name][at] for name, at in sorted(row.items()) if at is not None}


def pairs_of(row: Mapping[str, Any]) -> list[Pair]:
    """List the pairs that a row covers."""
    return [_pair(one, other) for one, other in combinations(row.items(), 2)]


def _pair(one: Cell, other: Cell) -> Pair:
    return (one, other) if one[0] < other[0] else (other, one)


def _values(contract: Contract, model: str) -> dict[str, list[Any]]:
    """List the values of each field that are combined."""
    schema = contract.cards[model].input["properties"]
    found: dict[str, dict[str, Any]] = {}
    for value in valid_values(contract, model):
        known = found.setdefault(value.field, {})
        known[json.dumps(value.input[value.field])] = value.input[value.field]
    idle = contract.cards[model].ignored
    values = {name: list(known.values()) for name, known in found.items() if name not in idle}
    for name, member in schema.items():
        if "minimum" in member and "maximum" in member:
            step = max(1, (member["maximum"] - member["minimum"]) // _MOST_NUMBERS)
            values[name] = list(range(member["minimum"], member["maximum"] + 1, step))
        elif member.get("type") == "array" and name in values:
            values[name] = [*values[name][:3], list(URLS[: member.get("maxItems", 3)])]
    if "prompt" in values:
        values["prompt"] = values["prompt"][:2]
    return values


def cheapest_first(
    inputs: list[dict[str, Any]], costs: list[float], most: int
) -> list[dict[str, Any]]:
    """Choose inputs, each with the most new values and pairs for its price."""
    left = list(range(len(inputs)))
    chosen: list[dict[str, Any]] = []
    seen: set[Any] = set()
    rows = [{name: json.dumps(value) for name, value in one.items()} for one in inputs]
    cells = [{*row.items(), *combinations(sorted(row.items()), 2)} for row in rows]
    weights = [{cell: 1 if isinstance(cell[0], tuple) else 5 for cell in one} for one in cells]
    while left and len(chosen) < most:
        best = max(
            left,
            key=lambda at: (
                sum(weights[at][cell] for cell in cells[at] - seen) / (costs[at] + 0.002)
            ),
        )
        left.remove(best)
        seen |= cells[best]
        chosen.append(inputs[best])
    return chosen
