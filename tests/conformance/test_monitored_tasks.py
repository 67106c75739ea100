"""What traffic that passes by proves of a task, and what it does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mockserver.conformance.traffic import task_tracker
from tests.conformance.traffic import DRAW, JSON, TASK, Traffic, task

OTHER = [("Authorization", "Bearer another-key"), JSON]
REJECTED = {"code": 404, "msg": "not found"}
ASKING = {**DRAW, "callBackUrl": "https://app.example/hook"}


@pytest.fixture
def traffic() -> Traffic:
    """Traffic in which one task was submitted, whose webhook is to pass by."""
    traffic = Traffic()
    traffic.submits(ASKING, token="t")
    return traffic


def drift(traffic: Traffic, later: float = 0.0) -> set[str]:
    """Return the checks with drift in the report at the end of a run."""
    return {one.check for one in traffic.watch.report(traffic.now + later).drift}


def test_polls_that_overlap_do_not_say_which_of_them_saw_more(traffic: Traffic) -> None:
    """Only the one that got its response first counts."""
    traffic.polls(task("PROCESSING"))

    traffic.polls(task("PENDING"), began=traffic.now, ended=traffic.now + 5)

    assert drift(traffic) == set()


def test_a_poll_with_another_key_proves_nothing(traffic: Traffic) -> None:
    """The task is not there for it, and need not be."""
    traffic.polls(task("PROCESSING"))

    traffic.polls(REJECTED, 404, headers=OTHER)
    traffic.polls(task("PENDING"), headers=OTHER)

    assert drift(traffic) == set()


@pytest.mark.parametrize("status", [401, 429, 500, 503])
def test_a_poll_that_was_rejected_for_other_reasons_proves_nothing(
    traffic: Traffic, status: int
) -> None:
    """The task may be there all the same."""
    traffic.polls({"code": status, "msg": "unauthorized"}, status)

    assert drift(traffic) == set()


def test_a_task_that_cannot_be_found_by_its_own_key_is_drift(traffic: Traffic) -> None:
    """As it was submitted with it."""
    traffic.polls(REJECTED, 404)

    assert traffic.reported == [("drift", "is-found")]


def test_a_task_that_was_not_submitted_need_not_be_found(traffic: Traffic) -> None:
    """An app may have the id from anywhere."""
    traffic.passes("GET", "/api/v1/task/unknown", b"", REJECTED, 404)

    assert drift(traffic) == set()


@pytest.mark.parametrize(
    ("cancel", "end", "failed"),
    [
        (200, "CANCELLED", set()),
        (200, "SUCCESS", {"cancel-is-kept"}),
        (400, "SUCCESS", set()),
        (400, "CANCELLED", {"cancel-is-kept"}),
        (404, "CANCELLED", set()),
        (500, "CANCELLED", set()),
    ],
)
def test_a_cancellation_is_compared_with_the_end(
    traffic: Traffic, cancel: int, end: str, failed: set[str]
) -> None:
    """If it is clear what came of it."""
    traffic.cancels(cancel)

    traffic.polls(task(end))

    assert drift(traffic) == failed


def test_one_cancellation_that_is_unclear_makes_all_of_them_so(traffic: Traffic) -> None:
    """It may be the one that was heard."""
    traffic.passes("POST", f"/api/v1/task/{TASK}/cancel", b"", {"code": 500, "msg": "no"}, 500)
    traffic.cancels(400)

    traffic.polls(task("CANCELLED"))

    assert drift(traffic) == set()


@pytest.mark.parametrize("more", [{}, {"headers": OTHER}])
def test_a_cancellation_that_comes_late_or_from_others_has_no_say(
    traffic: Traffic, more: dict[str, Any]
) -> None:
    """The end was known already, or it was another key's."""
    traffic.polls(task("CANCELLED"))

    traffic.cancels(400, **more)

    assert drift(traffic) == set()


def test_a_webhook_is_compared_with_the_last_poll(traffic: Traffic) -> None:
    """It has to be what a poll returns after the end."""
    traffic.polls(task("SUCCESS"))

    traffic.delivers(task("SUCCESS", updated_at="2026-02-10T21:54:49.000000Z"), token="t")

    assert traffic.reported == [("drift", "webhook-equals-poll")]
    assert "updated_at" in traffic.findings[0].observed


def test_the_poll_after_a_webhook_has_to_show_the_end(traffic: Traffic) -> None:
    """One that was under way when it came proves nothing."""
    traffic.delivers(task("SUCCESS"), token="t")
    traffic.polls(task("SUBMITTED"), began=traffic.now - 0.5)
    assert traffic.findings == []

    traffic.polls(task("SUBMITTED"))

    assert traffic.reported == [("drift", "webhook-after-end")]


@pytest.mark.parametrize(
    ("document", "more", "check"),
    [
        (task("PENDING"), {}, "webhook-conforms"),
        ({}, {}, "webhook-conforms"),
        (b"no json", {}, "webhook-conforms"),
        ({"data": {"taskId": []}}, {}, "webhook-conforms"),
        (b"no json", {"token": None}, "webhook-conforms"),
        (task("SUCCESS"), {"method": "PUT"}, "webhook-conforms"),
    ],
)
def test_a_webhook_that_does_not_conform_is_drift(
    traffic: Traffic, document: Any, more: dict[str, Any], check: str
) -> None:
    """Whether its task is known or not."""
    method = more.pop("method", "POST")
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    options = {"token": "t", "webhook_url": "https://app.example/hook", "headers": [JSON]} | more

    traffic.passes(method, "/__mock/webhook/t", body, b"", 200, **options)

    assert ("drift", check) in traffic.reported
    assert check in drift(traffic)


