"""Webhooks: when they are sent, what they say, and how often they are tried."""

from __future__ import annotations

import json
import time
from threading import Event

import pytest

from mockserver.contract import Contract
from mockserver.engine.clock import Clock
from mockserver.engine.service import Service
from mockserver.engine.webhooks.attempt import AttemptResult, WebhookRequest
from mockserver.engine.webhooks.workers import Workers
from mockserver.settings import make_settings
from tests.client import SEED, Client
from tests.conftest import START, MakeClient, Receiver, seconds

REFUSED = AttemptResult(500, "returned 500, not 2xx", 0.001)


@pytest.mark.parametrize("end", ["success", "cancel"])
def test_one_webhook_at_the_end_equal_to_the_poll(
    client: Client, receiver: Receiver, end: str
) -> None:
    """Its body is that of the poll, also for a cancelled task, and conforms."""
    task_id = client.submitted(SEED)
    if end == "cancel":
        client.cancel(task_id)
    client.sandbox.clock.advance(seconds(2))

    webhook = receiver.next()

    sent = json.loads(webhook.body)
    assert sent["data"] == client.poll(task_id)
    assert client.service.contract.violations("webhook", sent) == []
    assert (webhook.url, webhook.content_type, webhook.timeout) == (
        SEED["callBackUrl"],
        "application/json",
        10,
    )
    assert receiver.calls.empty()


def test_no_webhook_before_the_end(client: Client, receiver: Receiver) -> None:
    """A standing clock sends nothing; the end of a later task does not send an earlier one."""
    client.submitted(SEED)
    client.sandbox.clock.advance(seconds(1.999))
    early = client.as_key("other")
    early.submitted({**SEED, "callBackUrl": "https://other.example"})
    early.sandbox.clock.advance(seconds(2))

    assert receiver.next().url == "https://other.example"
    assert receiver.calls.empty()


def test_no_webhook_without_callback_url(client: Client, receiver: Receiver) -> None:
    """Nobody asked for it."""
    without = {name: value for name, value in SEED.items() if name != "callBackUrl"}
    client.submitted(without)
    client.submitted(SEED)

    client.sandbox.clock.advance(seconds(2))

    receiver.next()
    client.deliveries(1)
    assert receiver.calls.empty()


def test_failed_attempts_are_repeated_with_growing_waits(
    client: Client, receiver: Receiver
) -> None:
    """Three tries, one and two seconds apart, each with the same body and in the journal."""
    receiver.outcomes += [REFUSED, AttemptResult(None, "no response within 10 s", 10.0), REFUSED]
    client.submitted(SEED)
    bodies = []

    for number, wait in enumerate((2, 1, 2)):
        client.sandbox.clock.advance(seconds(wait))
        bodies.append(receiver.next().body)
        attempts = client.deliveries(number + 1)
    client.sandbox.clock.advance(seconds(1000))

    assert len(set(bodies)) == 1
    assert [(one["attempt"], one["status"], one["error"]) for one in attempts] == [
        (1, 500, "returned 500, not 2xx"),
        (2, None, "no response within 10 s"),
        (3, 500, "returned 500, not 2xx"),
    ]
    assert [str(one["at"])[17:19] for one in attempts] == ["48", "49", "51"]
    assert [one["delivered"] for one in attempts] == [False] * 3
    assert attempts[2]["next_at"] is None
    assert receiver.calls.empty()


def test_a_delivered_webhook_is_not_repeated(client: Client, receiver: Receiver) -> None:
    """Success ends it, also after a failure."""
    receiver.outcomes.append(REFUSED)
    client.submitted(SEED)

    client.sandbox.clock.advance(seconds(2))
    client.deliveries(1)
    client.sandbox.clock.advance(seconds(1))
    attempts = client.deliveries(2)
    client.sandbox.clock.advance(seconds(1000))

    assert [one["delivered"] for one in attempts] == [False, True]
    assert receiver.calls.qsize() == 2


def test_tries_and_backoff_are_settings(make_client: MakeClient, receiver: Receiver) -> None:
    """A single try, if asked for."""
    client = make_client(webhook_tries=1, webhook_timeout=seconds(3))
    receiver.outcomes.append(REFUSED)
    client.submitted(SEED)

    client.sandbox.clock.advance(seconds(2))

    assert client.deliveries(1)[0]["next_at"] is None
    assert receiver.next().timeout == 3


def test_a_reset_forgets_webhooks_to_come(client: Client, receiver: Receiver) -> None:
    """What belongs to the old world is not sent into the new one."""
    client.submitted(SEED)
    client.control("reset", "POST")
    client.submitted({**SEED, "callBackUrl": "https://new.example"})

    client.sandbox.clock.advance(seconds(2))

    assert receiver.next().url == "https://new.example"
    assert receiver.calls.empty()


