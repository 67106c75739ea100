"""What is forgotten is freed at once, and there is a limit for everything."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from weakref import ref

import pytest

from mockserver.domain.task import Task
from mockserver.engine.pending_request import PendingRequest
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


def _looked_at_without_a_token(client: Client) -> None:
    """Fetch a file as browsers do, and submit without having read what a token is for."""
    task_id = client.as_key("another").submitted(seed(prompt="a #mock:instant"))
    [url] = client.as_key("another").poll(task_id)["result"]["urls"]
    _done(client.request("GET", url.removeprefix("http://mock.test:80")))
    client.submit(SEED)


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


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.usefixtures("collector_off")
@pytest.mark.parametrize("key", ["test", None])
@pytest.mark.parametrize("use", [_rejected, _looked_at_without_a_token])
def test_a_request_is_freed_with_its_response(
    make_client: MakeClient, use: Use, key: str | None
) -> None:
    """No cycle keeps it, and with it a body or a file of many bytes."""
    client = make_client(journal_entries=0)

    use(client.as_key(key))

    assert [one for one in gc.get_objects() if type(one) is PendingRequest] == []


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


def test_what_is_tracked_of_forgotten_tasks_is_forgotten(make_client: MakeClient) -> None:
    """Else a sandbox with many tasks would grow, however few of them it keeps."""
    client = make_client(max_tasks=5, result_expiry=timedelta(), journal_entries=0)

    for number in range(200):
        for _ in range(2):
            task_id = client.submitted(seed(prompt=f"{number} #mock:instant"))
        [url] = client.poll(task_id)["result"]["urls"]
        client.request("GET", url.removeprefix("http://mock.test:80"))

    observer = client.sandbox.observer
    sizes = _sizes(observer) | _sizes(observer.resubmissions)
    assert sizes.keys() >= {"webhooks", "_ended", "_expired", "_current", "_unused", "_runs"}
    assert max(sizes.values()) <= 5 + 16 + 1


def _sizes(holder: object) -> dict[str, int]:
    """Return the sizes of the collections that *holder* has."""
    return {name: len(one) for name, one in vars(holder).items() if hasattr(one, "__len__")}


def test_webhooks_that_will_never_be_due_do_not_pile_up(make_client: MakeClient) -> None:
    """Neither alarms of forgotten sandboxes, nor those that a changed clock has replaced."""
    client = make_client(max_sandboxes=3)

    for number in range(100):
        old = client.as_key(str(number))
        old.submitted(SEED)
        for speed in (0.001, 0.002, 0.003):
            _done(old.control("clock", "POST", json={"speed": speed}))

    scheduler = client.service.dispatcher.scheduler
    assert len(scheduler._by_sandbox) == 3
    assert len(scheduler._alarms) < 100
