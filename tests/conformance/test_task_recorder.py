"""What is kept of the tasks in passing traffic."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mockserver.conformance.traffic.task_recorder import TaskRecorder
from mockserver.contract import load_contract
from mockserver.domain.recording_form import recording_violations
from tests.conformance.traffic import DRAW, KEY, TASK, Traffic, task

LIFECYCLE = load_contract().lifecycle


class Files:
    """Stands for what fetches result files."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Callable[[str], object]]] = []

    def fetch(self, url: str, _folder: Path, keep: Callable[[str], object]) -> None:
        """Note what is asked for."""
        self.asked.append((url, keep))


@pytest.fixture
def traffic(tmp_path: Path) -> Traffic:
    """Traffic whose tasks are recorded."""
    return Traffic(task_recorder=TaskRecorder(tmp_path, LIFECYCLE))


def recordings(folder: Path) -> list[dict[str, Any]]:
    """Read all recordings, in order; each conforms."""
    found = []
    for path in sorted((folder / "recordings").glob("*.json")):
        found.append(json.loads(path.read_text("utf-8")))
        assert recording_violations(found[-1], LIFECYCLE) == []
    return found


def test_a_task_is_recorded_with_its_states(traffic: Traffic, tmp_path: Path) -> None:
    """At the times that the API gives, whichever of poll and webhook shows them first."""
    traffic.submits()
    traffic.polls(task())
    traffic.polls(task("PROCESSING"))
    traffic.polls(task("PROCESSING"))
    traffic.delivers(task("SUCCESS"))
    traffic.polls(task("SUCCESS"))

    assert recordings(tmp_path) == [
        {
            "recording": 1,
            "request": DRAW,
            "task": {
                "taskId": TASK,
                "states": [
                    {"status": "PENDING", "after": 0.0},
                    {"status": "PROCESSING", "after": 1.0},
                    {"status": "SUCCESS", "after": 3.0},
                ],
                "failure_reason": None,
                "urls": ["https://cdn.example/image-0.png"],
                "files": [None],
            },
        }
    ]


def test_without_times_of_the_api_those_of_the_proxy_count(
    traffic: Traffic, tmp_path: Path
) -> None:
    """From the response to the submission to the response that first shows the state."""
    least = {"created_at": None, "updated_at": None}
    traffic.submits()
    traffic.polls(task(**least))
    traffic.polls(task("FAILURE", failure_reason="INVALID_PARAMETERS", **least))

    [recording] = recordings(tmp_path)

    states = recording["task"]["states"]
    assert [(one["status"], round(one["after"])) for one in states] == [
        ("PENDING", 1),
        ("FAILURE", 2),
    ]
    assert recording["task"]["failure_reason"] == "INVALID_PARAMETERS"


def test_odd_states_are_left_out(traffic: Traffic, tmp_path: Path) -> None:
    """Unknown ones, steps back, and anything after the end."""
    traffic.submits()
    for status in ("PROCESSING", "nonsense", "PENDING", "TIMEOUT", "SUCCESS"):
        traffic.polls(task(status))

    [recording] = recordings(tmp_path)

    assert [one["status"] for one in recording["task"]["states"]] == ["PROCESSING", "TIMEOUT"]
    assert recording["task"]["urls"] == []


def test_rejections_are_recorded_in_order(traffic: Traffic, tmp_path: Path) -> None:
    """With status, body and Retry-After; not those of a key, of the server, or of no document."""
    for status in (400, 401, 429, 500):
        body = {"code": status, "msg": "no", "more": 1}
        traffic.submits(status=status, response_body=body, response_headers=[("Retry-After", "7")])
    traffic.submits(b"{", status=400, response_body={"code": 400, "msg": "no"})
    traffic.submits(status=200, response_body={"code": 402, "msg": "no points"})
    traffic.submits(status=404, response_body=b"<html>")

    found = [one["rejection"] for one in recordings(tmp_path)]

    assert found == [
        {"status": 400, "body": {"code": 400, "msg": "no", "more": 1}, "retry_after": "7"},
        {"status": 429, "body": {"code": 429, "msg": "no", "more": 1}, "retry_after": "7"},
        {"status": 200, "body": {"code": 402, "msg": "no points"}},
    ]


def test_nothing_recorded_is_secret(traffic: Traffic, tmp_path: Path) -> None:
    """No key, user id or callBackUrl, and no query or user of a URL."""
    document = {
        **DRAW,
        "user_id": "jane",
        "callBackUrl": "https://app.example/hook/secret-path",
        "input": {
            **DRAW["input"],
            "imageUrls": ["https://u:pass-word@a.example/x.png?signature=secret-value"],
            "nested": {"callBackUrl": "https://b.example/secret-path", "user_id": "jane"},
        },
    }
    done = {"type": "image", "urls": ["https://cdn.example/0.png?token=secret-value"]}
    traffic.submits(document)
    traffic.polls(task("SUCCESS", result=done))

    text = json.dumps(recordings(tmp_path))

    for secret in ("jane", "secret", "pass-word", KEY.split()[1]):
        assert secret not in text
    assert "https://cdn.example/0.png" in text


def test_result_files_are_noted_when_they_have_come(tmp_path: Path) -> None:
    """They are asked for by the whole URL, once the task has succeeded."""
    files, name = Files(), f"{'0' * 64}.png"
    recorder = TaskRecorder(tmp_path, LIFECYCLE, files)  # type: ignore[arg-type]
    traffic = Traffic(task_recorder=recorder)
    urls = ["https://cdn.example/0.png?token=1", "https://cdn.example/1.png"]
    traffic.submits()
    traffic.polls(task("SUCCESS", result={"type": "image", "urls": urls}))

    asked = [url for url, _ in files.asked]
    files.asked[1][1](name)

    assert asked == urls
    assert recordings(tmp_path)[0]["task"]["files"] == [None, name]


def test_two_runs_share_a_folder(tmp_path: Path) -> None:
    """The later one's recordings come after those of the earlier one."""
    for prompt in ("first", "second"):
        traffic = Traffic(task_recorder=TaskRecorder(tmp_path, LIFECYCLE))
        traffic.submits({**DRAW, "input": {"prompt": prompt}})

    prompts = [one["request"]["input"]["prompt"] for one in recordings(tmp_path)]

    assert prompts == ["first", "second"]