def test_the_end_moved_by_polls_sends_the_webhook(
    make_client: MakeClient, receiver: Receiver
) -> None:
    """With the pace `per-poll`, the poll that shows the end is the moment of the webhook."""
    client = make_client(pace="per-poll")
    task_id = client.submitted(SEED)

    polls = [client.poll(task_id) for _ in range(4)]

    assert json.loads(receiver.next().body)["data"] == polls[-1]


def test_a_running_clock_sends_in_its_time(receiver: Receiver) -> None:
    """Nobody has to advance anything: at speed 1000 two seconds are two milliseconds."""
    from mockserver.contract import load_contract

    contract = load_contract()
    service = Service(
        contract,
        make_settings(contract),
        make_clock=lambda: Clock(START, speed=1000),
        transport=receiver,
    )
    try:
        Client(service).submitted(SEED)
        assert json.loads(receiver.next().body)["data"]["status"] == "SUCCESS"
    finally:
        service.close()


def test_a_slow_receiver_holds_up_no_other(make_client: MakeClient) -> None:
    """If one never responds, the webhooks of the others arrive; also those of its own sandbox."""
    client = make_client()
    release, arrived = Event(), Event()
    delivered = []

    def transport(webhook: WebhookRequest) -> AttemptResult:
        if "slow" in webhook.url:
            release.wait(5)
        else:
            delivered.append(webhook.url)
            if len(delivered) == 20:
                arrived.set()
        return AttemptResult(204, None, 0.0)

    client.service.dispatcher._transport = transport
    for number in range(20):
        client.submitted({**SEED, "callBackUrl": f"http://slow.example/{number}"})
        client.submitted({**SEED, "callBackUrl": f"http://quick.example:{1 + number}/"})
    client.sandbox.clock.advance(seconds(2))

    in_time = arrived.wait(5)
    release.set()

    assert in_time


def test_lanes_run_every_job_and_no_more_than_their_width_at_a_time() -> None:
    """The receiver's limit holds; a job that raises costs no worker."""
    lanes, finished = Workers(3), Event()
    gate, running, peak, done = Event(), [], [], []

    def job(number: int) -> None:
        running.append(number)
        peak.append(len(running))
        gate.wait(5)
        running.remove(number)
        done.append(number)
        if len(done) == 30:
            finished.set()
        if number % 2:
            raise RuntimeError("a broken transport")

    for number in range(30):
        lanes.put("one", lambda number=number: job(number))  # type: ignore[misc]
    gate.set()

    assert finished.wait(5)
    assert max(peak) <= 3
    assert sorted(done) == list(range(30))
    lanes.close()


@pytest.mark.parametrize("url", ["http://[", "http://a:99999/", "http://\N{SNOWMAN}.example"])
def test_a_url_that_nobody_can_call_fails_as_an_attempt(client: Client, url: str) -> None:
    """The mock goes on."""
    from mockserver.engine.webhooks.transport import HttpTransport

    client.service.dispatcher._transport = HttpTransport(1)
    assert client.submit({**SEED, "callBackUrl": url}).status in (200, 400)
    client.submitted({**SEED, "callBackUrl": "http://127.0.0.1:1/"})

    client.sandbox.clock.advance(seconds(2))

    assert client.deliveries(1)


def test_a_reset_forgets_webhooks_of_tasks_whose_ids_come_again(
    make_client: MakeClient, receiver: Receiver
) -> None:
    """With a seed and a standing clock the new task is like the old one; it is called once."""
    client = make_client(seed="7")
    client.submitted(SEED)
    client.control("reset", "POST")
    client.submitted(SEED)

    moved = client.control("clock", "POST", json={"advance_until": "idle"}).json

    assert [one["event"] for one in moved["happened"]].count("webhook") == 1
    assert receiver.calls.qsize() == 1


def test_waits_grow_no_longer_than_a_year(make_client: MakeClient, receiver: Receiver) -> None:
    """A hundred tries stay within the calendar, and each is in the journal."""
    client = make_client(webhook_tries=100)
    receiver.outcomes += [REFUSED] * 100
    client.submitted(SEED)

    moved = client.control("clock", "POST", json={"advance_until": "idle"})

    assert moved.status == 200
    assert len(client.deliveries(100)) == 100


def test_webhooks_go_out_in_frozen_time(
    contract: Contract, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sandbox whose clock runs does so while a test freezes the time of its process."""
    monkeypatch.setattr(time, "monotonic", lambda: 0.0)
    service = Service(contract, make_settings(contract, duration=seconds(0.01)), transport=receiver)

    Client(service).submitted(SEED)

    assert receiver.next().url == SEED["callBackUrl"]
    service.close()
