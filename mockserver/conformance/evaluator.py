"""Collects what the laws say of what was seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from copy import copy
from dataclasses import replace
from typing import Self

from mockserver.conformance.census import Census
from mockserver.conformance.check import AnyCheck, ExchangeCheck, Failed, Passed, TaskCheck
from mockserver.conformance.clauses import assumptions
from mockserver.conformance.model import Assumption, CheckResult, Exchange, Finding, History
from mockserver.contract import Contract


class Evaluator:
    """Holds laws against exchanges and histories, and keeps a verdict on each law."""

    def __init__(self, contract: Contract, checks: Iterable[AnyCheck]) -> None:
        self.contract = contract
        self.checks = tuple(checks)
        if not self.checks:
            raise ValueError("there are no checks; a run without any would find nothing wrong")
        self.check_results = {
            one.id: CheckResult(one.id, one.title, one.clauses) for one in self.checks
        }
        self.assumptions: dict[str, Assumption] = {one.clause: one for one in assumptions(contract)}
        self.passed: Counter[tuple[str, str]] = Counter()
        """How often a clause was as promised, by law and clause."""
        self.answered: Counter[tuple[str, str]] = Counter()
        """How many exchanges a law of exchanges had something to say of, by law and kind."""
        self.census = Census(contract)

    def copy(self) -> Self:
        """Give one that has seen the same, and goes its own way from here on."""
        made = copy(self)
        made.check_results = {
            name: replace(one, findings=list(one.findings))
            for name, one in self.check_results.items()
        }
        made.assumptions = {name: replace(one) for name, one in self.assumptions.items()}
        made.census = self.census.copy()
        made.passed, made.answered = self.passed.copy(), self.answered.copy()
        return made

    def evaluate(self, exchange: Exchange) -> list[Finding]:
        """Hold the laws of exchanges against one; give what is new."""
        found: list[Finding] = []
        if exchange.is_inconclusive:
            return found
        for check in self.checks:
            if isinstance(check, ExchangeCheck):
                before = self.check_results[check.id].observations
                found += self.record(check, check(self.contract, exchange))
                looked = self.check_results[check.id].observations > before
                self.answered[check.id, _kind_of(exchange)] += looked
        return found

    def evaluate_task(self, history: History) -> list[Finding]:
        """Count a history, and hold the laws of histories against it; give what is new."""
        self.census.count(history)
        found = []
        for check in self.checks:
            if isinstance(check, TaskCheck):
                found += self.record(check, check(self.contract, history))
        return found

    def record(self, check: AnyCheck, observations: Iterable[Passed | Failed]) -> list[Finding]:
        """Count checks, and keep what is broken; give the findings that were not known."""
        check_result, new = self.check_results[check.id], []
        known = {one.key: number for number, one in enumerate(check_result.findings)}
        for observation in observations:
            check_result.observations += 1
            self._answer(observation)
            if isinstance(observation, Passed):
                self.passed[check.id, observation.clause] += 1
                continue
            finding = check.finding(self.contract, observation)
            number = known.setdefault(finding.key, len(check_result.findings))
            if number == len(check_result.findings):
                check_result.findings.append(finding)
                new.append(finding)
            else:
                earlier = check_result.findings[number]
                check_result.findings[number] = replace(earlier, times=earlier.times + 1)
        return new

    def chances(self, check: AnyCheck, finding: Finding) -> int:
        """Count how often a finding could have been seen.

        A document that is as promised is counted once, at the root of its schema, and not at each
        of its clauses; so for the law of an answer all answers of the same kind count.
        """
        passed = self.passed[check.id, finding.clause.place]
        if isinstance(check, ExchangeCheck) and finding.exchange is not None:
            answers = self.answered[check.id, _kind_of(finding.exchange)]
            return max(finding.times + passed, answers)
        roots = (self.passed[check.id, one] for one in check.clauses if one.endswith("#"))
        return finding.times + max(passed, *roots, 0)

    def _answer(self, observation: Passed | Failed) -> None:
        """Note what the target did where nobody documents what it should; a no outweighs a yes."""
        assumption = self.assumptions.get(observation.clause)
        if assumption is None:
            return
        if isinstance(observation, Failed):
            assumption.answer, assumption.observed = "otherwise", observation.observed
        elif assumption.answer == "not observed":
            assumption.answer = "as assumed"

    def settle(self) -> None:
        """Say of each law what came of it; of what was not held against anything, that too."""
        for check in self.checks:
            check_result = self.check_results[check.id]
            check_result.findings = [
                replace(one, of=self.chances(check, one)) for one in check_result.findings
            ]
            if check_result.findings:
                check_result.status = "failed"
            elif not check_result.observations:
                check_result.status = "skipped"
                check_result.reason = (
                    check_result.reason or "nothing was seen that it could be held against"
                )


def _kind_of(exchange: Exchange) -> str:
    """Tell the answers apart that are held against the same clauses."""
    return f"{exchange.operation} {exchange.status}"
