"""The fixtures start a mock; `maxapi_env` sets MAXAPI_BASE_URL and MAXAPI_API_KEY to it."""

from __future__ import annotations

import pytest
from studio import DrawError, Studio

from mockserver.testing import Inbox, MaxapiSandbox


def test_a_picture(maxapi_env: MaxapiSandbox) -> None:
    """The app polls until it is there; its waits move the mock's clock."""
    studio = Studio(wait=maxapi_env.clock.advance)

    picture = studio.picture(studio.submit("a cat"))

    assert picture.startswith(b"\x89PNG")


def test_the_api_is_busy_twice(maxapi_env: MaxapiSandbox) -> None:
    """The app waits as long as it is told."""
    maxapi_env.scenario("rate-limited", 7, times=2, path="*/submit")
    waits: list[float] = []

    Studio(wait=waits.append).submit("a cat")

    assert waits == [7, 7]
    maxapi_env.assert_requested(path="*/submit", prompt="a cat", times=3)


@pytest.mark.maxapi(scenario="content-moderation")
def test_moderation_stops_the_task(maxapi_env: MaxapiSandbox) -> None:
    """The app says why there is no picture."""
    studio = Studio(wait=maxapi_env.clock.advance)
    task_id = studio.submit("a cat")

    with pytest.raises(DrawError, match="CONTENT_MODERATION"):
        studio.picture(task_id)


@pytest.mark.maxapi(expect="webhook:500")
def test_the_webhook_comes_again(maxapi_env: MaxapiSandbox, maxapi_inbox: Inbox) -> None:
    """After a receiver that was down; nothing in this test takes real time."""
    maxapi_inbox.respond(500, 200)

    task_id = Studio(callback=maxapi_inbox.url).submit("a cat")
    maxapi_env.wait_until_idle()

    assert [one.task["taskId"] for one in maxapi_inbox.wait(2)] == [task_id, task_id]
