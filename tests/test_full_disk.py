"""Commands whose output cannot be written."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.no_cover]

MOCK = [sys.executable, "-m", "mockserver"]
SEED = Path(__file__).parents[1] / "fixtures" / "submit-request" / "valid" / "seed.json"
VERIFY = ("verify", "--models", "gpt-image-2/text-to-image", "--examples", "1")
needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")


def small_files() -> None:
    """Let no file be larger than a few lines: a disk that is full for this process alone."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))


def environment() -> dict[str, str]:
    """Give this process's, without what makes others write as well: coverage."""
    return {name: value for name, value in os.environ.items() if "COV" not in name} | {
        "PYTHONDONTWRITEBYTECODE": "1"
    }


@needs_full
@pytest.mark.parametrize(
    "arguments",
    [
        ("openapi",),
        ("scenarios",),
        ("serve", "--show-settings"),
        ("serve", "--port", "0"),
        ("listen", "--port", "0"),
        ("proxy", "--port", "0"),
        ("validate", str(SEED)),
        (*VERIFY, "--plan"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("mute", [False, True])
def test_a_full_output_is_said_in_one_line(arguments: tuple[str, ...], *, mute: bool) -> None:
    """With status 2, also where nobody can be told, and nothing is left to run."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*MOCK, *arguments],
            stdout=full,
            stderr=full if mute else subprocess.PIPE,
            timeout=120,
            check=False,
        )

    assert done.returncode == 2
    said = f"maxapi-mock {arguments[0]}: standard output: No space left on device\n"
    assert done.stderr == (None if mute else said.encode())


@pytest.mark.parametrize("command", [("openapi",), ("serve", "--show-settings"), ("--help",)])
def test_a_reader_that_goes_is_no_reason_for_a_traceback(command: tuple[str, ...]) -> None:
    """As with `| head -1`."""
    with subprocess.Popen([*MOCK, *command], stdout=-1, stderr=-1) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()

        said = process.stderr.read()

    assert said == b""


def test_a_summary_that_does_not_fit_fails_the_run(tmp_path: Path) -> None:
    """With status 2; the summary is told, and what was in the file stays."""
    page, document = tmp_path / "summary.md", tmp_path / "summary.json"
    page.write_text("x" * 90)
    document.write_text("{}")
    app = """
import os, urllib.error, urllib.request
for number in range(40):
    try:
        urllib.request.urlopen(f"{os.environ['MAXAPI_BASE_URL']}/api/v1/task/{number}")
    except urllib.error.HTTPError:
        pass
"""
    for file in (page, document):
        done = subprocess.run(
            [*MOCK, "run", "--summary-file", file, "--", sys.executable, "-c", app],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=environment(),
            preexec_fn=small_files,
        )

        assert done.returncode == 2, done.stderr
        assert "40 contract warnings" in done.stderr
        assert done.stderr.endswith(f"maxapi-mock run: --summary-file: {file}: File too large\n")
    assert page.read_text() == "x" * 90
    assert json.loads(document.read_text()) == {}
    assert {path.name for path in tmp_path.iterdir()} == {"summary.md", "summary.json"}


def test_a_report_that_does_not_fit_is_said(tmp_path: Path) -> None:
    """With status 2; what was found is told first, and nothing is left, of Hypothesis neither."""
    folder = tmp_path / "report"
    done = subprocess.run(
        [*MOCK, *VERIFY, "--report", folder],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=environment(),
        preexec_fn=small_files,
    )

    assert done.returncode == 2, done.stderr
    assert "maxapi-mock verify: no drift" in done.stdout
    assert done.stderr == f"maxapi-mock verify: --report: {folder}/report.json: File too large\n"
    assert list(tmp_path.rglob("*")) == [folder]
