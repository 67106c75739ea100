"""Collects what the laws say of what was seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from copy import copy
from dataclasses import replace
from typing import Self

from mockserver.contract import Contract

from mockserver.conformance.census import Census
from mockserver.conformance.clauses import assumptions
from mockserver.conformance.model import Assumption, Exchange, Finding, History, Verdict
from mockserver.conformance.check import EXCHANGE, HISTORY, Broken, Held, Law


class Collector:
    """Holds laws against exchanges and histories, and keeps a verdict on each law."""

    def __init__(self, contract: Contract, laws: Iterable[Law]) -> None:
        self.contract = contract
        self.laws = tuple(laws)
        self.verdicts = {one.id: Verdict(one.id, one.title, one.clauses) for one in self.laws}
        self.assumptions: dict[str, Assumption] = {one.clause: one for one in assumptions(contract)}
        self.held: Counter[tuple[str, str]] = Counter()
        """How often a clause was as promised, by law and clause."""
        self.answered: Counter[tuple[str, str]] = Counter()
        """How many exchanges a law of exchanges had something to say of, by law and kind."""
        self.census = Census(contract)

    def copy(self) -> Self:
        """Give one that has seen the same, and goes its own way from here on."""
        made = copy(self)
        made.verdicts = {
            name: replace(one, findings=list(one.findings)) for name, one in self.verdicts.items()
        }
        made.assumptions = {name: replace(one) for name, one in self.assumptions.items()}
        made.census = self.census.copy()
        made.held, made.answered = self.held.copy(), self.answered.copy()
        return made

    def judge(self, exchange: Exchange) -> list[Finding]:
        """Hold the laws of exchanges against one; give what is new."""
        found: list[Finding] = []
        if exchange.is_unclear:
            return found
        for law in self.laws:
            if law.kind == EXCHANGE:
                before = self.verdicts[law.id].checks
                found += self.record(law, law.judge(self.contract, exchange))
                looked = self.verdicts[law.id].checks > before
                self.answered[law.id, _kind_of(exchange)] += looked
        return found

    def judge_history(self, history: History) -> list[Finding]:
        """Count a history, and hold the laws of histories against it; give what is new."""
        self.census.count(history)
        found = []
        for law in self.laws:
            if law.kind == HISTORY:
                found += self.record(law, law.judge(self.contract, history))
        return found

    def record(self, law: Law, checks: Iterable[Held | Broken]) -> list[Finding]:
        """Count checks, and keep what is broken; give the findings that were not known."""
        verdict, new = self.verdicts[law.id], []
        known = {one.key: number for number, one in enumerate(verdict.findings)}
        for check in checks:
            verdict.checks += 1
            self._answer(check)
            if isinstance(check, Held):
                self.held[law.id, check.clause] += 1
                continue
            finding = law.finding(self.contract, check)
            number = known.setdefault(finding.key, len(verdict.findings))
            if number == len(verdict.findings):
                verdict.findings.append(finding)
                new.append(finding)
            else:
                earlier = verdict.findings[number]
                verdict.findings[number] = replace(earlier, times=earlier.times + 1)
        return new

    def chances(self, law: Law, finding: Finding) -> int:
        """Count how often a finding could have been seen.

        A document that is as promised is counted once, at the root of its schema, and not at each
        of its clauses; so for the law of an answer all answers of the same kind count.
        """
        held = self.held[law.id, finding.clause.place]
        if law.kind == EXCHANGE and finding.exchange is not None:
            answers = self.answered[law.id, _kind_of(finding.exchange)]
            return max(finding.times + held, answers)
        roots = (self.held[law.id, one] for one in law.clauses if one.endswith("#"))
        return finding.times + max(held, *roots, 0)

    def _answer(self, check: Held | Broken) -> None:
        """Note what the target did where nobody documents what it should; a no outweighs a yes."""
        assumption = self.assumptions.get(check.clause)
        if assumption is None:
            return
        if isinstance(check, Broken):
            assumption.answer, assumption.observed = "otherwise", check.observed
        elif assumption.answer == "not observed":
            assumption.answer = "as assumed"

    def settle(self) -> None:
        """Say of each law what came of it; of what was not held against anything, that too."""
        for law in self.laws:
            verdict = self.verdicts[law.id]
            verdict.findings = [replace(one, of=self.chances(law, one)) for one in verdict.findings]
            if verdict.findings:
                verdict.status = "broken"
            elif not verdict.checks:
                verdict.status = "skipped"
                verdict.reason = verdict.reason or "nothing was seen that it could be held against"


def _kind_of(exchange: Exchange) -> str:
    """Tell the answers apart that are held against the same clauses."""
    return f"{exchange.operation} {exchange.status}"
