"""The Flask application: the same responses, and the control plane."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from mockserver.version import __version__
from mockserver.web.app import create_app
from tests.client import SEED, SUBMIT, Client
from tests.conftest import MakeClient, seconds


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "OPTIONS", "BREW"]),
    path=st.sampled_from(
        [SUBMIT, "/api/v1/task/x", "/", "/a//b/", "/images/a/b/image-0.png", "/%ff"]
    ),
    token=st.sampled_from([None, "Bearer test"]),
    content_type=st.sampled_from([None, "application/json"]),
    body=st.sampled_from([b"", b"{}", b"x" * 2_000_000]),
)
def test_flask_answers_what_the_service_answers(
    client: Client, method: str, path: str, token: Any, content_type: Any, body: bytes
) -> None:
    """Status, headers and body are those of the one function."""
    given_headers = {"Authorization": token, "Content-Type": content_type}
    headers = {name: value for name, value in given_headers.items() if value}

    flask = (
        create_app(client.service)
        .test_client()
        .open(path, method=method, headers=headers, data=body)
    )

    from urllib.parse import unquote

    lower = {name.lower(): value for name, value in headers.items()}
    direct = client.as_key(None).request(method, unquote(path, errors="replace"), body, lower)
    assert (flask.status_code, flask.data) == (direct.status, direct.body)
    assert flask.headers.get("Allow") == direct.headers.get("allow")
    assert flask.headers.get("X-Mock-Warning") == direct.headers.get("x-mock-warning")


def test_a_task_by_way_of_flask(client: Client) -> None:
    """Submitted, polled and fetched through the application."""
    app, auth = create_app(client.service).test_client(), {"Authorization": "Bearer test"}
    submitted = app.post(SUBMIT, json=SEED, headers=auth).get_json()
    client.sandbox.clock.advance(seconds(2))

    task = app.get(f"/api/v1/task/{submitted['data']['taskId']}", headers=auth).get_json()["data"]
    image = app.get(task["result"]["urls"][0])

    assert task["status"] == "SUCCESS"
    assert image.data.startswith(b"\x89PNG")


def test_health_and_version(client: Client) -> None:
    """Whoever waits for the mock asks these; no token is needed."""
    anonymous = client.as_key(None)

    assert anonymous.control("health").json == {"status": "ok"}
    assert anonymous.control("version").json == {"version": __version__}


def test_openapi_is_served(client: Client) -> None:
    """The same document as the command prints, valid as served."""
    document = client.control("openapi.json").json

    validate(document, cls=OpenAPIV31SpecValidator)


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("GET", "nowhere", 404, "see GET /__mock/openapi.json"),
        ("POST", "health", 405, "use GET, HEAD, OPTIONS"),
        ("DELETE", "reset", 405, "use OPTIONS, POST"),
        ("GET", "tasks/none", 404, "task 'none' not found in this sandbox"),
    ],
)
def test_wrong_control_requests(
    client: Client, method: str, path: str, status: int, said: str
) -> None:
    """They get the API's envelope, and what to do instead."""
    answer = client.control(path, method)

    assert answer.status == status
    assert said in answer.msg


def test_a_failure_of_the_mock_is_a_500(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """Also behind Flask: logged, and in the envelope."""
    client.service.respond = lambda _: 1 / 0  # type: ignore[assignment,method-assign,return-value]

    answer = create_app(client.service).test_client().get("/")

    assert answer.get_json() == {"code": 500, "msg": "internal server error"}
    assert "ZeroDivisionError" in caplog.text


def test_the_timeline_of_a_task(client: Client) -> None:
    """Past and to come: states, webhook attempts, the end of the result."""
    task_id = client.submitted(SEED)
    client.sandbox.clock.advance(seconds(1))

    story = client.control(f"tasks/{task_id}").json["timeline"]

    assert [(one["event"], one.get("status"), one["at"][11:19], one["past"]) for one in story] == [
        ("status", "PENDING", "21:54:46", True),
        ("status", "PROCESSING", "21:54:47", True),
        ("status", "SUBMITTED", "21:54:47", True),
        ("status", "SUCCESS", "21:54:48", False),
        ("webhook", None, "21:54:48", False),
        ("results-expire", None, "21:54:48", False),
    ]


def test_the_timeline_holds_what_came_of_the_webhook(client: Client) -> None:
    """A delivered one is past; nothing more is to come but the expiry."""
    task_id = client.submitted(SEED)
    client.sandbox.clock.advance(seconds(2))
    client.deliveries(1)

    story = client.control(f"tasks/{task_id}").json["timeline"]

    assert [(one["event"], one["past"]) for one in story][3:] == [
        ("status", True),
        ("webhook", True),
        ("results-expire", False),
    ]
    assert story[4]["delivered"] is True


def test_events_that_polls_decide_come_last(make_client: MakeClient) -> None:
    """With the pace `per-poll` nobody knows their moment."""
    client = make_client(pace="per-poll")

    story = client.control(f"tasks/{client.submitted(SEED)}").json["timeline"]

    assert [one["at"] is None for one in story] == [False, True, True, True, True, True]


def test_tasks_are_listed_with_cost_and_caller(client: Client) -> None:
    """In the order of their submission."""
    ids = [client.submitted({**SEED, "user_id": name}) for name in ("u1", "u2")]

    listed = client.control("tasks").json

    assert [task["taskId"] for task in listed["tasks"]] == ids
    assert [task["user_id"] for task in listed["tasks"]] == ["u1", "u2"]
    assert listed["tasks"][0]["callBackUrl"] == SEED["callBackUrl"]
    assert (listed["balance_usd"], listed["spent_usd"]) == (None, "0.04")


def test_reset_empties_this_sandbox_only(client: Client) -> None:
    """Tasks and journal are gone; the neighbour's are not."""
    other = client.as_key("other")
    mine, theirs = client.submitted(SEED), other.submitted(SEED)

    answer = client.control("reset", "POST")

    assert answer.json == {"tasks": 1}
    assert client.request("GET", f"/api/v1/task/{mine}").status == 404
    assert other.poll(theirs)["status"] == "PENDING"
    assert len(client.control("requests").json["requests"]) == 1
