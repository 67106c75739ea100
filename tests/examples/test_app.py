"""How an app is tested with the mock: no waiting, and each bad day on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
import requests

from mockserver.contract import Contract
from mockserver.engine.service import Service
from mockserver.settings import make_settings
from mockserver.testing import ControlClient
from mockserver.web.server import Server
from tests.examples.app import App, GaveUp, NaiveApp, NaiveWebhooks, Webhooks


@pytest.fixture(scope="module")
def mock(contract: Contract) -> Iterator[str]:
    """A running mock; gives its URL."""
    with Server(Service(contract, make_settings(contract, port=0))) as server:
        yield server.url


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    """An API key of the test's own, and so a sandbox of its own."""
    return str(request.node.name)


@pytest.fixture
def control(mock: str, key: str) -> Iterator[ControlClient]:
    """Steers the sandbox, whose clock stands still."""
    control = ControlClient(mock, key)
    control.freeze()
    yield control
    control.close()


MakeApp = Callable[[type[App]], App]


@pytest.fixture
def make_app(mock: str, key: str, control: ControlClient) -> Iterator[MakeApp]:
    """Make an app that, instead of waiting, moves the mock's clock."""
    made: list[App] = []

    def make(kind: type[App]) -> App:
        made.append(kind(mock, key, wait=control.advance))
        return made[-1]

    yield make
    for app in made:
        app.close()


Listen = Callable[[Webhooks], str]


@pytest.fixture
def listen() -> Iterator[Listen]:
    """Serve a webhook handler on the loopback; gives its URL."""
    servers: list[ThreadingHTTPServer] = []

    def start(webhooks: Webhooks) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(webhooks.receive(body))
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        Thread(target=servers[-1].serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def document(prompt: str = "a cat", **more: Any) -> dict[str, Any]:
    """Make a request of the app."""
    return {"model": "gpt-image-2/text-to-image", "input": {"prompt": prompt}, **more}


@pytest.mark.parametrize("kind", [App, NaiveApp])
def test_a_good_day(make_app: MakeApp, kind: type[App]) -> None:
    """Both apps get their picture: this test finds nothing."""
    app = make_app(kind)

    urls = app.result_of(app.submit(document()))

    assert requests.get(urls[0], timeout=5).content.startswith(b"\x89PNG")


@pytest.mark.parametrize("scenario", ["rate-limited=7", "unavailable", "bad-gateway"])
def test_the_api_is_busy_twice(make_app: MakeApp, control: ControlClient, scenario: str) -> None:
    """The app waits as long as it is told and succeeds; the naive one gives up."""
    control.add_rule(scenario, times=2, path="/api/v1/task/submit")

    assert make_app(App).submit(document())
    control.add_rule(scenario, times=2, path="/api/v1/task/submit")
    with pytest.raises(requests.HTTPError):
        make_app(NaiveApp).submit(document())


def test_the_app_waits_as_long_as_it_is_told(mock: str, key: str, control: ControlClient) -> None:
    """`Retry-After` decides, and a wait of its own where there is none."""
    control.add_rule("rate-limited=7", times=1)
    control.add_rule("unavailable", times=1)
    waits: list[float] = []
    app = App(mock, key, wait=waits.append)

    app.submit(document())
    app.close()

    assert waits == [7, 2]


@pytest.mark.parametrize("scenario", ["unknown-at-first=2", "flaky-poll=2"])
def test_polls_that_fail_at_first(make_app: MakeApp, scenario: str) -> None:
    """The app asks again; the naive one gives up on a task that is well."""
    app, naive = make_app(App), make_app(NaiveApp)

    assert app.result_of(app.submit(document(f"a cat #mock:{scenario}")))
    with pytest.raises(requests.HTTPError):
        naive.result_of(naive.submit(document(f"a cat #mock:{scenario}")))


@pytest.mark.parametrize("scenario", ["failure", "timeout", "stuck"])
def test_tasks_that_do_not_succeed(make_app: MakeApp, scenario: str) -> None:
    """The app says so, and does not wait for ever."""
    app = make_app(App)
    task_id = app.submit(document(f"a cat #mock:{scenario}"))

    with pytest.raises(GaveUp):
        app.result_of(task_id)


@pytest.mark.parametrize(("kind", "charges"), [(Webhooks, 1), (NaiveWebhooks, 2)])
def test_a_webhook_that_comes_twice(
    make_app: MakeApp, control: ControlClient, listen: Listen, kind: type[Webhooks], charges: int
) -> None:
    """The app charges once; the naive one twice."""
    webhooks = kind()
    prompt = "a cat #mock:webhook-twice"
    task_id = make_app(App).submit(document(prompt, callBackUrl=listen(webhooks)))

    control.advance_until_idle()

    assert webhooks.charged == [task_id] * charges


@pytest.mark.parametrize(("kind", "attempts"), [(Webhooks, 3), (NaiveWebhooks, 1)])
def test_a_webhook_that_is_broken(
    make_app: MakeApp, control: ControlClient, listen: Listen, kind: type[Webhooks], attempts: int
) -> None:
    """The app asks for it again, and then polls; the naive one says thank you for nothing."""
    webhooks, app = kind(), make_app(App)
    prompt = "a cat #mock:webhook-truncated"
    task_id = app.submit(document(prompt, callBackUrl=listen(webhooks)))

    happened = control.advance_until_idle().happened

    assert [one["event"] for one in happened].count("webhook") == attempts
    assert webhooks.status == {}
    assert app.result_of(task_id)


@pytest.mark.parametrize(("kind", "status"), [(Webhooks, "SUCCESS"), (NaiveWebhooks, "FAILURE")])
def test_a_later_webhook_that_says_otherwise(kind: type[Webhooks], status: str) -> None:
    """What has ended has ended, as the app sees it."""
    webhooks = kind()

    for said in ("SUCCESS", "FAILURE"):
        webhooks.receive(b'{"data": {"taskId": "one", "status": "%s"}}' % said.encode())

    assert webhooks.status == {"one": status}
