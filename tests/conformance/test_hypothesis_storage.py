"""What a run leaves behind."""

from __future__ import annotations

from pathlib import Path
from tempfile import gettempdir

import pytest
from hypothesis import configuration

from mockserver.conformance.hypothesis_storage import stored_elsewhere

HOME = "__hypothesis_home_directory"


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that a run is started in, with a Hypothesis that has kept nothing yet."""
    monkeypatch.setattr(configuration, HOME, None)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("XDG_CACHE_HOME", "HYPOTHESIS_STORAGE_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("cache", "used"), [("", "home/.cache"), ("/a", "/a"), ("a", "home/.cache")]
)
def test_the_users_cache_is_used_meanwhile(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch, cache: str, used: str
) -> None:
    """Afterwards, the earlier setting is back."""
    monkeypatch.setenv("XDG_CACHE_HOME", cache)

    with stored_elsewhere():
        chosen = getattr(configuration, HOME)

    assert chosen == nowhere / used / "maxapi-mock" / "hypothesis"
    assert getattr(configuration, HOME) is None


def test_a_user_without_a_home_has_a_cache(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in many a container."""

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)

    with stored_elsewhere():
        chosen = getattr(configuration, HOME)

    assert nowhere / ".hypothesis" != chosen == Path(gettempdir()) / "maxapi-mock" / "hypothesis"


@pytest.mark.parametrize("by_variable", [False, True])
def test_a_folder_that_somebody_chose_is_used(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch, *, by_variable: bool
) -> None:
    """By Hypothesis' own variable, or its own function."""
    if by_variable:
        monkeypatch.setenv("HYPOTHESIS_STORAGE_DIRECTORY", str(nowhere / "own"))
    else:
        configuration.set_hypothesis_home_dir(nowhere / "own")

    with stored_elsewhere():
        chosen = getattr(configuration, HOME)

    assert chosen == (None if by_variable else nowhere / "own")
