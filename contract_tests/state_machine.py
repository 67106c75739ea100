"""A state machine: submit, poll, cancel and poll with another key, in any order."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from mockserver.conformance.check import Failed, Observations, Passed, promised
from mockserver.conformance.model import Exchange
from mockserver.conformance.session.active_check import active_check
from mockserver.conformance.session.ledger import LimitError
from mockserver.conformance.session.session import Session

_STEPS = 15


class _Violated(Exception):
    """The target did what the model rules out."""

    def __init__(self, name: str, expected: str, observed: str, exchange: Exchange) -> None:
        super().__init__(f"{name}: {observed}, not {expected}")
        self.failed = Failed(promised(name), expected, observed, exchange, "in any order")


@active_check(
    "any-order",
    "Requests in any order show consistent tasks",
    "never_back",
    "final",
    "cancel_is_kept",
    "foreign_task_unknown",
    submits=True,
)
def any_order(session: Session) -> Observations:
    """Let Hypothesis make up programs, and compare what they see with a model."""
    session.cheapest()  # raises Skipped here rather than inside every program
    phases = [Phase.generate] if session.options.thrifty else [Phase.generate, Phase.shrink]
    chosen = settings(
        max_examples=max(1, session.options.examples // 2),
        stateful_step_count=_STEPS,
        phases=phases,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    violations: list[_Violated] = []
    machine = seed(session.options.seed)(_machine_of(session, violations))
    with suppress(_Violated, Flaky):  # one that is only seen at times is a violation, too
        run_state_machine_as_test(machine, settings=chosen)
    for violation in violations if session.options.thrifty else violations[-1:]:
        yield violation.failed  # the last that Hypothesis tries is the simplest
    if not violations:
        for name in ("never_back", "final", "cancel_is_kept"):
            yield Passed(promised(name))


class _Model:
    """What the tasks of one program may show."""

    def __init__(self, session: Session, violations: list[_Violated]) -> None:
        self._names = session.contract.lifecycle
        self._pays = session.options.thrifty
        self._violations = violations
        self._cancelled: set[str] = set()
        self._shown: dict[str, dict[str, Any]] = {}

    @property
    def seen(self) -> list[str]:
        """The tasks that were polled."""
        return list(self._shown)

    def violated(self, name: str, expected: str, observed: str, exchange: Exchange) -> None:
        """Note a violation. Raises it, except where running the program again would cost money."""
        violation = _Violated(name, expected, observed, exchange)
        self._violations.append(violation)
        if not self._pays:
            raise violation

    def cancelled(self, task_id: str, response: Exchange) -> None:
        """Take the response to a cancellation into account. Raises _Violated."""
        before = self._shown.get(task_id, {}).get("status")
        if response.succeeded and before in self._names.terminal:
            self.violated("cancel_ended", "an error", f"200 in {before}", response)
        if response.succeeded:
            self._cancelled.add(task_id)

    def polled(self, task_id: str, response: Exchange) -> None:
        """Take a poll into account. Raises _Violated."""
        task = response.task
        if task is None:
            return
        names, before = self._names, self._shown.get(task_id, {})
        status, earlier = task.get("status"), before.get("status")
        if earlier in names.terminal and task != before:
            self.violated("final", f"{earlier}, unchanged", f"{status}", response)
        path = [*names.path, *names.terminal]
        if status in path and earlier in names.path and path.index(status) < path.index(earlier):
            self.violated("never_back", f"{earlier} or later", f"{status}", response)
        if task_id in self._cancelled and status != names.cancelled:
            self.violated("cancel_is_kept", names.cancelled, f"{status}", response)
        self._shown[task_id] = task


def _machine_of(session: Session, violations: list[_Violated]) -> type[RuleBasedStateMachine]:  # noqa: C901 - one small rule each
    """Make the machine; every program starts without tasks."""

    class Machine(RuleBasedStateMachine):
        tasks: Bundle[str | None] = Bundle("tasks")

        @initialize()
        def begin(self) -> None:
            self.model = _Model(session, violations)

        @rule(target=tasks, n=st.integers(1, 2))
        def submit(self, n: int) -> str | None:
            model = session.cheapest()
            more = {"n": n} if "n" in session.contract.cards[model].fields else {}
            try:
                history = session.started(session.request(model, **more))
            except LimitError:
                return None
            return None if history is None else history.task_id

        @rule(task_id=tasks)
        def poll(self, task_id: str | None) -> None:
            if task_id is not None:
                self.model.polled(task_id, session.client.poll(task_id))

        @rule(task_id=tasks)
        def cancel(self, task_id: str | None) -> None:
            if task_id is not None:
                self.model.cancelled(task_id, session.client.cancel(task_id))
                self.model.polled(task_id, session.client.poll(task_id))

        @rule(task_id=tasks)
        def poll_with_another_key(self, task_id: str | None) -> None:
            if task_id is not None and session.other is not None:
                response = session.other.poll(task_id)
                if response.task is not None:
                    self.model.violated("foreign_task_unknown", "404", "the task", response)

        @rule(seconds=st.sampled_from([0.1, 0.5, 1.0]))
        def wait(self, seconds: float) -> None:
            session.client.pause(seconds)

        def teardown(self) -> None:
            """Poll every task again: what was done to others must not have changed it."""
            for task_id in self.model.seen:
                self.model.polled(task_id, session.client.poll(task_id))

    return Machine
