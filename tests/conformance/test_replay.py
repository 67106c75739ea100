"""What was recorded of one service is what another one replays."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mockserver.conformance.traffic.task_recorder import TaskRecorder
from mockserver.contract import load_contract
from mockserver.domain.document import FORMS
from tests.client import SUBMIT, Answer, Client, seed
from tests.conformance.traffic import Traffic
from tests.conftest import MakeClient, seconds

CONTRACT = load_contract()
DOCUMENTS: list[Any] = [
    seed(),
    seed(n=3),
    seed(prompt="another"),
    {**seed(), "callBackUrl": "https://app.example/hook?secret=1", "user_id": "jane"},
    seed(imageUrls=["https://user:word@example.com/source.jpg?signature=1"]),
    seed(ratio="7:5"),
    {"model": "gpt-image-2/image-to-image"},
    {"model": "seedance-2.0", "input": {"prompt": "a wave"}},
]
SCENARIOS = ["", "failure", "content-moderation", "timeout", "slow=20s", "instant"]
SCENARIOS += ["fewer-results=1", "moderated=violence", "rate-limited=7", "status=409"]

SUBMISSIONS = st.tuples(
    st.just("submit"), st.sampled_from(range(len(DOCUMENTS))), st.sampled_from(SCENARIOS)
)
TASKS = st.integers(0, 5)
STEPS = st.lists(
    st.one_of(
        SUBMISSIONS,
        st.tuples(st.just("poll"), TASKS),
        st.tuples(st.just("cancel"), TASKS),
        st.tuples(st.just("advance"), st.floats(0.1, 8).map(lambda n: round(n, 3))),
    ),
    max_size=14,
)


class App:
    """Does the same with any service, and keeps what it was answered."""

    def __init__(self, client: Client, traffic: Traffic | None = None) -> None:
        self.answers: list[tuple[int, str | None, Any]] = []
        self._client, self._traffic = client, traffic
        self._ids: list[str] = []

    def does(self, steps: list[Any], *, scenarios: bool) -> None:
        """Take the steps, and see how everything ends."""
        for step in steps:
            self._do(step, scenarios=scenarios)
        self._client.sandbox.clock.advance(timedelta(hours=5))
        for number in range(len(self._ids)):
            self._poll(number)

    def _do(self, step: Any, *, scenarios: bool) -> None:
        match step:
            case ("submit", number, scenario):
                self._submit(DOCUMENTS[number], scenario if scenarios else "")
            case ("advance", count):
                self._client.sandbox.clock.advance(seconds(count))
            case ("poll", number):
                self._poll(number)
            case ("cancel", number):
                if self._poll(number):  # what was not seen before it cannot be replayed
                    path = f"/api/v1/task/{self._ids[number]}/cancel"
                    self._passed("POST", path, b"", self._client.request("POST", path))
                    self._poll(number)

    def _submit(self, document: Any, scenario: str) -> None:
        body, headers = json.dumps(document).encode(), {"content-type": "application/json"}
        if scenario:
            headers["x-mock-scenario"] = scenario
        answer = self._client.request("POST", SUBMIT, body, headers)
        self._passed("POST", SUBMIT, body, answer)
        if answer.status == 200:
            self._ids.append(answer.json["data"]["taskId"])

    def _poll(self, number: int) -> bool:
        if number >= len(self._ids):
            return False
        path = f"/api/v1/task/{self._ids[number]}"
        self._passed("GET", path, b"", self._client.request("GET", path))
        return True

    def _passed(self, method: str, path: str, body: bytes, answer: Answer) -> None:
        self.answers.append((answer.status, answer.headers.get("retry-after"), answer.json))
        if self._traffic is None:
            return
        now = self._client.sandbox.clock.now().timestamp()
        given = [(name, value) for name, value in answer.headers.items() if value.isascii()]
        times = {"began": now, "ended": now, "response_headers": given}
        self._traffic.passes(method, path, body, answer.body, answer.status, **times)


@pytest.mark.slow
@given(STEPS, st.sampled_from(FORMS))
@example([("submit", 0, "instant"), ("cancel", 0), ("submit", 5, "")], "full")
@example([("submit", 1, "fewer-results=1"), ("advance", 1.2), ("poll", 1)], "minimal")
@settings(max_examples=30)
def test_the_same_history_has_the_same_answers(
    make_client: MakeClient, steps: list[Any], form: str
) -> None:
    """Whatever happened: the outcomes, reasons and times, the rejections, and in this order."""
    with TemporaryDirectory() as name:
        live = make_client(answers=form, seed="live")
        traffic = Traffic(task_recorder=TaskRecorder(Path(name), CONTRACT.lifecycle))
        recorded = App(live, traffic)
        recorded.does([("submit", 0, ""), *steps], scenarios=True)
        mock = make_client(answers=form, seed="mock", replay=Path(name))
        replayed = App(mock)

        replayed.does([("submit", 0, ""), *steps], scenarios=False)

        live.service.close()
        mock.service.close()
    assert replayed.answers == recorded.answers
