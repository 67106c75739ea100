"""The table: its rows, and the functions that measure them."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

QUICK = "--quick" in sys.argv
"""Whether a rough table is enough, in a fraction of the time."""
ROUNDS = 1 if QUICK else 3
SHARE = 0.2 if QUICK else 1.0
"""The part of a round's work that is done."""
STALLED = 300
"""Seconds after which a row that does not come is given up."""


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


@dataclass(frozen=True, slots=True)
class Section:
    """Rows that are measured together."""

    measure: Callable[[], Iterator[Row]]
    rows: tuple[str, ...]
    """What each row is about, in order."""


def print_table(sections: Iterable[Section], stalled: float = STALLED) -> list[str]:
    """Print the rows as they are measured; return what the missing ones are about.

    An error in one section, or a row that takes more than *stalled* seconds, is reported, and the
    next sections are measured anyway.
    """
    signal.signal(signal.SIGALRM, _give_up)
    missing: list[str] = []
    for section in sections:
        left = list(section.rows)
        try:
            signal.setitimer(signal.ITIMER_REAL, stalled)
            for row in section.measure():
                print(row, flush=True)
                left.pop(0)
                signal.setitimer(signal.ITIMER_REAL, stalled)
        except (BenchError, OSError, EOFError, subprocess.SubprocessError) as error:
            print(f"bench: {left[0]}: {type(error).__name__}: {error}", file=sys.stderr)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        missing += left
    return missing


def _give_up(*_: object) -> None:
    raise BenchError("takes too long: it hangs, or the machine is very slow")


def _number(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"
