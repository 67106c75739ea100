"""The table: its rows, the sections that measure them, and how much they measure."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

_HEAD = ("", "mock", "", "yardstick", "", "ratio", "lowest-highest", "goal")


class BenchError(Exception):
    """Something that was to be measured did not work."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured."""

    rounds: int
    """In which the mock and its yardsticks take turns."""
    seconds: float
    """That each of them is under load in a round."""
    warm_up: float
    """Seconds that a JVM may take until its rates are stable; with 0, none is measured."""
    soak: float
    """The part of the whole soak."""
    tests: int
    """In a suite of a user."""


USUAL = Scale(rounds=9, seconds=1, warm_up=120, soak=0.01, tests=50)
QUICK = Scale(rounds=1, seconds=1, warm_up=0, soak=0.001, tests=25)


@dataclass(frozen=True, slots=True)
class Row:
    """Figures of the mock, one for each round, and those of a yardstick in the same rounds."""

    what: str
    ours: Sequence[float]
    unit: str
    """More is better if it is `/s`, else less."""
    yardstick: str = ""
    others: Sequence[float] = ()
    goal: str = ""

    @property
    def ratios(self) -> list[float]:
        """How much better than the yardstick the mock is in each round; above 1, it is better."""
        pairs = zip(self.ours, self.others, strict=True) if self.others else ()
        faster = self.unit == "/s"
        return [ours / other if faster else other / ours for ours, other in pairs]

    def __str__(self) -> str:
        cells = [self.what, _number(median(self.ours)), self.unit, "", self.yardstick, "", "", ""]
        if ratios := self.ratios:
            cells[3] = _number(median(self.others))
            cells[5], cells[6] = f"{median(ratios):.2f}", f"{min(ratios):.2f}-{max(ratios):.2f}"
        elif len(self.ours) > 1:
            cells[6] = f"{_number(min(self.ours))}-{_number(max(self.ours))}"
        cells[7] = self.goal
        return _line(cells)


@dataclass(frozen=True, slots=True)
class Section:
    """Rows that are measured together, and remarks on them."""

    name: str
    measure: Callable[[], Iterator[Row | str]]
    patience: float
    """Seconds after which a row that does not come is given up."""


def print_table(sections: Iterable[Section]) -> list[str]:
    """Print the rows as they are measured; return the names of sections that have not all theirs.

    An error in a section, or a row that does not come, is reported, and the next sections are
    measured anyway.
    """
    signal.signal(signal.SIGALRM, _give_up)
    incomplete: list[str] = []
    print(_line(_HEAD))
    for section in sections:
        try:
            signal.setitimer(signal.ITIMER_REAL, section.patience)
            for row in section.measure():
                print(row, flush=True)
                signal.setitimer(signal.ITIMER_REAL, section.patience)
        except (BenchError, OSError, EOFError, subprocess.SubprocessError) as error:
            print(f"bench: {section.name}: {type(error).__name__}: {error}", file=sys.stderr)
            incomplete.append(section.name)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    return incomplete


def _give_up(*_: object) -> None:
    raise BenchError("takes too long: it hangs, or the machine is very slow")


def _line(cells: Sequence[str]) -> str:
    what, ours, unit, others, yardstick, ratio, spread, goal = cells
    figures = f"{what:44}{ours:>8} {unit:4}{others:>8} {yardstick:28}"
    return f"{figures}{ratio:>6} {spread:14} {goal}".rstrip()


def _number(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"
