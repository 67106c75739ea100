"""Renews the generated parts of the README and of `docs/`: `python -m tests.readme`.

A generated part stands between `<!-- name -->` and `<!-- /name -->`, on whatever page has it.
The names of scenarios and settings in the Node module are renewed, too.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from itertools import groupby
from pathlib import Path

from mockserver.contract import load_contract
from mockserver.domain.scenario import SCENARIOS
from mockserver.settings import SETTINGS, make_settings, option_of, show_value
from tests import reference
from tests.examples.node_types import NAMES, names

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "tests" / "examples"
README = ROOT / "README.md"
DOCS = ROOT / "docs"

SHOWN = {
    "test_app.py": (
        "test_the_api_is_busy_twice",
        "test_polls_that_fail_at_first",
        "test_a_webhook_that_comes_twice",
    ),
    "test_hardcoded.py": (
        "test_an_app_that_uses_requests",
        "test_an_app_that_uses_httpx",
        "test_webhooks_without_a_server",
    ),
}
"""The tests of the examples that the pages show."""


def pages() -> list[Path]:
    """List the pages for users."""
    return [README, *sorted(DOCS.glob("*.md"))]


def settings_table() -> str:
    """Write the table of all settings, with the defaults as `--show-settings` prints them."""
    defaults = make_settings(load_contract())
    lines = []
    for name, setting in SETTINGS.items():
        default, about = show_value(name, getattr(defaults, name)), setting.metadata
        own = "yes" if about["own"] else ""
        lines.append(f"| `{option_of(name)}` | {default} | {about['help']} | {own} |")
    return "\n".join(["| option | default | | sandbox |", "|---|---|---|---|", *lines])


def scenarios_table() -> str:
    """Write the table of all scenarios."""
    rows = [f"| {one.about} | `{one.usage}` | {one.sentence} |" for one in SCENARIOS.values()]
    return "\n".join(["| about | scenario | |", "|---|---|---|", *rows])


def example(file: str) -> str:
    """Copy the tests of an example that a page shows, with all that they need of their module."""
    text = (EXAMPLES / file).read_text("utf-8")
    needed = _needed(ast.parse(text), SHOWN[file])
    lines = text.splitlines()
    parts, end = [f"# tests/examples/{file}\n"], 0
    for node in needed:
        first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])
        skipped = (not line for line in lines[end : first - 1])
        blank = max((len(list(run)) for is_blank, run in groupby(skipped) if is_blank), default=0)
        parts += ["\n" * blank if end else "", "\n".join(lines[first - 1 : node.end_lineno]), "\n"]
        end = node.end_lineno or 0
    return f"```python\n{''.join(parts)}```"


def _needed(module: ast.Module, names: tuple[str, ...]) -> list[ast.stmt]:
    """Return the statements that make these names, and those that make what they use."""
    by_name = {name: node for node in module.body for name in _made_by(node)}
    found, waiting = set(), list(names)
    while waiting:
        node = by_name.get(waiting.pop())
        if node is None or node in found:
            continue
        found.add(node)
        waiting += [one.id for one in ast.walk(node) if isinstance(one, ast.Name)]
        waiting += [one.arg for one in ast.walk(node) if isinstance(one, ast.arg)]  # fixtures
    return [
        node
        for node in module.body
        if node in found or (isinstance(node, ast.ImportFrom) and node.module == "__future__")
    ]


def _made_by(node: ast.stmt) -> list[str]:
    """Return the names that a statement of a module makes."""
    match node:
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return [one.asname or one.name for one in names]
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=[ast.Name(id=name)]):
            return [name]
    return []


def job(file: str) -> str:
    """Copy an example of a CI job."""
    return f"```yaml\n{(EXAMPLES / 'ci' / file).read_text('utf-8')}```"


PARTS: Mapping[str, Callable[[], str]] = {
    "settings": settings_table,
    "scenarios": scenarios_table,
    "example": lambda: example("test_app.py"),
    "hardcoded": lambda: example("test_hardcoded.py"),
    "github": lambda: job("github.yml"),
    "gitlab": lambda: job("gitlab.yml"),
    "drift": lambda: job("drift.yml"),
    "commands": reference.commands,
    "control-api": reference.control_routes,
    "control-objects": reference.control_objects,
    "pytest-options": reference.pytest_options,
    "fixtures": reference.fixtures,
}
"""Each generated part, by the name between whose marks it stands."""


def renewed(text: str) -> str:
    """Return a page's *text* with its generated parts made anew."""
    for name, made in PARTS.items():
        before, start, rest = text.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition(f"<!-- /{name} -->")
        if end:
            text = f"{before}{start}{made()}\n{end}{after}"
    return text


if __name__ == "__main__":
    for page in pages():
        page.write_text(renewed(page.read_text("utf-8")), "utf-8")
    NAMES.write_text(names(), "utf-8")
