"""What tests of apps use besides a mock of the API: other mocks, frozen time, event loops."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import httpx
import pytest
import requests
import requests_mock
import responses
import respx
import time_machine
from aiohttp import web
from freezegun import freeze_time

API = "https://api.maxapi.io"
DOCUMENT: dict[str, Any] = {"model": "gpt-image-2/text-to-image", "input": {"prompt": "a cat"}}
SHOP = "https://shop.example.com/price"


def submit(base_url: str, key: str, **more: Any) -> str:
    """Submit with requests."""
    headers = {"Authorization": f"Bearer {key}"}
    url = f"{base_url}/api/v1/task/submit"
    response = requests.post(url, json=DOCUMENT | more, headers=headers, timeout=10)
    response.raise_for_status()
    return str(response.json()["data"]["taskId"])


# -- frozen time -----------------------------------------------------------------------------------


@pytest.fixture
def frozen() -> Iterator[None]:
    """Time that stands still, with freezegun."""
    with freeze_time("2031-01-01"):
        yield


@pytest.fixture
def travelled() -> Iterator[None]:
    """Time that stands still, with time-machine."""
    with time_machine.travel("2031-01-01", tick=False):
        yield


def succeed(maxapi: Any, maxapi_inbox: Any) -> None:
    """Follow a task to its end, on the mock's own clock and in real time."""
    task = submit(maxapi.base_url, maxapi.api_key, callBackUrl=maxapi_inbox.url)
    assert maxapi.wait_for(task)["status"] == "SUCCESS"
    assert maxapi_inbox.wait()[0].task["taskId"] == task
    maxapi.scenario("latency", "20ms")
    second = submit(maxapi.base_url, maxapi.api_key, callBackUrl=maxapi_inbox.url)
    maxapi.clock.run(speed=1000)
    assert maxapi_inbox.wait(2)[1].task["taskId"] == second


class TestFrozenTime:
    """Whatever froze it, and whenever: what has to wait in real time does."""

    @pytest.mark.usefixtures("frozen")
    def test_frozen_first(self, maxapi: Any, maxapi_inbox: Any) -> None:
        assert datetime.now(UTC).year == 2031
        succeed(maxapi, maxapi_inbox)

    @pytest.mark.usefixtures("maxapi", "maxapi_inbox", "frozen")
    def test_frozen_last(self, maxapi: Any, maxapi_inbox: Any) -> None:
        succeed(maxapi, maxapi_inbox)

    @pytest.mark.usefixtures("travelled")
    def test_travelled_first(self, maxapi: Any, maxapi_inbox: Any) -> None:
        succeed(maxapi, maxapi_inbox)

    @pytest.mark.usefixtures("maxapi", "maxapi_inbox", "travelled")
    def test_travelled_last(self, maxapi: Any, maxapi_inbox: Any) -> None:
        succeed(maxapi, maxapi_inbox)

    @freeze_time("2031-01-01")
    def test_frozen_by_a_decorator(self, maxapi: Any, maxapi_inbox: Any) -> None:
        succeed(maxapi, maxapi_inbox)

    @freeze_time("2031-01-01")
    def test_frozen_and_intercepted(self, maxapi_intercepted: Any) -> None:
        task = submit(API, maxapi_intercepted.api_key)
        assert maxapi_intercepted.wait_for(task)["status"] == "SUCCESS"

    @pytest.mark.usefixtures("frozen")
    def test_nothing_within_ten_milliseconds_of_frozen_time(self, maxapi_inbox: Any) -> None:
        with pytest.raises(AssertionError, match="0 webhooks within"):
            maxapi_inbox.wait(timeout=0.01)


# -- event loops -----------------------------------------------------------------------------------


@pytest.fixture
def came() -> list[Any]:
    """The webhooks that a receiver in the test's own event loop has got."""
    return []


async def listen(came: list[Any]) -> tuple[web.AppRunner, str]:
    """Run a receiver in this event loop."""

    async def receive(request: web.Request) -> web.Response:
        came.append(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}/hook"


async def submit_in_loop(maxapi: Any, url: str) -> str:
    """Submit with aiohttp."""
    headers = {"Authorization": f"Bearer {maxapi.api_key}"}
    body = DOCUMENT | {"callBackUrl": url}
    async with (
        aiohttp.ClientSession(maxapi.base_url, headers=headers) as session,
        session.post("/api/v1/task/submit", json=body) as response,
    ):
        return str((await response.json())["data"]["taskId"])


