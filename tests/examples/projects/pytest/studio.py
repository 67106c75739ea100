"""An app that draws pictures with the API."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import requests


class DrawError(Exception):
    """There is no picture; the message says why."""


class Studio:
    """Reads MAXAPI_BASE_URL and MAXAPI_API_KEY; `wait` takes seconds."""

    def __init__(
        self, callback: str | None = None, *, wait: Callable[[float], Any] = time.sleep
    ) -> None:
        self._tasks = f"{os.environ['MAXAPI_BASE_URL']}/api/v1/task"
        self._headers = {"Authorization": f"Bearer {os.environ['MAXAPI_API_KEY']}"}
        self._callback = {} if callback is None else {"callBackUrl": callback}
        self._wait = wait

    def submit(self, prompt: str) -> str:
        """Submit a task; return its id. Tries three times if the API is busy."""
        model = "gpt-image-2/text-to-image"
        document = {"model": model, "input": {"prompt": prompt, "ratio": "1:1"}, **self._callback}
        for attempt in range(3):
            response = requests.post(
                f"{self._tasks}/submit", json=document, headers=self._headers, timeout=10
            )
            if response.status_code != 429 and response.status_code < 500:
                break
            self._wait(float(response.headers.get("Retry-After", 2**attempt)))
        if not response.ok:
            raise DrawError(response.json()["msg"])
        return str(response.json()["data"]["taskId"])

    def picture(self, task_id: str, polls: int = 60) -> bytes:
        """Poll until the task has ended; return its picture."""
        for _ in range(polls):
            response = requests.get(f"{self._tasks}/{task_id}", headers=self._headers, timeout=10)
            response.raise_for_status()
            task = response.json()["data"]
            if task["status"] == "SUCCESS":
                return requests.get(task["result"]["urls"][0], timeout=10).content
            if task["status"] in {"FAILURE", "TIMEOUT", "CANCELLED"}:
                raise DrawError(task["failure_reason"] or task["status"])
            self._wait(1)
        raise DrawError(f"still {task['status']}")
