"""Facts of the user's own over those of `service.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mockserver.contract import Contract, ContractError, load_contract
from mockserver.engine.messages import Request
from mockserver.settings import SETTINGS
from tests.client import SEED, SUBMIT, seed
from tests.conftest import MakeClient, Receiver, seconds


def write(folder: Path, facts: Any) -> Path:
    """Write a file of facts."""
    path = folder / "facts.json"
    path.write_text(json.dumps(facts), "utf-8")
    return path


def test_a_file_replaces_facts(tmp_path: Path, contract: Contract, make_client: MakeClient) -> None:
    """What it names is in force, and everything else is as before."""
    facts = {
        "errors": {"404": {"msg": "nothing here"}},
        "lifecycle": {"entered_at": {"value": [0, 0, 1]}},
    }

    own = load_contract(facts=write(tmp_path, facts))

    client = make_client(contract=own)
    status = client.poll(client.submitted(seed()))["status"]
    assert own.service["errors"]["404"]["msg"] == "nothing here"
    assert own.service["errors"]["405"] == contract.service["errors"]["405"]
    assert contract.service["errors"]["404"]["msg"] == "not found"
    assert status == contract.lifecycle.path[-1]


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ([], "file: [] is not accepted; use an object"),
        ({"error": {}}, "error: unknown; did you mean 'errors'?"),
        ({"zzz": 1}, "zzz: unknown; use one of $id, title"),
        ({"errors": {"404": "gone"}}, "errors.\"404\": 'gone' is not accepted; use an object"),
        ({"errors": {"404": {"msg": ""}}}, "msg: '' is not accepted; use some text"),
        (
            {"webhook": {"tries": {"value": "3"}}},
            "webhook.tries.value: '3' is not accepted; use an",
        ),
        ({"webhook": {"tries": {"value": True}}}, "true is not accepted; use an integer"),
        ({"lifecycle": {"entered_at": {"value": []}}}, "use an array of one or more numbers"),
        ({"lifecycle": {"entered_at": {"value": ["x"]}}}, "use an array of one or more numbers"),
        ({"results": {"image": {"path": "/x/{taskId}"}}}, "{index} {sandbox} {taskId}"),
        ({"results": {"video": {"path": "x"}}}, "use a path that starts with /"),
        ({"base_url": {"value": "x"}}, "use an http or https URL"),
        ({"operations": {"query": {"response": "x"}}}, "operations.query.response: cannot be repl"),
        (
            {"errors": {"404": {"x-source": {"confidence": "sure"}}}},
            "use one of seed, documented, corroborated, assumed",
        ),
    ],
)
def test_a_wrong_file_is_rejected_with_its_place(tmp_path: Path, facts: Any, said: str) -> None:
    """The message names the file, the place and what would be accepted."""
    path = write(tmp_path, facts)

    with pytest.raises(ContractError) as caught:
        load_contract(facts=path)

    assert str(caught.value).startswith(f"{path}: ")
    assert said in str(caught.value)


def test_a_file_that_cannot_be_read_is_rejected(tmp_path: Path) -> None:
    """Not a traceback."""
    with pytest.raises(ContractError, match=r"none.json: .*No such file"):
        load_contract(facts=tmp_path / "none.json")


def test_each_assumed_value_is_the_default_of_a_setting_or_a_fact_that_is_used(
    contract: Contract,
) -> None:
    """So that a user who knows better can say so."""
    settings = {one.metadata["fact"] for one in SETTINGS.values()}

    assumed = {
        f"{group}.{name}"
        for group, facts in contract.service.items()
        if isinstance(facts, dict)
        for name, fact in facts.items()
        if isinstance(fact, dict) and "value" in fact and _is_assumed(fact)
    }

    assert assumed - settings == {
        "lifecycle.entered_at",
        "webhook.content_type",
        "promises.answer_content_type",
    }


def _is_assumed(fact: dict[str, Any]) -> bool:
    return bool(fact["x-source"]["confidence"] == "assumed")


def test_the_content_types_of_answers_and_webhooks(
    tmp_path: Path, make_client: MakeClient, receiver: Receiver
) -> None:
    """They are those of the file; a picture keeps its own."""
    other = "application/json; charset=utf-8"
    facts = {
        "promises": {"answer_content_type": {"value": other}},
        "webhook": {"content_type": {"value": other}},
    }
    own = load_contract(facts=write(tmp_path, facts))
    client = make_client(contract=own, pace="instant")
    headers = {"authorization": "Bearer test", "content-type": "application/json"}
    body = json.dumps(SEED).encode()

    answers = [
        client.service.respond(Request(method, path, headers, body))
        for method, path in (("POST", SUBMIT), ("GET", "/none"))
    ]
    client.sandbox.clock.advance(seconds(2))

    assert [dict(answer.headers)["Content-Type"] for answer in answers] == [other] * 2
    assert receiver.next().content_type == other
