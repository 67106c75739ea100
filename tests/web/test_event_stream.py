"""Server-sent events, and what the typed client makes of the stream."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import requests
import urllib3

from mockserver.engine import events
from mockserver.engine.events import EventKind
from mockserver.engine.messages import ApiError
from mockserver.testing import InProcessMock, MaxapiSandbox, RunningMock, running_mock
from mockserver.web import event_stream
from tests.client import SUBMIT, seed

STREAM = {"Accept": "text/event-stream"}


@pytest.fixture
def mock() -> Iterator[RunningMock]:
    """A mock of the test's own."""
    with running_mock() as running:
        yield running


def submit(sandbox: MaxapiSandbox, **headers: str) -> str:
    """Submit a request that is accepted; return the task's id."""
    given = {"Authorization": f"Bearer {sandbox.api_key}", **headers}
    url = sandbox.base_url + SUBMIT
    response = requests.post(url, json=seed(), headers=given, timeout=5)
    return str(response.json()["data"]["taskId"])


@contextmanager
def listening(url: str, query: str, **headers: str) -> Iterator[Iterator[str]]:
    """Listen to a mock; yield the lines of its stream."""
    pool = urllib3.PoolManager(retries=False, timeout=10)
    response = pool.request(
        "GET", f"{url}/__mock/events?{query}", headers=STREAM | headers, preload_content=False
    )
    assert response.status == 200
    assert response.headers["Content-Type"] == "text/event-stream"
    try:
        yield (line.decode().rstrip("\n") for line in response)
    finally:
        response.close()
        pool.clear()


def following(lines: Iterator[str], count: int) -> list[dict[str, Any]]:
    """Read the next *count* events of a stream."""
    found: list[dict[str, Any]] = []
    while len(found) < count:
        line = next(lines)
        if line.startswith('data: {"'):
            found.append(json.loads(line[6:]))
    return found


def test_a_stream_tells_what_was_and_what_happens(mock: RunningMock) -> None:
    """Each event has the form that it has in the list, and its number for a later visit."""
    sandbox = mock.sandbox()
    submit(sandbox)

    with listening(mock.url, f"since=0&sandbox={sandbox_id(sandbox)}") as lines:
        first = next(lines)
        before = [json.loads(next(lines)[6:]), *following(lines, 2)]
        sandbox.wait_for(submit(sandbox))
        live = following(lines, 5)

    listed = sandbox.control.events()["events"]
    assert first == f"id: {listed[0]['number']}"
    assert before + live == listed[:8]


def sandbox_id(sandbox: MaxapiSandbox) -> str:
    """Return the id of a sandbox."""
    return str(sandbox.control.sandboxes()[-1]["id"])


def test_a_visitor_who_comes_back_misses_nothing(mock: RunningMock) -> None:
    """The header Last-Event-ID says where it was; a query says the same before the first time."""
    sandbox = mock.sandbox()
    submit(sandbox)
    last = sandbox.control.events()["last"]
    submit(sandbox)

    with listening(mock.url, "all=true&since=0", **{"Last-Event-ID": str(last)}) as lines:
        found = following(lines, 2)

    assert [one["number"] for one in found] == [last + 1, last + 2]


def test_a_visitor_who_comes_too_late_is_told(mock: RunningMock) -> None:
    """For example after the mock was started again."""
    submit(mock.sandbox())

    with listening(mock.url, "all=true", **{"Last-Event-ID": "99999"}) as lines:
        said = next(lines)
        found = following(lines, 1)

    assert said == "event: missed"
    assert found[0]["number"] == 1


@pytest.mark.parametrize("given", ["-1", "x", "9" * 5000, "\u00b2"])
def test_a_wrong_place_is_passed_over(mock: RunningMock, given: str) -> None:
    """It was not given by the mock, so the query says where to begin, however long it is."""
    submit(mock.sandbox())

    with listening(mock.url, "all=true&since=0", **{"Last-Event-ID": given}) as lines:
        found = following(lines, 1)

    assert found[0]["number"] == 1


def metrics(mock: RunningMock) -> str:
    """Return the figures of a mock."""
    return requests.get(f"{mock.url}/__mock/metrics", timeout=10).text


def test_clients_that_wait_keep_nobody_out(mock: RunningMock) -> None:
    """As many as may listen wait for an event, and the control plane can still make one happen."""
    sandbox = mock.sandbox()
    last = sandbox.control.events()["last"]
    host, port = urlsplit(mock.url).hostname, urlsplit(mock.url).port
    asked = f"GET /__mock/events?all=true&wait=60&since={last} HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with ExitStack() as stack:
        waiting = [
            stack.enter_context(socket.create_connection((host, port), timeout=30))
            for _ in range(events.MOST_LISTENERS)
        ]
        for one in waiting:
            one.sendall(asked.encode())
        deadline = monotonic() + 60
        while f"mock_listeners {events.MOST_LISTENERS}.0" not in metrics(mock):
            assert monotonic() < deadline

        sandbox.control.reset()
        answers = [one.recv(12) for one in waiting]

    assert set(answers) == {b"HTTP/1.1 200"}


