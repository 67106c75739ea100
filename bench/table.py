"""A row of the table."""

from __future__ import annotations

from dataclasses import dataclass

ROUNDS = 3


class BenchError(Exception):
    """Something that was to be measured did not work."""


@dataclass(frozen=True, slots=True)
class Row:
    """A figure, and what it is compared with."""

    what: str
    figure: float
    unit: str
    yardstick: str = ""
    other: float | None = None
    """The yardstick's figure."""

    def __str__(self) -> str:
        line = f"{self.what:43}{_number(self.figure):>8} {self.unit:5}"
        if self.other is None:
            return line.rstrip()
        better = self.figure / self.other if self.unit == "/s" else self.other / self.figure
        return f"{line}{_number(self.other):>8}  {self.yardstick:30}{better:>7.2f}"


def _number(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"
