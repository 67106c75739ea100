"""How to test an app with the mock: without waiting, and with every fault on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from mockserver.testing import Inbox, MaxapiSandbox, ScenarioText
from tests.examples.app import App, GaveUp, NaiveApp, NaiveWebhooks, Webhooks, endpoint

MakeApp = Callable[[type[App]], App]


@pytest.fixture
def make_app(maxapi: MaxapiSandbox) -> Iterator[MakeApp]:
    """Make an app that moves the mock's clock instead of waiting."""
    with ExitStack() as closing:

        def make(kind: type[App]) -> App:
            app = kind(maxapi.base_url, maxapi.api_key, wait=maxapi.clock.advance)
            closing.callback(app.close)
            return app

        yield make


def document(prompt: str = "a cat", **more: Any) -> dict[str, Any]:
    """Make a request of the app."""
    return {"model": "gpt-image-2/text-to-image", "input": {"prompt": prompt}, **more}


@pytest.mark.parametrize("kind", [App, NaiveApp])
def test_a_good_day(make_app: MakeApp, kind: type[App]) -> None:
    """Both apps get their picture: this test finds no difference."""
    app = make_app(kind)

    urls = app.result_of(app.submit(document()))

    assert requests.get(urls[0], timeout=5).content.startswith(b"\x89PNG")


@pytest.mark.parametrize("scenario", ["rate-limited=7", "unavailable", "bad-gateway"])
def test_the_api_is_busy_twice(
    make_app: MakeApp, maxapi: MaxapiSandbox, scenario: ScenarioText
) -> None:
    """The app waits as long as it is told and succeeds; the naive one gives up."""
    maxapi.scenario(scenario, times=2, path="*/submit")
    assert make_app(App).submit(document())

    maxapi.scenario(scenario, times=2, path="*/submit")
    with pytest.raises(requests.HTTPError):
        make_app(NaiveApp).submit(document())


def test_the_app_waits_as_long_as_it_is_told(maxapi: MaxapiSandbox) -> None:
    """`Retry-After` decides; without it, the app has a wait of its own."""
    maxapi.scenario("rate-limited", 7, times=1)
    maxapi.scenario("unavailable", times=1)
    waits: list[float] = []
    app = App(maxapi.base_url, maxapi.api_key, wait=waits.append)

    app.submit(document())
    app.close()

    assert waits == [7, 2]


@pytest.mark.maxapi(rate_limit="1/60s")
def test_the_app_stays_below_the_rate_limit(make_app: MakeApp, maxapi: MaxapiSandbox) -> None:
    """The second task is submitted as soon as the API accepts it."""
    app, begun = make_app(App), maxapi.clock.now

    app.submit(document())
    app.submit(document())

    assert (maxapi.clock.now - begun).total_seconds() == 60
    maxapi.assert_requested(path="*/submit", times=3)


@pytest.mark.parametrize("scenario", ["unknown-at-first=2", "flaky-poll=2"])
def test_polls_that_fail_at_first(make_app: MakeApp, scenario: str) -> None:
    """The app polls again; the naive one gives up on a task that succeeds."""
    app, naive = make_app(App), make_app(NaiveApp)

    assert app.result_of(app.submit(document(f"a cat #mock:{scenario}")))
    with pytest.raises(requests.HTTPError):
        naive.result_of(naive.submit(document(f"a cat #mock:{scenario}")))


@pytest.mark.parametrize("scenario", ["failure", "timeout", "stuck"])
def test_tasks_that_do_not_succeed(make_app: MakeApp, scenario: str) -> None:
    """The app reports it, and does not wait for ever."""
    app = make_app(App)
    task_id = app.submit(document(f"a cat #mock:{scenario}"))

    with pytest.raises(GaveUp):
        app.result_of(task_id)


def test_the_webhook_equals_a_poll(
    make_app: MakeApp, maxapi: MaxapiSandbox, maxapi_inbox: Inbox
) -> None:
    """An app that listens need not poll."""
    app = make_app(App)

    task_id = app.submit(document(callBackUrl=maxapi_inbox.url))
    maxapi.wait_for(task_id)

    [webhook] = maxapi_inbox.wait()
    assert webhook.task["result"]["urls"] == app.result_of(task_id)


@pytest.mark.parametrize(("kind", "charges"), [(Webhooks, 1), (NaiveWebhooks, 2)])
def test_a_webhook_that_comes_twice(
    make_app: MakeApp, maxapi: MaxapiSandbox, kind: type[Webhooks], charges: int
) -> None:
    """The app charges once; the naive one twice."""
    webhooks = kind()

    with endpoint(webhooks) as url:
        task_id = make_app(App).submit(document("a cat #mock:webhook-twice", callBackUrl=url))
        maxapi.wait_until_idle()

    assert webhooks.charged == [task_id] * charges


@pytest.mark.parametrize(("kind", "attempts"), [(Webhooks, 3), (NaiveWebhooks, 1)])
def test_a_webhook_that_is_broken(
    make_app: MakeApp, maxapi: MaxapiSandbox, kind: type[Webhooks], attempts: int
) -> None:
    """The app asks for it again, and then polls; the naive one accepts it."""
    webhooks, app = kind(), make_app(App)

    with endpoint(webhooks) as url:
        task_id = app.submit(document("a cat #mock:webhook-truncated", callBackUrl=url))
        maxapi.wait_until_idle()

    assert len(maxapi.deliveries) == attempts
    assert webhooks.status == {}
    assert app.result_of(task_id)


@pytest.mark.parametrize(("kind", "status"), [(Webhooks, "SUCCESS"), (NaiveWebhooks, "FAILURE")])
def test_a_later_webhook_that_says_otherwise(kind: type[Webhooks], status: str) -> None:
    """For the app, a task that has ended has ended."""
    webhooks = kind()

    for said in ("SUCCESS", "FAILURE"):
        webhooks.receive(b'{"data": {"taskId": "one", "status": "%s"}}' % said.encode())

    assert webhooks.status == {"one": status}
