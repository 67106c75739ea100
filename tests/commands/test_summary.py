"""The summary of a run: for a terminal, for a page, and for programs."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from mockserver.commands.summary import as_json, as_markdown, as_text
from mockserver.engine.usage import Usage
from tests.commands.test_run import NOTHING, PYTHON, RUN, SUBMIT, execute, outside, run

pytestmark = pytest.mark.slow

Write = Callable[[Usage, Decimal], str]

REFUSED = "submit returned 400: input.n: 11 is more than 10"


@pytest.fixture
def usage() -> Usage:
    """A tally that has been told nothing."""
    return Usage()


@pytest.fixture
def full(usage: Usage) -> Usage:
    """A tally of a short run."""
    usage.requests = Counter({("submit", 200): 2, ("submit", 400): 3, ("query", 200): 7})
    usage.tasks = Counter({"SUCCESS": 2})
    usage.webhooks = Counter({"delivered": 1})
    usage.attempts = Counter({"delivered": 1, "returned 500, not 2xx": 2})
    usage.warnings = Counter({"input.foo: unknown": 1, REFUSED: 3})
    usage.scenarios = Counter({"slow=90s": 1})
    return usage


def test_the_terminal_gets_one_line_for_each_kind(full: Usage) -> None:
    """The sums first, then requests by outcome, and what was most frequent first."""
    assert as_text(full, Decimal("0.040")).splitlines() == [
        "maxapi-mock run: 12 requests, 3 webhook attempts, 4 contract warnings; "
        "live it would have cost $0.04",
        "  submit            5  400 x 3, 200 x 2",
        "  query             7  200 x 7",
        "  task              2  SUCCESS x 2",
        "  webhook           1  delivered x 1",
        "  attempt           3  returned 500, not 2xx x 2, delivered x 1",
        "  contract warnings:",
        f"       3 x {REFUSED}",
        "       1 x input.foo: unknown",
        "  scenarios:",
        "       1 x slow=90s",
    ]


def test_texts_can_be_rewritten(full: Usage) -> None:
    """Those that become the same are counted as one."""
    full.rewrite(lambda text: text if "input" not in text else "input")

    assert full.warnings == {"input": 4}


def test_a_run_without_requests_is_one_line(usage: Usage) -> None:
    """There is nothing else to tell."""
    text = as_text(usage, Decimal())

    assert text == (
        "maxapi-mock run: 0 requests, 0 webhook attempts, 0 contract warnings; "
        "live it would have cost $0.00"
    )


def test_one_of_a_thing_is_said_as_one(usage: Usage) -> None:
    """The headline counts in words."""
    usage.requests["submit", 200] = usage.attempts["delivered"] = usage.warnings["x"] = 1

    headline = as_text(usage, Decimal()).splitlines()[0]

    assert "1 request, 1 webhook attempt, 1 contract warning;" in headline


def test_whatever_happened_fits_on_a_screen(usage: Usage) -> None:
    """Long lists end with how much was left out, long lines are cut, and no count is lost."""
    for number in range(500):
        usage.warnings[f"{number} {'x' * 1000}"] = 1
        usage.scenarios[f"slow={number}s"] = 2
    usage.warnings["often"] = 9

    lines = as_text(usage, Decimal()).splitlines()

    assert len(lines) <= 30
    assert max(map(len, lines)) < 180
    assert lines[2] == "       9 x often"
    assert lines[14] == "     489 x and 489 others"
    assert lines[-1] == "     976 x and 488 others"


def test_many_answers_of_webhooks_fit_on_a_screen(usage: Usage) -> None:
    """A receiver whose answers are broken in many ways does not fill the terminal."""
    for number in range(500):
        usage.attempts[f"ProtocolError: {number}"] = 1

    lines = as_text(usage, Decimal()).splitlines()

    assert max(map(len, lines)) < 400


@pytest.mark.parametrize("write", [as_text, as_markdown])
def test_no_text_breaks_a_line(usage: Usage, write: Write) -> None:
    """A path of the app can hold line breaks and what a terminal obeys; they are shown escaped."""
    usage.warnings["unknown route returned 404: no such route: /a\n# b\x1b[2J"] = 1

    lines = write(usage, Decimal()).splitlines()

    assert [line for line in lines if line.startswith("# b")] == []
    assert all(line.isprintable() for line in lines)


def test_the_page_is_markdown(full: Usage) -> None:
    """A heading, a table, lists; it ends with an empty line, so that more can follow it."""
    assert as_markdown(full, Decimal("0.040")) == (
        "### MaxAPI mock\n\n"
        "12 requests, 3 webhook attempts, 4 contract warnings; live it would have cost $0.04.\n\n"
        "| | number | outcome |\n"
        "|---|---|---|\n"
        "| submit | 5 | 400 x 3, 200 x 2 |\n"
        "| query | 7 | 200 x 7 |\n"
        "| task | 2 | SUCCESS x 2 |\n"
        "| webhook | 1 | delivered x 1 |\n"
        "| attempt | 3 | returned 500, not 2xx x 2, delivered x 1 |\n"
        "\n**Contract warnings**\n\n"
        f"- 3 x `{REFUSED}`\n"
        "- 1 x `input.foo: unknown`\n"
        "\n**Scenarios**\n\n"
        "- 1 x `slow=90s`\n"
        "\n"
    )


def test_the_page_of_a_run_without_requests_has_no_empty_table(usage: Usage) -> None:
    """Heading and headline only."""
    page = as_markdown(usage, Decimal())

    assert page.rstrip() == (
        "### MaxAPI mock\n\n"
        "0 requests, 0 webhook attempts, 0 contract warnings; live it would have cost $0.00."
    )


def test_no_text_leaves_its_code_span(usage: Usage) -> None:
    """A backtick in a warning would end it, and what follows would be Markdown."""
    usage.warnings["a `b` **c**"] = 1

    assert "- 1 x `a b **c**`" in as_markdown(usage, Decimal()).splitlines()


def test_no_outcome_leaves_its_cell(usage: Usage) -> None:
    """What a broken receiver sends can be part of the error."""
    usage.attempts["ProtocolError: a | b"] = 1

    [row] = [line for line in as_markdown(usage, Decimal()).splitlines() if "attempt |" in line]

    assert row.replace("\\|", "").count("|") == 4


def test_programs_get_everything_as_json(full: Usage) -> None:
    """Also what a screen has no room for; money is a text, so that no cent is rounded."""
    for number in range(100):
        full.warnings[f"input.f{number}: unknown"] = 1

    document = json.loads(as_json(full, Decimal("0.040")))

    assert len(document.pop("warnings")) == 102
    assert document == {
        "requests": {"query": {"200": 7}, "submit": {"200": 2, "400": 3}},
        "tasks": {"SUCCESS": 2},
        "webhooks": {"delivered": 1},
        "webhook_attempts": {"delivered": 1, "returned 500, not 2xx": 2},
        "notes": {},
        "scenarios": {"slow=90s": 1},
        "cost_usd": "0.04",
    }


@pytest.mark.parametrize("write", [as_text, as_markdown])
def test_an_unknown_price_is_never_nothing(
    usage: Usage, write: Callable[[Usage, Decimal, int], str]
) -> None:
    """The sum says that it is not all, how many tasks it is without, and how to count them."""
    text = write(usage, Decimal("0.040"), 2)

    assert (
        "live it would have cost at least $0.04; 2 tasks of models whose price is not published "
        "(set it with --unknown-price)"
    ) in text


def test_programs_are_told_of_unknown_prices(usage: Usage) -> None:
    """By a number, where there are such tasks."""
    assert json.loads(as_json(usage, Decimal(), 2))["unpriced_tasks"] == 2


def test_the_file_of_a_page_is_added_to(tmp_path: Path) -> None:
    """As GitHub's is, which belongs to all steps of a job; the terminal gets its own form."""
    (tmp_path / "page.md").write_text("# Before\n\n")
    command = [*PYTHON, SUBMIT % {"foo": 1}]

    done = run(tmp_path, ["--summary-file", "page.md"], command)

    page = (tmp_path / "page.md").read_text()
    assert done.returncode == 0
    assert page.startswith("# Before\n\n### MaxAPI mock\n\n2 requests, 0 webhook attempts, 1 ")
    assert page.endswith("\n- 1 x `input.foo: unknown`\n\n")
    assert done.stderr.startswith("maxapi-mock run: 2 requests, ")
    assert "       1 x input.foo: unknown\n" in done.stderr


