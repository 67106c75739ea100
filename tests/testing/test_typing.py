"""Type checkers accept typical code of users, and reject its mistakes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.readme import pages

ROOT = Path(__file__).parents[2]
USER_CODE = Path(__file__).with_name("user_code.py.txt")
_HEAD = """
from mockserver.testing import MaxapiSandbox, ScenarioText, intercept, running_mock

def test(maxapi: MaxapiSandbox, known: ScenarioText) -> None:
"""


def errors(source: str, folder: Path) -> dict[int, str]:
    """Check a module as a user's project would; return the errors by line."""
    (folder / "snippet.py").write_text(source, "utf-8")
    (folder / "mypy.ini").write_text("[mypy]\nstrict = True\n")
    cache = ROOT / ".mypy_cache" / "snippets"
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", str(cache), "snippet.py"],
        cwd=folder,
        env={"MYPYPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "Found" in done.stdout or "Success" in done.stdout, done.stdout + done.stderr
    found = re.findall(r"^snippet\.py:(\d+): error: (.*)$", done.stdout, re.MULTILINE)
    return {int(line): message for line, message in found}


def test_a_type_checker_finds_the_mistakes_and_nothing_else(tmp_path: Path) -> None:
    """Misspelt names, missing or superfluous values, settings that a sandbox does not have."""
    source = USER_CODE.read_text("utf-8")
    wrong = [
        number for number, line in enumerate(source.splitlines(), 1) if line.endswith("# wrong")
    ]

    found = errors(source, tmp_path)

    assert len(wrong) > 20
    assert sorted(found) == wrong, found


def test_the_snippets_of_the_documentation_are_clean(tmp_path: Path) -> None:
    """They show what a type checker accepts."""
    text = "\n".join(page.read_text("utf-8") for page in pages())
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names = r"\b(?:scenario|add_rule|count|settings|change_settings|assert_requested)\("
    calls = re.findall(rf"(?:maxapi|mock)\.{names}.*\)", "\n".join(blocks))
    lines = [re.sub(r"^mock\.", "maxapi.control.", call) for call in calls]
    bound = [re.sub(r"\(scenario\b", "(known", line) for line in lines]

    found = errors(_HEAD + "\n".join(f"    {line}" for line in bound), tmp_path)

    assert len(calls) >= 4
    assert found == {}
