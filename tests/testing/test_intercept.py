"""Apps with hard-coded hosts, on `requests` and on httpx, intercepted in the process."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import httpx
import pytest
import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.exceptions import ChunkedEncodingError, JSONDecodeError, ReadTimeout

from mockserver.interception import redirection
from mockserver.settings import SettingError
from mockserver.testing import InboxServer, Intercepted, Webhook, intercept
from tests.client import SUBMIT, seed

API = "https://api.maxapi.io"
HOOK = "https://app.example.com/hook"
TASK = f"{API}/api/v1/task"


class App:
    """A client with a hard-coded host and the key of a sandbox."""

    def __init__(self, sandbox: Intercepted) -> None:
        self.http = requests.Session()
        self.http.headers["Authorization"] = f"Bearer {sandbox.api_key}"

    def submit(self, *scenarios: str, timeout: Any = 5, **more: Any) -> str:
        """Submit a valid request, with scenarios in its header; return the task's id."""
        headers = {"X-Mock-Scenario": ", ".join(scenarios)} if scenarios else {}
        response = self.http.post(
            API + SUBMIT, json=seed() | more, headers=headers, timeout=timeout
        )
        response.raise_for_status()
        return str(response.json()["data"]["taskId"])

    def poll(self, task: str) -> Any:
        """Poll a task."""
        return self.http.get(f"{TASK}/{task}", timeout=5).json()["data"]


@pytest.fixture
def sandbox() -> Iterator[Intercepted]:
    """The sandbox of an app whose calls are intercepted in the process."""
    with intercept() as sandbox:
        yield sandbox


@pytest.fixture
def app(sandbox: Intercepted) -> Iterator[App]:
    """An app that calls the API's own URLs."""
    app = App(sandbox)
    yield app
    app.http.close()


def test_from_submission_to_file(sandbox: Intercepted, app: App) -> None:
    """Both hosts of the API are redirected, and the sandbox sees the requests to both."""
    task = app.submit()
    [url] = sandbox.wait_for(task)["result"]["urls"]
    image = requests.get(url, stream=True, timeout=5)

    assert url.startswith("https://cdn.maxapi.io/images/")
    assert next(image.iter_content(4)) == b"\x89PNG"
    assert image.headers["Content-Type"] == "image/png"
    assert app.poll(task)["status"] == "SUCCESS"
    assert (sandbox.base_url, [one["taskId"] for one in sandbox.tasks]) == (API, [task])
    assert [one["status"] for one in sandbox.requests] == [200, 200, 200]


def test_methods_without_a_body(app: App) -> None:
    """HEAD has the headers, OPTIONS the methods, and a wrong one the API's 405."""
    task = app.submit()

    head = app.http.head(f"{TASK}/{task}", timeout=5)
    options = app.http.options(f"{TASK}/{task}", timeout=5)
    put = app.http.put(f"{TASK}/{task}", timeout=5)

    assert (head.status_code, head.headers["Content-Type"], head.content) == (
        200,
        "application/json",
        b"",
    )
    assert (options.status_code, options.headers["Allow"]) == (204, "GET, HEAD, OPTIONS")
    assert (put.status_code, put.json()["code"]) == (405, 405)


BODY = json.dumps(seed()).encode()


@pytest.mark.parametrize(
    "make_body",
    [
        lambda: BODY,
        BODY.decode,
        lambda: io.BytesIO(BODY),
        lambda: io.StringIO(BODY.decode()),
        lambda: bytearray(BODY),
        lambda: iter([BODY[:9], BODY[9:]]),
        lambda: (BODY[n : n + 9] for n in range(0, 999, 9)),
    ],
    ids=["bytes", "str", "file", "text-file", "bytearray", "iterator", "generator"],
)
def test_bodies_of_every_kind(sandbox: Intercepted, app: App, make_body: Callable[[], Any]) -> None:
    """They arrive as over any other connection."""
    headers = {"Content-Type": "application/json"}

    response = app.http.post(API + SUBMIT, data=make_body(), headers=headers, timeout=5)

    assert (response.status_code, response.json()["code"]) == (200, 0)
    assert sandbox.requests[0]["body"] == seed()


def test_headers_as_bytes(sandbox: Intercepted) -> None:
    """`requests` accepts them, so they work."""
    headers = {"Authorization": f"Bearer {sandbox.api_key}".encode(), "X-Mine": b"mine"}

    response = requests.post(API + SUBMIT, json=seed(), headers=headers, timeout=5)

    assert response.status_code == 200
    assert sandbox.requests[0]["headers"]["x-mine"] == "mine"


def test_responses_have_a_length(sandbox: Intercepted, app: App) -> None:
    """Apps that show progress need it, and so does HEAD."""
    [url] = sandbox.wait_for(app.submit())["result"]["urls"]

    file, head = requests.get(url, timeout=5), requests.head(url, timeout=5)

    assert file.headers["Content-Length"] == head.headers["Content-Length"]
    assert int(file.headers["Content-Length"]) == len(file.content)


