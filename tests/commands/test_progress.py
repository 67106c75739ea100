"""A terminal shows how far a run is; a pipe is told once how long it takes."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest

from mockserver.commands.progress import is_shown
from mockserver.conformance.session.forecast import forecast, in_words
from mockserver.conformance.session.session import Options
from mockserver.conformance.session.verification import PlannedCheck
from mockserver.contract import Contract
from mockserver.testing import running_mock

pytestmark = pytest.mark.slow

CHEAP = "grok-imagine/text-to-image-lite"
VERIFY = (sys.executable, "-m", "mockserver", "verify", "--models", CHEAP)
TOKEN = "a-live-token-that-is-secret"


def on_a_terminal(folder: Path, *arguments: str, term: str) -> tuple[str, str]:
    """Run the command with a terminal as its stderr; return what it shows, and the report."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": term, "MAXAPI_LIVE_KEY": TOKEN}
    with subprocess.Popen(
        [*VERIFY, *arguments], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=theirs
    ) as process:
        os.close(theirs)
        shown = b""
        while chunk := _read(ours):
            shown += chunk
        assert process.stdout is not None
        out = process.stdout.read().decode()
    os.close(ours)
    return shown.decode(), out


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # so Linux says that nobody writes any more
        return b""


def test_a_terminal_shows_check_requests_and_money(tmp_path: Path) -> None:
    """In one line that is written over; the report is untouched, and no key or colour is shown."""
    shown, out = on_a_terminal(tmp_path, "--examples", "1", term="xterm-256color")

    assert re.search(r"\d+/\d+ [a-z-]+: \d+ requests, at most \$0\.0\d+", shown)
    assert shown.count("\n") == 1
    assert "\x1b[3" not in shown.replace("\x1b[?25", "")
    assert TOKEN not in shown
    assert out.startswith("maxapi-mock verify: no drift")


def test_a_dumb_terminal_is_left_alone(tmp_path: Path) -> None:
    """It cannot write over a line."""
    shown, out = on_a_terminal(tmp_path, "--examples", "1", term="dumb")

    assert shown == ""
    assert out.startswith("maxapi-mock verify: no drift")


def test_a_pipe_shows_nothing() -> None:
    """Nor does a file."""
    assert not is_shown(StringIO())


def test_a_live_run_says_beforehand_how_long_it_takes(tmp_path: Path) -> None:
    """Also in a pipe, and on stderr: the report on stdout is as ever."""
    with running_mock(api_key=TOKEN) as mock:
        done = subprocess.run(
            [*VERIFY, "--live", "--url", mock.url, "--rate", "1000"],
            cwd=tmp_path,
            env={**os.environ, "MAXAPI_LIVE_KEY": TOKEN},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )

    assert re.fullmatch(
        r"maxapi-mock verify: this will take about 1 s, by estimate: \d+ requests at 1000 a "
        r"second\n",
        done.stderr,
    )
    assert done.stdout.startswith("maxapi-mock verify: ")


def test_a_forecast_counts_requests_and_waiting(contract: Contract) -> None:
    """Tasks are followed together, but polled no faster than the rate allows."""
    shortest, longest = contract.cards[CHEAP].typical_duration
    rows = [
        PlannedCheck("free", "", 10, 0, Decimal()),
        PlannedCheck("one", "", 14, 2, Decimal()),
        PlannedCheck("many", "", 400, 20, Decimal()),
    ]
    options = Options((CHEAP,), interval=3.0, patience=60.0)

    made = forecast(rows, options, contract, 2.0)

    low = 5 + (1 + shortest) + (10 + 38 * shortest / 6)
    high = min(longest, 60.0)
    assert made.shortest == pytest.approx(low)
    assert made.longest == pytest.approx(5 + (1 + high) + (10 + 38 * high / 6))
    assert list(made.weights) == ["free", "one", "many"]


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.2, "1 s"), (89, "89 s"), (300, "5 min"), (7200, "2.0 h")]
)
def test_times_are_said_roughly(seconds: float, said: str) -> None:
    """Nobody knows them better."""
    assert in_words(seconds) == said
