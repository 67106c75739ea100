"""The examples of the API's own pages, which nothing of ours may call wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mockserver.contract import Contract
from mockserver.engine.unknown_fields import unknown_fields
from mockserver.testing import InProcessMock
from tests.conformance.traffic import TASK, Traffic

PAGES = sorted((Path(__file__).parents[2] / "fixtures/pages").glob("*.json"))
EXAMPLES = {path.stem: json.loads(path.read_text("utf-8")) for path in PAGES}
_ERRORS = ("error", "moderation-error")
_RESPONSES = {"submit": "submit-response", "query": "task-response", "cancel": "cancel-response"}

pytestmark = pytest.mark.parametrize("name", EXAMPLES)


def _documents(example: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for exchange in example["exchanges"]:
        if exchange["operation"] == "webhook":
            yield "webhook", exchange["request"]
            continue
        if exchange["operation"] == "submit" and exchange["status"] == 200:
            yield "submit-request", exchange["request"]
        if exchange["status"] == 200:
            yield _RESPONSES[exchange["operation"]], exchange["response"]
        else:
            yield _ERRORS["data" in exchange["response"]], exchange["response"]


def test_every_document_of_a_page_conforms(name: str, contract: Contract) -> None:
    """What a page shows is valid, and its page is one of the reference's."""
    example = EXAMPLES[name]

    assert example["page"] in (None, *contract.fact("pages"))
    for kind, document in _documents(example):
        assert contract.violations(kind, document) == []


def test_what_a_page_shows_is_never_drift(name: str) -> None:
    """Seen on its way through a proxy, it causes neither drift nor a warning."""
    traffic = Traffic()
    for exchange in EXAMPLES[name]["exchanges"]:
        if exchange["operation"] == "webhook":
            traffic.delivers(exchange["request"], token="t")
            continue
        status, response = exchange["status"], exchange["response"]
        if exchange["operation"] == "submit":
            traffic.submits(exchange["request"], response_body=response, status=status, token="t")
        elif exchange["operation"] == "query":
            traffic.polls(response, status)
        else:
            traffic.passes("POST", f"/api/v1/task/{TASK}/cancel", b"", response, status)

    report = traffic.watch.report(traffic.now)

    rejected = any(one["status"] == 400 for one in EXAMPLES[name]["exchanges"] if "status" in one)
    found = [one for one in report.findings if one.severity in ("drift", "warning")]
    assert [one for one in found if not (rejected and one.check == "requests-conform")] == []
    assert traffic.notices == []


def test_the_mock_accepts_what_a_page_sends(name: str, contract: Contract) -> None:
    """Without a word about a field."""
    with closing(InProcessMock("https://api.maxapi.io")) as mock:
        for kind, document in _documents(EXAMPLES[name]):
            if kind == "submit-request":
                assert unknown_fields(document, contract) == []
                client = mock.app.test_client()
                headers = {"Authorization": "Bearer a-key"}
                answer = client.post("/api/v1/task/submit", json=document, headers=headers)
                assert answer.status_code == 200
