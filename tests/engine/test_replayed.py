"""Responding with what was recorded for the same request."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mockserver.domain.recording import matched
from mockserver.engine.messages import Request
from mockserver.settings import SettingError
from mockserver.state import codec
from tests.client import SUBMIT, Client, seed
from tests.conftest import MakeClient, Receiver, seconds

ID, OTHER = "a1b2c3d4-e5f6-7890-abcd-ef1234567890", "b1b2c3d4-e5f6-4890-abcd-ef1234567890"
URL = "https://cdn.example/image-0.png"
PICTURE = b"\xff\xd8\xff a picture"
PICTURE_NAME = f"{hashlib.sha256(PICTURE).hexdigest()}.jpg"


def ended(status: str = "SUCCESS", after: float = 30, **changes: Any) -> dict[str, Any]:
    """Make the recording of a task that ended."""
    states = [{"status": "PROCESSING", "after": 2}, {"status": status, "after": after}]
    urls = [URL] if status == "SUCCESS" else []
    task = {"taskId": ID, "states": states, "failure_reason": None, "urls": urls, "files": []}
    return {"recording": 1, "request": matched(seed()), "task": {**task, **changes}}


def rejected(code: int = 400, msg: str = "no", **changes: Any) -> dict[str, Any]:
    """Make the recording of a rejection."""
    body = {"code": code, "msg": msg}
    rejection = {"status": code, "body": body} | changes
    return {"recording": 1, "request": matched(seed()), "rejection": rejection}


Replaying = Callable[..., Client]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of recordings, with a result file."""
    files = tmp_path / "recordings" / "files"
    files.mkdir(parents=True)
    (files / PICTURE_NAME).write_bytes(PICTURE)
    return tmp_path


@pytest.fixture
def replaying(folder: Path, make_client: MakeClient) -> Replaying:
    """Make a client of a service that replays documents."""

    def make(*documents: Any, **settings: Any) -> Client:
        for number, document in enumerate(documents):
            text = document if isinstance(document, str) else json.dumps(document)
            (folder / "recordings" / f"{number}.json").write_text(text, "utf-8")
        return make_client(replay=folder, **settings)

    return make


def outcome(client: Client, document: Any = None, **headers: str) -> tuple[str, str | None]:
    """Submit, let the task end, and return its last state and the reason."""
    task_id = str(client.submit(document or seed(), **headers).json["data"]["taskId"])
    client.sandbox.clock.advance(seconds(100_000))
    task = client.poll(task_id)
    return task["status"], task["failure_reason"]


def test_a_task_becomes_what_was_recorded(replaying: Replaying) -> None:
    """With the recorded states at their times, the recorded id, and as many results."""
    client = replaying(ended(urls=[URL, URL]))

    task_id = client.submitted({**seed(), "callBackUrl": "http://localhost/x"})
    seen = []
    for wait in (0, 1.9, 0.2, 27.8, 0.2):
        client.sandbox.clock.advance(seconds(wait))
        seen.append(client.poll(task_id)["status"])

    assert task_id == ID
    assert seen == ["PENDING", "PENDING", "PROCESSING", "PROCESSING", "SUCCESS"]
    assert len(client.poll(task_id)["result"]["urls"]) == 2


def test_equal_submissions_get_the_recordings_in_order(replaying: Replaying) -> None:
    """The last one stays, with ids of the mock's own, and each sandbox begins anew."""
    client = replaying(
        ended("FAILURE", failure_reason="CONTENT_MODERATION"), rejected(429), ended("TIMEOUT")
    )

    first = outcome(client)
    second = client.submit(seed())
    others = [outcome(client) for _ in range(2)]
    elsewhere = outcome(client.as_key("another"))

    assert first == elsewhere == ("FAILURE", "CONTENT_MODERATION")
    assert second.status == 429
    assert others == [("TIMEOUT", None)] * 2
    assert len(client.sandbox.tasks()) == 3


def test_a_reset_begins_anew(replaying: Replaying) -> None:
    """With the first recording of a request, and with the recorded ids."""
    client = replaying(ended(), ended("TIMEOUT", taskId=OTHER))
    ids = [client.submitted(seed()) for _ in range(3)]

    client.sandbox.reset()

    assert [client.submitted(seed()) for _ in range(2)] == ids[:2] == [ID, OTHER]


def test_a_rejection_is_returned_as_it_was(replaying: Replaying) -> None:
    """Its body with all members, and how long to wait; the mock's own checks come after it."""
    wrong = rejected(msg="the live message", retry_after="7")
    wrong["request"]["input"]["ratio"] = "7:5"
    client = replaying(wrong)

    answer = client.submit(seed(ratio="7:5"))

    assert (answer.status, answer.msg) == (400, "the live message")
    assert answer.headers["retry-after"] == "7"
    assert answer.headers["x-mock-recording"] == "0"
    assert client.sandbox.tasks() == []


