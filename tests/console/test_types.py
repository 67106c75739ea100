"""The types in the scripts of the console fit together."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.console.conftest import TOOLS, missing


def test_scripts_have_sound_types() -> None:
    """TypeScript finds nothing in what JSDoc says."""
    compiler = TOOLS / ".bin" / "tsc"
    if not compiler.exists():
        missing("TypeScript")

    done = subprocess.run(
        [str(compiler), "-p", str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.stdout == ""
