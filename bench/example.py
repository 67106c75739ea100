"""What an app sends: the contract's example of a submission, and polls."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from load import Client, http_request

from mockserver.contract import dump_json, load_contract

SUBMIT, TASK, HEALTH = "/api/v1/task/submit", "/api/v1/task/", "/__mock/health"

contract = cache(load_contract)


def document(**of_input: Any) -> dict[str, Any]:
    """Return the example, without a webhook, with changes to its input."""
    example = contract().document("submit-request")["examples"][0]
    return {"model": example["model"], "input": example["input"] | of_input}


def submit(key: str = "bench", **members: Any) -> bytes:
    """Write a submit request with further *members* in its body."""
    return http_request("POST", SUBMIT, dump_json(document() | members), key)


def polls(port: int, count: int, submission: bytes = b"") -> list[bytes]:
    """Submit *count* tasks; write the requests that poll them.

    They have a key of their own, so that they are not forgotten when other tasks are submitted.
    """
    key = "polls"
    with Client(port) as client:
        tasks = [json.loads(client.send(submission or submit(key)))["data"] for _ in range(count)]
    return [http_request("GET", TASK + task["taskId"], key=key) for task in tasks]
