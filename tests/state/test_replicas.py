"""Whichever replica a client asks, it is told the same as by the one that has the sandbox."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from mockserver.testing import ControlClient, ScenarioText
from tests.state.load import at_once
from tests.state.postgres import Postgres
from tests.state.receiver import Receiver
from tests.state.serving import DEADLINE, Mock, Serving

pytestmark = pytest.mark.slow
WIRE = (
    *("truncated", "connection-closed", "connection-reset", "half-headers", "malformed-chunk"),
    *("garbage-then-close", "keep-alive-broken", "garbled", "empty", "drip=7/1ms", "latency=20ms"),
)


@pytest.fixture(scope="module")
def replicas(postgres: Postgres) -> Iterator[list[Mock]]:
    """Three servers for all tests of this module, which use keys of their own."""
    with Serving() as serving:
        yield serving.replicas(postgres.new_database())


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    """A key of the test's own."""
    return f"key-{request.node.name}"


@pytest.fixture
def controls(replicas: list[Mock], key: str) -> Iterator[list[ControlClient]]:
    """Clients of all replicas for one sandbox: the first has it, and its clock stands still."""
    clients = [mock.control(key) for mock in replicas]
    clients[0].freeze()
    yield clients
    for client in clients:
        client.close()


@pytest.mark.parametrize("n", [0, 1, 2])
def test_nothing_is_in_flight_after_an_advance(
    replicas: list[Mock], controls: list[ControlClient], key: str, receiver: Receiver, n: int
) -> None:
    """Any replica can advance the clock; when it returns, all has happened everywhere."""
    tasks = [mock.submitted(key, f"{receiver.url}/ok") for mock in replicas]

    moved = controls[n].advance("1m")

    assert [len(receiver.of(task_id)) for task_id in tasks] == [1, 1, 1]
    assert sum(one["event"] == "webhook" for one in moved.happened) == 3
    for control in controls:
        assert control.clock()["now"] == moved.now
        assert {task["status"] for task in control.tasks()} == {"SUCCESS"}


def test_two_advances_at_once_follow_each_other(
    replicas: list[Mock], controls: list[ControlClient], key: str, receiver: Receiver
) -> None:
    """The clock has moved by both, and each webhook was sent by one of them."""
    began = datetime.fromisoformat(controls[0].clock()["now"])
    tasks = [mock.submitted(key, f"{receiver.url}/ok") for mock in replicas]

    at_once(*(partial(control.advance, "30s") for control in controls[1:]))

    now = datetime.fromisoformat(controls[0].clock()["now"])
    assert now - began == timedelta(minutes=1)
    assert [len(receiver.of(task_id)) for task_id in tasks] == [1, 1, 1]


def followed(response: requests.Response) -> Iterator[dict[str, Any]]:
    """Yield the events of a stream."""
    for line in response.iter_lines():
        if line.startswith(b"data: "):
            yield json.loads(line.removeprefix(b"data: "))


@pytest.mark.parametrize("n", [0, 1])
def test_events_come_in_order_wherever_they_are_followed(
    replicas: list[Mock], controls: list[ControlClient], key: str, n: int
) -> None:
    """A stream at one replica has what is requested at others: all of it, in order, once."""
    last = controls[n].events(limit=0)["last"]
    headers = {"Accept": "text/event-stream", "Last-Event-ID": str(last)}
    stream = replicas[n].request("GET", "/__mock/events", key, headers=headers, stream=True)
    tasks = at_once(*(partial(mock.submitted, key) for mock in replicas * 5))
    controls[1].advance("1m")

    came: list[dict[str, Any]] = []
    with closing(stream):
        for event in followed(stream):
            came.append(event)
            if event["kind"] == "clock":
                break

    numbers = [event["number"] for event in came]
    assert numbers == sorted(set(numbers))
    made = [event["data"]["taskId"] for event in came if event["kind"] == "task"]
    assert sorted(made) == sorted(tasks)
    for control in controls:
        listed = control.events(last)["events"]
        assert [one["number"] for one in listed if one["number"] <= numbers[-1]] == numbers


