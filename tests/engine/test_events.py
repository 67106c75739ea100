"""The stream of events."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.contract import Contract
from mockserver.domain.task import transitions
from mockserver.engine.clock import Clock
from mockserver.engine.events import (
    MOST_LISTENERS,
    EventKind,
    EventLog,
    Note,
    Ring,
    TooManyListenersError,
)
from mockserver.engine.listener import Listener
from mockserver.engine.service import Service
from mockserver.settings import make_settings
from tests.client import SEED, Client, seed
from tests.conftest import START, MakeClient, seconds

RESET = Note(EventKind.RESET, {})


def happened(client: Client, query: str = "") -> list[dict[str, Any]]:
    """List the events of the client's sandbox."""
    return list(client.control(f"events{query}").json["events"])


def told(client: Client) -> list[str]:
    """List the events of the client's sandbox in short."""
    return [
        f"{one['kind']} {one['data'].get('operation') or one['data'].get('status') or ''}".rstrip()
        for one in happened(client)
    ]


def test_cause_and_effect_are_in_order(make_client: MakeClient) -> None:
    """A state comes after what caused it, and before the poll and the webhook that show it."""
    client = make_client(duration=seconds(10))
    task_id = client.submitted(SEED)

    client.control("clock", "POST", json={"advance": 20})
    client.poll(task_id)

    assert told(client) == [
        "request submit",
        "task PENDING",
        "status PROCESSING",
        "status SUBMITTED",
        "status SUCCESS",
        "webhook 204",
        "clock",
        "request query",
    ]


def test_a_cancellation_comes_after_its_request(client: Client) -> None:
    """And what was planned for the task before is not told."""
    task_id = client.submitted(seed())

    client.cancel(task_id)
    client.control("clock", "POST", json={"advance_until": "idle"})

    assert told(client)[:4] == [
        "request submit",
        "task PENDING",
        "request cancel",
        "status CANCELLED",
    ]
    assert "status SUCCESS" not in told(client)


def test_polls_that_decide_are_told(make_client: MakeClient) -> None:
    """At the pace per-poll, each state is told once."""
    client = make_client(pace="per-poll")
    task_id = client.submitted(seed())

    states = [client.poll(task_id)["status"] for _ in range(6)]

    entered = [one["data"]["status"] for one in happened(client) if one["kind"] == "status"]
    assert entered == [*dict.fromkeys(states)][1:]


def test_an_end_by_hand_says_why(client: Client) -> None:
    """The state is told with its reason; the results of a task that failed never expire."""
    task_id = client.submitted(seed())

    client.control(f"tasks/{task_id}/fail", "POST", json={"reason": "CONTENT_MODERATION"})
    client.control("clock", "POST", json={"advance": "400d"})

    assert [one["data"] for one in happened(client) if one["kind"] == "status"] == [
        {"taskId": task_id, "status": "FAILURE", "failure_reason": "CONTENT_MODERATION"}
    ]
    assert "results-expire" not in told(client)


@pytest.mark.parametrize("by_hand", [True, False])
def test_the_expiry_of_results_is_told_once(client: Client, *, by_hand: bool) -> None:
    """Whether it was made to happen, or its moment has come."""
    task_id = client.submitted(seed())
    client.control("clock", "POST", json={"advance_until": "idle"})

    if by_hand:
        client.control(f"tasks/{task_id}/expire", "POST")
    client.control("clock", "POST", json={"advance": "400d"})

    assert told(client).count("results-expire") == 1


def test_a_setting_moves_an_expiry_that_is_still_to_come(client: Client) -> None:
    """It is told at the moment that then holds."""
    client.submitted(seed())
    client.control("settings", "PATCH", json={"result-expiry": "2h"})

    client.control("clock", "POST", json={"advance": "3h"})

    assert "results-expire" in told(client)


