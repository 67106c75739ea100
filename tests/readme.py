"""Renews the generated parts of the README: `python -m tests.readme`."""

from __future__ import annotations

from pathlib import Path

from mockserver.contract import load_contract
from mockserver.domain.scenario import SCENARIOS
from mockserver.settings import SETTINGS, default_text, option_of

README = Path(__file__).parents[1] / "README.md"


def settings_table() -> str:
    """Write the table of all settings."""
    contract = load_contract()
    rows = [
        (option_of(name), default_text(name, contract) or "-", setting.metadata["help"])
        for name, setting in SETTINGS.items()
    ]
    lines = [f"| `{option}` | {default} | {help_} |" for option, default, help_ in rows]
    return "\n".join(["| option | default | |", "|---|---|---|", *lines])


def scenarios_table() -> str:
    """Write the catalogue of scenarios."""
    rows = [f"| {one.about} | `{one.usage}` | {one.sentence} |" for one in SCENARIOS.values()]
    return "\n".join(["| about | scenario | |", "|---|---|---|", *rows])


def renewed(text: str) -> str:
    """Give the README's *text* with its generated parts made anew."""
    for name, table in (("settings", settings_table()), ("scenarios", scenarios_table())):
        before, start, rest = text.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition(f"<!-- /{name} -->")
        text = f"{before}{start}{table}\n{end}{after}"
    return text


if __name__ == "__main__":
    README.write_text(renewed(README.read_text("utf-8")), "utf-8")
