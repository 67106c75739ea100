"""The tally: what a mock saw in all its life."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from threading import Barrier, Thread
from typing import Any
from urllib.parse import urlsplit

import pytest

from mockserver.contract import Contract
from mockserver.domain.expectation import REJECTED
from mockserver.engine.clock import Clock
from mockserver.engine.contract_warnings import ContractWarning
from mockserver.engine.journal import Delivery, RecordedRequest
from mockserver.engine.messages import Request, Response
from mockserver.engine.service import Service
from mockserver.engine.usage import Usage
from mockserver.engine.webhooks.attempt import AttemptResult
from mockserver.settings import make_settings
from mockserver.settings.texts import RateLimit
from tests.client import SEED, SUBMIT, Client, seed
from tests.conftest import START, Receiver, seconds

Watched = Callable[..., Client]

EXCHANGE = RecordedRequest(
    1, START, Request("POST", SUBMIT), Response(200, (), b"{}"), None, (), "submit"
)
DELIVERY = Delivery(1, START, "id", "http://127.0.0.1/", 1, b"{}", 200, 0.1, None, None)
REFUSED = "submit returned 400: input.n: 11 is more than 10; use an integer from 1 to 10"


@pytest.fixture
def usage() -> Usage:
    """The tally of the mocks of a test."""
    return Usage()


@pytest.fixture
def watched(contract: Contract, receiver: Receiver, usage: Usage) -> Iterator[Watched]:
    """Make a client of a new mock that the tally watches; takes settings by name."""
    services: list[Service] = []

    def make(**changes: Any) -> Client:
        service = Service(
            contract,
            make_settings(contract, **changes),
            make_clock=lambda: Clock(START, speed=0),
            transport=receiver,
            watch=usage,
        )
        services.append(service)
        return Client(service)

    yield make
    for service in services:
        service.close()


def test_requests_are_counted_by_operation_and_status(watched: Watched, usage: Usage) -> None:
    """Each operation of the API has its name, a result file too, and so has an unknown route."""
    client = watched(pace="instant")
    task_id = client.submitted(seed())

    result = client.poll(task_id)["result"]["urls"][0]
    client.request("GET", urlsplit(result).path)
    client.cancel(task_id)
    client.as_key(None).request("GET", f"/api/v1/task/{task_id}")
    client.request("GET", "/api/v2")

    assert usage.requests == {
        ("submit", 200): 1,
        ("query", 200): 1,
        ("result", 200): 1,
        ("cancel", 400): 1,
        ("query", 401): 1,
        ("unknown route", 404): 1,
    }


def test_what_journals_forget_stays_counted(watched: Watched, usage: Usage) -> None:
    """Also what a sandbox saw that was reset or had to go, and with journals that hold nothing."""
    client = watched(max_sandboxes=2, journal_entries=0)

    for key in "abcd":
        for _ in range(3):
            client.as_key(key).submitted(SEED)
    client.as_key("d").control("reset", "POST")

    assert len(list(client.service.sandboxes)) == 3  # with that of requests without a token
    assert usage.requests == {("submit", 200): 12}


def test_the_control_plane_is_not_counted(watched: Watched, usage: Usage) -> None:
    """What a test does to the mock is not a request of the app."""
    client = watched()

    client.control("tasks")
    client.control("reset", "POST")

    assert not usage.requests


def test_unknown_fields_are_warnings(watched: Watched, usage: Usage) -> None:
    """Each text is counted by itself; a request without one adds none."""
    client = watched()

    client.submitted(seed())
    client.submitted(seed(aspect_ratio="1:1", foo=1))
    client.submitted(seed(foo=2))

    assert usage.warnings == {
        "input.aspect_ratio: unknown, did you mean 'ratio'?": 1,
        "input.foo: unknown": 2,
    }


def test_refusals_are_warnings(watched: Watched, usage: Usage) -> None:
    """With the operation, the status and the API's message."""
    client = watched()

    client.submit(seed(n=11))
    client.as_key(None).request("GET", "/api/v1/task/x")

    assert usage.warnings == {
        REFUSED: 1,
        "query returned 401: unauthorized": 1,
    }


