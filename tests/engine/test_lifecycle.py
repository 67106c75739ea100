"""Polling, cancelling, isolation, and everything that is not a route."""

from __future__ import annotations

import pytest

from tests.client import SEED, SUBMIT, Client, seed
from tests.conftest import START, MakeClient, seconds


def test_poll_shows_the_moment_of_the_last_transition(client: Client) -> None:
    """All states in their order, `updated_at` with each, `created_at` unchanged."""
    task_id = client.submitted(SEED)
    seen = []

    for _ in range(11):
        task = client.poll(task_id)
        seen.append((task["status"], task["updated_at"][17:26]))
        client.sandbox.clock.advance(seconds(0.2))

    assert list(dict.fromkeys(seen)) == [
        ("PENDING", "46.686768"),
        ("PROCESSING", "47.086768"),
        ("SUBMITTED", "47.686768"),
        ("SUCCESS", "48.686768"),
    ]
    assert task["created_at"] == "2026-02-10T21:54:46.686768Z"


def test_per_poll_pace_moves_with_each_poll(make_client: MakeClient) -> None:
    """HEAD only looks; a webhook is sent at the poll that shows the end."""
    client = make_client(pace="per-poll")
    task_id = client.submitted(SEED)
    client.request("HEAD", f"/api/v1/task/{task_id}")

    seen = [client.poll(task_id)["status"] for _ in range(5)]

    assert seen == ["PENDING", "PROCESSING", "SUBMITTED", "SUCCESS", "SUCCESS"]


def test_cancel_works_in_pending_only(client: Client) -> None:
    """The stricter published version is the default; the error says what could be cancelled."""
    early, late = client.submitted(SEED), client.submitted(SEED)

    accepted = client.cancel(early)
    client.sandbox.clock.advance(seconds(0.4))
    rejected = client.cancel(late)
    again = client.cancel(early)

    assert accepted.json == {"code": 0, "msg": "ok"}
    assert client.poll(early)["status"] == "CANCELLED"
    assert rejected.status == 400
    assert rejected.msg == f"task {late} is PROCESSING and cannot be cancelled; only PENDING can"
    assert again.status == 400


def test_cancellable_states_are_a_setting(make_client: MakeClient) -> None:
    """The looser published version: any state that is not terminal."""
    client = make_client(cancellable=frozenset({"PENDING", "PROCESSING", "SUBMITTED"}))
    task_id = client.submitted(SEED)
    client.sandbox.clock.advance(seconds(1.9))

    accepted = client.cancel(task_id)
    client.sandbox.clock.advance(seconds(9))

    assert accepted.status == 200
    assert client.poll(task_id)["status"] == "CANCELLED"
    assert client.poll(task_id)["updated_at"] == "2026-02-10T21:54:48.586768Z"


def test_a_task_of_one_key_is_unknown_to_another(client: Client) -> None:
    """Poll and cancel say 404, as for a task that never was."""
    other, task_id = client.as_key("other"), client.submitted(SEED)

    answers = [
        other.request("GET", f"/api/v1/task/{task_id}"),
        other.cancel(task_id),
        client.request("GET", "/api/v1/task/none"),
    ]

    assert [answer.status for answer in answers] == [404, 404, 404]
    assert answers[0].msg == f"task '{task_id}' not found"
    assert other.control("tasks").json["tasks"] == []


def test_each_sandbox_has_its_own_clock(client: Client) -> None:
    """Advancing one leaves the others where they are."""
    other = client.as_key("other")
    mine, theirs = client.submitted(SEED), other.submitted(SEED)

    client.sandbox.clock.advance(seconds(5))

    assert client.poll(mine)["status"] == "SUCCESS"
    assert other.poll(theirs)["status"] == "PENDING"
    assert other.sandbox.clock.now() == START


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/nowhere", 404, None),
        ("GET", "/", 404, None),
        ("GET", "/api/v1/task", 404, None),
        ("POST", "/api/v1/task/a/b/cancel", 404, None),
        ("GET", SUBMIT, 405, "POST, OPTIONS"),
        ("DELETE", "/api/v1/task/x", 405, "GET, HEAD, OPTIONS"),
        ("GET", "/api/v1/task/x/cancel", 405, "POST, OPTIONS"),
        ("OPTIONS", "/api/v1/task/x", 204, "GET, HEAD, OPTIONS"),
        ("OPTIONS", SUBMIT, 204, "POST, OPTIONS"),
        ("OPTIONS", "/nowhere", 404, None),
        ("POST", "/images/a/b/image-0.png", 405, "GET, HEAD, OPTIONS"),
    ],
)
def test_other_routes_and_methods(
    client: Client, method: str, path: str, status: int, allow: str | None
) -> None:
    """The API's own error envelope, and what is allowed."""
    answer = client.request(method, path)

    assert answer.status == status
    assert answer.headers.get("allow") == allow


def test_ended_tasks_make_room_for_new_ones(make_client: MakeClient) -> None:
    """What ended is forgotten first; without such, the oldest: the bound holds."""
    client = make_client(max_tasks=2)
    ended = client.submitted(SEED)
    client.sandbox.clock.advance(seconds(2))
    running = [client.submitted(seed(prompt=str(number))) for number in range(3)]

    statuses = [client.request("GET", f"/api/v1/task/{one}").status for one in [ended, *running]]

    assert statuses == [404, 404, 200, 200]


def test_sandboxes_at_rest_make_room_for_new_ones(make_client: MakeClient) -> None:
    """A sandbox with a running task is kept; requests without a token do not count."""
    client = make_client(max_sandboxes=2)
    busy, idle = client.as_key("busy"), client.as_key("idle")
    task_id = busy.submitted(SEED)
    forgotten = idle.request("GET", "/api/v1/task/x")

    for number in range(5):
        client.as_key(f"new {number}").request("GET", "/api/v1/task/x")

    assert forgotten.status == 404
    assert len(list(client.service.sandboxes)) == 3
    assert busy.poll(task_id)["status"] == "PENDING"
    assert idle.control("requests").json["requests"] == []
