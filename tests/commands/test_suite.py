"""A mock without what the contract tests need says how to get it."""

from __future__ import annotations

import sys
from importlib import metadata

import pytest

from mockserver.commands import suite
from mockserver.settings import SettingError


@pytest.fixture(params=["hypothesis", "pytest"])
def _missing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def import_module(_: str) -> None:
        raise ModuleNotFoundError(name=request.param)

    monkeypatch.setattr(suite, "import_module", import_module)


@pytest.mark.usefixtures("_missing")
def test_the_hint_works_however_the_mock_was_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the packages themselves, and the Python that they are for."""
    monkeypatch.setattr(suite, "find_spec", lambda _: True)

    with pytest.raises(SettingError) as told:
        suite.load_checks()

    python = f"{sys.executable} -m pip install 'hypothesis>=6.150' 'pytest>=8.4'"
    said = f"the contract tests need hypothesis and pytest, besides the mock: {python}"
    assert str(told.value) == said


@pytest.mark.usefixtures("_missing")
def test_the_hint_without_pip_or_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    """Environments of uv have no pip; a folder on PYTHONPATH has no metadata."""

    def requires(_: str) -> None:
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(suite, "find_spec", lambda _: None)
    monkeypatch.setattr(metadata, "requires", requires)

    with pytest.raises(SettingError) as told:
        suite.load_checks()

    uv = f"uv pip install --python {sys.executable} hypothesis pytest"
    assert str(told.value).endswith(uv)


def test_other_errors_are_not_explained_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake of ours stays one."""

    def import_module(_: str) -> None:
        raise ModuleNotFoundError(name="contract_tests.typo")

    monkeypatch.setattr(suite, "import_module", import_module)

    with pytest.raises(ModuleNotFoundError):
        suite.load_checks()
