"""An app that uses the API: it submits, polls, and receives webhooks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import requests

TERMINAL = frozenset(("SUCCESS", "FAILURE", "TIMEOUT", "CANCELLED"))

Wait = Callable[[float], object]
"""Waits some seconds: `time.sleep`, or in a test, a clock that is moved ahead."""


class GaveUp(Exception):
    """The API did not do what was asked, although the app tried several times."""


class App:
    """Submits with retries, and polls until the task ends."""

    def __init__(self, base_url: str, api_key: str, *, wait: Wait, tries: int = 5) -> None:
        self._base = f"{base_url}/api/v1/task"
        self._wait = wait
        self._tries = tries
        self._http = requests.Session()
        self._http.headers["Authorization"] = f"Bearer {api_key}"

    def submit(self, document: dict[str, Any]) -> str:
        """Submit a task; return its id. Tries again on 429 and 5xx, when the API says so."""
        for attempt in range(self._tries):
            response = self._http.post(f"{self._base}/submit", json=document, timeout=5)
            if response.status_code != 429 and response.status_code < 500:
                response.raise_for_status()
                return str(response.json()["data"]["taskId"])
            self._wait(float(response.headers.get("Retry-After", 2**attempt)))
        raise GaveUp(f"submit: {response.status_code}")

    def result_of(self, task_id: str, *, polls: int = 20) -> list[str]:
        """Wait for the end of a task; return the URLs of its results."""
        for _ in range(polls):
            response = self._http.get(f"{self._base}/{task_id}", timeout=5)
            task: dict[str, Any] = response.json()["data"] if response.ok else {"status": "UNKNOWN"}
            if task["status"] == "SUCCESS":
                return list(task["result"]["urls"])
            if task["status"] in TERMINAL:
                break
            self._wait(1)
        raise GaveUp(f"task {task_id}: {task['status']}")

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


class Webhooks:
    """Receives webhooks: each task is charged once, whatever comes, and however often."""

    def __init__(self) -> None:
        self.status: dict[str, str] = {}
        self.charged: list[str] = []

    def receive(self, body: bytes) -> int:
        """Receive a webhook; return the status to respond with: an error for a broken one."""
        try:
            task = json.loads(body)["data"]
        except ValueError:
            return 400
        if self.status.get(task["taskId"]) not in TERMINAL:
            self.status[task["taskId"]] = task["status"]
            if task["status"] == "SUCCESS":
                self.charged.append(task["taskId"])
        return 200


@contextmanager
def endpoint(webhooks: Webhooks) -> Iterator[str]:
    """Listen for webhooks on a free port; yield the URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(webhooks.receive(body))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


class NaiveApp(App):
    """Assumes that every response is a good one."""

    def submit(self, document: dict[str, Any]) -> str:
        """Submit a task; return its id."""
        response = self._http.post(f"{self._base}/submit", json=document, timeout=5)
        response.raise_for_status()
        return str(response.json()["data"]["taskId"])

    def result_of(self, task_id: str, *, polls: int = 20) -> list[str]:
        """Wait for the end of a task; return the URLs of its results."""
        for _ in range(polls):
            response = self._http.get(f"{self._base}/{task_id}", timeout=5)
            response.raise_for_status()
            task = response.json()["data"]
            if task["status"] in TERMINAL:
                return list(task["result"]["urls"])
            self._wait(1)
        raise GaveUp(f"task {task_id}: {task['status']}")


class NaiveWebhooks(Webhooks):
    """Assumes that every webhook is new and valid."""

    def receive(self, body: bytes) -> int:
        """Receive a webhook; return the status to respond with."""
        try:
            task = json.loads(body)["data"]
        except ValueError:
            return 200  # the log has it
        self.status[task["taskId"]] = task["status"]
        self.charged.append(task["taskId"])
        return 200
