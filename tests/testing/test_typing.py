"""Type checkers accept typical code of users, and reject its mistakes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.console.conftest import TOOLS, missing
from tests.readme import pages
from tests.wheel import unpack_wheel

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


def mistakes(source: str) -> list[int]:
    """Return the lines that a type checker has to reject."""
    return [
        number for number, line in enumerate(source.splitlines(), 1) if line.endswith("# wrong")
    ]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's project: its environment has the wheel, and what else is installed here."""
    folder = tmp_path_factory.mktemp("project")
    command = [sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")]
    subprocess.run(command, check=True, timeout=60)
    [site] = (folder / "venv").glob("lib/python*/site-packages")
    unpack_wheel(site, folder / "dist")
    (site / "others.pth").write_text(sysconfig.get_paths()["purelib"])
    (folder / "snippet.py").write_text(USER_CODE.read_text("utf-8"))
    return folder


def checked(project: Path, *command: str) -> str:
    """Run a type checker on a user's project; return what it prints."""
    done = subprocess.run(
        [*command, "snippet.py"],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.stdout


@pytest.mark.slow
def test_mypy_knows_the_types_of_what_is_installed(project: Path) -> None:
    """Of the wheel itself, by its `py.typed`; nothing that is exported is Any."""
    python = str(project / "venv" / "bin" / "python")
    command = (sys.executable, "-m", "mypy", "--strict", "--python-executable", python)

    printed = checked(project, *command)

    found = {int(one) for one in re.findall(r"^snippet\.py:(\d+): error: ", printed, re.MULTILINE)}
    assert sorted(found) == mistakes(USER_CODE.read_text("utf-8")), printed


@pytest.mark.slow
def test_pyright_knows_the_types_of_what_is_installed(project: Path) -> None:
    """In its strict mode, which also complains of what is only partly known."""
    program = TOOLS / ".bin" / "pyright"
    if not program.exists():
        missing("Pyright")
    (project / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    python = str(project / "venv" / "bin" / "python")

    printed = checked(project, str(program), "--outputjson", "--pythonpath", python)

    found = {one["range"]["start"]["line"] + 1 for one in json.loads(printed)["generalDiagnostics"]}
    assert sorted(found) == mistakes(USER_CODE.read_text("utf-8")), printed


def test_a_type_checker_finds_the_mistakes_and_nothing_else(tmp_path: Path) -> None:
    """Misspelt names, missing or superfluous values, settings that a sandbox does not have."""
    source = USER_CODE.read_text("utf-8")
    wrong = mistakes(source)

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