@pytest.mark.parametrize("scenario", ["unauthorized", "rate-limited=7", "moderated", "unavailable"])
@pytest.mark.parametrize("place", ["marker", "header", "rule", "default"])
def test_refusals_that_a_scenario_asked_for_are_none(
    watched: Watched, usage: Usage, scenario: str, place: str
) -> None:
    """Wherever it was named; the scenario itself is counted."""
    client, headers, prompt = watched(), {}, "a cat"
    if place == "marker":
        prompt += f" #mock:{scenario}"
    elif place == "header":
        headers = {"x-mock-scenario": scenario}
    elif place == "rule":
        rule = {"scenario": scenario, "match": {"path": "*/submit"}}
        client.control("rules", "POST", json=rule)
    else:
        client.control("settings", "PATCH", json={"scenario": scenario})

    answer = client.submit(seed(prompt=prompt), **headers)

    assert answer.status >= 400
    assert not usage.warnings
    assert usage.scenarios == {scenario: 1}


@pytest.mark.parametrize(
    ("scenario", "status"),
    [
        ("unknown-at-first=1", 404),
        ("result-missing", 404),
        ("result-expired", 410),
    ],
)
def test_refusals_that_a_tasks_scenario_asked_for_are_none(
    watched: Watched, usage: Usage, scenario: str, status: int
) -> None:
    """A poll or a result file that its task's scenario spoils is not the app's fault."""
    client = watched(pace="instant")
    task_id = client.submitted(seed(prompt=f"a cat #mock:{scenario}"))

    answer = client.request("GET", f"/api/v1/task/{task_id}")
    if answer.status == 200:
        url = answer.json["data"]["result"]["urls"][0]
        answer = client.request("GET", urlsplit(url).path)

    assert answer.status == status
    assert not usage.warnings


def test_the_rate_limit_that_the_user_set_is_not_a_warning(watched: Watched, usage: Usage) -> None:
    """It was asked for, as the scenario `rate-limited` is."""
    client = watched(rate_limit=RateLimit(1, timedelta(seconds=1)))

    statuses = [client.submit(seed()).status for _ in range(2)]

    assert statuses == [200, 429]
    assert not usage.warnings


def test_refusals_with_status_200_are_warnings(watched: Watched, usage: Usage) -> None:
    """By the code in the body; what is a success is none."""
    client = watched(error_status="200")
    task_id = client.submitted(seed())
    client.cancel(task_id)
    body, headers = json.dumps(seed(n=11)).encode(), {"authorization": "Bearer test"}
    headers["content-type"] = "application/json"

    client.service.respond(Request("POST", SUBMIT, headers, body))

    assert usage.warnings == {REFUSED: 1}
    assert usage.requests["submit", 200] == 2


@pytest.mark.parametrize("status", ["403", "404"])
def test_a_file_that_is_gone_is_not_a_warning(watched: Watched, usage: Usage, status: str) -> None:
    """Whatever status the settings choose; nor is a range beyond the file."""
    client = watched(pace="instant", expired_status=status)
    [url] = client.poll(client.submitted(seed()))["result"]["urls"]
    client.request("GET", urlsplit(url).path, b"", {"range": "bytes=99999999-"})
    client.sandbox.clock.advance(timedelta(days=7))
    client.request("GET", urlsplit(url).path)

    assert usage.warnings == {}
    assert usage.requests["result", int(status)] == usage.requests["result", 416] == 1


def test_a_scenario_without_effect_is_not_a_warning_of_the_contract(
    watched: Watched, usage: Usage
) -> None:
    """The poll is well; only the scenario in its header is of no use there."""
    client = watched(pace="instant")
    task_id = client.submitted(seed())

    headers = {"x-mock-scenario": "slow=5s"}
    answer = client.request("GET", f"/api/v1/task/{task_id}", headers=headers)

    assert answer.status == 200
    assert not usage.warnings


