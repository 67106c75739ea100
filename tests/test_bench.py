"""The bench measures something, and ends with a table even if some rows cannot be measured."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

sys.path.append(str(Path(__file__).parents[1] / "bench"))
from api import api
from load import Order, execute, respond
from parts import images, proxy, validation
from processes import child, take
from soak import soak
from suites import suites
from table import QUICK, BenchError, Row, Scale, Section, print_table
from webhooks import webhooks

FIRST = Row("first", [1], "ms")
TINY = replace(QUICK, seconds=0.01, soak=0.0001, tests=3)


def hanging() -> Iterator[Row]:
    """Measure one row, and then hang."""
    yield FIRST
    Event().wait(60)


def failing() -> Iterator[Row]:
    """Measure nothing."""
    raise BenchError("the server is gone")
    yield FIRST


def test_a_row_that_hangs_costs_only_itself(capfd: pytest.CaptureFixture[str]) -> None:
    """Its section is named, and the others are measured."""
    sections = [
        Section("hanging", hanging, patience=0.1),
        Section("failing", failing, 60),
        Section("working", lambda: iter([FIRST, "  a remark"]), 60),
    ]

    incomplete = print_table(sections)

    shown, told = capfd.readouterr()
    assert incomplete == ["hanging", "failing"]
    assert shown.splitlines()[1:] == [str(FIRST), str(FIRST), "  a remark"]
    assert told.splitlines() == [
        "bench: hanging: BenchError: takes too long: it hangs, or the machine is very slow",
        "bench: failing: BenchError: the server is gone",
    ]


@pytest.mark.parametrize(("unit", "ratios"), [("/s", [0.5, 2.0]), ("ms", [2.0, 0.5])])
def test_a_ratio_above_1_is_better(unit: str, ratios: list[float]) -> None:
    """Of rates and of times, and in each round by itself."""
    row = Row("it", [100, 400], unit, "another", [200, 200])

    assert row.ratios == ratios
    assert "1.25 0.50-2.00" in str(row)


def test_the_load_generator_sends_as_often_as_ordered() -> None:
    """And reports how long that took."""
    with child(respond, b"x" * 70_000) as pipe:
        order = Order(take(pipe)[0], [b"GET / HTTP/1.1\r\n\r\n"], count=50, connections=3)

        load = execute(order)
        pipe.send(load.responses)

        assert load.responses == take(pipe) == 50
        assert load.failed == 0
        assert 0 < load.p99 <= 1000 * load.seconds


@pytest.mark.parametrize("section", [api, webhooks, validation, images, proxy, soak, suites])
def test_a_section_has_rows(section: Callable[[Scale], Iterator[Row | str]]) -> None:
    """Also with the least that can be measured."""
    rows = [row for row in section(TINY) if isinstance(row, Row)]

    assert rows
    assert all(row.ours for row in rows)
