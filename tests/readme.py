"""Renews the generated part of the README: `python -m tests.readme`."""

from __future__ import annotations

from pathlib import Path

from mockserver.contract import load_contract
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


def renewed(text: str) -> str:
    """Give the README's *text* with its generated part made anew."""
    before, start, rest = text.partition("<!-- settings -->\n")
    _, end, after = rest.partition("<!-- /settings -->")
    return f"{before}{start}{settings_table()}\n{end}{after}"


if __name__ == "__main__":
    README.write_text(renewed(README.read_text("utf-8")), "utf-8")
