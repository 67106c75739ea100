"""`maxapi-mock doctor`: what a report of a problem needs, and what is wrong on this machine."""

from __future__ import annotations

from dataclasses import dataclass

from mockserver.commands.command import command, option, receives
from mockserver.commands.output import FAILURE, PASS, say


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    as_json: bool


@command("doctor")
@option("--json", "as_json", is_flag=True, help="print it as JSON, with every setting")
@receives(_Options)
def doctor(options: _Options) -> int:
    """Print what is found; return 1 if there is a problem."""
    from mockserver.commands.diagnosis import diagnose, without_private

    found = diagnose()
    text = found.as_json() if options.as_json else found.as_text()
    say(without_private(text), "doctor")
    return FAILURE if found.problems else PASS
