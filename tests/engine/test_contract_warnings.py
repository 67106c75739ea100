"""Contract warnings: what an app does although the API told it otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from mockserver.engine.clock import Clock
from mockserver.engine.messages import Request
from mockserver.engine.service import Service
from mockserver.engine.webhooks.attempt import AttemptResult, Failure
from mockserver.settings import make_settings
from mockserver.settings.texts import RateLimit
from tests.client import SEED, SUBMIT, Client, seed
from tests.conftest import START, MakeClient, Receiver, seconds

HOOK = "http://127.0.0.1:3000/hook"


def kinds(client: Client) -> dict[str, int]:
    """Count the warnings of a client's sandbox by kind."""
    found: Counter[str] = Counter()
    for one in client.control("warnings").json["warnings"]:
        found[one["kind"]] += one["count"]
    return found


def texts(client: Client) -> list[str]:
    """Return the warnings of a client's sandbox."""
    return [one["text"] for one in client.control("warnings").json["warnings"]]


# -- polls -----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["SUCCESS", "FAILURE", "TIMEOUT", "CANCELLED"])
def test_a_poll_that_never_ends(make_client: MakeClient, status: str) -> None:
    """Is warned of once for each task, with the state that the app may not know."""
    client = make_client()
    marker = {"FAILURE": " #mock:failure", "TIMEOUT": " #mock:timeout"}.get(status, "")
    task_id = client.submitted(seed(prompt=f"a cat{marker}"))
    client.cancel(task_id) if status == "CANCELLED" else client.sandbox.clock.advance(seconds(2))
    for _ in range(5):
        client.poll(task_id)
    few = kinds(client)

    for _ in range(20):
        client.poll(task_id)

    assert few == {}
    assert kinds(client) == {"polled-after-end": 1}
    [text] = texts(client)
    assert f"it was {status}" in text
    assert "does the app" in text


def test_polls_of_many_ended_tasks_are_none(make_client: MakeClient) -> None:
    """An app may show each to somebody."""
    client = make_client(pace="instant")

    for task_id in [client.submitted(seed(prompt=str(number))) for number in range(10)]:
        for _ in range(3):
            client.poll(task_id)

    assert kinds(client) == {}


@pytest.mark.parametrize("scenario", ["garbled", "empty", "truncated", "unavailable"])
def test_polls_whose_answer_was_spoilt_do_not_count(make_client: MakeClient, scenario: str) -> None:
    """The app was told nothing."""
    client = make_client(pace="instant")
    task_id = client.submitted(seed())

    for _ in range(20):
        headers = {"authorization": "Bearer test", "x-mock-scenario": scenario}
        client.service.respond(Request("GET", f"/api/v1/task/{task_id}", headers))

    assert kinds(client) == {}


def test_polls_of_a_clock_that_stands_still(client: Client) -> None:
    """They are reported once, as they may go on for ever; each response says so in a header."""
    task_id = client.submitted(seed())
    few = [client.request("GET", f"/api/v1/task/{task_id}") for _ in range(9)]
    before = kinds(client)

    for _ in range(30):
        client.poll(task_id)

    assert before == {}
    assert kinds(client) == {"frozen-clock": 1}
    assert few[0].headers["x-mock-clock"] == "frozen at 2026-02-10T21:54:46.686768Z"


@pytest.mark.parametrize(
    ("settings", "prompt", "step"),
    [({}, "a cat", 0.01), ({"pace": "per-poll"}, "a cat", 0), ({}, "#mock:stuck", 0)],
)
def test_polls_that_wait_for_something_else(
    make_client: MakeClient, settings: dict[str, Any], prompt: str, step: float
) -> None:
    """Waiting for a clock that a test moves, for polls, or for nothing is not a mistake."""
    client = make_client(**settings)
    task_id = client.submitted(seed(prompt=prompt))

    for _ in range(12 if step else 4):
        client.sandbox.clock.advance(seconds(step))
        client.poll(task_id)

    assert kinds(client) == {}


def test_a_clock_that_runs_is_not_in_the_header(contract: Any, receiver: Receiver) -> None:
    """Only one that stands still is worth it."""
    service = Service(contract, make_settings(contract), make_clock=Clock, transport=receiver)
    client = Client(service)

    answer = client.submit(seed())

    service.close()
    assert "x-mock-clock" not in answer.headers


# -- submissions -----------------------------------------------------------------------------


def submit_again(client: Client, times: int = 2, **more: Any) -> list[str]:
    """Submit the same several times."""
    return [client.submitted(seed() | more) for _ in range(times)]


@pytest.mark.parametrize("times", [2, 3, 5])
def test_a_submission_that_is_sent_again(client: Client, times: int) -> None:
    """Though it was accepted, and nobody asked for its task: each one too many is warned of."""
    tasks = submit_again(client, times)
    client.poll(tasks[-1])

    assert kinds(client) == {"submitted-again": times - 1}
    assert "does the app understand the response" in texts(client)[0]


def test_a_loop_of_equal_submissions_is_none(client: Client) -> None:
    """Longer than a client would try, it is on purpose."""
    submit_again(client, 6)

    assert kinds(client) == {}


