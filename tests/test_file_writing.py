"""Files that are written whole, or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mockserver.file_writing import append_whole, write_whole


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let the disk be full after so many bytes more."""
    write = os.write

    def fill(room: int) -> None:
        left = [room]

        def limited(number: int, data: bytes) -> int:
            if not left[0]:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            written = write(number, data[: left[0]])
            left[0] -= written
            return written

        monkeypatch.setattr("mockserver.file_writing.os.write", limited)

    return fill


def test_files_are_written(tmp_path: Path) -> None:
    """Those that are there are replaced, and keep their mode; links are followed."""
    old, link, new = tmp_path / "old", tmp_path / "link", tmp_path / "new"
    old.write_bytes(b"old")
    old.chmod(0o640)
    link.symlink_to(old)

    write_whole({link: b"linked", new: b"new"})

    assert (old.read_bytes(), new.read_bytes()) == (b"linked", b"new")
    assert old.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()
    assert {path.name for path in tmp_path.iterdir()} == {"old", "link", "new"}


def test_a_secret_is_for_its_owner_only(tmp_path: Path) -> None:
    """Also where the file was there, and for all to read."""
    path = tmp_path / "key"
    path.write_bytes(b"old")

    write_whole({path: b"key"}, 0o600)

    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("room", [0, 2, 5])
def test_a_full_disk_changes_nothing(
    tmp_path: Path, full: Callable[[int], None], room: int
) -> None:
    """Neither of several files, and the error names the one that did not fit."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(b"old")
    full(room)

    with pytest.raises(OSError, match="No space left on device") as failure:
        write_whole({old: b"1234", new: b"5678"})

    assert failure.value.filename == str(old if room < 4 else new)
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert old.read_bytes() == b"old"


@pytest.mark.parametrize("before", [b"before", None])
def test_a_full_disk_adds_nothing(
    tmp_path: Path, full: Callable[[int], None], before: bytes | None
) -> None:
    """What was in the file stays as it was, and a new one is not left behind."""
    path = tmp_path / "summary"
    if before is not None:
        path.write_bytes(before)
    full(3)

    with pytest.raises(OSError, match="No space left on device") as failure:
        append_whole(path, b"more")

    assert failure.value.filename == str(path)
    assert (path.read_bytes() if path.exists() else None) == before


def test_more_is_added(tmp_path: Path) -> None:
    """To what is there already."""
    path = tmp_path / "summary"

    append_whole(path, b"one, ")
    append_whole(path, b"two")

    assert path.read_bytes() == b"one, two"


@pytest.mark.parametrize("write", [write_whole, append_whole])
def test_what_is_not_a_file_is_named(tmp_path: Path, write: Callable[..., None]) -> None:
    """A folder cannot be written, a device that is full neither; a pipe can."""

    def attempt(path: Path) -> str:
        with pytest.raises(OSError, match=r".") as failure:
            write({path: b"text"}) if write is write_whole else write(path, b"text")
        return f"{failure.value.filename}: {failure.value.strerror}"

    assert attempt(tmp_path) == f"{tmp_path}: Is a directory"
    assert attempt(tmp_path / "none" / "file").endswith("/none/file: No such file or directory")
    if Path("/dev/full").exists():
        assert attempt(Path("/dev/full")) == "/dev/full: No space left on device"


def test_a_file_that_cannot_be_replaced_is_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a container has nothing but the file from outside."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    number = path.stat().st_ino
    monkeypatch.setattr("mockserver.file_writing.os.access", lambda *_: False)

    write_whole({path: b"new"})

    assert path.read_bytes() == b"new"
    assert path.stat().st_ino == number
