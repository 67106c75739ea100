"""The receiver that comes with the mock: what it takes, keeps, shows and responds."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from mockserver.engine import inboxes
from mockserver.engine.inboxes import Inboxes, InboxResponse
from mockserver.engine.messages import Request
from mockserver.engine.webhooks.transport import USER_AGENT
from mockserver.testing import MaxapiSandbox, RunningMock, running_mock
from tests.client import SUBMIT, Client, seed
from tests.conftest import MakeClient

OWN_GET = {"User-Agent": USER_AGENT, "Content-Type": "application/json"}


@pytest.fixture
def mock() -> Iterator[RunningMock]:
    """A mock of the test's own."""
    with running_mock(webhook_timeout=5, webhook_tries=3, webhook_backoff=1) as running:
        yield running


@pytest.fixture
def sandbox(mock: RunningMock) -> MaxapiSandbox:
    """A sandbox of it."""
    return mock.sandbox()


def finish(sandbox: MaxapiSandbox, name: str = "app", prompt: str = "a cat") -> str:
    """Let a task end whose webhooks go to an inbox, until nothing is due; return its id."""
    document = seed(prompt=prompt) | {"callBackUrl": f"{sandbox.base_url}/__mock/inbox/{name}"}
    headers = {"Authorization": f"Bearer {sandbox.api_key}"}
    response = requests.post(sandbox.base_url + SUBMIT, json=document, headers=headers, timeout=5)
    sandbox.wait_until_idle()
    return str(response.json()["data"]["taskId"])


def call(mock: RunningMock, method: str, path: str = "inbox/app", **options: Any) -> Any:
    """Call the control plane as somebody without any key."""
    return requests.request(method, f"{mock.url}/__mock/{path}", timeout=5, **options)


# -- receiving -----------------------------------------------------------------------------------


def test_a_webhook_is_kept_as_it_came(mock: RunningMock, sandbox: MaxapiSandbox) -> None:
    """Its body is that of a poll; the task's webhook counts as delivered."""
    sandbox.settings(webhook_secret="secret-of-the-app")
    task_id = finish(sandbox)

    shown = call(mock, "GET").json()

    (webhook,) = shown["webhooks"]
    assert webhook["body"]["data"]["taskId"] == webhook["taskId"] == task_id
    assert webhook["body"]["data"]["status"] == "SUCCESS"
    assert (webhook["method"], webhook["status"], shown["received"]) == ("POST", 200, 1)
    assert webhook["headers"]["x-webhook-signature"] == "[redacted]"
    assert [one["delivered"] for one in sandbox.deliveries] == [True]


def test_it_responds_as_it_was_told_and_then_as_usual(
    mock: RunningMock, sandbox: MaxapiSandbox
) -> None:
    """Two attempts fail, and the third is delivered."""
    chosen = call(mock, "PUT", json={"status": 503, "times": 2}).json()
    finish(sandbox)

    after = call(mock, "GET").json()

    assert chosen["response"] == {"status": 503, "delay": 0, "times": 2}
    assert [one["status"] for one in sandbox.deliveries] == [503, 503, 200]
    assert [one["status"] for one in after["webhooks"]] == [503, 503, 200]
    assert after["response"] == {"status": 200, "delay": 0, "times": None}


def test_it_can_be_too_slow(mock: RunningMock, sandbox: MaxapiSandbox) -> None:
    """The sender gives up before it responds."""
    sandbox.settings(webhook_timeout="50ms", webhook_tries=1)
    call(mock, "PUT", json={"delay": "30s"})
    finish(sandbox)

    assert [one["failure"] for one in sandbox.deliveries] == ["timeout"]
    assert call(mock, "GET").json()["webhooks"][0]["delay"] == 30


def test_a_get_of_the_sender_is_received_and_any_other_reads(
    mock: RunningMock, sandbox: MaxapiSandbox
) -> None:
    """As a webhook arrives after a careless redirect."""
    finish(sandbox, prompt="#mock:webhook-redirected")

    shown = call(mock, "GET").json()["webhooks"]

    assert [(one["method"], one["body"]) for one in shown] == [("GET", "")]


def test_many_advances_at_once_do_not_wait_for_each_other(mock: RunningMock) -> None:
    """Each occupies a thread of the control plane, and the receiver needs none."""
    sandboxes = [mock.sandbox() for _ in range(80)]
    with ThreadPoolExecutor(len(sandboxes)) as pool:
        list(pool.map(finish, sandboxes))

    assert all(one["delivered"] for each in sandboxes for one in each.deliveries)
    assert call(mock, "GET").json()["received"] == 80


