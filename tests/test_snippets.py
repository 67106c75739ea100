"""Every snippet of the documentation works when it is pasted into bash and into zsh."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.shells import ROOT, SHELLS, documents, paste, snippets

STUBS = (
    *("maxapi-mock", "make", "curl", "npm", "pip", "pytest", ".venv/bin/maxapi-mock", ".ci/run"),
    *("uvx", "pipx", "docker", "git", "node", "java", "php", "ruby", "wget", "keytool", "go"),
    "python",
)
"""The commands of the snippets, none of which is really run; name new ones here."""
_STUB = """#!/bin/sh
printf '%s\\037' "${0##*/}" "$@" "$(printf '\\036')" >>"$CALLS"
echo '{"taskId": "a1b2c3d4-e5f6-7890-abcd-ef1234567890"}'
"""

Call = tuple[str, ...]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return an environment with stubs for all commands, which record their arguments."""
    for name in STUBS:
        stub = tmp_path / (name if "/" in name else f"bin/{name}")
        stub.parent.mkdir(parents=True, exist_ok=True)
        stub.write_text(_STUB)
        stub.chmod(0o755)
    (tmp_path / "bin" / "grep").symlink_to(shutil.which("grep") or "/bin/grep")
    given = {"GITHUB_STEP_SUMMARY": "summary.md"}
    return {"PATH": str(tmp_path / "bin"), "CALLS": str(tmp_path / "calls"), **given}


def calls(environment: dict[str, str]) -> list[Call]:
    """Take the calls that the stubs have recorded."""
    recorded = Path(environment["CALLS"])
    text = recorded.read_text("utf-8") if recorded.exists() else ""
    recorded.unlink(missing_ok=True)
    return [tuple(call.split("\x1f")[:-1]) for call in text.split("\x1e\x1f")[:-1]]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_pasted_snippet_does_what_the_script_does(
    path: Path, shell: str, environment: dict[str, str], tmp_path: Path
) -> None:
    """No comment, quote, glob or exclamation mark has another meaning at a prompt."""
    blocks = snippets(path.read_text("utf-8"))
    script = subprocess.run(
        [shutil.which("bash") or "bash", "-euc", "\n".join(blocks)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    expected = calls(environment)

    paste(shell, blocks, environment, tmp_path)

    assert (script.returncode, script.stderr) == (0, "")
    assert calls(environment) == expected


def test_a_comment_at_the_prompt_is_noticed(environment: dict[str, str], tmp_path: Path) -> None:
    """A snippet with one would fail the test above."""
    paste("bash without comments", ["make demo  # in 2 seconds"], environment, tmp_path)

    assert calls(environment) == [("make", "demo", "#", "in", "2", "seconds")]


def test_a_quote_that_stays_open_is_noticed(environment: dict[str, str], tmp_path: Path) -> None:
    """A snippet with one would fail, too; the message shows the block."""
    with pytest.raises(pytest.fail.Exception, match="the end of:\nmake demo # Debian's"):
        paste(
            "bash without comments", ["make demo # Debian's", "'exit\n"], environment, tmp_path, 1
        )