def test_the_file_for_programs_is_written_anew(tmp_path: Path) -> None:
    """So that it is JSON after every run; the command's failure is no reason not to write it."""
    (tmp_path / "summary.json").write_text("old")
    command = [*PYTHON, SUBMIT % {}]

    done = run(tmp_path, ["--summary-file", "summary.json"], command, STATUS="7")

    assert done.returncode == 7
    assert json.loads((tmp_path / "summary.json").read_text()) == {
        "requests": {"query": {"200": 1}, "submit": {"200": 1}},
        "tasks": {"PENDING": 1},
        "webhooks": {},
        "webhook_attempts": {},
        "warnings": {},
        "notes": {},
        "scenarios": {},
        "cost_usd": "0.02",
    }


@pytest.mark.parametrize(
    ("more", "status", "ends"), [({}, 0, 0), ({"foo": 1}, 0, 1), ({"foo": 1}, 7, 7)]
)
def test_warnings_can_fail_a_run(
    tmp_path: Path, more: dict[str, int], status: int, ends: int
) -> None:
    """A command that failed by itself keeps its status; a run without warnings is well."""
    command = [*PYTHON, SUBMIT % more]

    done = run(tmp_path, ["--fail-on-warnings"], command, STATUS=str(status))

    assert done.returncode == ends


