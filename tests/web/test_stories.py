"""What the control plane tells of a task at once, and of all results."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
import requests
from PIL import Image

from mockserver.testing import MaxapiSandbox, RunningMock, running_mock
from tests.client import SEED, SUBMIT, Client, seed
from tests.conftest import MakeClient, seconds

HOSTILE = """<script>alert("1")</script> 'it''s' $(touch x) `y` \\ é 猫"""


def story(client: Client, task_id: str) -> dict[str, Any]:
    """Return the story of a task."""
    return dict(client.control(f"tasks/{task_id}/story").json)


def finished(client: Client, document: dict[str, Any], deliveries: int = 0) -> str:
    """Submit a task and wait for its end, and for attempts to deliver its webhook."""
    task_id = client.submitted(document)
    client.sandbox.clock.advance(seconds(2))
    if deliveries:
        client.deliveries(deliveries)
    return task_id


def test_a_story_has_all_that_belongs_to_a_task(client: Client) -> None:
    """What submitted it, every exchange, the attempts, its timeline; nothing of other tasks."""
    other = client.submitted(seed())
    task_id = client.submitted(SEED)
    client.poll(task_id)
    client.poll(other)
    client.sandbox.clock.advance(seconds(2))
    client.deliveries(1)
    client.poll(task_id)
    client.cancel(task_id)

    told = story(client, task_id)

    assert told["request"]["body"] == SEED
    data = [one["data"] for one in told["events"]]
    shown = [str(one.get("task_status", one["status"])) for one in data]
    kinds = [one["kind"] for one in told["events"]]
    assert [*zip(kinds, shown, strict=True)] == [
        ("request", "200"),
        ("task", "PENDING"),
        ("request", "PENDING"),
        ("status", "PROCESSING"),
        ("status", "SUBMITTED"),
        ("status", "SUCCESS"),
        ("webhook", "204"),
        ("request", "SUCCESS"),
        ("request", "400"),
    ]
    assert [one["taskId"] for one in told["deliveries"]] == [task_id]
    assert told["task"] == client.control(f"tasks/{task_id}").json


def test_a_story_is_told_without_the_journal(make_client: MakeClient) -> None:
    """If that has forgotten the submission, the curl line is made of what the task remembers."""
    client = make_client(journal_entries=1)
    task_id = client.submitted({**SEED, "user_id": "u-1"})
    client.poll(task_id)

    told = story(client, task_id)

    assert told["request"] is None
    assert json.loads(shlex.split(told["curl"]["submit"])[-1]) == {**SEED, "user_id": "u-1"}


def test_a_webhook_is_compared_with_the_poll_of_its_moment(client: Client) -> None:
    """Equal ones have no differences; a conflicting one says where it differs."""
    right, wrong = (
        SEED,
        seed(prompt="#mock:webhook-conflicting") | {"callBackUrl": "https://a.example"},
    )
    equal = story(client, finished(client, right, 1))["deliveries"][0]
    differing = story(client, finished(client, wrong, 2))["deliveries"][0]

    assert equal["differences"] == []
    assert equal["body"] == equal["poll"]
    assert {one["place"]: (one["webhook"], one["poll"]) for one in differing["differences"]} == {
        "data.status": ("FAILURE", "SUCCESS"),
        "data.result": (None, differing["poll"]["data"]["result"]),
    }


def test_a_webhook_is_ahead_of_a_stale_poll(client: Client) -> None:
    """A poll of its moment still showed a task that runs."""
    document = seed(prompt="#mock:stale-poll=1s") | {"callBackUrl": "https://a.example"}
    delivery = story(client, finished(client, document, 1))["deliveries"][0]

    places = {one["place"]: one for one in delivery["differences"]}

    assert places["data.status"]["webhook"] == "SUCCESS"
    assert places["data.status"]["poll"] == delivery["poll"]["data"]["status"] == "SUBMITTED"


@pytest.mark.parametrize(
    ("scenario", "webhook"), [("webhook-truncated", str), ("webhook-redirected", str)]
)
def test_a_webhook_without_json_differs_as_a_whole(
    client: Client, scenario: str, webhook: type
) -> None:
    """Its text is shown."""
    document = seed(prompt=f"#mock:{scenario}") | {"callBackUrl": "https://a.example"}

    (difference,) = story(client, finished(client, document, 1))["deliveries"][0]["differences"]

    assert difference["place"] == ""
    assert isinstance(difference["webhook"], webhook)


def test_a_webhook_of_a_forgotten_task_is_not_compared(make_client: MakeClient) -> None:
    """There is no poll to compare it with."""
    client = make_client(max_tasks=1)
    finished(client, SEED, 1)
    client.submitted(seed())

    (delivery,) = client.control("deliveries").json["deliveries"]

    assert (delivery["poll"], delivery["differences"]) == (None, None)


def test_attempts_are_listed_since_one(client: Client) -> None:
    """So that a page need not read those again that it has."""
    finished(client, SEED, 1)
    finished(client, SEED, 2)

    listed = [
        [one["number"] for one in client.control(f"deliveries?since={since}").json["deliveries"]]
        for since in (0, 1, 2)
    ]

    assert listed == [[1, 2], [2], []]


# -- files ---------------------------------------------------------------------------------------


def test_files_are_shown_without_a_trace(client: Client) -> None:
    """As they were made, with the pixels of the contract, and not in the journal."""
    task_id = finished(client, seed(n=2))
    before = len(client.sandbox.journal.requests)
    files = story(client, task_id)["files"]

    pictures = [client.control(f"tasks/{task_id}/files/{index}") for index in (0, 1)]

    assert [Image.open(BytesIO(one.body)).size for one in pictures] == [(768, 1024)] * 2
    assert (files["width"], files["height"], files["count"]) == (768, 1024, 2)
    assert pictures[0].body != pictures[1].body
    assert (files["ratio"], files["resolution"], files["state"]) == ("3:4", "1k", "there")
    assert len(client.sandbox.journal.requests) == before


@pytest.mark.parametrize("index", ["2", "-1", "x", "٣", "9" * 5000])
def test_there_is_no_file_of_another_index(client: Client, index: str) -> None:
    """Nor of a task that has not succeeded."""
    task_id, running = finished(client, seed(n=2)), client.submitted(seed())

    assert client.control(f"tasks/{task_id}/files/{index}").status == 404
    assert client.control(f"tasks/{running}/files/0").status == 404


def test_expired_files_are_shown_as_such(client: Client) -> None:
    """The console can still show what they were like."""
    task_id = finished(client, seed())
    client.control(f"tasks/{task_id}/expire", "POST")

    assert story(client, task_id)["files"]["state"] == "expired"
    assert client.control(f"tasks/{task_id}/files/0").status == 200


def test_results_are_listed_newest_first(client: Client) -> None:
    """Only of tasks that have succeeded, as many as are asked for."""
    done = [finished(client, seed(prompt=HOSTILE)) for _ in range(3)]
    client.submitted(seed())

    listed = client.control("results?limit=2").json

    assert [one["taskId"] for one in listed["results"]] == [done[2], done[1]]
    assert listed["total"] == 3
    assert listed["results"][0]["input"]["prompt"] == HOSTILE


# -- curl ----------------------------------------------------------------------------------------


@pytest.fixture
def mock() -> Iterator[RunningMock]:
    """A mock of the test's own."""
    with running_mock() as running:
        yield running


