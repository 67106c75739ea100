"""Responses to polls that are kept are those that would be made anew."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.contract import Contract
from mockserver.domain.document import FORMS, Form, task_document
from mockserver.domain.plan import PACES
from mockserver.domain.scenario import SCENARIOS
from mockserver.domain.task import Task
from mockserver.engine.messages import json_response, success
from mockserver.engine.poll_responses import PollResponses, Shown
from tests.client import Client, seed
from tests.conftest import MakeClient, seconds

OUTCOMES = sorted(
    name
    for name, scenario in SCENARIOS.items()
    if scenario.about in ("outcome", "poll", "cancel", "result") and scenario.parse is None
)
SCRIPTS = st.sampled_from(
    [*OUTCOMES, "slow=3s", "stale-poll=1s", "flaky-poll=2", "fewer-results=1"]
)
ACTIONS = st.one_of(
    st.sampled_from(["poll", "poll", "cancel", *FORMS]),
    st.floats(0.0, 3.0).map(seconds),
)


class _Anew(PollResponses):
    """Makes every response anew."""

    def shown(self, task: Task, now: datetime, form: Form) -> Shown:
        return PollResponses(self._contract).shown(task, now, form)


def _do(client: Client, task_id: str, action: str | timedelta) -> Any:
    if isinstance(action, timedelta):
        return client.sandbox.clock.advance(action)
    if action in FORMS:
        return client.control("settings", "PATCH", json={"answers": action}).status
    if action == "cancel":
        return client.cancel(task_id)
    return client.request("GET", f"/api/v1/task/{task_id}")


@given(st.sampled_from(PACES), st.sampled_from(OUTCOMES), st.lists(ACTIONS, max_size=20))
def test_are_those_that_would_be_made_anew(
    make_client: MakeClient, pace: str, script: str, actions: list[str | timedelta]
) -> None:
    """Whatever the scenario, the pace and the settings are, and whatever happens in between."""
    clients = [make_client(pace=pace, seed="1") for _ in range(2)]
    clients[1].service._operations._polls = _Anew(clients[1].service.contract)
    headers = {"x-mock-scenario": script}
    task_ids = [one.submit(seed(), **headers).json["data"]["taskId"] for one in clients]

    kept, anew = (
        [_do(one, task_id, action) for action in ["poll", *actions, "poll"]]
        for one, task_id in zip(clients, task_ids, strict=True)
    )

    assert kept == anew


@given(st.lists(st.tuples(st.floats(-1.0, 3.0), st.sampled_from(FORMS)), min_size=1, max_size=10))
def test_show_the_task_of_their_moment(
    client: Client, contract: Contract, polls: list[tuple[float, Form]]
) -> None:
    """In any order of moments."""
    task, polled = client.sandbox.get(client.submitted(seed())), PollResponses(contract)

    for offset, form in polls:
        now = task.created_at + seconds(offset)
        shown = polled.shown(task, now, form)

        document = task_document(task, now, contract.lifecycle, form)
        assert shown.response == json_response(200, success(contract, document))
        assert shown.status == document["status"]


@pytest.mark.parametrize(("length", "same"), [(10, True), (5000, False)])
def test_a_small_one_is_shared_by_polls(client: Client, length: int, *, same: bool) -> None:
    """A large one is made again, and holds no memory."""
    task = client.sandbox.get(client.submitted(seed(prompt="x" * length)))
    polled = PollResponses(client.service.contract)

    first, second = (polled.shown(task, task.created_at, "full") for _ in range(2))

    assert (first.response is second.response) == same
    assert first.response == second.response


def test_a_limited_number_is_kept(client: Client) -> None:
    """The oldest one is dropped first."""
    tasks = [client.sandbox.get(client.submitted(seed())) for _ in range(1001)]
    polled = PollResponses(client.service.contract)
    first = [polled.shown(task, task.created_at, "full").response for task in tasks]

    again = [polled.shown(task, task.created_at, "full").response for task in reversed(tasks)]

    assert [one is other for one, other in zip(first, reversed(again), strict=True)] == [
        False,
        *[True] * 1000,
    ]