@pytest.mark.parametrize("before", ["2h", "20d"])
@pytest.mark.parametrize("after", ["1h", "30d"])
def test_a_setting_moves_an_expiry_that_is_planned(client: Client, before: str, after: str) -> None:
    """It is told once, even if the task ended, and that was told, before the setting changed."""
    client.control("settings", "PATCH", json={"result-expiry": before})
    client.submitted(seed())
    client.control("clock", "POST", json={"advance_until": "idle"})
    assert "results-expire" not in told(client)
    client.control("settings", "PATCH", json={"result-expiry": after})

    client.control("clock", "POST", json={"advance": "400d"})

    assert told(client).count("results-expire") == 1


def test_what_a_test_changes_is_told(client: Client) -> None:
    """Rules, settings, balance, clock and resets, with what they are now."""
    client.control("rules", "POST", json={"scenario": "unavailable", "times": 2})
    client.control("rules", "DELETE")
    client.control("settings", "PATCH", json={"webhook_tries": 5})
    client.control("balance", "PUT", json={"balance_usd": "5.00"})
    client.control("clock", "POST", json={"advance": 60})
    changes = happened(client)
    client.control("reset", "POST")

    assert [(one["kind"], one["data"]) for one in changes[1:4]] == [
        ("rule", {"removed": 1, "id": None}),
        ("settings", {"webhook-tries": "5"}),
        ("settings", {"balance_usd": "5.00"}),
    ]
    assert changes[0]["data"]["added"]["scenario"] == "unavailable"
    assert changes[4]["data"]["asked"] == {"advance": 60}
    assert [one["kind"] for one in happened(client)] == ["reset"]


def test_a_secret_that_is_set_is_not_told(client: Client) -> None:
    """Neither a secret of webhooks, nor the key of the sandbox, nor a user in a URL."""
    client.control("settings", "PATCH", json={"webhook-secret": "hush-hush"})
    client.as_key("top-secret-key").submit(
        {**SEED, "callBackUrl": "https://user:hush-hush@example.com/"}
    )

    shown = client.control("events?all=true").body

    assert b"hush-hush" not in shown
    assert b"top-secret-key" not in shown


def test_numbers_ascend_through_all_sandboxes(client: Client) -> None:
    """Each sandbox sees its own events, and whoever asks for all sees all."""
    other = client.as_key("other")
    for one in (client, other, client):
        one.submitted(seed())

    everything = happened(client, "?all=true")

    assert [one["number"] for one in everything] == [1, 2, 3, 4, 5, 6]
    assert [one["number"] for one in happened(client)] == [1, 2, 5, 6]
    assert {one["sandbox"] for one in happened(other)} == {other.sandbox.id}


def test_a_part_can_be_asked_for(client: Client) -> None:
    """The first ones after a number, or the latest ones without it; it says what is left out."""
    for _ in range(3):
        client.submitted(seed())

    later = client.control("events?since=2&limit=3").json
    latest = client.control("events?limit=2").json
    none = client.control("events?limit=0").json

    assert ([one["number"] for one in later["events"]], later["last"]) == ([3, 4, 5], 5)
    assert later["complete"] is True
    assert ([one["number"] for one in latest["events"]], latest["complete"]) == ([5, 6], False)
    assert (none["events"], none["last"]) == ([], 6)


def test_a_reset_is_not_passed_over(client: Client) -> None:
    """Who reads all sandboxes is told that events are missing, though their rings are empty."""
    client.submit(b"{")
    client.control("reset", "POST")

    too_late = client.control("events?all=true&since=0").json
    in_time = client.control("events?all=true&since=1").json

    assert ([one["number"] for one in too_late["events"]], too_late["complete"]) == ([2], False)
    assert ([one["number"] for one in in_time["events"]], in_time["complete"]) == ([2], True)


