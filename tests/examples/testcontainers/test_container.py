"""A test knows nothing of the container."""

from __future__ import annotations

import requests

from mockserver.testing import MaxapiSandbox


def test_a_task(maxapi: MaxapiSandbox) -> None:
    """It succeeds when the clock of the mock gets there."""
    response = requests.post(
        f"{maxapi.base_url}/api/v1/task/submit",
        json={"model": "gpt-image-2/text-to-image", "input": {"prompt": "a cat"}},
        headers={"Authorization": f"Bearer {maxapi.api_key}"},
        timeout=10,
    )

    assert maxapi.wait_for(response.json()["data"]["taskId"])["status"] == "SUCCESS"
