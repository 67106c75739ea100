"""Requests to the API that the control plane makes: submissions, replays and explanations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from mockserver.contract import Contract
from mockserver.engine.messages import Request
from mockserver.testing import ControlClient, ControlError
from mockserver.web.server import Server
from tests.client import SUBMIT, Client, seed
from tests.conftest import MakeClient, Receiver
from tests.web.test_control import HOOK, App, served

VALID = seed()
MODEL = VALID["model"]


@pytest.fixture
def server(contract: Contract, receiver: Receiver) -> Iterator[Server]:
    """A server of the test's own."""
    with served(contract, receiver) as server:
        yield server


@pytest.fixture
def app(server: Server) -> Iterator[App]:
    """An app with a sandbox of its own."""
    app = App(server.url, "test")
    yield app
    app.control.close()


@pytest.fixture
def control(app: App) -> ControlClient:
    """The control plane of the app's sandbox."""
    return app.control


def test_a_task_is_submitted_without_a_client(app: App, receiver: Receiver) -> None:
    """It is the app's: it can be polled, and its webhook is sent."""
    task_id = app.control.submit(MODEL, VALID["input"], callback_url=HOOK, user_id="ann")

    assert app.poll(task_id)["status"] == "PENDING"
    assert app.control.task(task_id)["user_id"] == "ann"
    app.control.advance_until_idle()
    assert receiver.next().url == HOOK
    assert app.url in json.dumps(app.poll(task_id))


def test_a_scenario_comes_with_the_submission(control: ControlClient) -> None:
    """As if the app had sent its header."""
    control.submit(MODEL, VALID["input"], scenario="content-moderation")
    control.advance_until_idle()

    [task] = control.tasks()
    assert task["failure_reason"] == "CONTENT_MODERATION"
    assert control.requests()[0]["scenarios"] == ["content-moderation"]


@pytest.mark.parametrize("scenario", ["hang", "connection-reset", "latency=5m", "truncated"])
def test_no_fault_of_the_connection_happens_to_the_control_plane(
    control: ControlClient, scenario: str
) -> None:
    """What the scenario does besides is done."""
    task_id = control.submit(MODEL, VALID["input"], scenario=scenario)  # type: ignore[arg-type]

    assert [task["taskId"] for task in control.tasks()] == [task_id]


def test_a_rejection_is_that_of_the_api(app: App) -> None:
    """The same status, message and journal as for the app's own request."""
    document = {"model": MODEL, "input": {"prompt": 1}}
    theirs = app.submit(document)

    with pytest.raises(ControlError) as rejected:
        app.control.submit(MODEL, {"prompt": 1})
    first, second = app.control.requests()

    assert (rejected.value.status, str(rejected.value)) == (400, theirs.json()["msg"])
    assert (first["status"], first["response_body"]) == (second["status"], second["response_body"])
    assert second["headers"]["x-mock-sent-by"] == "control plane"


def test_contract_warnings_are_about_the_app_alone(app: App) -> None:
    """What the mock itself sends is not the app's mistake."""
    app.submitted()
    app.control.replay(1)
    app.control.replay(1)
    with pytest.raises(ControlError):
        app.control.submit("no-such-model", {})
    strangers = app.control.strangers()

    assert app.control.warnings() == []
    assert strangers == {"with_other_keys": 0, "without_key": 0}


def test_a_submission_needs_a_sandbox(server: Server) -> None:
    """The message says how to name one."""
    response = requests.post(f"{server.url}/__mock/tasks", json=VALID, timeout=5)

    assert response.status_code == 400
    assert "X-Mock-Sandbox: <id>" in response.json()["msg"]


def test_a_sandbox_can_be_named_by_its_id(app: App) -> None:
    """Who sees a sandbox needs no key to submit or replay in it."""
    app.submitted()
    [id_] = [
        one["id"]
        for one in requests.get(f"{app.url}/__mock/sandboxes", timeout=5).json()["sandboxes"]
        if one["tasks"]
    ]
    named = {"X-Mock-Sandbox": id_}

    made = requests.post(f"{app.url}/__mock/tasks", json=VALID, headers=named, timeout=5)
    again = requests.post(f"{app.url}/__mock/requests/1/replay", headers=named, timeout=5)

    assert (made.status_code, again.status_code) == (200, 200)
    assert len(app.control.tasks()) == 3


def test_a_replay_is_sent_as_the_app_sent_the_request(app: App) -> None:
    """Rules apply to it, and it is recorded with its own number."""
    task_id = app.submitted()
    app.poll(task_id)
    app.control.add_rule("unavailable", times=1)

    busy, poll = app.control.replay(2), app.control.replay(2)

    assert (busy["number"], busy["status"], busy["scenarios"]) == (3, 503, ["unavailable"])
    assert (poll["number"], poll["status"], poll["taskId"]) == (4, 200, task_id)
    assert poll["headers"]["x-mock-sent-by"] == "replay of request 2"
    assert "test" not in poll["headers"]["authorization"]


def test_a_request_without_an_accepted_key_is_rejected_again(app: App) -> None:
    """A replay needs no key in the page, but gives none to the app either."""
    requests.post(app.url + SUBMIT, json=VALID, timeout=5)
    url = f"{app.url}/__mock/requests/1/replay"

    assert requests.post(url, timeout=5).json()["status"] == 401