def test_a_follower_goes_on_although_nothing_is_kept(make_client: MakeClient) -> None:
    """It is told once that it has missed something, at once, and then hears what happens."""
    client = make_client(journal_entries=0)
    client.submit(b"{")

    missed = client.control("events?since=0&wait=60").json
    then = client.control(f"events?since={missed['last']}").json
    heard = Listener(client.sandbox._log, since=0)
    client.submit(b"{")
    live = heard.take()
    heard.close()

    assert missed == {"events": [], "last": 1, "complete": False}
    assert then == {"events": [], "last": 1, "complete": True}
    assert ([one.number for one in live.events], live.is_complete) == ([2], False)


def test_nothing_is_missed_between_an_empty_answer_and_the_next(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What happens while nothing is answered comes after the number that is answered."""

    def close(listener: Listener) -> None:
        client.sandbox.note(EventKind.CLOCK, {})
        real_close(listener)

    real_close = Listener.close
    client.control("events")
    monkeypatch.setattr(Listener, "close", close)

    empty = client.control("events").json
    monkeypatch.undo()
    then = client.control(f"events?since={empty['last']}").json

    assert (empty["events"], then["complete"]) == ([], True)
    assert [one["kind"] for one in then["events"]] == ["clock"]


def test_nothing_to_add_leaves_nothing_behind() -> None:
    """A ring to which no event was added is not shortened when memory runs short."""
    log, at = EventLog(3000), START
    empty, full = Ring[Note]("a", 9, log, Counter()), Ring[Note]("b", 99, log, Counter())
    empty.add_notes(())

    for _ in range(20):
        full.add_notes([(at, Note(EventKind.CLOCK, {}))])

    assert len(full) == 7
    assert log.used <= 3000


def test_what_was_forgotten_is_not_passed_over(make_client: MakeClient) -> None:
    """A reader that comes too late is told so, as is one that knows an earlier mock."""
    client = make_client(journal_entries=2)
    for _ in range(4):
        client.submit(b"{")

    late = client.control("events?since=1").json
    in_time = client.control("events?since=2").json
    of_another = client.control("events?since=1000").json

    assert ([one["number"] for one in late["events"]], late["complete"]) == ([3, 4], False)
    assert in_time["complete"] is True
    assert [one["number"] for one in of_another["events"]] == [3, 4]
    assert of_another["complete"] is False


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("since=x", "since: 'x' is not accepted; use an integer from 0"),
        ("limit=-1", "limit: '-1' is not accepted"),
        ("wait=61", "wait: '61' is not accepted; use an integer from 0 to 60"),
        ("all=yes", "all: 'yes' is not accepted; use true or false"),
        ("sandbox=nobody", "'nobody' not found; see GET /__mock/sandboxes"),
        ("colour=red", "query: 'colour' is unknown"),
    ],
)
def test_a_wrong_question_is_explained(client: Client, query: str, said: str) -> None:
    """With what would be accepted."""
    answer = client.control(f"events?{query}")

    assert answer.status in (400, 404)
    assert said in answer.msg


def test_a_state_is_told_at_its_moment_to_who_waits(contract: Contract) -> None:
    """Although nothing but the clock has moved."""
    service = Service(contract, make_settings(contract, duration=timedelta(milliseconds=10)))
    client = Client(service)
    client.submitted(seed())

    seen: list[str] = []
    last = 0
    while "SUCCESS" not in seen:
        found = client.control(f"events?since={last}&wait=5").json
        assert found["events"]
        last = found["last"]
        seen += [one["data"].get("status") for one in found["events"] if one["kind"] == "status"]
    service.close()

    assert seen == ["PROCESSING", "SUBMITTED", "SUCCESS"]


@given(
    durations=st.lists(st.integers(0, 20), min_size=1, max_size=4),
    steps=st.lists(st.tuples(st.integers(0, 12), st.booleans()), max_size=8),
)
def test_every_state_is_told_once_and_in_order(
    contract: Contract, durations: list[int], steps: list[tuple[int, bool]]
) -> None:
    """However the clock moves, and whichever tasks are ended by hand: what the plans say."""
    settings = make_settings(contract, result_expiry=timedelta(days=400))
    service = Service(contract, settings, make_clock=lambda: Clock(START, speed=0))
    client = Client(service)
    ids = [
        str(client.submit(seed(), **{"x-mock-scenario": f"slow={one}s"}).json["data"]["taskId"])
        for one in durations
    ]
    for index, (move, ends) in enumerate(steps):
        client.control("clock", "POST", json={"advance": move})
        if ends:
            client.control(f"tasks/{ids[index % len(ids)]}/fail", "POST", json={})
    client.control("clock", "POST", json={"advance": 100})

    events = [one for one in happened(client) if one["kind"] == "status"]
    service.close()

    for id_ in ids:
        task = client.sandbox.get(id_)
        entered = [one["data"]["status"] for one in events if one["data"]["taskId"] == id_]
        assert entered == [status for _, status in transitions(task)[1:]]
    assert [one["at"] for one in events] == sorted(one["at"] for one in events)


# -- listeners -----------------------------------------------------------------------------------


def test_a_listener_hears_what_was_and_what_is(client: Client) -> None:
    """Nothing twice, and nothing left out in between."""
    log = client.service.sandboxes.log
    client.submitted(seed())
    listener = Listener(log, since=1)

    client.submitted(seed())

    numbers = [[one.number for one in listener.take().events] for _ in range(3)]
    assert numbers == [[2], [3, 4], []]


def test_a_slow_listener_costs_nothing_and_is_told_what_it_missed() -> None:
    """What it has not taken is bounded; the newest stay."""
    log = EventLog(10**6)
    ring: Ring[Note] = Ring("a", 10, log, log.states)
    listener = Listener(log)

    for _ in range(20_000):
        ring.add_notes([(START, RESET)])

    slow = listener.take()
    ring.add_notes([(START, RESET)])
    quick = listener.take()
    assert (len(slow.events), slow.is_complete) == (5000, False)
    assert slow.events[-1].number == 20_000
    assert (len(quick.events), quick.is_complete) == (1, True)


def test_listeners_are_bounded() -> None:
    """The next one is rejected until another ends."""
    log = EventLog(10**6)
    listeners = [Listener(log) for _ in range(MOST_LISTENERS)]

    with pytest.raises(TooManyListenersError):
        Listener(log)
    listeners[0].close()

    Listener(log).close()
    assert len(log.listeners) == MOST_LISTENERS - 1


def test_one_too_many_is_told_so(client: Client) -> None:
    """By the control plane, for a list and for a stream."""
    log = client.service.sandboxes.log
    listeners = [Listener(log) for _ in range(MOST_LISTENERS)]

    answers = [
        client.control("events"),
        client.control("events", headers={"Accept": "text/event-stream"}),
    ]

    for one in listeners:
        one.close()
    assert [one.status for one in answers] == [503, 503]
    assert "clients listen already" in answers[0].msg


def test_no_listener_is_left_by_a_question(client: Client) -> None:
    """However it ends."""
    client.control("events?since=0&limit=5")
    client.control("events?wait=x")

    assert client.service.sandboxes.log.listeners == ()


def test_tasks_that_are_forgotten_leave_nothing(make_client: MakeClient) -> None:
    """What they had still to come takes no memory, although its moment never comes."""
    client = make_client(max_tasks=5)

    for _ in range(1000):
        client.submitted(seed())

    unreached = client.sandbox._unreached
    assert len(unreached._steps) == 5
    assert len(unreached._heap) < 100


def test_changes_that_change_nothing_leave_nothing(make_client: MakeClient) -> None:
    """A cancellation that comes too late can be asked for as often as one likes."""
    client = make_client()
    client.control("clock", "POST", json={"run": True})
    answer = client.submit(seed(), **{"x-mock-scenario": "cancel-too-late"})

    for _ in range(100):
        client.cancel(answer.json["data"]["taskId"])

    assert len(client.sandbox._unreached._heap) == 1
