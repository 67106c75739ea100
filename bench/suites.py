"""Measures what a user waits for: the tests of an app, and commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from load import PATIENCE
from processes import COMMAND, HERE, own_environment
from table import BenchError, Row, Scale

_SUITE = HERE / "suite"
_FAKES = {"responses": "a fake by responses", "httpserver": "a fake by pytest-httpserver"}
_OURS = (
    ("sockets", "over sockets", "httpserver", ">= 1.6"),
    ("fixture", "in the process", "responses", ">= 0.65"),
    ("intercept", "with intercept()", "responses", ">= 0.65"),
)


def suites(scale: Scale) -> Iterator[Row]:
    """Measure tests of an app that submits, polls, takes a webhook and fetches an image."""
    usual_ones: dict[str, list[float]] = defaultdict(list)
    firsts: dict[str, list[float]] = defaultdict(list)
    for _ in range((scale.rounds + 2) // 3):
        for kind in (*_FAKES, *(kind for kind, *_ in _OURS), "empty"):
            first, *others = _run_pytest(kind, scale.tests)
            usual = 1000 * median(others[:-1])  # the last one tears everything down
            usual_ones[kind].append(usual)
            firsts[kind].append(1000 * first - usual)
    for kind, what, fake, goal in _OURS:
        yield Row(f"a test {what}", usual_ones[kind], "ms", _FAKES[fake], usual_ones[fake], goal)
        yield Row(f"the first test {what}, more", firsts[kind], "ms", goal="<= 250 ms")
    yield Row("an empty test", usual_ones["empty"], "ms")


def _run_pytest(kind: str, tests: int) -> Sequence[float]:
    """Run a suite; return the seconds that each of its tests took."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name, "taken.json")
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
                *("-c", os.devnull, "--rootdir", _SUITE, _SUITE / f"test_{kind}.py"),
            ],
            cwd=name,
            env=own_environment() | {"BENCH_FILE": str(file), "BENCH_TESTS": str(tests)},
            capture_output=True,
            text=True,
            timeout=10 * PATIENCE,
            check=False,
        )
        if f"{tests} passed" not in done.stdout:
            raise BenchError(f"not every test passed:\n{done.stdout[-2000:]}{done.stderr}")
        taken: list[float] = json.loads(file.read_text("utf-8"))
        return taken


def commands(scale: Scale) -> Iterator[Row]:
    """Measure commands, from start to end."""
    run_true = "import subprocess; subprocess.run(['true'])"
    pairs = (
        ("--help", "import click", "<= 80 ms"),
        ("run -- true", run_true, "<= 180 ms"),
    )
    for options, python, goal in pairs:
        ours, others = [], []
        for _ in range(scale.rounds + 2):
            ours.append(_milliseconds([COMMAND, *options.split()]))
            others.append(_milliseconds([sys.executable, "-c", python]))
        yardstick = "python that runs true" if python == run_true else f'python -c "{python}"'
        yield Row(f"maxapi-mock {options}", ours, "ms", yardstick, others, goal)


def _milliseconds(command: Sequence[str | Path]) -> float:
    begun = time.perf_counter()
    subprocess.run(
        command,
        cwd=HERE,
        env=own_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=PATIENCE,
        check=True,
    )
    return 1000 * (time.perf_counter() - begun)