def asks_for_each(client: Client, tasks: list[str]) -> None:
    """Poll every task."""
    for task in tasks:
        client.poll(task)


def cancels_each(client: Client, tasks: list[str]) -> None:
    """Cancel every task."""
    for task in tasks:
        client.cancel(task)


def gets_webhooks(client: Client, _tasks: list[str]) -> None:
    """Let the webhooks arrive."""
    client.control("clock", "POST", json={"advance_until": "idle"})


@pytest.mark.parametrize("follow", [asks_for_each, cancels_each, gets_webhooks])
def test_equal_submissions_that_are_followed_are_none(
    client: Client, follow: Callable[[Client, list[str]], None]
) -> None:
    """An app that knows of each task wanted each."""
    tasks = submit_again(client, 3, callBackUrl=HOOK)

    follow(client, tasks)

    assert kinds(client) == {}


def other_documents(client: Client) -> None:
    """Submit two that differ."""
    client.submitted(seed(prompt="a cat"))
    client.submitted(seed(prompt="a dog"))


def much_later(client: Client) -> None:
    """Submit the same, an hour later."""
    client.submitted(seed())
    client.sandbox.clock.advance(timedelta(hours=1))
    client.submitted(seed())


def lost_answer(client: Client) -> None:
    """Submit again what was accepted, because its response was lost."""
    client.submit(seed(), **{"x-mock-scenario": "accepted-but=504"})
    client.submitted(seed())


def rejected(client: Client) -> None:
    """Submit again what was rejected."""
    client.submit(seed(), **{"x-mock-scenario": "unavailable"})
    client.submitted(seed())


@pytest.mark.parametrize("submit", [other_documents, much_later, lost_answer, rejected])
def test_submissions_that_only_look_alike(client: Client, submit: Callable[[Client], None]) -> None:
    """Another document, another time, or a response that never came is not a resubmission."""
    submit(client)

    assert kinds(client) == {}


def test_a_job_that_is_begun_anew_after_a_failed_poll(client: Client) -> None:
    """The first task goes on and is paid for, though the app saw an error."""
    first = client.submitted(seed())
    client.request("GET", f"/api/v1/task/{first}", headers={"x-mock-scenario": "server-error"})

    client.poll(client.submitted(seed()))

    assert kinds(client) == {"submitted-again": 1}


# -- Retry-After -----------------------------------------------------------------------------


class Seconds:
    """Real seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("real", "moved", "speed", "early"),
    [
        (0, 0, 1, True),
        (6.9, 0, 1, True),
        (6.98, 0, 1, False),
        (7, 0, 0, False),
        (0, 7, 0, False),
        (0.7, 0, 10, False),
        (0.5, 0, 10, True),
        (0, 3, 0, True),
    ],
)
def test_a_retry_that_is_too_early(
    contract: Any, receiver: Receiver, real: float, moved: float, speed: float, *, early: bool
) -> None:
    """By real time and by the sandbox's clock: an app may wait by either."""
    passed = Seconds()
    service = Service(
        contract,
        make_settings(contract),
        make_clock=lambda: Clock(START, speed=speed, real=passed),
        transport=receiver,
    )
    client = Client(service)
    client.submit(seed(), **{"x-mock-scenario": "rate-limited=7"})
    passed.now += real
    client.sandbox.clock.advance(seconds(moved))

    client.submit(seed())

    found = kinds(client)
    service.close()
    assert found == ({"ignored-retry-after": 1} if early else {})


def test_a_retry_at_one_moment_of_a_clock_that_stands_still(client: Client) -> None:
    """Is a note: the test may only pretend that the app waits."""
    for _ in range(2):
        client.submit(seed(), **{"x-mock-scenario": "rate-limited=7"})

    [warning] = client.sandbox.observer.warnings(frozenset())

    assert (warning.kind, warning.is_note) == ("ignored-retry-after", True)


def test_another_request_may_come_meanwhile(make_client: MakeClient) -> None:
    """Only the same one again ignores what it was told."""
    client = make_client(rate_limit=RateLimit(1, timedelta(seconds=5)))
    for prompt in ("a cat", "a dog", "a bird"):
        client.submit(seed(prompt=prompt))
    before = kinds(client)

    client.submit(seed(prompt="a bird"))

    assert before == {}
    assert kinds(client) == {"ignored-retry-after": 1}


# -- files -----------------------------------------------------------------------------------


def test_an_expired_file_that_is_fetched_again_and_again(make_client: MakeClient) -> None:
    """Is warned of once."""
    client = make_client(pace="instant")
    [url] = client.poll(client.submitted(seed()))["result"]["urls"]
    client.sandbox.clock.advance(timedelta(days=8))
    for _ in range(3):
        client.request("GET", urlsplit(url).path)
    few = kinds(client)

    for _ in range(9):
        client.request("GET", urlsplit(url).path)

    assert few == {}
    assert kinds(client) == {"fetched-after-expiry": 1}


