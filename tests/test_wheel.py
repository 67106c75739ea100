"""The wheel works outside a checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.wheel import ROOT, unpack_wheel

pytestmark = [pytest.mark.slow, pytest.mark.no_cover]

CLEAN = {name: value for name, value in os.environ.items() if "COV" not in name}
"""The environment without what measures coverage."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what the wheel installs."""
    folder = tmp_path_factory.mktemp("wheel")
    unpack_wheel(folder / "site", folder / "dist")
    return folder / "site"


# -- beside the distribution of the same name --------------------------------------------------

CLIENT = [
    "a2a",
    "async_client",
    "client",
    "exceptions",
    "fluent",
    "launcher",
    "llm",
    "mcp",
    "models",
    "pytest_plugin",
    "websocket_client",
]
"""The modules of mockserver-client 9.2.0, the client of another product, in `mockserver`."""


def install_client(site: Path, *, first: bool) -> set[Path]:
    """Put what mockserver-client installs beside our files, before or after them."""
    package = site / "mockserver"
    texts = {package / f"{name}.py": "" for name in CLIENT} | {
        package / "__init__.py": "from mockserver.client import MockServerClient\n",
        package / "client.py": "class MockServerClient: ...\n",
        package / "pytest_plugin.py": "def pytest_configure(config):\n    config.theirs = True\n",
        package / "py.typed": "",
    }
    metadata = site / "mockserver_client-9.2.0.dist-info"
    metadata.mkdir()
    texts[metadata / "entry_points.txt"] = "[pytest11]\nmockserver = mockserver.pytest_plugin\n"
    texts[metadata / "METADATA"] = (
        "Metadata-Version: 2.1\nName: mockserver-client\nVersion: 9.2.0\n"
    )
    for path, text in texts.items():
        if not (first and path.exists()):
            path.write_text(text)
    return set(texts)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("removed", [False, True])
def test_works_beside_the_client_of_another_mockserver(
    installed: Path, tmp_path: Path, *, first: bool, removed: bool
) -> None:
    """Whichever is installed first, and after the other was removed with all that it installed."""
    site = tmp_path / "site"
    shutil.copytree(installed, site)
    theirs = install_client(site, first=first)
    for path in theirs if removed else ():
        path.unlink()
    test = tmp_path / "test_it.py"
    test.write_text(
        "import sys\n"
        "def test_it(maxapi, request):\n"
        "    assert maxapi.tasks == []\n"
        f"    assert sys.modules[type(maxapi).__module__].__file__.startswith({str(site)!r})\n"
        f"    assert hasattr(request.config, 'theirs') is {not removed}\n"
    )

    version = run(site, "--version")
    libraries = sysconfig.get_paths()["purelib"]
    said = subprocess.run(  # -S: without the path of this checkout
        [sys.executable, "-S", "-m", "pytest", "-q", "-p", "no:cacheprovider", str(test)],
        cwd=tmp_path,
        env={**CLEAN, "PYTHONPATH": os.pathsep.join([str(site), libraries])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    ).stdout

    assert version.startswith("maxapi-mock")
    assert "1 passed" in said, said


def test_no_file_of_ours_is_in_that_distribution(installed: Path) -> None:
    """But `mockserver/__init__.py`, which nothing depends on: another would be lost with theirs."""
    package = installed / "mockserver"

    assert not any((package / f"{name}.py").exists() for name in CLIENT)
    assert not (package / "py.typed").exists()
    rooms = [path.parent for path in package.glob("*/__init__.py")]
    assert len(rooms) > 5
    assert all((room / "py.typed").exists() for room in rooms if room.name != "contract_tests")


def test_the_console_is_in_the_wheel(installed: Path) -> None:
    """Its templates, scripts and styles: every file of the checkout."""
    folder, ours = "mockserver/web/console", installed / "mockserver/web/console"

    for kind in ("templates/*.html", "static/*.js", "static/*.css", "static/*.svg"):
        names = {path.name for path in (ROOT / folder).glob(kind)}
        assert names
        assert {path.name for path in ours.glob(kind)} == names


def test_no_test_is_in_the_wheel(installed: Path) -> None:
    """The checks are; what tests them, and the wrong targets, are not."""
    assert (installed / "mockserver/contract_tests/checks.py").exists()
    assert not [*installed.rglob("test_*.py"), *installed.rglob("mutants")]


def run(installed: Path, *arguments: str) -> str:
    """Run the installed command from another folder."""
    done = subprocess.run(
        [sys.executable, "-m", "mockserver", *arguments],
        cwd=installed.parent,
        env={**CLEAN, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def test_installs_one_package_and_no_generic_names(installed: Path) -> None:
    """Nothing at the top but `mockserver`, the pytest plugin and the metadata."""
    names = {path.name for path in installed.iterdir()}

    ours = {name for name in names if not name.endswith(".dist-info")}
    assert ours == {"mockserver", "maxapi_pytest.py"}
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