def test_what_comes_can_be_anything(mock: RunningMock) -> None:
    """A body that is not JSON is a text."""
    sent = [b"", b"\xff\x00", b"{", b"[1]", b'{"data": {"taskId": 5}}', b'{"data": []}']
    numbers = [call(mock, "POST", data=body).json()["number"] for body in sent]

    shown = call(mock, "GET").json()["webhooks"]

    assert numbers == [1, 2, 3, 4, 5, 6]
    bodies = ["", "\ufffd\0", "{", [1], {"data": {"taskId": 5}}, {"data": []}]
    assert [one["body"] for one in shown] == bodies
    assert {one["taskId"] for one in shown} == {None}


# -- choosing, listing and forgetting ------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"status": 199}, "status: 199"),
        ({"status": "500"}, "status"),
        ({"times": 0}, "times"),
        ({"delay": "61s"}, "at most 1m"),
        ({"delay": "soon"}, "'soon' is not a duration"),
        ({"statuses": [500]}, "statuses"),
    ],
)
def test_a_wrong_choice_is_explained(mock: RunningMock, body: dict[str, Any], words: str) -> None:
    """And changes nothing."""
    answer = call(mock, "PUT", json=body)

    assert answer.status_code == 400
    assert words in answer.json()["msg"]
    assert call(mock, "GET", "inbox").json() == {"inboxes": []}


@pytest.mark.parametrize("name", ["%20", "a%20b", "x" * 65, "<b>", ".hidden", "é", "a%2Fb"])
@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
def test_a_name_is_short_and_plain(mock: RunningMock, method: str, name: str) -> None:
    """Any other is not an inbox."""
    answer = call(mock, method, f"inbox/{name}", json={} if method == "PUT" else None)

    assert answer.status_code == 404


def test_inboxes_are_listed_the_latest_first_and_forgotten(mock: RunningMock) -> None:
    """An empty one exists once its response was chosen."""
    call(mock, "POST", "inbox/a", data=b"1")
    call(mock, "PUT", "inbox/b", json={"status": 204})
    listed = call(mock, "GET", "inbox").json()["inboxes"]
    removed = [call(mock, "DELETE", f"inbox/{name}").json()["removed"] for name in "aax"]

    assert [(one["name"], one["received"]) for one in listed] == [("b", 0), ("a", 1)]
    assert [one["last_at"] is None for one in listed] == [True, False]
    assert removed == [1, 0, 0]
    assert [one["name"] for one in call(mock, "GET", "inbox").json()["inboxes"]] == ["b"]


def test_the_typed_client_reads_sets_and_forgets(sandbox: MaxapiSandbox) -> None:
    """As a test would."""
    chosen = sandbox.control.set_inbox("app", status=500, delay="1ms", times=1)
    finish(sandbox)
    shown = sandbox.control.inbox("app")
    sandbox.control.delete_inbox("app")

    assert chosen["response"] == {"status": 500, "delay": 0.001, "times": 1}
    assert [one["status"] for one in shown["webhooks"]] == [500, 200]
    assert sandbox.control.inbox("app")["received"] == 0


def test_a_reset_of_all_forgets_them(mock: RunningMock) -> None:
    """That of one sandbox does not: inboxes belong to the mock."""
    call(mock, "POST", data=b"1")
    call(mock, "POST", "reset")
    kept = call(mock, "GET").json()["received"]
    call(mock, "POST", "reset?all=true")

    assert (kept, call(mock, "GET").json()["received"]) == (1, 0)


# -- limits --------------------------------------------------------------------------------------


def received(to: Inboxes, name: str, body: bytes = b"1", **headers: str) -> None:
    """Let something come to an inbox."""
    to.receive(name, Request("POST", f"{inboxes.INBOX_PREFIX}{name}", headers, body, "q=1"))


def test_an_inbox_keeps_its_latest_webhooks() -> None:
    """And counts all of them."""
    own = Inboxes(opened_only=False)
    for number in range(105):
        received(own, "a", b"%d" % number)

    shown = own.show("a")

    assert [one["body"] for one in shown["webhooks"]] == [*range(5, 105)]
    assert shown["received"] == 105


