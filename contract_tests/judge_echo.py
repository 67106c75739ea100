"""The law of the types inside an echo: what compares as equal need not be the same JSON."""

from __future__ import annotations

from typing import Any

from mockserver.contract import Contract

from .evidence import History, json_text
from .judge_histories import broken
from .law import HISTORY, Checks, Held, law, promised


@law("echo-types", "What a poll echoes has the types that were submitted", HISTORY, "echo_all")
def echo_types(_contract: Contract, history: History) -> Checks:
    """Compare what is nested: a number is not a truth value, and 1 is not 1.0."""
    submitted = history.document.get("input")
    if not isinstance(submitted, dict):
        return
    for poll, task in history.shown:
        echoed = task.get("input")
        for name, value in submitted.items():
            if not isinstance(echoed, dict) or echoed.get(name) != value:
                continue  # absent, or another value: the law of the echo says so
            if _same(echoed[name], value):
                yield Held(promised("echo_all"))
            else:
                expected, observed = json_text(value), json_text(echoed[name])
                yield broken("echo_all", f"{name}: {expected}", f"{name}: {observed}", poll, name)
                return


def _same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)
