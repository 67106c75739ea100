"""Moderation after submission is refunded less a surcharge, by the day's count."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from mockserver.domain.task import Task
from tests.client import Client, seed
from tests.conftest import MakeClient, seconds

MODERATED = {"x-mock-scenario": "content-moderation"}
VIDEO: dict[str, Any] = {"model": "seedance-2.0", "input": {"prompt": "a cat"}}


@pytest.fixture
def paid(make_client: MakeClient) -> Client:
    """A client of a mock that was told the price: a dollar a task."""
    return make_client(unknown_price=Decimal(1))


def moderated(client: Client, times: int = 1, **headers: str) -> list[Decimal]:
    """Submit tasks that are moderated while they run; return what each costs."""
    costs = []
    for _ in range(times):
        answer = client.submit(VIDEO, **MODERATED, **headers)
        task = client.control(f"tasks/{answer.json['data']['taskId']}").json
        costs.append(Decimal(task["cost_usd"]))
    return costs


def test_the_rate_follows_the_count_of_the_day(paid: Client) -> None:
    """1% for the first 19 of a day, 5% from the 20th to the 100th, 10% for those after it."""
    costs = moderated(paid, 103)

    assert set(costs[:19]) == {Decimal("0.01")}
    assert set(costs[19:100]) == {Decimal("0.05")}
    assert set(costs[100:]) == {Decimal("0.10")}
    assert Decimal(paid.control("balance").json["spent_usd"]) == sum(costs)


def test_the_count_begins_anew_at_midnight_utc(paid: Client) -> None:
    """By the clock of the sandbox, and by the day on which a task ends."""
    moderated(paid, 19)
    late = moderated(paid)
    paid.sandbox.clock.advance(seconds(3 * 3600))

    early = moderated(paid)

    assert (late, early) == ([Decimal("0.05")], [Decimal("0.01")])


def test_it_is_taken_from_the_balance(make_client: MakeClient) -> None:
    """What is refunded can be spent again; the surcharge cannot."""
    client = make_client(unknown_price=Decimal(1), balance=Decimal(1))

    moderated(client)

    assert client.control("balance").json == {"balance_usd": "0.99", "spent_usd": "0.01"}


def test_a_cancelled_task_counts_for_nothing(paid: Client) -> None:
    """It never came to the moderation: nothing is charged, and it is not among the day's."""
    answer = paid.submit(VIDEO, **MODERATED)
    paid.cancel(answer.json["data"]["taskId"])
    spent = paid.control("balance").json["spent_usd"]

    costs = moderated(paid, 20)

    assert spent == "0.00"
    assert costs[18:] == [Decimal("0.01"), Decimal("0.05")]


def test_a_task_that_is_failed_by_hand_counts_too(paid: Client) -> None:
    """With moderation as its reason; other reasons are free."""
    one, other = paid.submitted(VIDEO), paid.submitted(VIDEO)

    failed = paid.control(f"tasks/{one}/fail", "POST", json={"reason": "CONTENT_MODERATION"})
    free = paid.control(f"tasks/{other}/fail", "POST", json={"reason": "INVALID_PARAMETERS"})

    assert (failed.json["cost_usd"], free.json["cost_usd"]) == ("0.01", "0.00")
    assert paid.sandbox.unpriced == 0


@pytest.mark.parametrize("scenario", ["invalid-parameters", "failure", "timeout"])
def test_other_ends_are_free(paid: Client, scenario: str) -> None:
    """Only what the card names has a surcharge."""
    paid.submit(VIDEO, **{"x-mock-scenario": scenario})

    assert paid.control("balance").json["spent_usd"] == "0.00"


def test_other_models_have_none(paid: Client) -> None:
    """A card without a surcharge refunds everything."""
    paid.submit(seed(), **MODERATED)

    assert paid.control("balance").json["spent_usd"] == "0.00"


def test_a_poll_that_decides_the_end_changes_no_rate(make_client: MakeClient) -> None:
    """Where polls move a task on, the day of the submission counts."""
    client = make_client(unknown_price=Decimal(1), pace="per-poll")
    answer = client.submit(VIDEO, **MODERATED)
    before = client.control("balance").json["spent_usd"]
    for _ in range(5):
        client.poll(answer.json["data"]["taskId"])

    task: Task = client.sandbox.get(answer.json["data"]["taskId"])

    assert task.plan.surcharge == Decimal("0.01")
    assert client.control("balance").json["spent_usd"] == before == "0.01"


def test_an_unknown_price_is_never_nothing(client: Client) -> None:
    """The cost is null, the sum says that it is incomplete; a reset keeps only the total."""
    task_id = client.submitted(VIDEO)
    client.submitted(seed(resolution="2k"))
    client.submit(VIDEO, **{"x-mock-scenario": "failure"})

    shown = client.control(f"tasks/{task_id}").json["cost_usd"]
    balance = client.control("balance").json
    client.control("reset", "POST")

    assert shown is None
    assert (balance["spent_usd"], balance["unpriced_tasks"]) == ("0.04", 1)
    assert balance["note"] == (
        "at least $0.04; 1 task of models whose price is not published "
        "(set it with --unknown-price)"
    )
    assert client.control("balance").json == {"balance_usd": None, "spent_usd": "0.00"}
    assert client.service.sandboxes.unpriced_ever == 1