def test_an_error_in_a_response_of_status_200_stays_one(replaying: Replaying) -> None:
    """As sibling services return them."""
    client = replaying(rejected(402, "no points", body={"code": 402, "msg": "no"}, status=200))

    request = Request(
        "POST",
        SUBMIT,
        {"authorization": "Bearer test", "content-type": "application/json"},
        json.dumps(seed()).encode(),
    )
    response = client.service.respond(request)

    assert (response.status, json.loads(response.body)) == (200, {"code": 402, "msg": "no"})


@pytest.mark.parametrize(
    "document",
    [
        seed(prompt="another"),
        seed(n=2),
        {**seed(), "model": "gpt-image-2/text-to-image", "input": {"prompt": "a cat"}},
    ],
)
def test_other_submissions_are_answered_as_ever(replaying: Replaying, document: Any) -> None:
    """If their model or input differs in anything."""
    client = replaying(ended("FAILURE"))

    assert "x-mock-recording" not in client.submit(document).headers
    assert client.submit(seed()).headers["x-mock-recording"] == "0"
    assert outcome(client, document) == ("SUCCESS", None)


@pytest.mark.parametrize(
    ("scenario", "expected"),
    [
        ("success", "SUCCESS"),
        ("timeout", "TIMEOUT"),
        ("slow=1s", "SUCCESS"),
        ("webhook-twice", "FAILURE"),
    ],
)
def test_scenarios_of_the_outcome_come_first(
    replaying: Replaying, scenario: str, expected: str
) -> None:
    """The others go together with what was recorded."""
    client = replaying(ended("FAILURE"))

    assert outcome(client, **{"x-mock-scenario": scenario})[0] == expected


@pytest.mark.parametrize(("pace", "polls"), [("instant", 1), ("per-poll", 3)])
def test_the_pace_replaces_the_recorded_times(replaying: Replaying, pace: str, polls: int) -> None:
    """So that a test does not have to wait."""
    client = replaying(ended("FAILURE"), pace=pace)

    task_id = client.submitted(seed())
    seen = [client.poll(task_id)["status"] for _ in range(polls)]

    assert seen[-1] == "FAILURE"
    assert len(set(seen)) == polls


def test_without_a_recorded_end_a_task_goes_on_as_ever(replaying: Replaying) -> None:
    """From the last state that was seen, at its time."""
    states = [{"status": "PROCESSING", "after": 50}]
    client = replaying(ended(states=states, urls=[]))

    task_id = client.submitted(seed())
    seen = []
    for wait in (49, 1.5, 1000):
        client.sandbox.clock.advance(seconds(wait))
        seen.append(client.poll(task_id)["status"])

    assert seen == ["PENDING", "PROCESSING", "SUCCESS"]


def test_the_webhook_agrees(replaying: Replaying, receiver: Receiver) -> None:
    """It comes at the recorded time, with what a poll shows."""
    client = replaying(ended("FAILURE", failure_reason="INVALID_PARAMETERS"))
    task_id = client.submitted({**seed(), "callBackUrl": "http://localhost:9/hook"})

    client.control("clock", "POST", json={"advance": 30})

    webhook = json.loads(receiver.next().body)
    assert webhook["data"] == client.poll(task_id)
    assert webhook["data"]["failure_reason"] == "INVALID_PARAMETERS"


def test_a_recorded_id_can_be_polled_at_once(replaying: Replaying) -> None:
    """An app may remember it from the recording; other unknown ids stay unknown."""
    client = replaying(ended())

    task = client.poll(ID)

    assert (task["status"], task["input"]["prompt"]) == ("SUCCESS", seed()["input"]["prompt"])
    assert client.submitted(seed()) != ID
    assert client.request("GET", "/api/v1/task/other").status == 404


def test_a_recorded_id_is_unknown_if_its_task_cannot_be_made(replaying: Replaying) -> None:
    """And nothing is left of the attempt."""
    client = replaying(ended(), balance=0)

    answer = client.request("GET", f"/api/v1/task/{ID}")

    assert (answer.status, client.sandbox.tasks()) == (404, [])


def test_recorded_files_are_served(replaying: Replaying) -> None:
    """With their own bytes and type at the mock's own URLs; what is missing is drawn as ever."""
    client = replaying(ended(urls=[URL, URL], files=[PICTURE_NAME, None]))
    task_id = client.submitted(seed())
    client.sandbox.clock.advance(seconds(30))
    urls = client.poll(task_id)["result"]["urls"]

    files = [client.request("GET", urlsplit(url).path) for url in urls]
    in_console = client.control(f"tasks/{task_id}/files/0").body

    assert (files[0].body, files[0].headers["content-type"]) == (PICTURE, "image/jpeg")
    assert files[1].headers["content-type"] == "image/png"
    assert in_console == PICTURE


