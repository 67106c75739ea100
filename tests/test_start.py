"""How a command starts: with few imports, and so that Ctrl-C ends it at any moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PATIENCE = 30
ROOT = Path(__file__).parents[1]
HOOK = '''
import os, signal, sys

class Hook:
    """Sends the signal at the moment at which a module is imported."""

    def find_spec(self, name, *_):
        if name == os.environ.get("INTERRUPTED_AT"):
            os.environ.pop("INTERRUPTED_AT")
            os.write(2, b"sent;")
            os.kill(os.getpid(), signal.SIGINT)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as for what a shell runs aside
    signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Hook())
'''
COMMANDS = {
    "serve": ["--port", "0"],
    "run": ["--", sys.executable, "-c", ""],
    "proxy": ["--port", "0", "--upstream", "http://127.0.0.1:9"],
    "listen": ["--port", "0"],
    "verify": ["--models", "veo3_lite"],
    "demo": [],
}
MOMENTS = {
    "serve": [
        "mockserver.cli", "click", "mockserver.contract", "mockserver.engine.service",
        "mockserver.web.server", "httptools", "mockserver.web.connection",
    ],
    "run": ["mockserver.commands.run", "mockserver.engine.service", "httptools"],
    "proxy": [
        "mockserver.commands.proxy", "mockserver.conformance.traffic.monitor",
        "mockserver.proxy.proxy",
    ],
    "listen": ["mockserver.commands.listen", "mockserver.testing.inbox", "httptools"],
    "verify": [
        "mockserver.commands.verify", "mockserver.conformance.session.verification", "hypothesis",
    ],
    "demo": ["mockserver.demo", "httptools"],
}  # fmt: skip
ROWS = [(command, moment) for command, moments in MOMENTS.items() for moment in moments]


@pytest.mark.slow
@pytest.mark.parametrize(("command", "moment"), ROWS)
def test_ctrl_c_during_the_start_shows_no_traceback(
    tmp_path: Path, command: str, moment: str
) -> None:
    """It ends at once, and what it prints of that is nothing; the status is a shell's 130, or 0."""
    (tmp_path / "sitecustomize.py").write_text(HOOK)
    clean = {name: value for name, value in os.environ.items() if "COV" not in name}
    done = subprocess.run(
        [sys.executable, "-m", "mockserver", command, *COMMANDS[command]],
        cwd=tmp_path,
        env=clean | {"PYTHONPATH": str(tmp_path), "INTERRUPTED_AT": moment},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert done.stderr.startswith("sent;")
    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 130, -signal.SIGINT)


HEAVY = (
    "mockserver.contract",
    "mockserver.settings",
    "jsonschema",
    "jsonschema_rs",
    "httptools",
    "flask",
    "mcp",
)


@pytest.mark.parametrize("option", ["--help", "--version", "sreve"])
def test_what_needs_no_command_imports_none(option: str) -> None:
    """Neither contract nor validator nor server: the list of commands is there at once."""
    code = (
        "import sys\nfrom mockserver.cli import main\nmain(sys.argv[1:])\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, option], capture_output=True, text=True, check=True, timeout=20
    )

    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_the_help_needs_no_library(option: str) -> None:
    """Even that for command lines takes longer than all the rest."""
    code = (
        "import sys\nfrom mockserver.cli import main\nmain(sys.argv[1:])\n"
        "print([name for name in ('click', 'shutil', 'inspect') if name in sys.modules])"
    )

    done = subprocess.run(
        [
            sys.executable,
            "-S",
            "-c",
            f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}",
            option,
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )

    assert done.stdout.startswith("Usage: maxapi-mock COMMAND")
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_mock_is_controlled_without_flask() -> None:
    """Flask is only for those who take the mock as a WSGI application; it takes long to import."""
    code = (
        "import sys\nfrom mockserver.testing import running_mock\n"
        "with running_mock() as mock:\n"
        "    assert mock.sandbox().clock.frozen\n"
        "print([name for name in ('flask', 'werkzeug', 'jinja2') if name in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=20
    )

    assert done.stdout.splitlines() == ["[]"]


def test_a_command_imports_no_other_one() -> None:
    """Nor the checks or the server that it does not need."""
    code = (
        "import sys\nfrom mockserver.cli import main\nmain(['scenarios'])\n"
        "print([name for name in sys.modules if name.startswith('mockserver.commands.')])"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=20
    )

    names = ("command", "group", "output", "overview", "scenarios")
    assert set(eval(done.stdout.splitlines()[-1])) == {  # noqa: S307 - what the line above printed
        f"mockserver.commands.{name}" for name in names
    }
