"""`maxapi-mock state`: sandboxes move between a mock that runs, SQLite and PostgreSQL."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
import requests

from mockserver.cli import main
from mockserver.testing import running_mock
from tests.client import SUBMIT

TASK = {"model": "nano-banana", "input": {"prompt": "a fox"}}


def test_a_mock_is_exported_and_moved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Memory, a database and another mock have the same tasks in the end."""
    file, url = str(tmp_path / "mock.jsonl"), f"sqlite:///{tmp_path / 'mock.db'}"
    with running_mock() as mock:
        headers = {"Authorization": "Bearer key-of-a-developer"}
        requests.post(mock.url + SUBMIT, json=TASK, headers=headers, timeout=10)

        assert main(["state", "export", file, "--url", mock.url]) == 0

    assert main(["state", "import", file, "--state", url]) == 0
    again = str(tmp_path / "again.jsonl")
    assert main(["state", "export", again, "--state", url]) == 0
    assert Path(again).read_text("utf-8") == Path(file).read_text("utf-8")
    with running_mock() as mock:
        assert main(["state", "import", again, "--url", mock.url]) == 0
        tasks = requests.get(f"{mock.url}/__mock/tasks", headers=headers, timeout=10).json()
        assert [task["model"] for task in tasks["tasks"]] == ["nano-banana"]
    assert "exported: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["export", "x", "--state", "mysql://db/mock"], "use memory, sqlite:///FILE"),
        (["import", "no-such-file", "--state", "sqlite:///mock.db"], "No such file"),
        (["import", "bad", "--state", "sqlite:///mock.db"], "bad: line 1: is not JSON"),
        (["export", "x", "--state", "sqlite:///no/folder.db"], "does not exist; create it"),
        (["export", "x", "--state", "sqlite:///bad"], "file is not a database"),
        (["export", "x", "--state", "sqlite:///mock.db", "--key", "k"], "not allowed with --state"),
        (["export", "x", "--url", "http://127.0.0.1:9"], "http://127.0.0.1:9"),
        (["move", "x"], "'move' is not one of"),
    ],
)
def test_what_cannot_be_done_is_said(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In one line, with exit status 2, and without a file that was not there before."""
    monkeypatch.chdir(tmp_path)
    Path("bad").write_text("not JSON\n" * 300, "utf-8")

    assert main(["state", *arguments]) == 2

    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1
    assert not Path("x").exists()


def test_a_mock_is_moved_through_a_pipe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`-` is standard output, and standard input."""
    url = f"sqlite:///{tmp_path / 'mock.db'}"
    with running_mock() as mock:
        assert main(["state", "export", "-", "--url", mock.url]) == 0
    exported = capsys.readouterr().out

    monkeypatch.setattr("sys.stdin", StringIO(exported))
    assert main(["state", "import", "-", "--state", url]) == 0

    assert capsys.readouterr().out == "1 sandbox imported: -\n"