def submitted(sandbox: MaxapiSandbox, document: dict[str, Any], **headers: str) -> str:
    """Submit a document; return the task's id."""
    given = {"Authorization": f"Bearer {sandbox.api_key}", **headers}
    response = requests.post(sandbox.base_url + SUBMIT, json=document, headers=given, timeout=5)
    return str(response.json()["data"]["taskId"])


def test_the_curl_lines_do_what_the_app_did(mock: RunningMock) -> None:
    """A shell runs them as they are, whatever the prompt is; the scenarios are the same."""
    sandbox = mock.sandbox()
    task_id = submitted(sandbox, seed(prompt=HOSTILE), **{"X-Mock-Scenario": "slow=90s"})
    told = sandbox.control._call("GET", f"tasks/{task_id}/story")

    answers = {
        name: json.loads(
            subprocess.run(
                ["sh", "-c", line],
                env={"PATH": "/usr/bin:/bin", "MAXAPI_API_KEY": sandbox.api_key},
                capture_output=True,
                check=True,
                timeout=10,
            ).stdout
        )
        for name, line in told["curl"].items()
    }

    assert sandbox.api_key not in json.dumps(told["curl"])
    assert answers["query"]["data"]["input"]["prompt"] == HOSTILE
    assert answers["cancel"]["msg"] == "ok"
    again = sandbox.control._call("GET", f"tasks/{answers['submit']['data']['taskId']}/story")
    assert again["request"]["body"] == told["request"]["body"]
    assert again["scenarios"] == told["scenarios"] == ["slow=90s"]
