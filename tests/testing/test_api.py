"""What `mockserver.testing` exports is what users are shown, and its examples work."""

from __future__ import annotations

import ast
import doctest
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

import mockserver.testing

ROOT = Path(__file__).parents[2]
PUBLIC = [
    "ControlClient",
    "ControlError",
    "InProcessMock",
    "Inbox",
    "InboxServer",
    "Intercepted",
    "MaxapiMockError",
    "MaxapiSandbox",
    "Moved",
    "OnWebhook",
    "RequestMatch",
    "RunningMock",
    "SandboxClock",
    "SandboxSettings",
    "ScenarioName",
    "ScenarioText",
    "Webhook",
    "intercept",
    "running_mock",
]
WITH_EXAMPLES = [
    "ControlClient",
    "Inbox",
    "InboxServer",
    "MaxapiSandbox",
    "Webhook",
    "intercept",
    "running_mock",
]


def test_the_public_names_are_these() -> None:
    """A name that is removed breaks users' tests; one that is added has to be kept."""
    assert mockserver.testing.__all__ == PUBLIC
    assert all(hasattr(mockserver.testing, name) for name in PUBLIC)


def documented_imports() -> Iterator[tuple[str, str, str]]:
    """List the imports of ours in what users are shown: document, module, name."""
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for block in re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
            yield from ((page.name, *one) for one in imports(block))
    for file in (ROOT / "tests" / "examples").rglob("*.py"):
        if file.name in ("app.py", "conftest.py", "test_app.py", "test_hardcoded.py"):
            yield from ((file.name, *one) for one in imports(file.read_text("utf-8")))


def imports(source: str) -> Iterator[tuple[str, str]]:
    """List what a piece of code imports from this package."""
    for node in ast.walk(ast.parse(textwrap.dedent(source))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mockserver"):
            yield from ((node.module or "", one.name) for one in node.names)
        elif isinstance(node, ast.Import):
            yield from ((one.name, "") for one in node.names if one.name.startswith("mockserver"))


def test_users_are_shown_only_what_is_public() -> None:
    """The documentation and the examples import nothing else from this package."""
    found = list(documented_imports())

    assert len(found) >= 4
    assert [one for one in found if one[1] != "mockserver.testing" or one[2] not in PUBLIC] == []


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_the_example_of_a_main_entry_point_works(name: str) -> None:
    """As its docstring shows it, on this machine alone."""
    public = getattr(mockserver.testing, name)
    module = inspect.getmodule(public)
    assert module is not None
    finder = doctest.DocTestFinder(recurse=False)
    output: list[str] = []

    [example] = finder.find(public, name, module, globs={"requests": requests})
    failed, tried = doctest.DocTestRunner().run(example, out=output.append)

    assert tried > 0
    assert failed == 0, "".join(output)


def test_every_public_name_is_documented() -> None:
    """Classes, functions and their public members have docstrings of their own."""
    undocumented = [
        f"{name}.{member}"
        for name in PUBLIC
        for member, value in vars(getattr(mockserver.testing, name)).items()
        if inspect.isclass(getattr(mockserver.testing, name))
        and not member.startswith("_")
        and (inspect.isfunction(value) or isinstance(value, property))
        and not value.__doc__
    ]

    assert undocumented == []
