"""What is forgotten is freed at once, and there is a limit for everything."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Any
from weakref import ref

import pytest

from mockserver.domain.task import Task
from mockserver.engine.sandbox import Sandbox
from mockserver.engine.webhooks.attempt import AttemptResult
from tests.client import SEED, Answer, Client, seed
from tests.conftest import MakeClient, Receiver, seconds

Use = Callable[[Client], Any]


def _rejected(client: Client) -> None:
    """Provoke every kind of rejection, as their errors hold the frames that raised them."""
    client.submit(b"{")
    client.submit({"model": "none"})
    client.submit(seed(prompt="#mock:no-such-scenario"))
    client.request("GET", "/api/v1/task/unknown")
    client.request("PUT", "/api/v1/task/unknown")
    client.request("GET", "/nowhere")
    client.control("tasks/unknown")
    client.control("clock", "POST", json={"advance": "for ever"})


def _done(answer: Answer) -> None:
    assert answer.status == 200, answer.body


def _with_webhooks(client: Client) -> None:
    """Let one webhook be delivered, one fail, one be held back and one still be planned."""
    for prompt in ("", "#mock:webhook-lost", "#mock:webhook-early", "#mock:webhook-reordered"):
        client.submitted({**SEED, "input": {**SEED["input"], "prompt": f"a {prompt}"}})
    _done(client.control("clock", "POST", json={"advance": "2s"}))
    _done(client.control("clock", "POST", json={"speed": 0.001}))
    client.submitted({**SEED, "input": {**SEED["input"], "prompt": "#mock:slow=9d"}})


def _changed(client: Client) -> None:
    _done(client.control("rules", "POST", json={"scenario": "failure", "match": {"model": "*"}}))
    _done(client.control("settings", "PATCH", json={"chaos": 0.5, "rate_limit": "100/1s"}))
    _done(client.control("balance", "PUT", json={"balance_usd": "5"}))
    for _ in range(20):
        client.submit(SEED)
    _done(client.control("reset", "POST"))
    client.submit(SEED)


def _looked_at(client: Client) -> None:
    task_id = client.submitted(seed(prompt="a #mock:instant"))
    [url] = client.poll(task_id)["result"]["urls"]
    _done(client.request("GET", url.removeprefix("http://mock.test:80")))
    client.cancel(task_id)
    for path in ("tasks", "requests", "deliveries", "warnings", "clock", f"tasks/{task_id}"):
        _done(client.control(path))


def _advanced(client: Client) -> None:
    _done(client.control("clock", "POST", json={"advance_until": "idle"}))


USES: dict[str, Use] = {
    "rejected requests": _rejected,
    "webhooks": _with_webhooks,
    "changed settings": _changed,
    "looked at": _looked_at,
    "advanced": _advanced,
}


@pytest.fixture
def collector_off() -> Iterator[None]:
    """Leave cycles of references alone, as a server under load nearly does."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("collector_off")
@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_a_forgotten_sandbox_is_freed_at_once(
    make_client: MakeClient, receiver: Receiver, use: Use
) -> None:
    """Whatever was done with it, no cycle and nothing that lives longer keeps it."""
    client = make_client(max_sandboxes=1, webhook_tries=3)
    receiver.outcomes = [AttemptResult(500, "x", 0.0)]
    old = client.as_key("old")
    old.submitted(SEED)
    use(old)
    watched: ref[Sandbox] = ref(old.sandbox)
    client.service.dispatcher.wait_until_sent(old.sandbox, 5)

    client.as_key("new").submitted(seed())

    assert watched() is None


@pytest.mark.usefixtures("collector_off")
def test_a_forgotten_task_is_freed_at_once(make_client: MakeClient) -> None:
    """What its sandbox and the dispatcher still know of it does not keep its record.

    Only the latest responses to polls do, of which there is a fixed number.
    """
    client = make_client(max_tasks=1)
    task_id = client.submitted(SEED)
    client.control("clock", "POST", json={"advance": "1h"})

    client.submitted(seed())

    records = [one for one in gc.get_objects() if type(one) is Task and one.id == task_id]
    assert records == []


def test_nothing_planned_for_a_forgotten_sandbox_happens(
    make_client: MakeClient, receiver: Receiver
) -> None:
    """Its webhooks would be about tasks that nobody can poll."""
    client = make_client(max_sandboxes=1)
    client.as_key("old").submitted(SEED)
    old = client.as_key("old").sandbox

    client.as_key("new").submitted(seed())
    old.clock.advance(seconds(3600))

    assert client.service.dispatcher.next_scheduled(old) is None
    assert receiver.calls.empty()


def test_requests_without_a_token_take_no_sandbox_from_a_key(make_client: MakeClient) -> None:
    """As many keys as `--max-sandboxes` allows keep their tasks."""
    client = make_client(max_sandboxes=2)
    clients = [client.as_key(key) for key in "ab"]
    task_ids = [one.submitted(seed()) for one in clients]

    client.as_key(None).request("GET", "/api/v1/task/x")
    again = [one.submitted(seed()) for one in clients]

    polled = [one.poll(task_id) for one, task_id in zip(clients * 2, task_ids + again, strict=True)]
    assert [task["status"] for task in polled] == ["PENDING"] * 4
