"""A sandbox as a test uses it, of a mock with a port and of one without."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from typing import Any, cast

import httpx
import pytest

from mockserver.testing import (
    ControlError,
    Inbox,
    InboxServer,
    InProcessMock,
    MaxapiSandbox,
    RunningMock,
    ScenarioText,
    running_mock,
)
from tests.client import SUBMIT, seed

TASK = "/api/v1/task"


class App:
    """A client of the API with a sandbox, and a receiver of its webhooks."""

    def __init__(self, mock: RunningMock | InProcessMock, inboxes: InboxServer) -> None:
        self.mock = mock
        self.sandbox: MaxapiSandbox = mock.sandbox()
        self.inbox: Inbox = inboxes.inbox()
        transport = httpx.WSGITransport(mock.app) if isinstance(mock, InProcessMock) else None
        headers = {"Authorization": f"Bearer {self.sandbox.api_key}"}
        base = self.sandbox.base_url
        self.http = httpx.Client(transport=transport, base_url=base, headers=headers)

    def ask(self, prompt: str = "a cat", **more: Any) -> httpx.Response:
        """Send a submission."""
        return self.http.post(SUBMIT, json=seed(prompt=prompt) | more)

    def submit(self, prompt: str = "a cat", **more: Any) -> str:
        """Submit a request that is accepted; return the task's id."""
        return str(self.ask(prompt, **more).json()["data"]["taskId"])

    def poll(self, task: str) -> dict[str, Any]:
        """Poll a task."""
        return cast("dict[str, Any]", self.http.get(f"{TASK}/{task}").json()["data"])


@pytest.fixture(scope="module")
def running() -> Iterator[RunningMock]:
    """A mock on a port."""
    with running_mock() as mock:
        yield mock


@pytest.fixture(scope="module")
def in_process() -> Iterator[InProcessMock]:
    """A mock without a port."""
    with closing(InProcessMock("https://api.example.com")) as mock:
        yield mock


@pytest.fixture(scope="module")
def inboxes() -> Iterator[InboxServer]:
    """A server of webhook receivers."""
    with InboxServer() as server:
        yield server


@pytest.fixture(params=["running", "in_process"])
def app(request: pytest.FixtureRequest, inboxes: InboxServer) -> Iterator[App]:
    """An app and its sandbox, of either mock."""
    app = App(request.getfixturevalue(request.param), inboxes)
    yield app
    app.http.close()
    app.sandbox.close()


# -- the clock -------------------------------------------------------------------------------


