"""Modules of others are patched when they are imported, and never imported for it."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from mockserver.interception.import_hook import call_when_imported

SOURCE = '"""Somebody else\'s."""\nvalue = 1\n\n\ndef own():\n    return value\n'


@pytest.fixture(autouse=True)
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two modules that can be imported, but are not; afterwards no hook is left."""
    for name in ("of_others_a", "of_others_b"):
        (tmp_path / f"{name}.py").write_text(SOURCE)
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    yield
    for name in ("of_others_a", "of_others_b"):
        sys.modules.pop(name, None)


def test_a_module_is_passed_on_when_it_has_been_imported() -> None:
    """Complete, and before whoever imports it can use it; others are not."""
    seen: list[tuple[str, int]] = []

    def note(module: ModuleType) -> None:
        seen.append((module.__name__, module.own()))

    call_when_imported({"of_others_a": note, "of_others_none": note})
    before = list(seen)
    for name in ("of_others_a", "of_others_b", "of_others_a"):
        import_module(name)

    assert (before, seen) == ([], [("of_others_a", 1)])


def test_an_imported_module_is_passed_on_at_once_and_each_time() -> None:
    """What was undone is so done again; there is one hook all the same."""
    seen: list[str] = []
    functions = {"of_others_a": lambda module: seen.append(module.__name__)}
    import_module("of_others_a")

    call_when_imported(functions)
    hooks = len(sys.meta_path)
    call_when_imported(functions)

    assert seen == ["of_others_a"] * 2
    assert len(sys.meta_path) == hooks


def test_the_module_is_as_without_a_hook() -> None:
    """Its loader, and so its source, is its own; one that is not there is not found."""
    call_when_imported({"of_others_a": lambda _: None, "of_others_none": lambda _: None})

    module = import_module("of_others_a")
    with pytest.raises(ModuleNotFoundError, match="of_others_none"):
        import_module("of_others_none")

    assert module.__spec__ is not None
    assert module.__loader__ is module.__spec__.loader
    assert type(module.__loader__) is type(import_module("of_others_b").__loader__)
    assert inspect.getsource(module.own).startswith("def own")


def test_a_mock_that_is_imported_within_an_interception_leaves_the_api_alone() -> None:
    """The interception itself imports none of them."""
    code = """
import sys, requests
from mockserver.testing import intercept
with intercept() as sandbox:
    assert not {"responses", "uvloop", "aiohttp"} & set(sys.modules)
    import responses
    with responses.RequestsMock() as mock:
        key = {"Authorization": f"Bearer {sandbox.api_key}"}
        print(requests.get("https://api.maxapi.io/api/v1/task/x", headers=key).json()["code"])
"""
    command = [sys.executable, "-c", code]

    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)

    assert done.stdout == "404\n"