@pytest.mark.parametrize(
    "base", [f"{API}:443", "HTTPS://API.MaxAPI.io", "https://cdn.maxapi.io", f"{API}/./x/.."]
)
def test_spellings_of_the_host(sandbox: Intercepted, app: App, base: str) -> None:
    """HTTPS's port and the case do not matter; either host serves the whole API."""
    response = app.http.post(base + SUBMIT, json=seed(), timeout=5)

    [url] = sandbox.wait_for(response.json()["data"]["taskId"])["result"]["urls"]
    assert requests.get(url, timeout=5).content.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://api.maxapi.io/", "GET http://api.maxapi.io: the API is at https://"),
        (f"{API}:8443/", "port 8443 of the API"),
        ("https://api.maxapi.io.example.com/", "only the API can be called"),
        ("https://example.com/?https://api.maxapi.io/", "only the API can be called"),
        ("http://example.com:8080/", "only the API can be called"),
        ("http://192.0.2.1/", "only the API can be called"),
        ("https://[2001:db8::1]/", "only the API can be called"),
    ],
)
def test_other_addresses_are_rejected(sandbox: Intercepted, url: str, said: str) -> None:
    """As if the network were down, with a message that says why and what to do."""
    with pytest.raises(requests.ConnectionError) as rejection:
        requests.get(url, timeout=5)

    assert said in str(rejection.value)
    assert ("allow_others=True" in str(rejection.value)) == ("only" in said)
    assert sandbox.requests == []


def test_servers_on_this_machine_can_be_called(sandbox: Intercepted) -> None:
    """They are not part of the network that a test must not reach."""
    with InboxServer() as server:
        inbox = server.inbox()

        assert requests.post(inbox.url, data=b"hello", timeout=5).status_code == 200

    assert sandbox.requests == []


def test_other_hosts_can_be_allowed() -> None:
    """Their calls go over the network, while those to the API stay here."""
    with InboxServer() as server, intercept(allow_others=True) as sandbox:
        inbox, app = server.inbox(), App(sandbox)

        response = app.http.post(inbox.url, data=b"hello", timeout=5)

        app.http.close()
        assert app.submit()
    assert response.status_code == 200
    assert [one.body for one in inbox.received] == [b"hello"]


# -- webhooks --------------------------------------------------------------------------------


def test_webhooks_come_to_the_callable(sandbox: Intercepted, app: App) -> None:
    """The same as by HTTP, and equal to a poll."""
    came: list[Webhook] = []
    sandbox.on_webhook = came.append
    task = app.submit(callBackUrl=HOOK)

    sandbox.wait_for(task)

    [webhook] = came
    assert (webhook.method, webhook.url) == ("POST", HOOK)
    assert webhook.headers["content-type"] == "application/json"
    assert webhook.violations == []
    assert webhook.task == app.poll(task)


def fail_to_receive(_: Webhook) -> int:
    """Fail like a receiver with a bug."""
    raise KeyError("who?")


@pytest.mark.parametrize(
    ("receiver", "statuses", "error"),
    [
        (lambda _: None, [200], None),
        (lambda _: 204, [204], None),
        (lambda _: 302, [302] * 3, "returned 302, not 2xx"),
        (lambda _: 503, [503] * 3, "returned 503, not 2xx"),
        (fail_to_receive, [500] * 3, "raised KeyError: 'who?'"),
    ],
)
def test_the_status_of_the_callable_is_what_the_mock_sees(
    receiver: Callable[[Webhook], int | None], statuses: list[int], error: str | None
) -> None:
    """None is 200; an exception is a 500 of the receiver, and tried again."""
    with intercept(on_webhook=receiver) as sandbox:
        App(sandbox).submit(callBackUrl=HOOK)

        sandbox.wait_until_idle()

        assert [one["status"] for one in sandbox.deliveries] == statuses
        assert {one["error"] for one in sandbox.deliveries} == {error}


def test_without_a_callable_webhooks_go_by_http(sandbox: Intercepted, app: App) -> None:
    """To receivers on this machine, and to no others."""
    with InboxServer() as server:
        inbox = server.inbox()
        for url in (inbox.url, HOOK):
            app.submit(callBackUrl=url)

        sandbox.wait_until_idle()

        assert len(inbox.wait()) == 1
    errors = {one["url"]: one["error"] for one in sandbox.deliveries}
    elsewhere = "not sent: app.example.com is not this machine; --callback-allow names others"
    assert errors == {inbox.url: None, HOOK: elsewhere}


# -- faults of the transport -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("scenario", "error", "timeout"),
    [
        ("truncated", ChunkedEncodingError, None),
        ("hang", ReadTimeout, 0.1),
        ("latency=1h", ReadTimeout, (None, 0.1)),
        ("latency=1h", ReadTimeout, urllib3.Timeout(connect=5, read=0.1)),
        ("empty", JSONDecodeError, 5),
        ("garbled", JSONDecodeError, 5),
        ("bad-gateway", requests.HTTPError, 5),
    ],
)
def test_a_fault_raises_what_requests_raises(
    app: App, scenario: str, error: type[Exception], timeout: Any
) -> None:
    """The client's own time-outs and stream errors are exercised."""
    with pytest.raises(error):
        app.submit(scenario, timeout=timeout)


