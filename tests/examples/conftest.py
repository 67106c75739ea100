"""Runs the examples in other languages."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
collect_ignore = ["downstream"]
"""A project of its own, which `test_downstream.py` runs."""

RunWithMock = Callable[..., "subprocess.CompletedProcess[str]"]
"""Takes the words behind `maxapi-mock run`, and variables by name."""


@pytest.fixture
def run_with_mock(tmp_path: Path) -> RunWithMock:
    """Run a command with `maxapi-mock run`, in an empty folder and without settings."""

    def run(*words: object, **variables: str) -> subprocess.CompletedProcess[str]:
        foreign = re.compile("MAXAPI|proxy|SSL_CERT|_CA_|NODE_", re.IGNORECASE)
        kept = {name: value for name, value in os.environ.items() if not foreign.search(name)}
        return subprocess.run(
            [sys.executable, "-m", "mockserver", "run", *map(str, words)],
            cwd=tmp_path,
            env=kept | variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run
