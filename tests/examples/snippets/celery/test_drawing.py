"""`apply` runs a task and its retries at once; with pace per-poll, each poll moves the API's on."""

from __future__ import annotations

import pytest
from drawing import collect, submit

from mockserver.testing import MaxapiSandbox


@pytest.mark.maxapi(pace="per-poll")
def test_a_picture(maxapi_env: MaxapiSandbox) -> None:
    """The second task comes back until it is there."""
    task_id = submit.apply(["a cat"]).get()

    assert len(collect.apply([task_id]).get()) == 1
    maxapi_env.assert_requested(path=f"*/{task_id}", times=4)


@pytest.mark.maxapi(scenario="unavailable")
def test_the_api_is_down(maxapi_env: MaxapiSandbox) -> None:
    """The first task gives up after five retries."""
    assert submit.apply(["a cat"]).state == "FAILURE"
    maxapi_env.assert_requested(path="*/submit", times=6)