def test_a_body_that_is_cut_fails_where_the_stream_does(app: App) -> None:
    """The headers come, then half of the body."""
    headers = {"X-Mock-Scenario": "truncated"}
    response = app.http.post(API + SUBMIT, json=seed(), headers=headers, stream=True, timeout=5)

    assert response.status_code == 200
    with pytest.raises(ChunkedEncodingError):
        list(response.iter_content(10))


def test_a_response_that_is_late_but_in_time(app: App) -> None:
    """It comes."""
    assert app.submit("latency=50ms")


def test_an_app_that_tries_again(sandbox: Intercepted, app: App) -> None:
    """The retries of a session meet the rules as over any other connection."""
    retry = urllib3.Retry(3, status_forcelist=[503], allowed_methods=None)
    app.http.mount(API, HTTPAdapter(max_retries=retry))
    sandbox.scenario("unavailable", times=2)

    assert app.submit()

    assert [one["status"] for one in sandbox.requests] == [503, 503, 200]


# -- other clients, and many -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("scenario", "error"),
    [("hang", httpx.ReadTimeout), ("truncated", httpx.RemoteProtocolError)],
)
def test_httpx_takes_the_mock_as_its_transport(
    sandbox: Intercepted, scenario: str, error: type[Exception]
) -> None:
    """From submission to file; faults of the connection are what httpx raises for them."""
    transport = httpx.WSGITransport(sandbox.app)
    headers = {"Authorization": f"Bearer {sandbox.api_key}"}

    with httpx.Client(transport=transport, headers=headers) as client:
        task = client.post(API + SUBMIT, json=seed()).json()["data"]["taskId"]
        [url] = sandbox.wait_for(task)["result"]["urls"]
        image = client.get(url)
        with pytest.raises(error):
            client.get(f"{TASK}/{task}", headers={"X-Mock-Scenario": scenario})

    assert image.content.startswith(b"\x89PNG")


def test_threads_of_an_app(sandbox: Intercepted) -> None:
    """Forty submissions from eight threads are forty tasks."""
    with ThreadPoolExecutor(8) as pool:
        tasks = set(pool.map(lambda _: App(sandbox).submit(), range(40)))

    assert len(tasks) == 40
    assert {one["taskId"] for one in sandbox.tasks} == tasks


def test_one_inside_the_other_and_one_after_the_other() -> None:
    """The innermost responds; after it the outer one does, and in the end none."""
    with intercept(api_key="one") as outer:
        with intercept(api_key="two") as inner:
            inside = App(inner).submit()
            assert (outer.tasks, [one["taskId"] for one in inner.tasks]) == ([], [inside])
        outside = App(outer).submit()
        assert [one["taskId"] for one in outer.tasks] == [outside]
    with intercept(api_key="one") as again:
        assert again.tasks == []


def test_nothing_stays_redirected_after_an_exception() -> None:
    """Whether it is raised by the test or by a wrong setting."""
    with suppress(KeyError), intercept():
        raise KeyError
    with pytest.raises(SettingError, match="pace: 'fast'"), intercept(pace="fast"):  # type: ignore[arg-type]
        pass

    assert not redirection._in_force


def test_settings_are_those_of_the_command_line() -> None:
    """Those of the server, and of every sandbox."""
    with intercept(api_key="mine", pace="instant", balance="0.05", max_body=300) as sandbox:
        app = App(sandbox)

        task = app.submit()
        with pytest.raises(requests.HTTPError, match="413"):
            app.submit(user_id="x" * 300)

        assert sandbox.api_key == "mine"
        assert app.poll(task)["status"] == "SUCCESS"
        assert sandbox.control.balance()["balance_usd"] == "0.03"


def test_webhooks_and_files_are_those_of_a_server() -> None:
    """With a signature, if the settings have a secret, and with ranges of files."""
    came: list[Webhook] = []
    with intercept(on_webhook=came.append, webhook_secret="s3cret", pace="instant") as sandbox:
        app = App(sandbox)
        task = app.submit(callBackUrl=HOOK)
        sandbox.clock.advance(1)
        [url] = app.poll(task)["result"]["urls"]
        part = app.http.get(url, headers={"Range": "bytes=1-3"}, timeout=5)
        app.http.close()

    assert (part.status_code, part.content) == (206, b"PNG")
    assert {"x-webhook-signature", "x-webhook-timestamp"} <= came[0].headers.keys()
    assert came[0].headers["x-webhook-signature"] not in repr(came[0])


def test_a_held_response_and_webhook(sandbox: Intercepted, app: App) -> None:
    """Each arrives when it is released, here in the opposite order."""
    order: list[str] = []
    sandbox.on_webhook = lambda webhook: order.append(str(webhook.task["taskId"]))
    with ThreadPoolExecutor(1) as pool:
        submit = pool.submit(app.submit, "held", "webhook-held", callBackUrl=HOOK)
        sandbox.wait_until_held()
        sandbox.wait_until_idle()

        sandbox.release("webhook-held")
        is_early = not submit.done()
        sandbox.release()

        assert order == [submit.result(5)]
    assert is_early