def test_a_silent_stream_says_that_it_is_there(
    mock: RunningMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A browser, or a proxy, would take it for dead."""
    monkeypatch.setattr(event_stream, "_HEARTBEAT", 0)

    with listening(mock.url, "all=true") as lines:
        said = next(lines)

    assert said.startswith(":")


def test_a_listener_that_leaves_is_forgotten(mock: RunningMock) -> None:
    """And the rest of the mock does not wait for it."""
    sandbox = mock.sandbox()
    with listening(mock.url, "all=true&since=0") as lines:
        following(lines, 1)
    kept: list[int] = []

    for _ in range(events.MOST_LISTENERS + 20):
        with listening(mock.url, "all=true&since=0") as lines:
            kept += [one["number"] for one in following(lines, 1)]

    assert set(kept) == {1}
    assert submit(sandbox)


def test_the_application_streams_too() -> None:
    """For clients that take a WSGI application as their transport."""
    with closing(InProcessMock("http://localhost")) as made:
        transport = httpx.WSGITransport(app=made.app)
        made.sandbox()
        with (
            httpx.Client(transport=transport, base_url="http://localhost") as client,
            client.stream("GET", "/__mock/events?all=true&since=0", headers=STREAM) as response,
        ):
            text = next(one for one in response.iter_text() if one)

    assert response.headers["content-type"] == "text/event-stream"
    assert text.startswith("id: 1\ndata: {")


def test_a_stream_that_nobody_would_fill_ends(
    mock: RunningMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When too many listen at the same moment, so that the client sees that it has to come back."""

    def full(*_: object) -> None:
        raise ApiError(503)

    monkeypatch.setattr(event_stream, "listener", full)

    with listening(mock.url, "all=true&since=0") as lines:
        said = list(lines)

    assert said == []


def test_a_head_of_a_stream_is_no_stream(mock: RunningMock) -> None:
    """It ends."""
    response = requests.head(f"{mock.url}/__mock/events", headers=STREAM, timeout=5)

    assert (response.status_code, response.headers["Content-Type"]) == (200, "text/event-stream")


# -- the typed client ----------------------------------------------------------------------------


def test_the_client_follows_what_happens(mock: RunningMock) -> None:
    """Each event once; it waits for the next one."""
    sandbox = mock.sandbox()
    last = sandbox.control.events()["last"]
    task_id = submit(sandbox)
    followed = sandbox.control.follow(last)

    kinds = [next(followed)["kind"], next(followed)["kind"]]
    sandbox.wait_for(task_id)
    entered = next(followed)

    assert kinds == [EventKind.REQUEST, EventKind.TASK]
    assert entered["data"]["status"] == "PROCESSING"


def test_the_client_follows_without_blocking_the_loop() -> None:
    """In the process, too: what happens meanwhile is awaited."""

    async def main(made: InProcessMock) -> list[str]:
        sandbox = made.sandbox()
        last = sandbox.control.events()["last"]
        followed = sandbox.control.async_follow(last)
        waiting = asyncio.ensure_future(anext(followed))
        await asyncio.to_thread(sandbox.control.set_balance, "5.00")
        return [(await waiting)["kind"]]

    with closing(InProcessMock("http://localhost")) as made:
        kinds = asyncio.run(main(made))

    assert kinds == [EventKind.SETTINGS]


def test_sandboxes_are_known_by_label_and_the_end_of_their_key(mock: RunningMock) -> None:
    """A key of the mock's own is shown; of another, its end, and only if it is long."""
    own, long, short = mock.sandbox(), mock.sandbox("sk-live-0123456789abcdef"), mock.sandbox("ab")
    submit(long, **{"X-Mock-Label": "checkout tests"})

    shown = {one["key"]: one for one in own.control.sandboxes()}

    assert set(shown) == {None, own.api_key, "…cdef", "…"}
    assert shown["…cdef"]["label"] == "checkout tests"
    assert shown["…cdef"]["tasks"] == {"PENDING": 1}
    assert shown["…cdef"]["last_event"] > shown[own.api_key]["last_event"]
    assert short.control.clock()["frozen"]


def test_a_sandbox_is_controlled_by_its_id(mock: RunningMock) -> None:
    """In place of its key, which a page does not know."""
    sandbox = mock.sandbox()
    named = {"X-Mock-Sandbox": sandbox_id(sandbox)}
    url = f"{mock.url}/__mock/clock"

    moved = requests.post(url, json={"advance": 60}, headers=named, timeout=5)
    unknown = requests.get(url, headers={"X-Mock-Sandbox": "nobody"}, timeout=5)

    assert moved.json()["now"] == sandbox.control.clock()["now"]
    assert (unknown.status_code, "sandboxes" in unknown.json()["msg"]) == (404, True)
