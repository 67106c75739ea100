"""Evaluates checks on what was observed, and keeps a result for each."""

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
    """Evaluates checks on exchanges and task histories, and keeps a result for each check."""

    def __init__(self, contract: Contract, checks: Iterable[AnyCheck]) -> None:
        self.contract = contract
        self.checks = tuple(checks)
        if not self.checks:
            raise ValueError("there are no checks; a run without any could never fail")
        self.check_results = {
            one.id: CheckResult(one.id, one.title, one.clauses) for one in self.checks
        }
        self.assumptions: dict[str, Assumption] = {one.clause: one for one in assumptions(contract)}
        self.passed: Counter[tuple[str, str]] = Counter()
        """How often something was as a clause says, by check and clause."""
        self.relevant: Counter[tuple[str, str]] = Counter()
        """How many exchanges a check applied to, by check and kind of exchange."""
        self.census = Census(contract)

    def copy(self) -> Self:
        """Return an independent copy that has seen the same."""
        made = copy(self)
        made.check_results = {
            name: replace(one, findings=list(one.findings))
            for name, one in self.check_results.items()
        }
        made.assumptions = {name: replace(one) for name, one in self.assumptions.items()}
        made.census = self.census.copy()
        made.passed, made.relevant = self.passed.copy(), self.relevant.copy()
        return made

    def evaluate(self, exchange: Exchange) -> list[Finding]:
        """Evaluate the checks of exchanges on one; return the findings that are new."""
        found: list[Finding] = []
        if exchange.is_inconclusive:
            return found
        for check in self.checks:
            if isinstance(check, ExchangeCheck):
                before = self.check_results[check.id].observations
                found += self.record(check, check(self.contract, exchange))
                applied = self.check_results[check.id].observations > before
                self.relevant[check.id, _kind_of(exchange)] += applied
        return found

    def evaluate_task(self, history: History) -> list[Finding]:
        """Count a history, and evaluate the checks of histories on it; return new findings."""
        self.census.count(history)
        found = []
        for check in self.checks:
            if isinstance(check, TaskCheck):
                found += self.record(check, check(self.contract, history))
        return found

    def record(self, check: AnyCheck, observations: Iterable[Passed | Failed]) -> list[Finding]:
        """Count observations, and keep those that failed; return the findings that are new."""
        check_result, new = self.check_results[check.id], []
        known = {one.key: number for number, one in enumerate(check_result.findings)}
        for observation in observations:
            check_result.observations += 1
            self._settle_assumption(observation)
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

        A document that conforms is counted once, at the root of its schema, and not at each of its
        clauses; so for a check of exchanges all exchanges of the same kind count.
        """
        passed = self.passed[check.id, finding.clause.place]
        if isinstance(check, ExchangeCheck) and finding.exchange is not None:
            relevant = self.relevant[check.id, _kind_of(finding.exchange)]
            return max(finding.times + passed, relevant)
        roots = (self.passed[check.id, one] for one in check.clauses if one.endswith("#"))
        return finding.times + max(passed, *roots, 0)

    def _settle_assumption(self, observation: Passed | Failed) -> None:
        """Note what the target did about an assumption; one difference outweighs all agreement."""
        assumption = self.assumptions.get(observation.clause)
        if assumption is None:
            return
        if isinstance(observation, Failed):
            assumption.outcome, assumption.observed = "different", observation.observed
        elif assumption.outcome == "not observed":
            assumption.outcome = "as assumed"

    def settle(self) -> None:
        """Set the status of each check, once nothing more will be observed."""
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
                    check_result.reason or "nothing was observed that it applies to"
                )


def _kind_of(exchange: Exchange) -> str:
    """Return what exchanges have in common that are compared with the same clauses."""
    return f"{exchange.operation} {exchange.status}"
