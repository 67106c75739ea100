"""`docs/openapi.md`, which `make generators` writes."""

from __future__ import annotations

from tests.generators.page import PAGE, RESULTS, head
from tests.generators.trials import TRIALS


def test_page_is_what_the_script_writes() -> None:
    """Up to the results, which only a run with all tools can renew."""
    text = PAGE.read_text("utf-8")

    assert text.startswith(head())


def test_each_tool_has_its_results() -> None:
    """Whoever adds a tool tries it."""
    results = PAGE.read_text("utf-8").partition(RESULTS)[2]

    rows = [line for line in results.splitlines() if line.startswith("| ")][1:]

    assert [row.removeprefix("| ").split(" | ")[:2] for row in rows] == [
        [one.language, one.tool] for one in TRIALS
    ]