def test_waiting_moves_the_clock_and_never_sleeps(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the moment of success, even if that is a month away; its webhook has come by then."""
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("this sleeps"))
    app.sandbox.settings(duration="30d")
    task = app.submit(callBackUrl=app.inbox.url)
    before = app.sandbox.clock.now

    found = app.sandbox.wait_for(task)

    assert app.sandbox.clock.now - before == timedelta(days=30)
    assert found["status"] == app.poll(task)["status"] == "SUCCESS"
    assert [one.task for one in app.inbox.received] == [app.poll(task)]
    assert [one["delivered"] for one in app.sandbox.deliveries] == [True]


def test_waiting_for_a_status(app: App) -> None:
    """The clock goes no further than that, and never back."""
    task = app.submit()

    states = [app.sandbox.wait_for(task, state)["status"] for state in ("PROCESSING", "SUBMITTED")]

    assert states == ["PROCESSING", "SUBMITTED"]
    assert app.sandbox.wait_for(task, "PENDING")["status"] == "SUBMITTED"
    assert [one["event"] for one in app.sandbox.control.task(task)["timeline"] if one["past"]] == [
        "status"
    ] * 3


@pytest.mark.parametrize(
    ("prompt", "status", "said"),
    [
        ("a cat #mock:failure", None, "is PENDING and never becomes 'SUCCESS'; its plan: PENDING,"),
        ("a cat #mock:stuck", None, "never becomes 'SUCCESS'"),
        ("a cat", "CANCELLED", "never becomes 'CANCELLED'"),
        ("a cat", "DONE", "wait_for: 'DONE' is not a status; use one of PENDING, "),
    ],
)
def test_waiting_for_what_never_comes(app: App, prompt: str, status: str | None, said: str) -> None:
    """It is rejected at once, with what comes instead; the clock stays where it was."""
    task, before = app.submit(prompt), app.sandbox.clock.now

    with pytest.raises(ControlError, match=said):
        app.sandbox.wait_for(task, status)

    assert app.sandbox.clock.now == before


def test_waiting_until_nothing_is_due(app: App) -> None:
    """Every task has ended, and every webhook was delivered or given up."""
    app.inbox.respond(*[500] * 5)
    given_up, delivered = (app.submit(callBackUrl=app.inbox.url) for _ in range(2))

    moved = app.sandbox.wait_until_idle()

    assert {one["status"] for one in app.sandbox.tasks} == {"SUCCESS"}
    tries = [one["taskId"] for one in moved.happened if one["event"] == "webhook"]
    assert tries == [given_up, delivered] * 3
    assert [one["delivered"] for one in app.sandbox.deliveries] == [False] * 5 + [True]


def test_the_clock_is_moved_by_hand(app: App) -> None:
    """It stands still in between, and can be started."""
    clock = app.sandbox.clock
    before = clock.now

    clock.advance("90s")
    clock.advance(0.5)

    assert (clock.frozen, clock.now - before) == (True, timedelta(seconds=90.5))
    clock.run(speed=3600)
    assert not clock.frozen
    clock.freeze()
    assert clock.now == clock.now
    with pytest.raises(ControlError, match="advance"):
        clock.advance(-1)


# -- scenarios and settings ------------------------------------------------------------------


def test_a_scenario_for_some_requests(app: App) -> None:
    """For those that match, a number of times; the rule counts."""
    rule = app.sandbox.scenario("unavailable", times=2, path="*/submit", prompt="dog")
    app.sandbox.scenario("rate-limited", 7, method="GET", nth=2)
    task = app.submit()

    asked = [app.ask(prompt).status_code for prompt in ("a cat", "a dog", "a dog", "a dog")]
    polled = [app.http.get(f"{TASK}/{task}") for _ in range(3)]

    assert asked == [200, 503, 503, 200]
    assert [one.headers.get("Retry-After") for one in polled] == [None, "7", None]
    assert [(one["id"] == rule["id"], one["fired"]) for one in app.sandbox.rules] == [
        (True, 2),
        (False, 1),
    ]


def test_settings_are_changed_and_shown(app: App) -> None:
    """With the names of the command line; errors name what is accepted."""
    changed = app.sandbox.settings(pace="instant", webhook_tries=5, balance="0.01")

    assert changed == app.sandbox.settings()
    assert (changed["pace"], changed["webhook-tries"], changed["balance"]) == (
        "instant",
        "5",
        "0.01",
    )
    assert app.poll(app.submit())["failure_reason"] == "INSUFFICIENT_POINTS"
    with pytest.raises(ControlError, match="paec: no such setting .*did you mean pace"):
        app.sandbox.settings(paec="instant")  # type: ignore[call-arg]


def test_sandboxes_do_not_see_each_other(app: App, inboxes: InboxServer) -> None:
    """Neither tasks nor requests nor rules nor settings nor clocks."""
    other = App(app.mock, inboxes)
    app.sandbox.scenario("unavailable")
    app.sandbox.settings(pace="instant")
    before = other.sandbox.clock.now

    app.sandbox.clock.advance("1d")
    app.ask()
    task = other.submit()

    assert other.sandbox.api_key != app.sandbox.api_key
    assert other.poll(task)["status"] == "PENDING"
    assert other.sandbox.clock.now == before
    assert (app.sandbox.tasks, other.sandbox.rules) == ([], [])
    assert len(other.sandbox.requests) == 2
    other.http.close()
    other.sandbox.close()


def test_closing_resets_the_sandbox(app: App) -> None:
    """Another client with the same key finds nothing, and a clock at real time again."""
    app.sandbox.settings(pace="instant")
    app.submit(callBackUrl=app.inbox.url)
    app.sandbox.wait_until_idle()
    app.sandbox.scenario("unavailable")
    app.sandbox.clock.advance("1d")
    before = app.sandbox.clock.now

    app.sandbox.close()

    again = app.mock.sandbox(app.sandbox.api_key)
    found = (again.tasks, again.requests, again.deliveries, again.rules)
    assert found == ([], [], [], [])
    assert again.settings()["pace"] == "realtime"
    assert again.clock.frozen
    assert again.clock.now < before
    again.close()


def test_a_reset_leaves_the_clock_stopped(app: App) -> None:
    """A sandbox's clock always does; it is back at real time."""
    app.sandbox.clock.advance("8d")
    ahead = app.sandbox.clock.now

    for reset in (app.sandbox.reset, app.sandbox.control.reset):
        app.sandbox.clock.run()
        reset()
        assert app.sandbox.clock.frozen

    assert app.sandbox.clock.now < ahead


# -- what was asked --------------------------------------------------------------------------


def test_requests_that_were_made_are_found(app: App) -> None:
    """By anything that a rule matches, at least once or an exact number of times."""
    app.submit("a cat", user_id="u1")
    task = app.submit("a dog")
    app.poll(task)

    found = app.sandbox.assert_requested(path="*/submit", model="gpt-*", times=2)

    assert [one["body"]["input"]["prompt"] for one in found] == ["a cat", "a dog"]
    assert [one["number"] for one in app.sandbox.requests] == [1, 2, 3]
    assert app.sandbox.assert_requested(prompt="cat", user_id="u1", times=1) == found[:1]
    assert app.sandbox.assert_requested(path="*/submit", nth=2) == found[1:]
    assert app.sandbox.assert_requested(method="GET")[0]["taskId"] == task
    assert app.sandbox.assert_requested(method="DELETE", times=0) == []
    assert len(app.sandbox.assert_requested()) == 3


def complaint(sandbox: MaxapiSandbox, **match: Any) -> list[str]:
    """Return the lines of an assertion that fails."""
    with pytest.raises(AssertionError) as failure:
        sandbox.assert_requested(**match)
    return str(failure.value).splitlines()


def test_near_misses_are_named(app: App) -> None:
    """The nearest first, with everything that differs."""
    app.submit("a dog")
    app.http.get(f"{TASK}/none")

    said = complaint(app.sandbox, path="*/submit", prompt="cat", model="veo*")

    assert said[0] == (
        "path='*/submit', prompt='cat', model='veo*': expected at least once, seen 0 times"
    )
    assert said[1].startswith('  near: POST /api/v1/task/submit {"model": "gpt-image-2/')
    assert said[2:] == [
        "        model: 'gpt-image-2/image-to-image' does not match 'veo*'",
        "        prompt: 'a dog' does not contain 'cat'",
        "  near: GET /api/v1/task/none",
        "        model: None does not match 'veo*'",
        "        prompt: None does not contain 'cat'",
        "        path: '/api/v1/task/none' does not match '*/submit'",
    ]


@pytest.mark.parametrize("times", [0, 1, 3])
def test_another_number_is_named(app: App, times: int) -> None:
    """With the requests that were seen."""
    for _ in range(2):
        app.http.get(f"{TASK}/none")

    said = complaint(app.sandbox, method="GET", times=times)

    assert said == [
        f"method='GET': expected {times} times, seen 2 times",
        "  seen: GET /api/v1/task/none",
        "  seen: GET /api/v1/task/none",
    ]


def test_no_request_at_all_is_named(app: App) -> None:
    """With the key, as the app most likely uses another one."""
    assert complaint(app.sandbox) == [
        "any request: expected at least once, seen 0 times",
        f"  no request at all came with the key {app.sandbox.api_key}",
    ]


# -- secrets ---------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["sk-own-0123456789", "own"])
def test_a_key_of_the_users_own_is_not_named(app: App, key: str) -> None:
    """However short it is, and wherever the app sends it: one of two sandboxes has the user's."""
    sandbox = app.mock.sandbox(key)
    body = seed(prompt=f"{'x' * 60}{key * 20}") if len(key) > 5 else seed()
    said = complaint(sandbox)
    app.http.post(SUBMIT, json=body, headers={"Authorization": f"Bearer {key}"})

    said += complaint(sandbox, prompt=f"no {key}" if len(key) > 5 else "no", times=2)
    sandbox.close()

    assert said[1] == "  no request at all came with the key $MAXAPI_API_KEY"
    assert [line for line in said if key[:9] in line] == []
    assert key not in f"{sandbox!r} {sandbox.control!r} {sandbox.clock!r}"


@pytest.mark.parametrize("key", ["sk-own-0123456789\n", "sk-own-0123456789\N{SNOWMAN}"])
def test_a_key_that_cannot_be_sent_is_not_named(running: RunningMock, key: str) -> None:
    """The error of the client that sends it has it."""
    with pytest.raises(ControlError, match="not sent") as failure:
        running.sandbox(key)

    assert "sk-own" not in str(failure.value)


def test_a_control_token_is_not_named() -> None:
    """Not even by the mock that it is for."""
    mock = RunningMock("http://127.0.0.1:1", "hush-control")

    assert "hush" not in repr(mock)


def test_a_wrong_match_is_not_a_failure_of_the_app(app: App) -> None:
    """It is rejected, with what can be matched."""
    with pytest.raises(ControlError, match="promt: is unknown; use one of model, prompt"):
        app.sandbox.assert_requested(promt="cat")  # type: ignore[call-arg]


# -- rules -----------------------------------------------------------------------------------


def test_rules_that_are_used_pass(app: App) -> None:
    """A rule that has fired once is used; without rules there is nothing to report."""
    app.sandbox.assert_all_rules_used()
    app.sandbox.scenario("failure", times=2)
    app.submit("a cat")

    app.sandbox.assert_all_rules_used()

    assert app.sandbox.unused_rules() == []


def test_a_rule_that_never_fired_fails_a_strict_test(app: App) -> None:
    """The failure names the rule and the nearest request, or says that none came."""
    app.sandbox.scenario("unavailable", path="*/submitt")
    with pytest.raises(AssertionError, match="no request came"):
        app.sandbox.assert_all_rules_used()
    app.submit("a cat")

    with pytest.raises(AssertionError) as failure:
        app.sandbox.assert_all_rules_used()

    assert "unavailable for path='*/submitt'" in str(failure.value)
    assert "does not match '*/submitt'" in str(failure.value)
    assert [one["scenario"] for one in app.sandbox.unused_rules()] == ["unavailable"]


# -- what is held --------------------------------------------------------------------------------


def test_a_test_decides_the_order(app: App) -> None:
    """First the webhook, then the poll, then the response to the submission."""
    app.sandbox.scenario(ScenarioText("held=submit, webhook-held"), times=1)
    app.sandbox.scenario("held", "poll", times=1, method="GET")
    seen: list[str] = []
    with ThreadPoolExecutor(2) as pool:
        submit = pool.submit(app.submit, callBackUrl=app.inbox.url)
        submit.add_done_callback(lambda _: seen.append("submit"))
        [held] = app.sandbox.wait_until_held("submit")
        task = held["taskId"] or ""
        poll = pool.submit(app.poll, task)
        app.sandbox.wait_until_held("poll")
        app.sandbox.wait_until_idle()

        app.sandbox.release("webhook-held")
        seen += [str(one.task["taskId"]) for one in app.inbox.received]
        app.sandbox.release("poll")
        shown = poll.result(5)["status"]
        app.sandbox.release("submit")

        assert submit.result(5) == task
    assert (seen, shown) == ([task, "submit"], "PENDING")
    assert [one["method"] for one in app.sandbox.requests] == ["GET", "POST"]
    assert app.sandbox.held == []


def test_a_sandbox_that_is_closed_holds_nothing(app: App) -> None:
    """The app gets its response."""
    app.sandbox.scenario("held", times=1)
    with ThreadPoolExecutor(1) as pool:
        submit = pool.submit(app.submit)
        app.sandbox.wait_until_held()

        app.sandbox.close()

        assert len(submit.result(5)) == 36


def test_a_mock_without_a_port_that_ends_holds_nothing() -> None:
    """Its requests end as well."""
    with closing(InProcessMock("https://api.example.com")) as mock, InboxServer() as inboxes:
        app = App(mock, inboxes)
        app.sandbox.scenario("held", times=1)
        with ThreadPoolExecutor(1) as pool:
            submit = pool.submit(app.submit)
            app.sandbox.wait_until_held()

            mock.close()

            assert len(submit.result(5)) == 36
        app.http.close()


def test_a_receiver_in_the_event_loop(app: App) -> None:
    """It responds while the release waits for it; the release that blocks says what to use."""
    app.sandbox.settings(webhook_timeout="100ms", webhook_tries=1)

    async def serve() -> tuple[int, str]:
        arrived = 0

        async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal arrived
            await reader.readuntil(b"\r\n\r\n")
            arrived += 1
            writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(receive, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            for _ in range(2):
                app.submit(
                    "#mock:instant #mock:webhook-held", callBackUrl=f"http://127.0.0.1:{port}"
                )
            await app.sandbox.async_wait_until_held("webhook-held", count=2)
            await app.sandbox.async_release("webhook-held")
            delivered = arrived
            with pytest.raises(ControlError) as caught:
                app.sandbox.release("webhook-held")
        return delivered, str(caught.value)

    delivered, problem = asyncio.run(serve())

    assert delivered == 1
    assert "async_release" in problem
