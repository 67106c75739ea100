"""A project with other mocks, frozen time, event loops, reruns and workers, all at once."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).with_name("downstream")
CLEAN = {
    name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTEST"))
}


def test_a_project_that_has_it_all(tmp_path: Path) -> None:
    """Its tests pass with two workers, and no look-up or connection leaves the machine."""
    options = ["-q", "-n", "2", "--dist", "loadscope", "-p", "no:cacheprovider"]
    options += ["-o", "asyncio_default_fixture_loop_scope=function", "-c", os.devnull]

    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--rootdir", PROJECT, PROJECT],
        cwd=tmp_path,
        env={**CLEAN, "WATCH": str(tmp_path), "HTTPS_PROXY": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    said = done.stdout + done.stderr
    assert re.search(r"^1 failed, \d+ passed, 3 rerun", said, re.MULTILINE), said
    assert re.findall(r"Failed: (attempt \d)", said)[-1] == "attempt 3"
    [report] = re.findall(r"what http://\S+ saw -+\n(.*)", said)
    assert report.startswith("3 requests, 3 tasks"), report
    workers = {path.name: path.read_text() for path in tmp_path.iterdir() if path.is_file()}
    assert workers == dict.fromkeys(("main", "gw0", "gw1"), "[]")
