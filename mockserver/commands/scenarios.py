"""`maxapi-mock scenarios`."""

from __future__ import annotations

from mockserver.commands.command import command
from mockserver.commands.output import PASS
from mockserver.domain.scenario import SCENARIOS


@command("scenarios")
def scenarios() -> int:
    """Print the catalogue of scenarios; return the exit status."""
    width = max(len(one.usage) for one in SCENARIOS.values())
    for one in SCENARIOS.values():
        print(f"{one.about:9}  {one.usage:{width}}  {one.sentence}")
    return PASS
