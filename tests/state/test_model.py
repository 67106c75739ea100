"""Memory, SQLite and PostgreSQL do the same, whatever happens, and whenever a server dies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.client import SUBMIT
from tests.state.kept_mock import Mock, comparable, refused
from tests.state.postgres import Postgres

KEYS = st.sampled_from(["key-a", "key-b"])
TASK = {"model": "nano-banana", "input": {"prompt": "a fox"}}
HOOK = "http://127.0.0.1:9/hook"
SCENARIOS = st.sampled_from([None, "failure", "webhook-twice", "stuck"])

Step = tuple[Any, ...]
submissions = st.tuples(st.just("submit"), KEYS, st.sampled_from([HOOK, None]), SCENARIOS)
advances = st.tuples(st.just("advance"), KEYS, st.sampled_from(["1s", "20s", "5m", "idle"]))
steps = st.one_of(
    submissions,
    submissions,
    advances,
    st.tuples(st.just("poll"), KEYS, st.integers(0, 5)),
    st.tuples(st.just("cancel"), KEYS, st.integers(0, 5)),
    st.tuples(st.just("fail"), KEYS, st.integers(0, 5)),
    st.tuples(st.just("rule"), KEYS, st.integers(1, 3)),
    st.tuples(st.just("balance"), KEYS, st.sampled_from(["0.05", "1", None])),
    st.tuples(st.just("setting"), KEYS, st.sampled_from(["instant", "per-poll", "realtime"])),
    st.tuples(st.just("reset"), KEYS),
    st.tuples(st.just("receiver-is-down"), st.integers(1, 3)),
    st.tuples(st.just("die")),
    st.tuples(st.just("restart")),
)


class History:
    """The same steps on two mocks, of which the second one is kept and can die."""

    def __init__(self, url: str) -> None:
        self.memory, self.kept = Mock(None), Mock(url)

    def take(self, step: Step) -> None:
        """Take a step on both; whatever they show is equal."""
        if step[0] == "die":
            self.kept.die()
        elif step[0] == "restart":
            self.kept.restart()
        elif step[0] == "receiver-is-down":
            for mock in (self.memory, self.kept):
                mock.outcomes = [refused() for _ in range(step[1])]
        else:
            name, key, *rest = step
            getattr(self, f"_{name}")(key, *rest)
        self._compare()

    def _both(self, method: str, path: str, body: Any = None, key: str = "key-a") -> Any:
        expected = self.memory.ask(method, path, body, key)
        assert self.kept.ask(method, path, body, key) == expected
        return expected[1]

    def _submit(self, key: str, hook: str | None, scenario: str | None) -> None:
        body = {**TASK, "input": {"prompt": f"a fox #mock:{scenario}" if scenario else "a fox"}}
        self._both("POST", SUBMIT, body | ({"callBackUrl": hook} if hook else {}), key)

    def _task(self, key: str, index: int) -> str | None:
        tasks = self.memory.ask("GET", "/__mock/tasks", key=key)[1]["tasks"]
        return tasks[index % len(tasks)]["taskId"] if tasks else None

    def _of_task(self, key: str, index: int, act: Callable[[str], None]) -> None:
        task = self._task(key, index)
        if task is not None:
            act(task)

    def _poll(self, key: str, index: int) -> None:
        self._of_task(key, index, lambda id_: self._both("GET", f"/api/v1/task/{id_}", key=key))

    def _cancel(self, key: str, index: int) -> None:
        self._of_task(
            key, index, lambda id_: self._both("POST", f"/api/v1/task/{id_}/cancel", key=key)
        )

    def _fail(self, key: str, index: int) -> None:
        self._of_task(
            key, index, lambda id_: self._both("POST", f"/__mock/tasks/{id_}/fail", {}, key)
        )

    def _advance(self, key: str, by: str) -> None:
        body = {"advance_until": "idle"} if by == "idle" else {"advance": by}
        self._both("POST", "/__mock/clock", body, key)

    def _rule(self, key: str, times: int) -> None:
        rule = {"scenario": "failure", "match": {"path": "*/submit", "nth": 2}, "times": times}
        self._both("POST", "/__mock/rules", rule, key)

    def _balance(self, key: str, usd: str | None) -> None:
        self._both("PUT", "/__mock/balance", {"balance_usd": usd}, key)

    def _setting(self, key: str, pace: str) -> None:
        self._both("PATCH", "/__mock/settings", {"pace": pace}, key)

    def _reset(self, key: str) -> None:
        self._both("POST", "/__mock/reset", {}, key)

    def _compare(self) -> None:
        for mock in self.mocks:
            mock.settle()
        for key in ("key-a", "key-b"):
            for what in ("tasks", "rules", "balance", "settings", "clock"):
                self._both("GET", f"/__mock/{what}", key=key)
            events = [mock.ask("GET", "/__mock/events", key=key)[1] for mock in self.mocks]
            told, kept = (comparable(one["events"]) for one in events)
            assert kept == told
        assert sorted(self.kept.webhooks) == sorted(self.memory.webhooks)

    @property
    def mocks(self) -> tuple[Mock, Mock]:
        """Both."""
        return self.memory, self.kept

    def end(self) -> None:
        """Stop both."""
        for mock in self.mocks:
            mock.stop()


def _hold_equal(url: str, history: list[Step]) -> None:
    both = History(url)
    try:
        for step in history:
            both.take(step)
    finally:
        both.end()


histories = st.lists(steps, min_size=3, max_size=12)
many = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
few = settings(many, max_examples=6)


@pytest.mark.slow
@many
@given(history=histories)
def test_sqlite_does_what_memory_does(
    tmp_path_factory: pytest.TempPathFactory, history: list[Step]
) -> None:
    """Responses, clocks, rules, money, events and webhooks are equal after every step."""
    _hold_equal(f"sqlite:///{tmp_path_factory.mktemp('state') / 'mock.db'}", history)


@pytest.mark.slow
@few
@given(history=histories)
def test_postgresql_does_what_memory_does(postgres: Postgres, history: list[Step]) -> None:
    """Responses, clocks, rules, money, events and webhooks are equal after every step."""
    _hold_equal(postgres.new_database(), history)


def test_nothing_that_was_answered_is_lost(state_url: str) -> None:
    """One task of each pace, a rule and a balance are there after a death."""
    _hold_equal(
        state_url,
        [
            ("balance", "key-a", "1"),
            ("rule", "key-a", 2),
            ("submit", "key-a", HOOK, None),
            ("submit", "key-a", HOOK, "webhook-twice"),
            ("die",),
            ("setting", "key-b", "per-poll"),
            ("submit", "key-b", HOOK, None),
            ("poll", "key-b", 0),
            ("restart",),
            ("poll", "key-b", 0),
            ("receiver-is-down", 2),
            ("advance", "key-a", "idle"),
            ("die",),
            ("advance", "key-a", "5m"),
            ("reset", "key-b"),
        ],
    )


def test_what_was_not_committed_happened_as_a_whole_or_not_at_all(state_url: str) -> None:
    """A submission that was never answered may be there, but its id is never given twice."""
    mock = Mock(state_url)
    try:
        mock.ask("POST", SUBMIT, TASK)
        mock.ask("POST", SUBMIT, TASK, is_committed=False)
        mock.die()
        mock.ask("POST", SUBMIT, TASK)

        ids = [one["taskId"] for one in mock.ask("GET", "/__mock/tasks")[1]["tasks"]]

        assert len(ids) in (2, 3)
        assert len(set(ids)) == len(ids)
    finally:
        mock.stop()


def test_a_sandbox_that_is_released_is_made_again(state_url: str) -> None:
    """Memory need not hold what is kept: the next request finds all of it."""
    mock = Mock(state_url)
    try:
        assert mock.replica is not None
        mock.ask("POST", SUBMIT, TASK)
        before = mock.ask("GET", "/__mock/tasks")
        (sandbox,) = list(mock.service.sandboxes)
        mock.replica.keeper.release(sandbox)
        mock.replica.keeper.let_go()

        assert list(mock.service.sandboxes) == []
        assert mock.ask("GET", "/__mock/tasks") == before
    finally:
        mock.stop()