def test_the_least_recently_used_inbox_is_forgotten() -> None:
    """Once there are too many."""
    own = Inboxes(opened_only=False)
    for number in range(64):
        received(own, f"n{number}")
    received(own, "n0")
    received(own, "new")

    names = [one["name"] for one in own.overview()]

    assert len(names) == 64
    assert names[:2] == ["new", "n0"]
    assert "n1" not in names


def test_all_inboxes_share_a_limit_of_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest webhook goes first, in whatever inbox it is; long texts are cut."""
    monkeypatch.setattr(inboxes, "_MOST_BYTES", 200_000)
    own = Inboxes(opened_only=False)
    for name in ("a", "b", "a", "b"):
        received(own, name, b'"' + b"x" * 100_000 + b'"', **{"x-long": "y" * 5000})

    kept = {name: own.show(name)["webhooks"] for name in ("a", "b")}

    assert [len(kept["a"]), len(kept["b"])] == [1, 1]
    assert len(kept["b"][0]["body"]) == 64 * 1024
    assert len(kept["b"][0]["headers"]["x-long"]) == 1024
    assert own._bytes <= 200_000
    assert (own.forget(), own._bytes) == (2, 0)


def test_a_choice_for_some_webhooks_ends_with_the_last() -> None:
    """A choice without a number stays."""
    own = Inboxes(opened_only=False)
    own.choose("a", InboxResponse(500, times=1))
    own.choose("b", InboxResponse(404))
    for name in ("a", "a", "b", "b"):
        received(own, name)

    statuses = [[one["status"] for one in own.show(name)["webhooks"]] for name in ("a", "b")]

    assert statuses == [[500, 200], [404, 404]]


# -- who may -------------------------------------------------------------------------------------


def test_receiving_needs_no_control_token_and_everything_else_does() -> None:
    """A receiver cannot ask its sender for one."""
    with running_mock(control_token="secret") as mock:
        received_ = [call(mock, "POST", data=b"1"), call(mock, "GET", headers=OWN_GET)]
        others = [
            call(mock, "GET"),
            call(mock, "HEAD"),
            call(mock, "GET", "inbox"),
            call(mock, "PUT", json={"status": 500}),
            call(mock, "DELETE"),
        ]
        token = {"X-Mock-Control-Token": "secret"}
        shown = call(mock, "GET", headers=token).json()

    assert [one.status_code for one in received_] == [200, 200]
    assert [one.status_code for one in others] == [403] * 5
    assert (shown["received"], shown["response"]["status"]) == (2, 200)


def test_pages_of_others_can_neither_send_nor_read(mock: RunningMock) -> None:
    """As everywhere in the control plane; a name that resolves to this machine cannot read."""
    foreign, rebound = {"Origin": "https://evil.example"}, {"Host": "evil.example"}

    answers = [
        call(mock, "POST", data=b"1", headers=foreign),
        call(mock, "GET", headers=foreign),
        call(mock, "GET", headers=rebound),
        call(mock, "PUT", json={}, headers=rebound),
    ]

    assert [one.status_code for one in answers] == [403] * 4
    assert call(mock, "GET").json()["received"] == 0


def test_a_public_mock_receives_only_where_an_inbox_was_opened(make_client: MakeClient) -> None:
    """Strangers can neither store anything in it, nor displace what was opened."""
    client = make_client(host="0.0.0.0", control_token="secret")
    headers = {"X-Mock-Control-Token": "secret"}

    def sent(method: str, name: str, **options: Any) -> int:
        return int(client._app.open(f"/__mock/inbox/{name}", method=method, **options).status_code)

    before = sent("POST", "mine", data=b"1")
    opened = sent("PUT", "mine", json={}, headers=headers)
    after = sent("POST", "mine", data=b"1")
    other = sent("POST", "other", data=b"1")

    assert (before, opened, after, other) == (404, 200, 200, 404)


def test_a_public_mock_sends_nothing_to_its_own_inbox() -> None:
    """Unless --callback-allow names the host: the rules for receivers are the same."""
    with running_mock(host="0.0.0.0", control_token="secret") as mock:
        sandbox = mock.sandbox()
        finish(sandbox)

        assert [one["failure"] for one in sandbox.deliveries] == ["not-sent"]


def test_in_the_process_it_works_too(client: Client) -> None:
    """Without sockets."""
    posted = client.control("inbox/app", "POST", data=b'{"a": 1}')

    assert posted.json == {"number": 1}
    assert client.control("inbox/app").json["webhooks"][0]["body"] == {"a": 1}
