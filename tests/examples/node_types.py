"""Renews the types of the Node module: `python -m tests.examples.node_types`."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import get_args, get_type_hints

from mockserver.testing import SandboxSettings, ScenarioName
from mockserver.testing.names import ScenarioWithValue, ServerSettings
from tests.console.conftest import TOOLS

MODULE = Path(__file__).parent / "node" / "maxapi-mock"
NAMES = MODULE / "names.d.mts"


def names() -> str:
    """Write the types of the names that tests pass in: scenarios and settings."""
    own = get_type_hints(SandboxSettings)
    unions = {
        "ScenarioName": ("The scenarios that need no value.", get_args(ScenarioName)),
        "ScenarioWithValue": ("The scenarios that take one.", get_args(ScenarioWithValue)),
        "SandboxSetting": ("The settings of a sandbox.", own),
        "MockSetting": (
            "The settings that only a mock has.",
            [name for name in get_type_hints(ServerSettings) if name not in own],
        ),
    }
    types = [_union(name, about, members) for name, (about, members) in unions.items()]
    return "\n".join(["// Written by `python -m tests.readme`.", *types, ""])


def _union(name: str, about: str, members: Iterable[str]) -> str:
    lines = [f"  | '{member}'" for member in members]
    return "\n".join([f"\n/** {about} */", f"export type {name} =", *lines]) + ";"


def declarations() -> dict[str, str]:
    """Let TypeScript check the module, strictly, and write its declarations, by file name."""
    with tempfile.TemporaryDirectory() as folder:
        for path in (*MODULE.glob("*.mjs"), MODULE / "types.d.mts", MODULE / "tsconfig.json"):
            shutil.copy(path, folder)
        Path(folder, NAMES.name).write_text(names(), "utf-8")
        Path(folder, "node_modules").symlink_to(TOOLS)
        command = [str(TOOLS / ".bin" / "tsc"), "-p", folder]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            raise RuntimeError(done.stdout)
        made = sorted(Path(folder, "declarations").iterdir())
        return {path.name: path.read_text("utf-8") for path in made}


if __name__ == "__main__":
    for file, text in ({NAMES.name: names()} | declarations()).items():
        (MODULE / file).write_text(text, "utf-8")
