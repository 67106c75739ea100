"""Documents that passed by, kept as golden ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mockserver.conformance.traffic import recorder as recording
from mockserver.conformance.traffic.recorder import Recorder
from mockserver.contract import Contract, load_contract
from tests.conformance.traffic import DRAW, Traffic, task

VIOLENCE = Path(__file__).parents[2] / "fixtures/moderation-error/valid/violence.json"
HOOK = "https://user:pass-word@app.example/hook/a-secret-path?signature=a-secret-value"


@pytest.fixture
def traffic(tmp_path: Path) -> Traffic:
    """Traffic that is recorded."""
    return Traffic(recorder=Recorder(tmp_path, load_contract()))


def recorded(folder: Path) -> dict[str, list[str]]:
    """List the names of the files by kind and validity."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("*.json")):
        found.setdefault("/".join(path.relative_to(folder).parts[:2]), []).append(path.name)
    return found


def read(folder: Path) -> list[Any]:
    """Read all of it."""
    return [json.loads(path.read_text("utf-8")) for path in sorted(folder.rglob("*.json"))]


def test_every_kind_has_its_folder(traffic: Traffic, tmp_path: Path, contract: Contract) -> None:
    """As in `fixtures/`: what is valid conforms, and what is not does not."""
    moderated = json.loads(VIOLENCE.read_text("utf-8"))
    traffic.submits()
    traffic.submits({**DRAW, "input": {"prompt": 7}}, response_body=moderated, status=400)
    traffic.submits({**DRAW, "input": {}}, response_body={"code": 400, "msg": "no"}, status=400)
    traffic.polls(task())
    traffic.polls(task("nonsense"))
    traffic.cancels()
    traffic.delivers(task("SUCCESS"))
    traffic.delivers(task("PENDING"))

    names = recorded(tmp_path)

    assert {kind: len(found) for kind, found in names.items()} == {
        "cancel-response/valid": 1,
        "error/valid": 1,
        "moderation-error/valid": 1,
        "submit-request/invalid": 2,
        "submit-request/valid": 1,
        "submit-response/valid": 1,
        "task-response/invalid": 1,
        "task-response/valid": 1,
        "webhook/invalid": 1,
        "webhook/valid": 1,
    }
    for path in tmp_path.rglob("*.json"):
        kind, check_result = path.relative_to(tmp_path).parts[:2]
        conforms = contract.violations(kind, json.loads(path.read_text("utf-8"))) == []
        assert conforms == (check_result == "valid")


def test_a_name_says_what_is_in_it(traffic: Traffic, tmp_path: Path) -> None:
    """Status and model, or what is wrong; eight letters make it the only one."""
    traffic.submits({**DRAW, "input": {"prompt": 7}})
    traffic.polls(task("SUCCESS"))

    names = recorded(tmp_path)

    model = "gpt-image-2-text-to-image"
    [wrong], [polled] = names["submit-request/invalid"], names["task-response/valid"]
    assert wrong.startswith(f"recorded-{model}-input-prompt-type-")
    assert polled.startswith(f"recorded-200-success-{model}-")
    assert len(polled.removeprefix(f"recorded-200-success-{model}-")) == len("01234567.json")


def test_each_shape_is_kept_once(traffic: Traffic, tmp_path: Path) -> None:
    """Other values of the same members make no other shape; members, status and model do."""
    for number in range(5):
        draw = {"prompt": f"cat {number}", "n": 1 + number}
        traffic.submits({**DRAW, "input": draw})
        traffic.polls(task("PENDING", input={"model": DRAW["model"], **draw}))
    traffic.submits({"model": "gpt-image-2/image-to-image", "input": {"prompt": "x"}})
    traffic.polls(task("PROCESSING"))

    found = recorded(tmp_path)

    assert len(found["submit-request/valid"]) == 1
    assert len(found["submit-request/invalid"]) == 1
    assert len(found["task-response/valid"]) == 2


def test_nothing_is_replaced(tmp_path: Path) -> None:
    """What is there was chosen by somebody, or by an earlier run."""
    contract = load_contract()
    Traffic(recorder=Recorder(tmp_path, contract)).submits()
    for path in tmp_path.rglob("*.json"):
        path.write_text("mine")
    second = Recorder(tmp_path, contract)

    Traffic(recorder=second).submits()

    assert {path.read_text() for path in tmp_path.rglob("*.json")} == {"mine"}
    assert second.written == []


def test_who_sent_it_and_where_it_goes_is_not_kept(traffic: Traffic, tmp_path: Path) -> None:
    """No token, no user id, no address of the app, no signature of a URL."""
    image = "https://who:knows@files.example/a.png?X-Signature=a-signed-value"
    document: dict[str, Any] = {
        "model": "gpt-image-2/image-to-image",
        "callBackUrl": HOOK,
        "user_id": "jane@app.example",
        "input": {"prompt": "the-key-of-the-app", "imageUrls": [image]},
    }
    traffic.submits(document)
    traffic.polls(task("PENDING", input={"model": document["model"], **document["input"]}))

    texts = "".join(path.read_text() for path in tmp_path.rglob("*.json"))

    [request, *_] = read(tmp_path / "submit-request")
    assert request["callBackUrl"] == "https://example.com/webhook"
    assert request["user_id"] == "somebody"
    assert request["input"]["imageUrls"] == ["https://files.example/a.png"]
    for secret in ("the-key", "a-secret", "pass-word", "jane", "knows", "a-signed", "app.example"):
        assert secret not in texts


@pytest.mark.parametrize("url", ["nowhere", "ftp://me:my-word@app.example/?my-value", 7, None, ""])
def test_a_wrong_callback_stays_wrong(traffic: Traffic, tmp_path: Path, url: Any) -> None:
    """What is recorded breaks the same clause, without what was secret in it."""
    traffic.submits({**DRAW, "callBackUrl": url, "user_id": 7})

    [request] = read(tmp_path / "submit-request" / "invalid")

    rules = {one.place for one in traffic.contract.violations("submit-request", request)}
    assert rules == {"callBackUrl", "user_id"}
    assert "my-word" not in str(request)
    assert "my-value" not in str(request)


@pytest.mark.parametrize(
    ("response_body", "status", "error"),
    [(b"<html>", 502, None), (b"", None, "reset"), ({"code": 0, "msg": "ok"}, 302, None)],
)
def test_what_is_no_document_is_not_kept(
    traffic: Traffic, tmp_path: Path, response_body: Any, status: int | None, error: str | None
) -> None:
    """Nor is what is not a response."""
    traffic.polls(response_body, status, error=error)

    assert recorded(tmp_path) == {}


def test_a_run_writes_no_more_than_somebody_reads(
    traffic: Traffic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A target that invents members fills no disk."""
    monkeypatch.setattr(recording, "_MOST", 3)
    for number in range(9):
        traffic.polls(task("PENDING", **{f"field{number}": 1}))

    assert len(list(tmp_path.rglob("*.json"))) == 3


def test_names_lead_to_no_other_folder(traffic: Traffic, tmp_path: Path) -> None:
    """Whatever a target calls its models."""
    traffic.polls(task("../../x", input={"model": "../" * 99, "prompt": "x\0"}))

    assert [one.count("/") for one in recorded(tmp_path)] == [1]
    [path] = tmp_path.rglob("*.json")
    assert len(path.name) < 150
