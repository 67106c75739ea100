"""Counts how tasks ended, and writes notes on it; they are never findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from mockserver.conformance.model import History
from mockserver.contract import Contract

_FEW = 2
"""With fewer tasks than this, there is no note."""


class Census:
    """How tasks ended, by model and by resolution."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.ended: dict[tuple[str, str], Counter[str]] = {}
        """How often tasks of a model at a resolution (empty if it has none) ended in a state."""
        self.polled = 0
        """How many tasks were seen in a poll."""
        self.shown: Counter[str] = Counter()
        """How many tasks were seen in each state before the end."""

    def copy(self) -> Census:
        """Return an independent copy with the same counts."""
        made = Census(self.contract)
        made.ended = {key: one.copy() for key, one in self.ended.items()}
        made.polled, made.shown = self.polled, self.shown.copy()
        return made

    def count(self, history: History) -> None:
        """Count a task whose history is complete; a cancelled task did not end by itself."""
        if not history.shown:
            return
        self.polled += 1
        seen = {str(task.get("status")) for _, task in history.shown}
        self.shown.update(seen & set(self.contract.lifecycle.path))
        card = self.contract.cards.get(str(history.document.get("model", "")))
        submitted, end = history.document.get("input"), history.last.get("status")
        if card is None or not isinstance(submitted, dict) or end not in self._own_ends():
            return
        tier = str(card.value_of("resolution", submitted) or "")
        self.ended.setdefault((card.model, tier), Counter())[end] += 1

    def notes(self) -> list[str]:
        """Return what is worth knowing, each note with its numbers."""
        return [*self._ends(), *self._never_shown()]

    def _own_ends(self) -> set[str]:
        return set(self.contract.lifecycle.terminal) - {self.contract.lifecycle.cancelled}

    def _ends(self) -> Iterator[str]:
        """Yield notes on what did not succeed: for all tasks, else by model, else by resolution."""
        models: dict[str, Counter[str]] = {}
        for (model, _), ends in self.ended.items():
            models.setdefault(model, Counter()).update(ends)
        everything = sum(models.values(), Counter())
        if len(models) > 1 and self._none_succeeded(everything):
            yield _none("tasks", everything)
            return
        for model, ends in models.items():
            if self._none_succeeded(ends):
                yield from self._of_a_model(model, ends)
                continue
            tiers = {tier: one for (name, tier), one in self.ended.items() if name == model}
            yield from self._of_tiers(model, ends, tiers)

    def _of_a_model(self, model: str, ends: Counter[str]) -> Iterator[str]:
        tiers = [tier for name, tier in self.ended if name == model]
        at = f" at {tiers[0]}" if len(tiers) == 1 and tiers[0] else ""
        yield _none(f"tasks of {model}{at}", ends)

    def _of_tiers(
        self, model: str, ends: Counter[str], tiers: Mapping[str, Counter[str]]
    ) -> Iterator[str]:
        without = {tier: one for tier, one in tiers.items() if self._none_succeeded(one)}
        for tier, one in without.items():
            yield _none(f"tasks of {model}{f' at {tier}' if tier else ''}", one)
        rest = ends - sum(without.values(), Counter())
        failed = rest.total() - rest[self.contract.lifecycle.success]
        if failed:
            del rest[self.contract.lifecycle.success]
            others = " at other resolutions" if without else ""
            number = ends.total() - sum(one.total() for one in without.values())
            yield f"{failed} of {number} tasks of {model}{others} did not succeed: {_listed(rest)}"

    def _none_succeeded(self, ends: Counter[str]) -> bool:
        return ends.total() >= _FEW and not ends[self.contract.lifecycle.success]

    def _never_shown(self) -> Iterator[str]:
        if self.polled >= _FEW:
            for state in self.contract.lifecycle.path:
                if not self.shown[state]:
                    yield f"no poll of {self.polled} tasks ever showed {state}"


def _none(what: str, ends: Counter[str]) -> str:
    if len(ends) == 1:
        return f"all {ends.total()} {what} ended in {next(iter(ends))}"
    return f"none of {ends.total()} {what} succeeded: {_listed(ends)}"


def _listed(ends: Counter[str]) -> str:
    return ", ".join(f"{number} {state}" for state, number in ends.most_common())
