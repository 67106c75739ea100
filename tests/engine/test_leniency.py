"""What settings make of responses and of null: the minimal form, and omitted fields."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mockserver.contract import Contract
from tests.client import SEED, Client, seed
from tests.conftest import MakeClient, Receiver, seconds


@pytest.fixture
def minimal(make_client: MakeClient) -> Client:
    """A client of a mock that says no more than it has to."""
    return make_client(answers="minimal")


def test_a_minimal_answer_has_the_form_of_the_seeds_example(
    minimal: Client, contract: Contract
) -> None:
    """The same members, also within input, once the task has succeeded."""
    [example] = [
        one["data"]
        for one in contract.document("task-response")["examples"]
        if one["data"]["input"]["model"] == SEED["model"]
    ]
    task_id = minimal.submitted(seed(resolution="2k"))
    minimal.sandbox.clock.advance(seconds(2))

    task = minimal.poll(task_id)

    assert list(task) == list(example)
    assert list(task["input"]) == list(example["input"])
    assert list(task["result"]) == list(example["result"])


@pytest.mark.parametrize("end", ["failure", "timeout", "cancelled", None])
def test_a_minimal_answer_without_success_has_no_result(minimal: Client, end: str | None) -> None:
    """Neither before the end nor after another one; no reason and no moments."""
    marked = f"a cat #mock:{end}" if end in ("failure", "timeout") else "a cat"
    task_id = minimal.submitted(seed(prompt=marked))
    if end == "cancelled":
        minimal.cancel(task_id)
    elif end is not None:
        minimal.sandbox.clock.advance(seconds(2))

    assert list(minimal.poll(task_id)) == ["taskId", "status", "input"]


@pytest.mark.parametrize("scenario", ["success", "invalid-parameters"])
def test_a_minimal_webhook_keeps_what_its_page_promises(
    minimal: Client, receiver: Receiver, contract: Contract, scenario: str
) -> None:
    """It says what a poll says, and always failure_reason."""
    marked = {**SEED["input"], "prompt": f"a cat #mock:{scenario}"}
    task_id = minimal.submitted({**SEED, "input": marked})
    minimal.sandbox.clock.advance(seconds(2))

    sent = json.loads(receiver.next().body)

    reason = None if scenario == "success" else "INVALID_PARAMETERS"
    assert sent["data"] == minimal.poll(task_id) | {"failure_reason": reason}
    assert contract.violations("webhook", sent) == []


def test_the_control_plane_still_shows_everything(minimal: Client) -> None:
    """The setting is about what an app sees."""
    minimal.submitted(seed())

    [task] = minimal.control("tasks").json["tasks"]

    assert {"failure_reason", "created_at", "updated_at"} <= task.keys()


@pytest.mark.parametrize("field", ["callBackUrl", "user_id", "ratio", "resolution", "n"])
def test_null_for_an_optional_field(make_client: MakeClient, field: str) -> None:
    """It is rejected as a wrong type or, if the settings say so, omitted, in the echo too."""
    document: dict[str, Any] = seed()
    (document if field in ("callBackUrl", "user_id") else document["input"])[field] = None
    strict, lenient = make_client(), make_client(null="omit")

    rejected, task_id = strict.submit(document), lenient.submitted(document)

    task = lenient.sandbox.get(task_id)
    assert (rejected.status, field in rejected.msg) == (400, True)
    assert field not in lenient.poll(task_id)["input"]
    assert lenient.control("tasks").json["tasks"][0]["cost_usd"] == "0.02"
    assert None not in task.input.values()


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({**seed(), "model": None}, "model: null"),
        ({**seed(), "input": None}, "input: null"),
        (seed(prompt=None), "input.prompt: null"),
        (seed(imageUrls=[None]), "input.imageUrls[0]: null"),
        (seed(resolution="4k", ratio=None), "input.ratio: missing"),
        (None, "body: null"),
        ([], "body: []"),
    ],
)
def test_null_where_a_value_is_required_is_rejected(
    make_client: MakeClient, document: Any, said: str
) -> None:
    """Whatever the settings say."""
    answer = make_client(null="omit").submit(document)

    assert answer.status == 400
    assert said in answer.msg


def test_null_of_a_field_that_nobody_documents_stays(make_client: MakeClient) -> None:
    """It is accepted and echoed like any other value of such a field."""
    client = make_client(null="omit")

    answer = client.submit(seed(style=None))

    assert "input.style: unknown" in answer.headers["x-mock-warning"]
    assert client.poll(answer.json["data"]["taskId"])["input"]["style"] is None


def test_a_field_that_nobody_documents_can_be_refused(make_client: MakeClient) -> None:
    """By a setting, with the name that was meant; what is documented is still accepted."""
    client = make_client(unknown_fields="refuse")

    rejected, accepted = client.submit(seed(aspect_ratio="1:1")), client.submit(seed())

    assert (rejected.status, accepted.status) == (400, 200)
    assert rejected.msg == "input.aspect_ratio: unknown, did you mean 'ratio'?"
    assert len(client.control("tasks").json["tasks"]) == 1