class TestEventLoops:
    """Nothing stalls, or the error says why."""

    @pytest.mark.asyncio
    async def test_a_receiver_in_the_loop(self, maxapi: Any, came: list[Any]) -> None:
        runner, url = await listen(came)
        task = await submit_in_loop(maxapi, url)
        await maxapi.async_wait_until_idle()
        await runner.cleanup()
        assert [one["data"]["taskId"] for one in came] == [task]

    @pytest.mark.asyncio
    @pytest.mark.maxapi(webhook_tries=1)
    async def test_a_receiver_kept_from_answering(self, maxapi: Any, came: list[Any]) -> None:
        runner, url = await listen(came)
        maxapi.settings(webhook_timeout="100ms")
        await submit_in_loop(maxapi, url)
        with pytest.raises(Exception, match="async_wait_until_idle"):
            maxapi.wait_until_idle()
        await runner.cleanup()

    @pytest.mark.asyncio
    async def test_many_at_once(self, maxapi_intercepted: Any) -> None:
        headers = {"Authorization": f"Bearer {maxapi_intercepted.api_key}"}
        async with httpx.AsyncClient(base_url=API, headers=headers) as client:
            calls = (client.post("/api/v1/task/submit", json=DOCUMENT) for _ in range(10))
            answers = await asyncio.gather(*calls)
        tasks = {response.json()["data"]["taskId"] for response in answers}
        assert len(tasks) == 10
        await maxapi_intercepted.async_wait_for(tasks.pop())


# -- other mocks -----------------------------------------------------------------------------------


class TestOtherMocks:
    """They respond for their hosts, and the mock for the API."""

    @responses.activate
    def test_activated(self, maxapi_intercepted: Any) -> None:
        responses.get(SHOP, json={"price": 1})
        assert submit(API, maxapi_intercepted.api_key)
        assert requests.get(SHOP, timeout=10).json() == {"price": 1}

    @responses.activate
    def test_activated_with_a_passage(self, maxapi_intercepted: Any) -> None:
        responses.add_passthru(API)
        assert submit(API, maxapi_intercepted.api_key)

    @responses.activate
    def test_activated_with_a_server(self, maxapi: Any) -> None:
        responses.add_passthru(maxapi.base_url)
        assert maxapi.wait_for(submit(maxapi.base_url, maxapi.api_key))

    def test_requests_mock(self, maxapi_intercepted: Any) -> None:
        with requests_mock.Mocker(real_http=True) as mock:
            mock.get(SHOP, json={"price": 1})
            assert submit(API, maxapi_intercepted.api_key)
            assert requests.get(SHOP, timeout=10).json() == {"price": 1}

    def test_respx(self, maxapi_intercepted: Any) -> None:
        with respx.mock(assert_all_called=False) as mock:
            mock.get(SHOP).respond(json={"price": 1})
            mock.route(host="api.maxapi.io").pass_through()
            headers = {"Authorization": f"Bearer {maxapi_intercepted.api_key}"}
            response = httpx.post(f"{API}/api/v1/task/submit", json=DOCUMENT, headers=headers)
            assert response.json()["code"] == 0
            assert httpx.get(SHOP).json() == {"price": 1}


# -- what outlives a test --------------------------------------------------------------------------


OVER = threading.Event()
ERRORS: list[str] = []


class TestThreads:
    """A thread that outlives its test never reaches the real API."""

    @pytest.mark.usefixtures("maxapi_intercepted")
    def test_that_leaves_a_thread_behind(self) -> None:
        def poll() -> None:
            OVER.wait(200)
            try:
                submit(API, "the developer's own key")
            except requests.RequestException as error:
                ERRORS.append(str(error))

        threading.Thread(target=poll, name="poller").start()

    def test_that_comes_after_it(self) -> None:
        OVER.set()
        [poller] = [one for one in threading.enumerate() if one.name == "poller"]
        poller.join(30)
        assert ["is still running" in error for error in ERRORS] == [True]


# -- reruns ----------------------------------------------------------------------------------------


ATTEMPTS: list[str] = []


class TestReruns:
    """Each run of a test has its own sandbox, and its own report."""

    @pytest.mark.flaky(reruns=1)
    def test_that_fails_at_first(self, maxapi: Any) -> None:
        ATTEMPTS.append(submit(maxapi.base_url, maxapi.api_key))
        assert len(ATTEMPTS) == 2
        assert [task["taskId"] for task in maxapi.tasks] == ATTEMPTS[1:]

    @pytest.mark.flaky(reruns=2)
    def test_that_always_fails(self, maxapi: Any, request: pytest.FixtureRequest) -> None:
        for number in range(request.node.execution_count):
            submit(maxapi.base_url, maxapi.api_key, user_id=f"{number}")
        pytest.fail(f"attempt {request.node.execution_count}")
