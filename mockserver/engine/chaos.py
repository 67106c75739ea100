"""Random faults: drawn for each exchange and delivery; the same seed reproduces them."""

from __future__ import annotations

import random

from mockserver.contract import Contract
from mockserver.domain.scenario import SCENARIOS, Chance, Script, make_script
from mockserver.engine.sandbox import Sandbox


def draw(sandbox: Sandbox, what: Chance, contract: Contract) -> Script | None:
    """Return the fault of the sandbox's next `exchange` or `delivery`; None if there is none.

    The n-th draw of a sandbox depends only on the setting `seed`, the sandbox, *what* and n.
    """
    rate = sandbox.settings.chaos
    if not rate:
        return None
    number = sandbox.count(what)
    seed = f"{sandbox.settings.seed}:{sandbox.id}:{what}:{number}"
    chance = random.Random(seed)  # noqa: S311 - must be repeatable, not secret
    if chance.random() >= rate:
        return None
    names = sorted(name for name, scenario in SCENARIOS.items() if scenario.chaos == what)
    return make_script([(chance.choice(names), None)], contract)
