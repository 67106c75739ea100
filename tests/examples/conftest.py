"""Runs the examples in other languages."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.console.conftest import TOOLS

HERE = Path(__file__).parent
collect_ignore = ["downstream", "fakes", "projects", "snippets", "testcontainers"]
"""Projects of their own, which tests run."""

RunWithMock = Callable[..., "subprocess.CompletedProcess[str]"]
"""Takes the words behind `maxapi-mock run`, and variables by name."""


def clean_environment(**variables: str) -> dict[str, str]:
    """Return the environment without settings of the mock and proxies, with *variables*.

    The commands of this environment and of its packages for Node are found first.
    """
    foreign = re.compile("MAXAPI|proxy|SSL_CERT|_CA_|NODE_|^PYTEST", re.IGNORECASE)
    kept = {name: value for name, value in os.environ.items() if not foreign.search(name)}
    programs = [Path(sys.executable).parent, TOOLS / ".bin", TOOLS / "bats" / "bin"]
    path = os.pathsep.join([*map(str, programs), os.environ["PATH"]])
    return kept | {"PATH": path, "NO_COLOR": "1"} | variables


@pytest.fixture
def run_with_mock(tmp_path: Path) -> RunWithMock:
    """Run a command with `maxapi-mock run`, in an empty folder and without settings."""

    def run(*words: object, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "mockserver", "run", *map(str, words)],
            cwd=tmp_path,
            env=clean_environment(**variables),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run