def test_a_webhook_may_arrive_before_the_response_to_its_submission() -> None:
    """They are put together all the same."""
    traffic = Traffic()
    traffic.delivers(task("SUCCESS"), token="t")
    traffic.submits(ASKING, token="t")

    traffic.polls(task("SUCCESS"))

    passed = {
        one.check
        for one in traffic.watch.report(traffic.now).check_results
        if one.status == "passed"
    }
    assert {"webhook-equals-poll", "webhook-after-end", "echo"} <= passed
    assert traffic.findings == []


@pytest.mark.parametrize(("later", "failed"), [(30, set()), (90, {"webhook-comes"})])
def test_a_webhook_that_does_not_come_is_drift_after_a_while(
    traffic: Traffic, later: float, failed: set[str]
) -> None:
    """Until then it may still come."""
    traffic.polls(task("SUCCESS"))

    assert drift(traffic, later) == failed


def test_a_webhook_that_does_not_pass_by_is_not_missed() -> None:
    """It is unknown whether it arrived."""
    traffic = Traffic()
    traffic.submits(ASKING)
    traffic.polls(task("SUCCESS"))

    assert drift(traffic, 1e6) == set()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"status": 500}, "the app responded to a webhook with 500"),
        ({"status": 302}, "the app responded to a webhook with 302"),
        (
            {"status": None, "error": "x"},
            "the app responded to a webhook with an incomplete response",
        ),
    ],
)
def test_a_webhook_that_the_app_rejects_is_noticed(
    traffic: Traffic, more: dict[str, Any], said: str
) -> None:
    """It is not drift, but the developer of the app wants to know."""
    traffic.delivers(task("SUCCESS"), token="t", **more)

    assert traffic.notices == [said]
    assert drift(traffic) == set()


def test_polls_that_say_nothing_new_are_not_kept(traffic: Traffic) -> None:
    """A task that is polled for hours takes no more memory than one that is polled ten times."""
    for number in range(500):
        traffic.polls(task("PENDING" if number < 250 else "PROCESSING"))

    [known] = traffic.watch._tasks
    assert len(known.history.polls) == 4
    assert traffic.findings == []


def test_polls_that_always_say_something_new_have_an_end(traffic: Traffic) -> None:
    """The first and the last of them are kept."""
    for number in range(200):
        traffic.polls(task(updated_at=f"2026-02-10T21:55:00.{number:06}Z"))

    [known] = traffic.watch._tasks
    assert len(known.history.polls) <= task_tracker._MOST_POLLS + 1
    assert known.history.shown[0][1]["updated_at"].endswith("000000Z")
    assert known.history.last["updated_at"].endswith("000199Z")


@pytest.mark.parametrize(
    ("limit", "value"), [("_MOST_TASKS", 5), ("_MOST_BYTES", 10_000), ("_QUIET", 5.5)]
)
def test_tasks_are_forgotten(monkeypatch: pytest.MonkeyPatch, limit: str, value: float) -> None:
    """Those without news first: if there are many, large or old ones."""
    monkeypatch.setattr(task_tracker, limit, value)
    traffic = Traffic()
    ids = [f"00000000-0000-4000-8000-{number:012}" for number in range(50)]
    for task_id in ids:
        traffic.submits(response_body={"code": 0, "msg": "ok", "data": {"taskId": task_id}})

    kept = [one.history.task_id for one in traffic.watch._tasks]

    assert 0 < len(kept) < 10
    assert kept == ids[-len(kept) :]
    assert traffic.watch._tasks._size == sum(one.size for one in traffic.watch._tasks)


def test_what_was_found_in_a_forgotten_task_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """And so does what passed."""
    monkeypatch.setattr(task_tracker, "_QUIET", 100)
    traffic = Traffic()
    traffic.submits(ASKING, token="t")
    for second, status in enumerate(("PROCESSING", "PENDING", "SUCCESS")):
        traffic.polls(task(status, updated_at=f"2026-02-10T21:55:0{second}.000000Z"))
    assert traffic.reported == [("drift", "never-back")]
    traffic.now += 1000

    traffic.passes("GET", "/api/v1/task/unknown", b"", REJECTED, 404)

    assert list(traffic.watch._tasks) == []
    assert traffic.reported[-1] == ("drift", "webhook-comes")
    assert {"never-back", "webhook-comes"} == drift(traffic)
    report = traffic.watch.report(traffic.now)
    assert {one.check: one.observations for one in report.check_results}["echo"] > 0


def test_tokens_of_webhooks_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy runs for days."""
    monkeypatch.setattr(task_tracker, "_MOST_TOKENS", 3)
    traffic = Traffic()
    for number in range(9):
        accepted = {"code": 0, "msg": "ok", "data": {"taskId": f"task-{number}"}}
        traffic.submits(ASKING, response_body=accepted, token=f"{number}")

    assert list(traffic.watch._tasks._tokens) == ["6", "7", "8"]
