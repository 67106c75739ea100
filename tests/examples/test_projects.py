"""Each example project passes its own tests, started as its README says, in a copy."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.console.conftest import TOOLS, missing
from tests.examples.conftest import HERE, clean_environment
from tests.shells import snippets

PROJECTS = sorted(path for path in (HERE / "projects").iterdir() if path.is_dir())
ROUTE = HERE / "snippets" / "nextjs"
PLUGINS = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "maxapi_pytest"}
"""Those of pytest that a user's environment would have."""

PATIENT = {
    "vitest": "npm test -- --testTimeout=60000 --hookTimeout=60000",
    "playwright": "npm test -- --timeout=120000",
}
"""`npm test` on a machine that has more to do: against what hangs, not for pace."""

_INSTALLS = ("npm install", "npx playwright install")


def commands(project: str) -> str:
    """Return what the README of a project tells to run, without what it tells to install."""
    [block] = snippets((HERE / "projects" / project / "README.md").read_text("utf-8"))
    lines = [line for line in block.splitlines() if not line.startswith(_INSTALLS)]
    return "\n".join(PATIENT.get(project, line) if line == "npm test" else line for line in lines)


def run(command: str, folder: Path, **variables: str) -> str:
    """Run a command in a project; return what it printed. Fails the test if it fails."""
    done = subprocess.run(
        ["bash", "-euc", command],
        cwd=folder,
        env=clean_environment(**variables),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    return printed


def copied(project: str, folder: Path) -> Path:
    """Copy a project, with what `npm install` would make of it; return its folder."""
    copy = folder / project
    unwanted = shutil.ignore_patterns("__pycache__", "node_modules", "test-results")
    shutil.copytree(HERE / "projects" / project, copy, ignore=unwanted)
    if (copy / "package.json").exists():
        if not (TOOLS / "vitest").exists():
            missing("Vitest")
        (copy / "node_modules").mkdir()
        for package in TOOLS.iterdir():
            (copy / "node_modules" / package.name).symlink_to(package)
        (copy / "node_modules" / "maxapi-mock").symlink_to(HERE / "node" / "maxapi-mock")
    return copy


@pytest.mark.parametrize("project", PROJECTS, ids=lambda path: path.name)
def test_a_readme_is_short_and_says_what_to_run(project: Path) -> None:
    """At most 100 words, and one block of commands."""
    text = (project / "README.md").read_text("utf-8")

    assert len(text.split()) <= 100
    assert commands(project.name)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("project", "expected"),
    [
        ("pytest", r"\b4 passed\b"),
        ("unittest", r"^Ran 2 tests .*\n\nOK$"),
        ("fastapi", r"\b5 passed\b"),
    ],
)
def test_a_project_in_python(project: str, expected: str, tmp_path: Path) -> None:
    """All of its tests pass, and none warns."""
    folder = copied(project, tmp_path)

    printed = run(commands(project), folder, **PLUGINS, PYTHONWARNINGS="error")

    assert re.search(expected, printed, re.MULTILINE), printed


@pytest.mark.slow
def test_vitest(tmp_path: Path) -> None:
    """Its types are sound and its tests pass; so do those of the route for Next.js."""
    folder = copied("vitest", tmp_path)
    for name in ("route.ts", "route.test.ts"):
        shutil.copy(ROUTE / name, folder / "test")

    printed = run(commands("vitest"), folder)

    assert re.search(r"Tests +7 passed \(7\)", printed), printed


@pytest.mark.slow
def test_a_vitest_that_fails_shows_what_the_mock_saw(tmp_path: Path) -> None:
    """And the fixtures use the mock of `maxapi-mock run`."""
    folder = copied("vitest", tmp_path)
    suite = folder / "test" / "studio.test.ts"
    suite.write_text(suite.read_text("utf-8").replace("[7, 7]", "[]"), "utf-8")

    printed = run(f"maxapi-mock run -- {PATIENT['vitest']} || echo failed", folder)

    assert printed.count("\nfailed\n") == 1, printed
    assert re.search(r'what the mock saw in "the API is busy twice":\n.*429', printed, re.DOTALL)
    assert "2 x rate-limited=7" in printed


@pytest.mark.slow
def test_playwright(tmp_path: Path) -> None:
    """Its types are sound, and its tests pass in the system's Chromium."""
    names = ("chromium", "chromium-browser", "google-chrome")
    browser = next((found for name in names if (found := shutil.which(name))), None)
    if browser is None:
        missing("Chromium")
    folder = copied("playwright", tmp_path)

    printed = run(f"tsc\n{commands('playwright')}", folder, CHROMIUM=browser)

    assert re.search(r"^ +3 passed", printed, re.MULTILINE), printed


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("go") is None, reason="go is not installed")
def test_go(tmp_path: Path) -> None:
    """Its tests pass, and are skipped without a mock."""
    folder = copied("go", tmp_path)
    offline = {"GOPROXY": "off", "GOTOOLCHAIN": "local", "GOFLAGS": "-count=1"}

    printed = run(commands("go"), folder, **offline)
    alone = run("go vet . && go test -v ./...", folder, **offline)

    assert "\nok " in f"\n{printed}"
    assert "1 x webhook-twice" in printed
    assert alone.count("--- SKIP") == 4


@pytest.mark.slow
def test_bats(tmp_path: Path) -> None:
    """Its tests pass."""
    if not (TOOLS / "bats").exists():
        missing("bats")
    folder = copied("bats", tmp_path)

    printed = run(commands("bats"), folder)

    assert len(re.findall(r"^ok ", printed, re.MULTILINE)) == 4, printed
    assert f"{os.linesep}not ok" not in printed


@pytest.mark.slow
def test_the_snippet_for_celery() -> None:
    """Its tests pass, where Celery is installed."""
    pytest.importorskip("celery", reason="celery is not installed")

    printed = run("python -m pytest", HERE / "snippets" / "celery", **PLUGINS, PYTHONPATH=".")

    assert "2 passed" in printed
