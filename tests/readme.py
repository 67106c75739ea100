"""Renews the generated parts of the README: `python -m tests.readme`."""

from __future__ import annotations

import ast
from pathlib import Path

from mockserver.contract import load_contract
from mockserver.domain.scenario import SCENARIOS
from mockserver.settings import SETTINGS, make_settings, option_of, show_value

EXAMPLES = Path(__file__).parent / "examples"
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
"""The tests of the examples that the README shows."""

README = Path(__file__).parents[1] / "README.md"


def settings_table() -> str:
    """Write the table of all settings, with the defaults as `--show-settings` prints them."""
    defaults = make_settings(load_contract())
    rows = [
        (option_of(name), show_value(name, getattr(defaults, name)), setting.metadata["help"])
        for name, setting in SETTINGS.items()
    ]
    lines = [f"| `{option}` | {default} | {help_} |" for option, default, help_ in rows]
    return "\n".join(["| option | default | |", "|---|---|---|", *lines])


def scenarios_table() -> str:
    """Write the table of all scenarios."""
    rows = [f"| {one.about} | `{one.usage}` | {one.sentence} |" for one in SCENARIOS.values()]
    return "\n".join(["| about | scenario | |", "|---|---|---|", *rows])


def example(file: str) -> str:
    """Copy the tests of an example that the README shows."""
    text = (EXAMPLES / file).read_text("utf-8")
    found = {node.name: node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}
    lines = text.splitlines()
    parts = []
    for name in SHOWN[file]:
        node = found[name]
        first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
        parts.append("\n".join(lines[first - 1 : node.end_lineno]))
    return "\n".join(["```python", "\n\n\n".join(parts), "```"])


def job(file: str) -> str:
    """Copy an example of a CI job."""
    return f"```yaml\n{(EXAMPLES / 'ci' / file).read_text('utf-8')}```"


def renewed(text: str) -> str:
    """Return the README's *text* with its generated parts made anew."""
    tables = {
        "settings": settings_table(),
        "scenarios": scenarios_table(),
        "example": example("test_app.py"),
        "hardcoded": example("test_hardcoded.py"),
        "github": job("github.yml"),
        "gitlab": job("gitlab.yml"),
    }
    for name, table in tables.items():
        before, start, rest = text.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition(f"<!-- /{name} -->")
        text = f"{before}{start}{table}\n{end}{after}"
    return text


if __name__ == "__main__":
    README.write_text(renewed(README.read_text("utf-8")), "utf-8")
