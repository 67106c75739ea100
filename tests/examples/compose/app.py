"""An app that calls the API, by default by its own name: one task, its webhook, its image."""

from __future__ import annotations

import json
import os
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import urlsplit

API = os.environ.get("MAXAPI_BASE_URL", "https://api.maxapi.io") + "/api/v1/task"
CALLBACK = urlsplit(os.environ["WEBHOOK_URL"])
HEADERS = {
    "Authorization": f"Bearer {os.environ['MAXAPI_API_KEY']}",
    "Content-Type": "application/json",
}

received: list[dict[str, Any]] = []


class Handler(BaseHTTPRequestHandler):
    """The app's webhook endpoint."""

    def do_POST(self) -> None:
        """Receive a webhook."""
        received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["data"])
        self.send_response(204)
        self.end_headers()


def call(url: str, document: object = None) -> bytes:
    """Call the API, or download a file; return the body of the response."""
    body = None if document is None else json.dumps(document).encode()
    request = urllib.request.Request(url, body, HEADERS)  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
        return bytes(response.read())


with HTTPServer((CALLBACK.hostname or "", CALLBACK.port or 80), Handler) as server:
    server.timeout = 10
    request = {
        "model": "gpt-image-2/text-to-image",
        "callBackUrl": CALLBACK.geturl(),
        "input": {"prompt": "a cat", "ratio": "16:9"},
    }
    task_id = json.loads(call(f"{API}/submit", request))["data"]["taskId"]
    server.handle_request()

[task] = received
assert task == json.loads(call(f"{API}/{task_id}"))["data"], "a webhook is what a poll shows"
[url] = task["result"]["urls"]
image = call(url)
size = (int.from_bytes(image[16:20]), int.from_bytes(image[20:24]))
print(f"{task['status']}: {url} has {size[0]} x {size[1]} pixels")
