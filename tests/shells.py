"""Interactive shells at a terminal, as people paste snippets into them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Timer

import pytest

ROOT = Path(__file__).parents[1]
SHELLS = {
    "bash": ["bash", "--noprofile", "--norc", "-i"],
    "bash without comments": ["bash", "--noprofile", "--norc", "+O", "interactive_comments", "-i"],
    "zsh": ["zsh", "-f", "-i"],
}
"""How each is started; none reads a configuration file of the user."""

AT_A_TERMINAL = [sys.executable, "-c", "import pty, sys; pty.spawn(sys.argv[1:])"]
"""Runs the command that follows it at a terminal of its own."""

_DEADLINE = 60
_FENCES = re.compile(
    r"^( *)```(?:bash|sh|shell|zsh|console)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE
)


def documents() -> list[Path]:
    """List the pages whose snippets a reader may paste."""
    folders = ("", "docs", "contract_tests", "tests/examples")
    return [path for folder in folders for path in sorted((ROOT / folder).glob("*.md"))]


def snippets(text: str) -> list[str]:
    """Return the blocks of a page that are for a shell, as they look when they are copied."""
    return [
        re.sub(rf"^{indent}", "", block, flags=re.MULTILINE)
        for indent, block in _FENCES.findall(text)
    ]


def paste(
    name: str,
    blocks: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    deadline: float = _DEADLINE,
) -> str:
    """Paste blocks into the shell *name*, each once the previous one has run; return what it shows.

    Fails the test if the shell does not reach the end of a block, for example because a quote
    stays open, within *deadline* real seconds; skips it if the shell is not installed.
    """
    program, *options = SHELLS[name]
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    process = subprocess.Popen(
        [*AT_A_TERMINAL, found, *options],
        cwd=folder,
        env={"TERM": "dumb", "LANG": "C.UTF-8", "HOME": str(folder), **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    watchdog = Timer(deadline, process.kill)
    watchdog.start()
    shown = ""
    with process:
        assert process.stdin
        for number, block in enumerate(blocks):
            process.stdin.write(f"{block}\nprintf 'end-%s\\n' {number}\n".encode())
            process.stdin.flush()
            shown += _until(process, f"end-{number}", block)
        process.stdin.write(b"exit 0\n")
        process.stdin.close()
        process.wait()
    watchdog.cancel()
    return shown


def _until(process: subprocess.Popen[bytes], mark: str, block: str) -> str:
    shown = b""
    assert process.stdout
    while mark.encode() not in shown:
        more = process.stdout.read1()  # type: ignore[attr-defined]
        shown += more
        if not more:
            pytest.fail(f"the shell did not reach the end of:\n{block}\n{shown.decode()}")
    return shown.decode()
