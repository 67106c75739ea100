"""Webhooks that a scenario holds, and what time, retries and resets do to them."""

from __future__ import annotations

import logging
from threading import Event
from typing import Any

import pytest

from mockserver.engine.webhooks.attempt import AttemptResult
from mockserver.engine.webhooks.scheduler import ScheduledDelivery
from tests.client import SEED, Client
from tests.conftest import MakeClient, Receiver, seconds

REJECTED = AttemptResult(500, "returned 500, not 2xx", 0.001)


def held(scenarios: str = "webhook-held=hook") -> dict[str, Any]:
    """Return a submission whose webhook is held."""
    marks = " ".join(f"#mock:{one}" for one in scenarios.split(", "))
    return {**SEED, "input": {**SEED["input"], "prompt": f"a cat {marks}"}}


def release(client: Client, name: str = "hook", **body: Any) -> Any:
    """Release what is held by a name."""
    return client.control(f"held/{name}/release", "POST", json={"within": 5, **body})


def advance(client: Client, course: Any) -> list[dict[str, Any]]:
    """Move the clock; return what happened besides transitions."""
    moved = client.control("clock", "POST", json=course).json
    return [one for one in moved["happened"] if one["event"] != "status"]


def test_an_advance_reports_it_and_waits_for_nothing(client: Client, receiver: Receiver) -> None:
    """It is held at the end of its task; until nothing is due includes it no longer."""
    task_id = client.submitted(held())

    [event] = advance(client, {"advance_until": "idle"})

    ended = client.poll(task_id)["updated_at"]
    assert event == {"at": ended, "event": "held", "taskId": task_id, "name": "hook"}
    [waiting] = client.control("held").json["held"]
    assert waiting.pop("held_ms") >= 0
    assert waiting == {
        "name": "hook",
        "kind": "webhook",
        "what": f"webhook to {SEED['callBackUrl']}",
        "at": ended,
        "taskId": task_id,
    }
    assert advance(client, {"advance": "1d"}) == []
    assert receiver.calls.empty()


def test_a_release_returns_what_became_of_it(client: Client, receiver: Receiver) -> None:
    """It has been sent and recorded by then, by a running or a standing clock."""
    task_id = client.submitted(held())
    client.sandbox.clock.advance(seconds(60))

    answer = release(client)

    assert receiver.calls.qsize() == 1
    assert [one["taskId"] for one in answer.json["released"]] == [task_id]
    [event] = answer.json["happened"]
    [delivery] = client.control("deliveries").json["deliveries"]
    assert (event["at"], event["delivered"]) == (delivery["at"], True)
    assert delivery["scenarios"] == ["webhook-held=hook"]
    assert client.control("held").json == {"held": []}


def test_others_are_sent_meanwhile(client: Client, receiver: Receiver) -> None:
    """Of the same sandbox and of another one, to the same receiver."""
    client.submitted(held())
    others = [client, client.as_key("other")]
    for one in others:
        one.submitted(SEED)
        advance(one, {"advance_until": "idle"})

    assert receiver.calls.qsize() == 2


def test_only_the_first_attempt_is_held(client: Client, receiver: Receiver) -> None:
    """A delivery waits once; if it fails, it is tried again like any other."""
    receiver.outcomes = [REJECTED]
    client.submitted(held())
    advance(client, {"advance_until": "idle"})
    release(client)

    events = advance(client, {"advance_until": "idle"})

    assert [(one["event"], one["attempt"], one["delivered"]) for one in events] == [
        ("webhook", 2, True)
    ]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("webhook-twice", [200, 200]),
        ("webhook-lost", [None]),
        ("webhook-late=1h", [200]),
    ],
)
def test_with_other_scenarios(
    client: Client, receiver: Receiver, more: str, expected: list[int | None]
) -> None:
    """What they do to a webhook happens when it is released."""
    receiver.outcomes = [AttemptResult(200, None, 0.001)] * 2
    client.submitted(held(f"webhook-held=hook, {more}"))
    advance(client, {"advance_until": "idle"})

    sent = receiver.calls.qsize()
    events = release(client).json["happened"]

    assert sent == 0
    assert [one["answer"] for one in events] == expected


def test_a_reset_makes_it_void(client: Client, receiver: Receiver) -> None:
    """As it does with every webhook that is planned."""
    client.submitted(held())
    advance(client, {"advance_until": "idle"})

    client.control("reset", "POST")

    assert client.control("held").json == {"held": []}
    assert release(client, within=0).status == 404
    assert receiver.calls.empty()


def test_a_forgotten_task_has_none(make_client: MakeClient, receiver: Receiver) -> None:
    """A release then sends nothing."""
    client = make_client(max_tasks=1)
    client.submitted(held())
    advance(client, {"advance_until": "idle"})
    client.submitted(SEED)

    assert release(client).json["happened"] == []
    assert receiver.calls.empty()


def test_it_is_sent_when_nobody_releases_it(
    make_client: MakeClient, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """After `hold-timeout`, with a line that says so; a release that comes too late is told."""
    client = make_client(hold_timeout=seconds(0.05))
    client.submitted(held())
    with caplog.at_level(logging.WARNING):
        advance(client, {"advance_until": "idle"})
        receiver.next()

    answer = release(client, within=0)

    assert caplog.messages == [
        f"the webhook to {SEED['callBackUrl']} is sent: nobody released 'hook' within 0.05 s "
        "(hold-timeout)"
    ]
    assert answer.status == 404
    assert "1 sent without a release before, by hold-timeout" in answer.msg


def test_an_advance_sends_what_nobody_releases_meanwhile(
    make_client: MakeClient, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that nothing is in flight when it returns."""
    client, is_due = make_client(hold_timeout=seconds(0.05)), Event()
    late = client.submitted(held())
    advance(client, {"advance_until": "idle"})
    other = client.submitted(SEED)
    scheduler = client.service.dispatcher.scheduler
    add, put = scheduler.add, receiver.calls.put

    def add_and_tell(scheduled: ScheduledDelivery) -> None:
        add(scheduled)
        is_due.set()

    monkeypatch.setattr(scheduler, "add", add_and_tell)
    monkeypatch.setattr(receiver.calls, "put", lambda one: (is_due.wait(5), put(one)))

    events = advance(client, {"advance_until": "idle"})

    assert [(one["taskId"], one["delivered"]) for one in events] == [(other, True), (late, True)]


def test_what_is_released_is_not_sent_again(make_client: MakeClient, receiver: Receiver) -> None:
    """When `hold-timeout` is over, for it and for another one."""
    client = make_client(hold_timeout=seconds(0.05))
    tasks = [client.submitted(held()) for _ in range(2)]
    advance(client, {"advance_until": "idle"})
    release(client)

    sent = [receiver.next().body for _ in tasks]

    assert [task.encode() in body for task, body in zip(tasks, sent, strict=True)] == [True, True]
    assert receiver.calls.empty()


def test_the_earliest_deadline_comes_first(make_client: MakeClient, receiver: Receiver) -> None:
    """Although it was held last: another sandbox can have a shorter `hold-timeout`."""
    client = make_client(hold_timeout=seconds(3600))
    client.submitted(held())
    advance(client, {"advance_until": "idle"})
    other = client.as_key("other")
    other.control("settings", "PATCH", json={"hold-timeout": "50ms"})
    task_id = other.submitted(held())
    advance(other, {"advance_until": "idle"})

    assert task_id.encode() in receiver.next().body
    assert [one["name"] for one in client.control("held").json["held"]] == ["hook"]