def test_webhooks_are_counted_by_their_answer(
    watched: Watched, usage: Usage, receiver: Receiver
) -> None:
    """Every attempt, planned or resent, and why it does not count as delivered."""
    client = watched()
    receiver.outcomes = [AttemptResult(500, "returned 500, not 2xx", 0.1)]
    client.submitted(SEED)
    client.submitted({**SEED, "input": {**SEED["input"], "prompt": "#mock:webhook-lost"}})

    client.control("clock", "POST", json={"advance": "90s"})
    client.control("deliveries/1/resend", "POST")

    assert usage.attempts == {
        "returned 500, not 2xx": 1,
        "lost on its way, as the scenario says": 1,
        "delivered": 2,
    }


def test_different_warnings_are_bounded(usage: Usage) -> None:
    """A run of a million polls of unknown tasks needs little memory; each of them is counted."""
    for number in range(3000):
        usage(_refusal(f"no such route: /{number}"))
    usage(_refusal("no such route: /0"))

    assert len(usage.warnings) == 1001
    assert usage.warnings.total() == 3001
    assert usage.warnings["submit returned 404: no such route: /0"] == 2
    assert usage.warnings["others"] == 2000


def _refusal(msg: str) -> RecordedRequest:
    warning = ContractWarning(REJECTED, f"submit returned 404: {msg}")
    return replace(EXCHANGE, response=Response(404, (), b"{}"), warnings=(warning,))


@pytest.mark.parametrize("what", ["scenarios", "attempts"])
def test_different_scenarios_and_answers_are_bounded(usage: Usage, what: str) -> None:
    """Values of scenarios, and errors that quote a broken receiver, are the app's own texts."""
    for number in range(5000):
        if what == "scenarios":
            usage(replace(EXCHANGE, scenarios=(f"slow={number}s",)))
        else:
            usage(replace(DELIVERY, status=None, error=f"BadStatusLine: {number}"))

    counts = getattr(usage, what)
    assert counts.total() == 5000
    assert len(counts) < 2000


class _Interrupted(str):
    """A text that lets another thread in between the reading and the writing of its count."""

    __slots__ = ()

    def __hash__(self) -> int:
        return super().__hash__()


