"""Mischief by chance: drawn anew for each exchange and delivery, and the same for the same seed."""

from __future__ import annotations

import random

from mockserver.contract import Contract
from mockserver.domain.scenario import SCENARIOS, Script, make_script
from mockserver.engine.sandbox import Sandbox


def draw(sandbox: Sandbox, what: str, contract: Contract) -> Script | None:
    """Draw for the sandbox's next `exchange` or `delivery`; None if nothing goes wrong.

    The n-th draw of a sandbox depends on the setting `seed`, the sandbox, *what* and n alone.
    """
    rate = sandbox.settings.chaos
    if not rate:
        return None
    number = sandbox.count(what)
    seed = f"{sandbox.settings.seed}:{sandbox.id}:{what}:{number}"
    chance = random.Random(seed)  # noqa: S311 - has to repeat, not to be secret
    if chance.random() >= rate:
        return None
    names = sorted(name for name, scenario in SCENARIOS.items() if scenario.chaos == what)
    return make_script([(chance.choice(names), None)], contract)
