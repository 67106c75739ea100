"""The app under test, and a fake of the API written by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import requests

SUBMIT, TASK, IMAGE = "/api/v1/task/submit", "/api/v1/task/", "/image.png"
_MOMENT = "2026-02-10T21:54:46.686768Z"


@dataclass(frozen=True)
class App:
    """Submits a task, polls it, gets a webhook for it, and fetches its image."""

    session: requests.Session
    prompt: str
    webhooks: list[Any] = field(default_factory=list)

    def check(
        self, base_url: str, key: str, callback: str, finish: Callable[[str], object]
    ) -> None:
        """Use the API to the end; *finish* lets a task end, and its webhook be in `webhooks`."""
        self.session.headers["Authorization"] = f"Bearer {key}"
        document = {
            "model": "gpt-image-2/text-to-image",
            "callBackUrl": callback,
            "input": {"prompt": self.prompt, "ratio": "3:4"},
        }
        submitted = self.session.post(base_url + SUBMIT, json=document).json()
        task_id = submitted["data"]["taskId"]
        assert self._poll(base_url, task_id)["status"] == "PENDING"
        finish(task_id)
        polled = self._poll(base_url, task_id)
        assert polled["status"] == "SUCCESS"
        assert self.webhooks == [polled]
        [url] = polled["result"]["urls"]
        assert self.session.get(url).content.startswith(b"\x89PNG")

    def _poll(self, base_url: str, task_id: str) -> Any:
        return self.session.get(f"{base_url}{TASK}{task_id}").json()["data"]


@dataclass
class Fake:
    """Responds like the API, as far as this one app needs it."""

    base_url: str
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)

    def submit(self, body: bytes) -> str:
        """Return the response to a submission."""
        document, task_id = json.loads(body), str(uuid4())
        self.tasks[task_id] = {
            "taskId": task_id,
            "status": "PENDING",
            "input": {"model": document["model"], **document["input"]},
            "result": None,
            "failure_reason": None,
            "created_at": _MOMENT,
            "updated_at": _MOMENT,
        }
        return _success({"taskId": task_id})

    def poll(self, path: str) -> str:
        """Return the response to a poll."""
        return _success(self.tasks[path.rpartition("/")[2]])

    def finish(self, task_id: str) -> str:
        """Let a task end; return the body of its webhook."""
        result = {"type": "image", "urls": [self.base_url + IMAGE]}
        self.tasks[task_id] |= {"status": "SUCCESS", "result": result}
        return _success(self.tasks[task_id])


PNG = b"\x89PNG\r\n\x1a\n" + bytes(20_000)


def _success(data: object) -> str:
    return json.dumps({"code": 0, "msg": "ok", "data": data})
