"""Writes files completely or not at all, even if the disk fills up."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path


def write_whole(files: Mapping[Path, bytes], mode: int = 0o666) -> None:
    """Write all of *files*, or leave each as it was; *mode*, less the umask, is for new files.

    Links are followed. A file that cannot be replaced is written in place: a terminal, a mount
    point, or a file in a read-only folder. Raises OSError with the name of the file.
    """
    made: dict[Path, Path] = {}
    try:
        for path, content in files.items():
            place = Path(os.path.realpath(path))
            with _named(path):
                if _is_written_in_place(place):
                    place.write_bytes(content)
                else:
                    made[place] = _write_temporary(place, content, mode)
        for place in list(made):
            with _named(place):
                made.pop(place).replace(place)
    finally:
        for temporary in made.values():
            temporary.unlink(missing_ok=True)


def append_whole(path: Path, content: bytes) -> None:
    """Append *content* to a file, or leave the file as it was. Raises OSError with its name."""
    existed = path.exists()
    with _named(path), path.open("ab", buffering=0) as file:
        before = os.fstat(file.fileno()).st_size
        try:
            _write_all(file.fileno(), content)
        except OSError:
            with suppress(OSError):
                file.truncate(before)
                if not existed:
                    path.unlink()
            raise


def _is_written_in_place(place: Path) -> bool:
    if not place.exists():
        return False
    folder = place.parent
    is_mounted = place.stat().st_dev != folder.stat().st_dev
    return not place.is_file() or is_mounted or not os.access(folder, os.W_OK)


def _write_temporary(place: Path, content: bytes, mode: int) -> Path:
    """Write a new file in the same folder, and so on the same disk; return its path."""
    temporary = place.with_name(f".maxapi-mock-{secrets.token_hex(8)}")
    number = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        _write_all(number, content)
        if mode & 0o066 and place.exists():
            os.fchmod(number, place.stat().st_mode & 0o777)
        os.fsync(number)  # some disks report only now that they are full
    except OSError:
        temporary.unlink()
        raise
    finally:
        os.close(number)
    return temporary


def _write_all(number: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(number, rest) :]


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Let errors name *path*: a failed write names nothing, and a temporary file the wrong path."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from None