def test_what_was_not_kept_whole_is_not_replayed(app: App) -> None:
    """Half a request would be another one."""
    app.submitted("x" * 20_000)

    with pytest.raises(ControlError, match="request 1 cannot be sent again: only 16 KiB"):
        app.control.replay(1)
    with pytest.raises(ControlError, match="request '7' not found"):
        app.control.replay(7)


def test_a_replay_sends_an_early_webhook_first(app: App, receiver: Receiver) -> None:
    """As the original did."""
    app.submit({**seed(prompt="#mock:webhook-early"), "callBackUrl": HOOK})
    receiver.next()

    again = app.control.replay(1)

    assert receiver.next().url == HOOK
    assert again["status"] == 200


# -- explanations --------------------------------------------------------------------------------


def shown(client: Client) -> Any:
    """Return the latest request with its explanation."""
    number = len(client.control("requests").json["requests"])
    return client.control(f"requests/{number}").json


def test_a_rejected_submission_names_the_clauses(client: Client) -> None:
    """Each violation has its place, rule, clause and source; together they are the message."""
    answer = client.submit(seed(ratio="9:1", n=0))

    ratio, n, code = shown(client)["explanation"]

    assert " | ".join([ratio["text"], n["text"]]) == answer.msg
    assert (ratio["place"], ratio["rule"], n["place"]) == ("input.ratio", "enum", "input.n")
    assert ratio["clause"].startswith("models/gpt-image-2--image-to-image.json#/input/")
    assert (ratio["confidence"], ratio["page"]) == ("seed", "gpt-image-2/image-to-image")
    assert (code["text"], code["place"], code["page"]) == ("400: bad request", None, "submit-task")


def test_a_rejection_of_no_submission_names_what_the_contract_says_of_it(client: Client) -> None:
    """Codes, authentication, and the states from which a task can be cancelled."""
    task_id = client.submitted(seed(prompt="#mock:instant"))
    client.cancel(task_id)
    cancelled = shown(client)["explanation"]
    client.request("GET", "/api/v1/task/none")
    unknown = shown(client)["explanation"]
    stranger = client.as_key(None)
    stranger.request("GET", "/api/v1/task/none")
    unauthorized = shown(stranger)["explanation"]

    assert [one["clause"] for one in cancelled] == [
        "service.json#/lifecycle/cancellable",
        "service.json#/errors/400",
    ]
    assert cancelled[0]["text"] == "cancellable: PENDING"
    assert [one["clause"] for one in unknown] == ["service.json#/errors/404"]
    assert unauthorized[0]["clause"] == "service.json#/authentication"


def test_an_accepted_request_has_nothing_to_explain(client: Client) -> None:
    """And neither has one whose error a scenario made, except its code."""
    client.submitted(seed())
    accepted = shown(client)["explanation"]
    client.submit({"model": 1}, **{"x-mock-scenario": "rate-limited"})
    made = shown(client)["explanation"]
    client.submit(b"{")
    unreadable = shown(client)["explanation"]

    assert accepted == []
    assert [one["clause"] for one in made] == ["service.json#/errors/429"]
    assert [one["clause"] for one in unreadable] == ["service.json#/errors/400"]


def test_an_error_with_status_200_is_explained_too(make_client: MakeClient) -> None:
    """Its code is in the body."""
    client = make_client(error_status="200")
    client.control("tasks", "POST", json={"model": "none", "input": {}})

    entry = shown(client)

    assert entry["status"] == 200
    assert entry["explanation"][0]["place"] == "model"


def test_a_submission_is_explained_before_it_is_sent(control: ControlClient) -> None:
    """With every problem, or what would have no effect; nothing is submitted or recorded."""
    wrong = control.explain({"model": MODEL, "input": {"prompt": "a cat", "ratio": 7}})
    fine = control.explain(seed(aspect="1:1"))

    assert [one["place"] for one in wrong["problems"]] == ["input.imageUrls", "input.ratio"]
    assert wrong["remarks"] == []
    assert fine == {"problems": [], "remarks": ["input.aspect: unknown"]}
    assert control.requests() == []


def test_settings_explain_too(client: Client) -> None:
    """What a setting of the sandbox rejects has no clause."""
    client.control("settings", "PATCH", json={"unknown-fields": "refuse", "null": "omit"})

    answer = client.control("explain", "POST", json=seed(aspect="1:1", n=None))

    [problem] = answer.json["problems"]
    assert (problem["place"], problem["clause"]) == ("input.aspect", None)


def test_a_query_is_shown_without_secrets(client: Client) -> None:
    """A key in a URL is a key."""
    given = {"authorization": "Bearer test"}
    path = "/api/v1/task/x"
    client.service.respond(Request("GET", path, given, query="api_key=sk-1234567890&page=2"))

    [entry] = client.control("requests").json["requests"]

    assert (entry["operation"], entry["path"]) == ("query", path)
    assert entry["query"] == "api_key=[redacted]&page=2"


def test_requests_are_searched_by_their_text(client: Client) -> None:
    """In path, query and both bodies, in upper and lower case; the other ones are left out."""
    client.submitted(seed(prompt="A Café at dawn"))
    client.submit(seed(prompt="a harbour", ratio="9:1"))
    client.request("GET", "/api/v1/task/none")

    def numbers(text: str) -> list[int]:
        found = client.control("requests", query_string={"text": text}).json["requests"]
        return [one["number"] for one in found]

    assert numbers("café") == [1]
    assert numbers("is not accepted") == [2]
    assert numbers("/TASK/none") == [3]
    assert numbers("") == [1, 2, 3]
    assert numbers("cy\tberpunk") == []
