"""The bench ends with a table, even if some rows cannot be measured."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

sys.path.append(str(Path(__file__).parents[1] / "bench"))
from table import BenchError, Row, Section, print_table

FIRST = Row("first", 1, "ms")


def hanging() -> Iterator[Row]:
    """Measure one row, and then hang."""
    yield FIRST
    Event().wait(60)


def failing() -> Iterator[Row]:
    """Measure nothing."""
    raise BenchError("the server is gone")
    yield FIRST


def test_a_row_that_hangs_costs_only_itself(capfd: pytest.CaptureFixture[str]) -> None:
    """It is named, and so are the other rows of its section; the rest is measured."""
    sections = [
        Section(hanging, ("first", "second", "third")),
        Section(failing, ("fourth",)),
        Section(lambda: iter([FIRST]), ("first",)),
    ]

    missing = print_table(sections, stalled=0.1)

    shown, told = capfd.readouterr()
    assert missing == ["second", "third", "fourth"]
    assert shown == f"{FIRST}\n{FIRST}\n"
    assert told.splitlines() == [
        "bench: second: BenchError: takes too long: it hangs, or the machine is very slow",
        "bench: fourth: BenchError: the server is gone",
    ]
