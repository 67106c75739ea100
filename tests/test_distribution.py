"""What is published: an archive of the sources and a wheel, which anybody can build anew."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EPOCH = "1767225600"

pytestmark = pytest.mark.slow


def build(folder: Path, target: Path, **variables: str) -> dict[str, bytes]:
    """Build what is published from the sources in *folder*; return the files by name."""
    kinds = ("-t", "sdist", "-t", "wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(target), *kinds],
        cwd=folder,
        env=os.environ | {"SOURCE_DATE_EPOCH": EPOCH} | variables,
        check=True,
        capture_output=True,
        timeout=120,
    )
    return {path.name: path.read_bytes() for path in target.iterdir()}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both files."""
    target = tmp_path_factory.mktemp("dist")
    assert len(build(ROOT, target)) == 2
    return target


@pytest.fixture(scope="module")
def unpacked(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what the archive of the sources does."""
    folder = tmp_path_factory.mktemp("sources")
    [archive] = published.glob("*.tar.gz")
    with tarfile.open(archive) as sources:
        sources.extractall(folder, filter="data")
    [top] = folder.iterdir()
    return top


def test_the_same_sources_give_the_same_bytes(
    published: Path, unpacked: Path, tmp_path: Path
) -> None:
    """In another folder and time zone, with other dates of files, and without git."""
    for path in unpacked.rglob("*"):
        os.utime(path, (0, 0))
    first = {path.name: path.read_bytes() for path in published.iterdir()}

    second = build(unpacked, tmp_path, TZ="Asia/Tokyo", LANG="C")

    assert second.keys() == first.keys()
    assert [name for name in first if first[name] != second[name]] == []


def test_the_archive_of_the_sources_is_whole(unpacked: Path) -> None:
    """It has every file of the repository, so all tests and tools, and no folder of caches."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("this is not a clone")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True, timeout=20
    ).stdout
    tracked = {name for name in listed.split("\0") if name and (ROOT / name).exists()}

    packed = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file()}

    assert len(tracked) > 500
    assert tracked - packed == set()
    assert not {name.split("/")[0] for name in packed} & {".venv", ".git", ".hypothesis", "dist"}


def test_an_index_accepts_both(published: Path) -> None:
    """Their metadata is complete, and their description can be shown."""
    done = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *map(str, published.iterdir())],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.stdout.count("PASSED") == 2, done.stdout + done.stderr
    assert done.returncode == 0
