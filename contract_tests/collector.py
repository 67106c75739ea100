"""Collects what the laws say of what was seen."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import replace
from typing import Self

from mockserver.contract import Contract

from .clauses import assumptions
from .evidence import Assumption, Exchange, Finding, History, Verdict
from .law import EXCHANGE, HISTORY, Broken, Held, Law


class Collector:
    """Holds laws against exchanges and histories, and keeps a verdict on each law."""

    def __init__(self, contract: Contract, laws: Iterable[Law]) -> None:
        self.contract = contract
        self.laws = tuple(laws)
        self.verdicts = {one.id: Verdict(one.id, one.title, one.clauses) for one in self.laws}
        self.assumptions: dict[str, Assumption] = {one.clause: one for one in assumptions(contract)}

    def copy(self) -> Self:
        """Give one that has seen the same, and goes its own way from here on."""
        made = copy(self)
        made.verdicts = {
            name: replace(one, findings=list(one.findings)) for name, one in self.verdicts.items()
        }
        made.assumptions = {name: replace(one) for name, one in self.assumptions.items()}
        return made

    def judge(self, exchange: Exchange) -> list[Finding]:
        """Hold the laws of exchanges against one; give what is new."""
        found: list[Finding] = []
        if exchange.is_unclear:
            return found
        for law in self.laws:
            if law.kind == EXCHANGE:
                found += self.record(law, law.judge(self.contract, exchange))
        return found

    def judge_history(self, history: History) -> list[Finding]:
        """Hold the laws of histories against one; give what is new."""
        found = []
        for law in self.laws:
            if law.kind == HISTORY:
                found += self.record(law, law.judge(self.contract, history))
        return found

    def record(self, law: Law, checks: Iterable[Held | Broken]) -> list[Finding]:
        """Count checks, and keep what is broken; give the findings that were not known."""
        verdict, new = self.verdicts[law.id], []
        known = {one.key for one in verdict.findings}
        for check in checks:
            verdict.checks += 1
            self._answer(check)
            if isinstance(check, Broken):
                finding = law.finding(self.contract, check)
                if finding.key not in known:
                    known.add(finding.key)
                    verdict.findings.append(finding)
                    new.append(finding)
        return new

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
        for verdict in self.verdicts.values():
            if verdict.findings:
                verdict.status = "broken"
            elif not verdict.checks:
                verdict.status = "skipped"
                verdict.reason = verdict.reason or "nothing was seen that it could be held against"
