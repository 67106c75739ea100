"""`make` checks the Python first, and makes the environment anew when it is not whole."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shells import AT_A_TERMINAL, ROOT

MAKE = shutil.which("make")
_PYTHON = """#!/bin/sh
case "$1 $2" in
--version*) echo "Python {version}" ;;
"-c "*) exec "{python}" -c "import sys; sys.version_info = tuple(map(int, '{version}'.split('.')))
$2" ;;
"-m venv")
    echo venv >>"{calls}"
    mkdir -p "$3/bin"
    cp "{folder}/inside" "$3/bin/python"
    ;;
esac
"""
_INSIDE = """#!/bin/sh
case "$1 $2" in
"-I -c") [ ! -e "{folder}/moved" ] ;;
"-m pip")
    echo "pip $*" >>"{calls}"
    echo "Collecting flask"
    [ ! -e "{folder}/offline" ] || {{ echo "no network" >&2; exit 1; }}
    printf '#!/bin/sh\\necho "the demo"\\n' >"${{0%/*}}/maxapi-mock"
    chmod +x "${{0%/*}}/maxapi-mock"
    ;;
esac
"""

pytestmark = pytest.mark.skipif(MAKE is None, reason="make is not installed")


class Checkout:
    """A checkout of its own, with a Python that only says that it does what it is told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.venv = folder / ".venv"
        self._calls = folder / "calls"
        (folder / ".ci").mkdir()
        for name in ("Makefile", "pyproject.toml", ".ci/environment"):
            shutil.copy(ROOT / name, folder / name)
        self._write("inside", _INSIDE)
        self.offer("python3", "3.12.1")

    def _write(self, name: str, text: str, version: str = "") -> None:
        places = {"folder": self.folder, "calls": self._calls, "python": sys.executable}
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.format(version=version, **places))
        path.chmod(0o755)

    def offer(self, name: str, version: str) -> None:
        """Put a Python of this version on the path."""
        self._write(f"bin/{name}", _PYTHON, version)

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `make`."""
        return subprocess.run(
            [MAKE or "make", *arguments],
            cwd=self.folder,
            env={"PATH": f"{self.folder / 'bin'}:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def calls(self) -> list[str]:
        """Take the first words of what was asked of its Pythons."""
        lines = self._calls.read_text().splitlines() if self._calls.exists() else []
        self._calls.unlink(missing_ok=True)
        return [line.split()[0] for line in lines]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A fresh checkout, without an environment."""
    return Checkout(tmp_path)


def test_the_first_time_it_installs_and_says_so(checkout: Checkout) -> None:
    """In one line where there is no terminal, and afterwards not at all."""
    first, first_calls = checkout.make("demo"), checkout.calls()
    second, second_calls = checkout.make("demo"), checkout.calls()

    line = "installing into .venv, which takes up to a minute"
    assert (first.stdout, first.stderr) == (f"{line}\nthe demo\n", "")
    assert (second.stdout, second.stderr) == ("the demo\n", "")
    assert (first_calls, second_calls) == (["venv", "pip"], [])


@pytest.mark.parametrize("version", ["2.7.18", "3.9.6", "3.10.14"])
def test_an_old_python_is_one_line(checkout: Checkout, version: str) -> None:
    """Which names what is found, what is needed, and one that is there; nothing is made."""
    checkout.offer("python3", version)
    checkout.offer("python3.14", "3.14.0")

    done = checkout.make("demo")

    said = f"python3 is Python {version}, but Python 3.11 or newer is needed; use: "
    assert done.stderr.splitlines()[0] == said + "make demo PYTHON=python3.14"
    assert len(done.stderr.splitlines()) == 2
    assert (done.returncode, done.stdout, checkout.venv.exists()) == (2, "", False)


def test_no_python_at_all_is_one_line(checkout: Checkout) -> None:
    """With what was asked for and what to do."""
    done = checkout.make("lint", "PYTHON=snake")

    assert done.stderr.startswith("snake is no Python that runs, but Python 3.11 or newer is need")


@pytest.mark.parametrize("harm", ["python", "maxapi-mock", "moved", "stamp", "everything"])
def test_what_is_not_whole_is_made_anew(checkout: Checkout, harm: str) -> None:
    """A Python or command that is gone, a folder that moved, an installation cut short."""
    checkout.make("demo")
    checkout.calls()
    if harm == "moved":
        (checkout.folder / "moved").touch()
    elif harm == "everything":
        shutil.rmtree(checkout.venv)
    else:
        (checkout.venv / (".installed" if harm == "stamp" else f"bin/{harm}")).unlink()

    done = checkout.make("demo")

    assert (done.returncode, done.stderr) == (0, "")
    assert checkout.calls() == ["venv", "pip"]
    assert (".venv is not whole: making it anew" in done.stdout) is (harm != "everything")


def test_a_failed_installation_is_made_anew(checkout: Checkout) -> None:
    """It shows why it failed, and does not stand in the way of the next."""
    (checkout.folder / "offline").touch()
    failed = checkout.make("demo")
    (checkout.folder / "offline").unlink()
    checkout.calls()

    done = checkout.make("demo")

    assert (failed.returncode, failed.stderr.splitlines()[0]) == (2, "no network")
    assert (done.returncode, checkout.calls()) == (0, ["venv", "pip"])


def test_new_requirements_are_installed_into_it(checkout: Checkout) -> None:
    """Without making it anew; and an old Python on the path does not matter then."""
    checkout.make("demo")
    checkout.calls()
    checkout.offer("python3", "3.9.6")
    later = checkout.venv.stat().st_mtime + 60
    os.utime(checkout.folder / "pyproject.toml", (later, later))

    done = checkout.make("demo")

    assert (done.returncode, checkout.calls()) == (0, ["pip"])


def test_the_environment_of_developers_serves_the_demo(checkout: Checkout) -> None:
    """What has the extras has all."""
    checkout.make(".venv/.dev")
    before = checkout.calls()

    checkout.make("demo")

    assert (before, checkout.calls()) == (["venv", "pip"], [])


def test_at_a_terminal_it_shows_where_it_is(checkout: Checkout) -> None:
    """What pip says stands in one line, which is gone in the end."""
    done = subprocess.run(
        [*AT_A_TERMINAL, MAKE or "make", "demo"],
        cwd=checkout.folder,
        env={"PATH": f"{checkout.folder / 'bin'}:/usr/bin:/bin", "TERM": "dumb"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=30,
        check=True,
    )

    assert done.stdout == b"\r\033[K.venv: Collecting flask\r\033[Kthe demo\r\n"