def test_a_result_that_is_passed_on_is_recognised(replaying: Replaying) -> None:
    """An app submits the mock's URL where it had submitted the recorded one."""
    other = ended("FAILURE", taskId=OTHER)
    other["request"]["input"]["imageUrls"] = [f"{URL}"]
    client = replaying(ended(), other)
    task_id = client.submitted(seed())
    client.sandbox.clock.advance(seconds(30))
    [url] = client.poll(task_id)["result"]["urls"]

    assert outcome(client, seed(imageUrls=[url])) == ("FAILURE", None)


def test_without_money_a_task_fails_as_ever(replaying: Replaying) -> None:
    """And no surcharge is lost: the recorded reason decides about it."""
    client = replaying(ended(), balance=0)

    assert outcome(client) == ("FAILURE", "INSUFFICIENT_POINTS")


def test_a_kept_task_is_still_replayed(replaying: Replaying) -> None:
    """By a mock that has read it again from where its state is kept."""
    client = replaying(ended(files=[PICTURE_NAME]))
    task = client.sandbox.get(client.submitted(seed()))

    again = codec.tasks.read(codec.tasks.write(task))

    card = client.service.contract.cards[task.model]
    assert client.service.results.content(again, card, 0).body == PICTURE


def test_what_was_loaded_is_said(replaying: Replaying, folder: Path) -> None:
    """With tasks that are left out, because the contract rejects their requests."""
    wrong = ended()
    wrong["request"]["input"]["ratio"] = "7:5"

    client = replaying(ended(files=[PICTURE_NAME]), rejected(), rejected(), wrong)

    assert client.service.loaded == [
        f"replaying 1 task, 2 rejections and 1 result file from {folder}; "
        "1 task left out, as the contract rejects what was submitted"
    ]


def _changed(**changes: Any) -> dict[str, Any]:
    return {**ended(), **changes}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("", "is not JSON: it is empty; record it again"),
        ('{"recording": 1, "req', "is not JSON: Unterminated string"),
        ("[]", "body: [] is not an object"),
        ({"code": 0, "msg": "ok", "data": {}}, "recording: missing; use 1"),
        (_changed(recording=2), "recording: 2 is not accepted; use 1"),
        (_changed(other=1), "other: is unknown; use one of recording, request, task, rejection"),
        ({"recording": 1, "request": {}}, "has neither or both of task and rejection"),
        (ended(taskId="../x"), "task.taskId: '../x' is not an id of letters"),
        (ended(files=["../../x.png"]), "task.files[0]: '../../x.png' is not null or a file's"),
        (ended(files=[None, None]), "task.files: has another length than task.urls"),
        (ended(files=["0" * 64 + ".png"]), "cannot be read: No such file or directory"),
        (
            ended(states=[{"status": "DONE", "after": 1}]),
            "task.states[0].status: 'DONE' is unknown",
        ),
        (
            ended(states=[{"status": "SUCCESS", "after": -1}]),
            "task.states[0].after: -1 is less than 0",
        ),
        (ended(after=1), "task.states[1].after: is less than the one before it"),
        (rejected(status=500), "rejection.status: 500 is more than 499"),
        ("[" * 200 + "]" * 200, "is not JSON: nested deeper than 100 levels"),
        (f'"{"x" * 4 * 1024 * 1024}"', "is larger than 4194304 bytes"),
    ],
)
def test_a_wrong_recording_is_an_error_at_the_start(
    replaying: Replaying, folder: Path, document: Any, message: str
) -> None:
    """That names the file, the place and what would be accepted."""
    with pytest.raises(SettingError) as raised:
        replaying(document)

    assert str(raised.value).startswith(f"replay: {folder / 'recordings' / '0.json'}: ")
    assert message in str(raised.value)


def test_a_result_file_that_was_changed_is_an_error(replaying: Replaying, folder: Path) -> None:
    """A half-written one does not have the recorded hash."""
    (folder / "recordings" / "files" / PICTURE_NAME).write_bytes(PICTURE[:-1])

    with pytest.raises(SettingError, match="its hash differs; record it again, or use null"):
        replaying(ended(files=[PICTURE_NAME]))


def test_a_folder_without_recordings_is_an_error(make_client: MakeClient, tmp_path: Path) -> None:
    """One that is not there, and one that is empty."""
    with pytest.raises(SettingError, match="No such file or directory; use a folder that"):
        make_client(replay=tmp_path)

    (tmp_path / "recordings").mkdir()
    with pytest.raises(SettingError, match="holds 0 recordings; use 1 to 20000"):
        make_client(replay=tmp_path)
