"""Servers are killed at random moments; from the client's side, nothing is lost or done twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from random import Random

import pytest

from tests.state.load import CUT, MANY, PLANNED, SIZE, Load, at_once
from tests.state.postgres import Postgres
from tests.state.receiver import Receiver
from tests.state.serving import Mock, Serving, eventually

KEYS = ("first", "ruled", "poor")
RULED = 20
"""How often the rule of one key fires; of another one, the balance is soon spent."""
PRICE, AFFORDABLE = Decimal("0.02"), 10
JOURNAL = 50
OPTIONS = (
    *("--duration", "300ms", "--seed", "faults", "--webhook-backoff", "100ms"),
    *("--journal-entries", str(JOURNAL), "--task-bytes", "1G"),
)


Break = Callable[[list[Mock], Mock], None]
"""Does something to one of several servers, or to what it needs, and mends it."""


def kill(_mocks: list[Mock], victim: Mock) -> None:
    """Kill a server, and start it again."""
    victim.kill()
    victim.start()


def pause(mocks: list[Mock], victim: Mock) -> None:
    """Let a server stand still until others have taken over all that it had."""
    victim.crashes += 1  # others have to take it for one
    other = next(mock for mock in mocks if mock is not victim)
    victim.pause()
    try:
        assert eventually(lambda: all(is_there(other, key) for key in KEYS))
    finally:
        victim.resume()


def is_there(mock: Mock, key: str) -> bool:
    """Return whether a server can show a sandbox."""
    return mock.request("GET", "/__mock/clock", key).status_code == 200


def restart_database(postgres: Postgres, _mocks: list[Mock], victim: Mock) -> None:
    """Let the database crash, and start it again once a server has noticed."""
    victim.crashes += 1
    postgres.stop("immediate")
    try:
        assert eventually(lambda: not is_there(victim, KEYS[0]))
    finally:
        postgres.start()


def submit_while_breaking(
    mocks: list[Mock], receiver: Receiver, faults: int, breaks: Sequence[Break]
) -> Load:
    """Submit with several keys at once while servers break and are mended."""
    load, random = Load(mocks, receiver.url), Random("faults")  # noqa: S311

    def break_some() -> None:
        with load.given_up_on_failure():
            for moment in sorted(random.sample(range(SIZE), faults)):
                load.wait_for(moment)
                random.choice(breaks)(mocks, random.choice(mocks))

    share = SIZE // len(KEYS)
    clients = [
        partial(load.submit_until, key, f"{key} {n}", share) for key in KEYS for n in range(2)
    ]
    at_once(break_some, *clients)
    return load


def check_tasks(mocks: list[Mock], load: Load, receiver: Receiver) -> None:
    """Check that every server shows every accepted task alike, and as the webhooks did."""
    assert eventually(lambda: all(have_ended(mocks[0], key) for key in load.keys))
    kept = {
        (key, n): mock.control(key).tasks() for n, mock in enumerate(mocks) for key in load.keys
    }
    for key in load.keys:
        lists = [kept[key, n] for n in range(len(mocks))]
        assert all(one == lists[0] for one in lists), key
        ids = [task["taskId"] for task in lists[0]]
        assert len(set(ids)) == len(ids)
        by_id = {task["taskId"]: task for task in lists[0]}
        for one in load.of(key):
            task = by_id[one.task_id]
            assert task["model"] == "gpt-image-2/image-to-image"
            if key != "poor":
                assert task["status"] == ("FAILURE" if one.is_moderated else "SUCCESS")
    random = Random("polls")  # noqa: S311
    for one in load.accepted:
        asked = mocks if SIZE <= MANY else [random.choice(mocks)]
        polls = [mock.polled(one.key, one.task_id) for mock in asked]
        assert all(poll == polls[0] for poll in polls)
        assert all(body == polls[0] for body in receiver.of(one.task_id))


def have_ended(mock: Mock, key: str) -> bool:
    """Return whether all tasks of a key have ended, also those that nobody knows to be accepted."""
    return {task["status"] for task in mock.control(key).tasks()} <= {"SUCCESS", "FAILURE"}


def check_webhooks(mocks: list[Mock], load: Load, receiver: Receiver) -> None:
    """Check that each webhook came, and not more often than crashes explain."""
    planned = {one.task_id: PLANNED[one.path] for one in load.accepted}
    crashes = sum(mock.crashes for mock in mocks)

    assert receiver.wait_for_all(planned)

    for task_id, times in planned.items():
        assert times <= len(receiver.of(task_id)) <= times + crashes


def check_faults(
    mocks: list[Mock], receiver: Receiver, faults: int, breaks: Sequence[Break] = (kill,)
) -> None:
    """Check all that a client was promised."""
    first = mocks[0].control("first")
    mocks[-1].control("frozen").freeze()
    stopped = mocks[0].control("frozen").clock()["now"]
    mocks[-1].control("ruled").add_rule("rate-limited", times=RULED, path="*/submit")
    mocks[0].control("poor").set_balance(str(PRICE * AFFORDABLE + PRICE / 2))
    began, asked = datetime.fromisoformat(first.clock()["now"]), time.monotonic()

    load = submit_while_breaking(mocks, receiver, faults, breaks)
    passed = time.monotonic() - asked
    keys = (*KEYS, "frozen")
    assert eventually(lambda: all(is_there(mock, key) for mock in mocks for key in keys))
    now = datetime.fromisoformat(first.clock()["now"])

    check_webhooks(mocks, load, receiver)
    check_tasks(mocks, load, receiver)
    unanswered = load.statuses["ruled", CUT] + load.statuses["ruled", 503]
    assert RULED - unanswered <= load.statuses["ruled", 429] <= RULED
    for mock in mocks:
        poor = mock.control("poor")
        paid = [task for task in poor.tasks() if task["status"] == "SUCCESS"]
        assert len(paid) == AFFORDABLE
        assert Decimal(str(poor.balance()["spent_usd"])) == PRICE * AFFORDABLE
        assert mock.control("frozen").clock()["now"] == stopped
        for key in KEYS:
            assert len(mock.control(key).requests()) <= JOURNAL
            assert len(mock.control(key).deliveries()) <= JOURNAL
    assert (now - began).total_seconds() >= passed - 0.5  # the system's clock can be adjusted


@pytest.mark.slow
def test_a_killed_server_with_sqlite_loses_nothing(
    serving: Serving, sqlite_url: str, receiver: Receiver
) -> None:
    """Killed at random moments and started again, a server keeps what it has answered."""
    mock = serving(sqlite_url, *OPTIONS)

    check_faults([mock], receiver, 3 + SIZE // 500)


@pytest.mark.slow
def test_killed_replicas_lose_nothing(
    serving: Serving, postgres: Postgres, database_url: str, receiver: Receiver
) -> None:
    """Three replicas, killed at random moments, keep what each has answered.

    In a large run, they are also paused, and their database crashes.
    """
    mocks = serving.replicas(database_url, *OPTIONS)
    others: list[Break] = [pause, partial(restart_database, postgres)] if SIZE > MANY else []

    check_faults(mocks, receiver, 2 + SIZE // 500, [kill, kill, *others])