def test_each_replica_knows_of_all_sandboxes(replicas: list[Mock], key: str) -> None:
    """What each of them has comes once in the responses about all."""
    keys = [f"{key}-{n}" for n in range(len(replicas))]
    tasks = [mock.submitted(one) for mock, one in zip(replicas, keys, strict=True)]

    for mock in replicas:
        control = mock.control(key)
        listed = [one["id"] for one in control.sandboxes()]
        events = control.events(everything=True)["events"]
        numbers = [one["number"] for one in events]
        made = {one["data"]["taskId"] for one in events if one["kind"] == "task"}

        assert len(set(listed)) == len(listed)
        assert numbers == sorted(set(numbers))
        assert made >= set(tasks)


@pytest.mark.parametrize("n", [0, 1])
def test_what_is_held_can_be_released_anywhere(
    replicas: list[Mock], controls: list[ControlClient], key: str, n: int
) -> None:
    """A response that waits at one replica is found, and released, by the others."""
    controls[1].add_rule(ScenarioText("held=response"), times=1, path="*/submit")
    with ThreadPoolExecutor(1) as pool:
        submitting = pool.submit(replicas[n].submit, key)
        [held] = controls[1].wait_until_held("response")
        was_done = submitting.done()
        controls[2].release("response")
        response = submitting.result(DEADLINE)

    assert not was_done
    assert response.json()["data"]["taskId"] == held["taskId"]


def received(mock: Mock, path: str, key: str, scenario: str) -> tuple[bytes, bool]:
    """Return the bytes that come back, without the date, and whether the connection is reset."""
    host, _, port = mock.url.removeprefix("http://").partition(":")
    head = f"GET {path} HTTP/1.1\r\nHost: mock\r\nAuthorization: Bearer {key}\r\n"
    parts = []
    with socket.create_connection((host, int(port)), DEADLINE) as connection:
        connection.sendall(
            f"{head}X-Mock-Scenario: {scenario}\r\nConnection: close\r\n\r\n".encode()
        )
        try:
            while part := connection.recv(4096):
                parts.append(part)
        except ConnectionResetError:
            return b"".join(parts), True
    return re.sub(rb"(?im)^date: .*\r\n", b"", b"".join(parts)), False


@pytest.mark.parametrize("scenario", WIRE)
def test_faults_on_the_wire_are_the_same_at_each_replica(
    replicas: list[Mock], controls: list[ControlClient], key: str, scenario: str
) -> None:
    """The replica that has the client delivers the response as the other one would."""
    task_id = replicas[0].submitted(key)
    controls[0].advance("1m")
    path = f"/api/v1/task/{task_id}"

    of_owner, *of_others = [received(mock, path, key, scenario) for mock in replicas]

    assert of_others == [of_owner, of_owner]
    assert [one["scenarios"] for one in controls[2].requests()[-3:]] == [[scenario]] * 3


def test_requests_are_limited_and_counted_together(
    replicas: list[Mock], controls: list[ControlClient], key: str
) -> None:
    """It does not matter which replica gets the requests that are one too many, or the third."""
    controls[2].change_settings(rate_limit="3/1h")
    statuses = [
        mock.submit(key, prompt="a #mock:flaky-poll=3").status_code for mock in replicas * 2
    ]
    controls[1].change_settings(rate_limit="none")
    [first, *_] = controls[1].tasks()

    polls = [mock.poll(key, first["taskId"]).status_code for mock in replicas * 2]

    assert statuses == [200, 200, 200, 429, 429, 429]
    assert polls == [200, 200, 500, 200, 200, 500]


def test_result_files_are_the_same_at_each_replica(
    replicas: list[Mock], controls: list[ControlClient], key: str
) -> None:
    """A result URL that names one of them gets the same bytes from the others."""
    task_id = replicas[1].submitted(key)
    controls[2].advance("1m")
    [url] = replicas[2].polled(key, task_id)["data"]["result"]["urls"]
    path = urlsplit(url).path

    files = [mock.request("GET", path) for mock in replicas]

    assert [one.status_code for one in files] == [200, 200, 200]
    assert len({one.content for one in files}) == 1