# -- webhooks --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "kind", "words"),
    [
        (AttemptResult(404, "x", 0, Failure.STATUS), "webhook-rejected", "404: is the path of"),
        (AttemptResult(307, "x", 0, Failure.STATUS), "webhook-rejected", "307: redirects are not"),
        (
            AttemptResult(403, "x", 0, Failure.STATUS),
            "webhook-rejected",
            "403: does the receiver ask",
        ),
        (
            AttemptResult(405, "x", 0, Failure.STATUS),
            "webhook-rejected",
            "405: does the receiver accept",
        ),
        (
            AttemptResult(418, "x", 0, Failure.STATUS),
            "webhook-rejected",
            "418: does the receiver return",
        ),
        (
            AttemptResult(500, "x", 0, Failure.STATUS),
            "webhook-rejected",
            "500: did the receiver crash",
        ),
        (
            AttemptResult(None, "nobody", 0, Failure.CONNECTION_REFUSED),
            "webhook-unanswered",
            "webhook to http://127.0.0.1:3000: nobody; is the receiver running",
        ),
        (
            AttemptResult(
                None, "connection refused at 127.0.0.1:3000", 0, Failure.CONNECTION_REFUSED
            ),
            "webhook-unanswered",
            "webhook: connection refused at 127.0.0.1:3000; is the receiver running",
        ),
        (
            AttemptResult(None, "late", 0, Failure.TIMEOUT),
            "webhook-unanswered",
            "late; does the receiver",
        ),
    ],
)
def test_a_receiver_that_does_not_take_its_webhook(
    client: Client, receiver: Receiver, outcome: AttemptResult, kind: str, words: str
) -> None:
    """Each attempt is warned of, with what is suspected; no password is shown."""
    receiver.outcomes = [outcome]
    client.submitted(seed() | {"callBackUrl": HOOK.replace("127", "me:hush@127")})

    client.control("clock", "POST", json={"advance_until": "idle"})

    delivery = client.control("deliveries").json["deliveries"][0]
    assert kinds(client) == {kind: 1}
    assert words in texts(client)[0]
    assert "hush" not in texts(client)[0]
    assert [one["kind"] for one in delivery["warnings"]] == [kind]


@pytest.mark.parametrize(
    ("marker", "outcome"),
    [
        ("", AttemptResult(None, "not sent: elsewhere", 0, Failure.NOT_SENT)),
        ("#mock:webhook-lost", AttemptResult(204, None, 0)),
        ("#mock:webhook-truncated", AttemptResult(400, "x", 0, Failure.STATUS)),
    ],
)
def test_a_webhook_that_is_not_the_receivers_fault(
    client: Client, receiver: Receiver, marker: str, outcome: AttemptResult
) -> None:
    """One that was not sent, or that a scenario spoilt."""
    receiver.outcomes = [outcome]
    client.submitted(seed(prompt=f"a cat {marker}") | {"callBackUrl": HOOK})

    client.control("clock", "POST", json={"advance_until": "idle"})

    assert kinds(client) == {}


# -- what is expected ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expect", "left"),
    [
        ("none", {"rejected": 2}),
        ("400", {"rejected": 1}),
        ("400,404", {}),
        ("submit:400", {"rejected": 1}),
        ("query:400", {"rejected": 2}),
        ("rejected", {}),
    ],
)
def test_rejections_that_a_test_provokes(client: Client, expect: str, left: dict[str, int]) -> None:
    """Are declared by their status, also for one operation, or all together."""
    client.control("settings", "PATCH", json={"expect": expect})

    client.submit(seed(n=11))
    client.request("GET", "/api/v1/task/none")

    assert kinds(client) == left


def test_every_other_kind_can_be_expected(client: Client, receiver: Receiver) -> None:
    """By its name, several at once; a status is that of a rejection only."""
    receiver.outcomes = [AttemptResult(500, "x", 0, Failure.STATUS)] * 2
    expected = "submitted-again,webhook-rejected,polled-after-end,unknown-field,404"
    client.control("settings", "PATCH", json={"expect": expected})

    client.submitted(seed(foo=1) | {"callBackUrl": HOOK})
    task_id = submit_again(client, 2)[1]
    client.control("clock", "POST", json={"advance_until": "idle"})
    for _ in range(9):
        client.poll(task_id)

    assert kinds(client) == {}


def test_a_webhooks_status_can_be_expected(client: Client, receiver: Receiver) -> None:
    """As `webhook:500`."""
    receiver.outcomes = [AttemptResult(code, "x", 0, Failure.STATUS) for code in (500, 404)]
    client.control("settings", "PATCH", json={"expect": "webhook:500"})
    client.submitted(SEED)

    client.control("clock", "POST", json={"advance_until": "idle"})

    assert kinds(client) == {"webhook-rejected": 1}
    assert "404" in texts(client)[0]


def test_a_reset_forgets_the_warnings(client: Client) -> None:
    """With all else that the app did."""
    submit_again(client)
    client.submit(seed(n=11))

    client.control("reset", "POST")

    assert kinds(client) == {}


def test_a_request_shows_its_warnings(client: Client) -> None:
    """They are in the journal, next to what was sent."""
    client.request("POST", SUBMIT)

    [shown] = client.control("requests").json["requests"]
    assert [one["kind"] for one in shown["warnings"]] == ["rejected"]
