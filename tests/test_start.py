"""Ctrl-C while a command starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PATIENCE = 30
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
        "mockserver.web.server", "granian._granian", "granian.server.embed",
    ],
    "run": ["mockserver.commands.run", "mockserver.engine.service", "granian._granian"],
    "proxy": ["mockserver.commands.proxy", "mockserver.conformance.traffic.monitor", "mockserver.proxy.proxy"],
    "listen": ["mockserver.commands.listen", "mockserver.testing.inbox", "granian._granian"],
    "verify": ["mockserver.commands.verify", "mockserver.conformance.session.verification", "hypothesis"],
    "demo": ["mockserver.demo", "granian._granian"],
}  # fmt: skip
ROWS = [(command, moment) for command, moments in MOMENTS.items() for moment in moments]


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