def test_a_key_of_the_users_own_is_not_shown(tmp_path: Path) -> None:
    """On the terminal, on the page and as JSON: an app can send it where it does not belong."""
    files = [tmp_path / "summary.md", tmp_path / "summary.json"]
    more = "{'sk-hush-0123': 1, 'hush': os.environ['MAXAPI_API_KEY']}"
    shown = ""

    for file in files:
        options = ["--api-key", "sk-hush-0123", "--summary-file", str(file)]
        done = run(tmp_path, options, [*PYTHON, SUBMIT % more])
        shown += done.stderr + file.read_text()

    assert shown.count("$MAXAPI_API_KEY") == 4
    assert "sk-hush" not in shown


def test_a_file_that_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    """After the summary, which is not lost; such a run does not pass."""
    done = run(tmp_path, ["--summary-file", "."], ["true"])

    assert done.returncode == 2
    assert done.stderr == f"{NOTHING}maxapi-mock run: --summary-file: .: Is a directory\n"


def test_a_file_that_cannot_be_written_does_not_hide_a_failure(tmp_path: Path) -> None:
    """The command's own status says more."""
    assert run(tmp_path, ["--summary-file", "."], ["sh", "-c", "exit 7"]).returncode == 7


@pytest.mark.parametrize(
    "closed",
    [(">&-"), (">&- 2>&-"), "2>&-"],
)
def test_closed_streams_change_nothing(tmp_path: Path, closed: str) -> None:
    """The command's status is that of the run, and there is no traceback."""
    script = f'"$@" {closed}'

    done = execute(tmp_path, ["sh", "-c", script, "sh", *RUN, "--", "sh", "-c", "exit 7"])

    assert done.returncode == 7
    assert "Traceback" not in done.stderr


def test_standard_output_is_the_commands_alone(tmp_path: Path) -> None:
    """Also when there is no place for the summary."""
    done = execute(tmp_path, ["sh", "-c", '"$@" 2>&-', "sh", *RUN, "--", "echo", "mine"])

    assert done.stdout == "mine\n"


def test_a_summary_that_nobody_reads_changes_nothing(tmp_path: Path) -> None:
    """The tests of whoever closed the pipe have passed all the same."""
    reader, writer = os.pipe()
    os.close(reader)

    done = subprocess.run(
        [*RUN, "--", "true"],
        cwd=tmp_path,
        env=outside(tmp_path),
        stderr=writer,
        timeout=30,
        check=False,
    )

    os.close(writer)
    assert done.returncode == 0


@pytest.mark.parametrize(("expected", "ends"), [([], 1), (["--expect", "no-request"], 0)])
def test_what_is_expected_fails_no_run(tmp_path: Path, expected: list[str], ends: int) -> None:
    """A kind of warning that a test provokes on purpose is declared, and then is none."""
    done = run(tmp_path, ["--fail-on-warnings", *expected], ["true"])

    assert done.returncode == ends
