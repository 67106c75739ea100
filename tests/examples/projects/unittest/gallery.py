"""An app that asks for variations of a picture, with nothing but the standard library."""

from __future__ import annotations

import json
from typing import Any
from urllib.request import Request, urlopen


class Gallery:
    """Uses the API at a base URL, with a key."""

    def __init__(self, base_url: str, api_key: str) -> None:
        self._tasks = f"{base_url}/api/v1/task"
        self._headers = {
            "Authorization": f"Bearer {api_key}",
            "Content-Type": "application/json",
        }

    def vary(self, image: str, number: int) -> str:
        """Ask for variations of an image; return the task's id."""
        given = {"prompt": "a variation", "imageUrls": [image], "n": number}
        return str(self._call("/submit", "gpt-image-2/image-to-image", given)["taskId"])

    def variations(self, task_id: str) -> list[str]:
        """Return the URLs of the variations, once they are there."""
        task = self._call(f"/{task_id}")
        return list(task["result"]["urls"]) if task["status"] == "SUCCESS" else []

    def _call(self, path: str, model: str = "", given: object = None) -> dict[str, Any]:
        body = json.dumps({"model": model, "input": given}).encode() if model else None
        with urlopen(Request(self._tasks + path, body, self._headers), timeout=10) as response:
            return dict(json.load(response)["data"])
