"""The wheel works outside a checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what the wheel installs."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=60,
    )
    [wheel] = (folder / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def run(installed: Path, *arguments: str) -> str:
    """Run the installed command from another folder."""
    environment = {name: value for name, value in os.environ.items() if "COV" not in name}
    done = subprocess.run(
        [sys.executable, "-m", "mockserver", *arguments],
        cwd=installed.parent,
        env={**environment, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def test_installs_one_package_and_no_generic_names(installed: Path) -> None:
    """Nothing at the top but `mockserver` and its metadata."""
    names = {path.name for path in installed.iterdir()}

    assert {name for name in names if not name.endswith(".dist-info")} == {"mockserver"}
    assert (installed / "mockserver" / "py.typed").exists()
    assert (installed / "mockserver" / "schemas" / "service.json").exists()


def test_serves_validates_and_prints(installed: Path) -> None:
    """The contract travels with the code."""
    script = installed.parent / "where.py"
    script.write_text("import mockserver; print(mockserver.__file__)")
    where = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout

    demo = run(installed, "demo")
    verdict = run(installed, "validate", str(ROOT / "fixtures/submit-request/valid/seed.json"))

    assert where.startswith(str(installed))
    assert "768x1024" in demo
    assert verdict.endswith("submit-request: conforms\n")
    assert '"openapi": "3.1.0"' in run(installed, "openapi")
