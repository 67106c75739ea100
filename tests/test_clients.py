"""Every row of the table of clients, if its language is installed."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from subprocess import CompletedProcess

import pytest

from tests.clients import ERROR, MOCK, PAST, ROWS, RUNNERS, Row
from tests.clients_page import PAGE, rendered
from tests.commands.test_run import RUN, execute
from tests.commands.test_run_intercept import another

pytestmark = [pytest.mark.slow, pytest.mark.no_cover]

PRETENDED = """
from pathlib import Path
def where():
    return str(Path(__file__).with_name("another.pem"))
"""
"""A `certifi` that has the test's own authority among the public ones."""


def test_the_page_is_current() -> None:
    """`python -m tests.clients_page` writes it again."""
    assert PAGE.read_text("utf-8") == rendered()


def command_of(row: Row, folder: Path) -> list[str]:
    """Write the program of a row; return the command that runs it, or skip the test."""
    runner, file, needed = RUNNERS[row.language]
    if needed and which(needed) is None:
        pytest.skip(f"{needed} is not installed")
    for module in row.modules:
        if find_spec(module) is None:
            pytest.skip(f"{module} is not in this environment")
    (folder / file).write_text(row.code, "utf-8")
    return [*(runner.split() or [sys.executable]), *row.words, file]


def call(row: Row, folder: Path, *options: str) -> CompletedProcess[str]:
    """Run the program of a row, which can also call another host on this machine."""
    command = command_of(row, folder)
    home = folder / "home"
    home.mkdir()
    with another(folder) as port:
        (folder / "certifi.py").write_text(PRETENDED, "utf-8")
        return execute(
            folder,
            [*RUN, "--intercept", *options, "--", *command],
            URL=f"https://127.0.0.2:{port}/",
            SSL_CERT_FILE=str(folder / "another.pem"),
            PYTHONPATH=str(folder),
            HOME=str(home),
            GOCACHE=str(folder.parent.parent / "go"),
            GOPROXY="off",
        )


@pytest.mark.parametrize("allow_others", [False, True])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.language}: {row.client}")
def test_a_client_does_what_its_row_says(tmp_path: Path, row: Row, *, allow_others: bool) -> None:
    """It reaches the mock, fails, or reaches a host that is trusted without the mock."""
    done = call(row, tmp_path, *["--allow-others"] * allow_others)

    outcome = row.others if allow_others else row.outcome
    came = "maxapi-mock run: 1 request," in done.stderr
    assert came == (outcome == MOCK), done.stderr
    assert ('"taskId"' in done.stdout) == (outcome == MOCK), done.stdout
    assert ("another" in done.stdout) == (outcome == PAST), done.stderr
    failed = done.returncode != 0 or "Warning" in done.stdout + done.stderr  # PHP goes on
    assert failed == (outcome == ERROR), done.stderr
