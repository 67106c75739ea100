"""How to test an app with the API's own host in its code."""

from __future__ import annotations

import os

import httpx
import pytest
import requests

from mockserver.testing import Intercepted, Webhook
from tests.examples.app import Webhooks

API = "https://api.maxapi.io/api/v1/task"
CALLBACK = "https://app.example.com/webhook"


class Studio:
    """The app; it was written without the mock in mind."""

    def __init__(self, http: requests.Session | httpx.Client) -> None:
        self._http = http
        self._http.headers["Authorization"] = f"Bearer {os.environ['MAXAPI_API_KEY']}"

    def draw(self, prompt: str, **more: str) -> str:
        """Submit a task; return its id."""
        document = {"model": "gpt-image-2/text-to-image", "input": {"prompt": prompt}, **more}
        response = self._http.post(f"{API}/submit", json=document)
        response.raise_for_status()
        return str(response.json()["data"]["taskId"])

    def picture(self, task_id: str) -> bytes:
        """Download the result of a task that has succeeded."""
        task = self._http.get(f"{API}/{task_id}").json()["data"]
        return self._http.get(task["result"]["urls"][0]).content


def test_an_app_that_uses_requests(maxapi_intercepted: Intercepted) -> None:
    """The mock responds at the API's own URLs; there is nothing to configure."""
    studio = Studio(requests.Session())

    task_id = studio.draw("a cat")
    maxapi_intercepted.wait_for(task_id)

    assert studio.picture(task_id).startswith(b"\x89PNG")


def test_an_app_that_uses_httpx(maxapi_intercepted: Intercepted) -> None:
    """The same is true of every other client of this process."""
    with httpx.Client() as http:
        studio = Studio(http)

        task_id = studio.draw("a cat")
        maxapi_intercepted.wait_for(task_id)

        assert studio.picture(task_id).startswith(b"\x89PNG")


def test_webhooks_without_a_server(maxapi_intercepted: Intercepted) -> None:
    """Whatever the callBackUrl is, they go to a function."""
    received: list[Webhook] = []
    maxapi_intercepted.on_webhook = received.append

    task_id = Studio(requests.Session()).draw("a cat", callBackUrl=CALLBACK)
    maxapi_intercepted.wait_for(task_id)

    assert [webhook.task["status"] for webhook in received] == ["SUCCESS"]


def test_a_webhook_that_is_broken(maxapi_intercepted: Intercepted) -> None:
    """The function returns the status: the app's own handler rejects it, and it is sent again.

    A web framework's test client can be called here as well.
    """
    webhooks = Webhooks()
    maxapi_intercepted.on_webhook = lambda webhook: webhooks.receive(webhook.body)

    Studio(requests.Session()).draw("a cat #mock:webhook-truncated", callBackUrl=CALLBACK)
    maxapi_intercepted.wait_until_idle()

    assert [one["status"] for one in maxapi_intercepted.deliveries] == [400, 400, 400]
    assert webhooks.charged == []


def test_a_host_that_hangs(maxapi_intercepted: Intercepted) -> None:
    """The app's own time-out ends it; for its tests, this app has a short one."""
    maxapi_intercepted.scenario("hang", path="*/submit")

    with pytest.raises(httpx.TimeoutException):
        Studio(httpx.Client(timeout=0.1)).draw("a cat")
    maxapi_intercepted.assert_requested(prompt="a cat", times=1)