def test_several_threads_can_tell_it(usage: Usage) -> None:
    """No count is lost, whatever is counted at the same time."""
    name = _Interrupted("hang")
    entries = (replace(EXCHANGE, scenarios=(name,)), replace(DELIVERY, error=name))
    barrier = Barrier(4)

    def tell() -> None:
        barrier.wait(10)
        for _ in range(500):
            for entry in entries:
                usage(entry)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [Thread(target=tell) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    finally:
        sys.setswitchinterval(before)

    assert usage.requests == {("submit", 200): 2000}
    assert usage.scenarios == usage.attempts == {"hang": 2000}


def test_what_was_spent_survives_resets_and_evictions(watched: Watched) -> None:
    """Of all keys; a task that fails costs nothing."""
    client = watched(max_sandboxes=2)
    sandboxes = client.service.sandboxes
    client.as_key("a").submitted(seed())
    price = sandboxes.spent_ever

    client.as_key("a").control("reset", "POST")
    client.as_key("a").submitted(seed(n=2))
    for key in "bcd":
        client.as_key(key).submitted(seed())
    client.as_key("d").submitted(seed(prompt="a cat #mock:failure"))
    client.as_key("d").sandbox.clock.advance(seconds(2))

    assert price == Decimal("0.02")
    assert client.as_key("d").sandbox.spent_ever == price
    assert sandboxes.spent_ever == 6 * price


def test_tasks_and_webhooks_are_counted_by_how_they_ended(
    watched: Watched, usage: Usage, receiver: Receiver
) -> None:
    """Of every sandbox: reset, forgotten, with too many tasks, or there at the end."""
    client = watched(max_tasks=3, max_sandboxes=3, webhook_tries=2)
    receiver.outcomes = [
        AttemptResult(500, "x", 0),
        AttemptResult(204, None, 0),
        AttemptResult(500, "x", 0),
    ]
    receiver.outcomes += [AttemptResult(500, "x", 0)]
    for prompt in ("late", "never", "lost #mock:webhook-lost", "#mock:content-moderation"):
        client.submitted({**SEED, "input": {**SEED["input"], "prompt": prompt}})
        client.control("clock", "POST", json={"advance_until": "idle"})
    client.control("reset", "POST")
    client.submitted(SEED)
    client.as_key("b").submitted(seed())
    client.cancel(client.submitted(seed(prompt="no more")))

    client.service.close()

    failed = "FAILURE (CONTENT_MODERATION)"
    assert usage.tasks == {"SUCCESS": 3, failed: 1, "PENDING": 2, "CANCELLED": 1}
    assert usage.webhooks == {
        "delivered": 2,
        "given up": 1,
        "lost, as a scenario says": 1,
        "not due yet": 1,
    }


def test_an_app_that_submits_again_is_known_at_the_end(watched: Watched, usage: Usage) -> None:
    """When no request can explain it any more: after a reset, or at the end."""
    client = watched()
    for _ in range(2):
        client.submitted(seed())
    early = dict(usage.warnings)
    client.control("reset", "POST")
    for _ in range(3):
        client.submitted(seed())

    client.service.close()

    assert early == {}
    assert list(usage.warnings.values()) == [3]


@pytest.mark.parametrize(
    ("status", "expected", "warns"),
    [(None, None, True), (200, None, False), (None, frozenset(("no-request",)), False)],
)
def test_a_run_without_requests(
    usage: Usage, status: int | None, expected: frozenset[str] | None, *, warns: bool
) -> None:
    """Is warned of with what is suspected, unless a test expects it; a preflight is none."""
    usage(replace(EXCHANGE, request=Request("OPTIONS", SUBMIT), operation="preflight"))
    if status:
        usage(replace(EXCHANGE, response=Response(status, (), b"{}")))

    usage.finish("is it asleep?", expected)

    text = "no request came at all: is it asleep?"
    assert usage.warnings == ({text: 1} if warns else {})


def test_what_did_not_get_to_the_mock_is_said(usage: Usage) -> None:
    """In the warning instead of what is suspected, or in a note if other requests came."""
    for why in ("a is not the API", "a is not the API", "b is not the API"):
        usage.reject(why)

    usage.finish("is it asleep?")
    usage(EXCHANGE)
    usage.finish("is it asleep?")

    assert usage.warnings == {"no request came at all: a is not the API | b is not the API": 1}
    assert usage.notes == {"rejected: a is not the API": 2, "rejected: b is not the API": 1}


def test_a_preflight_is_not_a_submission(watched: Watched, usage: Usage) -> None:
    """What a browser asks before it submits is counted by itself, and found by its method only."""
    client = watched()
    client.request("OPTIONS", SUBMIT)

    client.submitted(seed())

    assert usage.requests == {("preflight", 204): 1, ("submit", 200): 1}
    for match, number in (({"path": "*/submit"}, 1), ({}, 1), ({"method": "OPTIONS"}, 1)):
        assert client.control("requests/count", "POST", json=match).json == {"count": number}


def test_what_is_not_a_fault_is_a_note(watched: Watched, usage: Usage) -> None:
    """Polls of a clock that stands still fail no run."""
    client = watched()
    task_id = client.submitted(seed())

    for _ in range(12):
        client.poll(task_id)

    assert not usage.warnings
    assert list(usage.notes.values()) == [1]


def test_a_rule_says_once_that_it_does_nothing(client: Client) -> None:
    """One about tasks, without a path, meets every poll; what a request asks for is told to it."""
    client.control("rules", "POST", json={"scenario": "failure"})
    task_id = client.submitted(seed())
    polls = [client.request("GET", f"/api/v1/task/{task_id}") for _ in range(3)]
    asked = {"x-mock-scenario": "slow=5s"}
    asking = [client.request("GET", f"/api/v1/task/{task_id}", b"", asked) for _ in range(2)]

    warned = ["x-mock-warning" in answer.headers for answer in polls + asking]

    assert warned == [True, False, False, True, True]
