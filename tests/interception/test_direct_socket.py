"""urllib3 and requests call the mock without sockets, and cannot tell."""

from __future__ import annotations

import multiprocessing
import ssl
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import urllib3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mockserver.testing import Intercepted, intercept
from mockserver.web.server import Server
from tests.client import SUBMIT, seed

API = "https://api.maxapi.io"
TASK = f"{API}/api/v1/task/3f0c4f0e-8d2b-4b1e-9c7b-0f3a1c2d4e5f"
FAULTS = [
    "truncated",
    "hang",
    "connection-reset",
    "connection-closed",
    "half-headers",
    "malformed-chunk",
    "garbage-then-close",
]


@pytest.fixture
def sandbox() -> Iterator[Intercepted]:
    """The sandbox of an app whose calls are intercepted."""
    with intercept(api_key="key") as sandbox:
        yield sandbox


def direct() -> urllib3.PoolManager:
    """Make a client as apps do; it needs no socket."""
    return urllib3.PoolManager(retries=False, headers={"Authorization": "Bearer key"})


def by_socket() -> urllib3.PoolManager:
    """Make a client with a context of its own, whose connections are real ones."""
    context = ssl.create_default_context()
    headers = {"Authorization": "Bearer key"}
    return urllib3.PoolManager(retries=False, headers=headers, ssl_context=context)


def submit(http: Any, scenario: str = "success", timeout: float = 5) -> Any:
    """Submit a valid request."""
    headers = {"Authorization": "Bearer key", "X-Mock-Scenario": scenario}
    return http.request("POST", API + SUBMIT, json=seed(), headers=headers, timeout=timeout)


def test_a_client_needs_no_socket(sandbox: Intercepted, monkeypatch: pytest.MonkeyPatch) -> None:
    """From submission to file, the mock does not even listen."""
    monkeypatch.setattr(Server, "start", pytest.fail)

    with direct() as http:
        [url] = sandbox.wait_for(submit(http).json()["data"]["taskId"])["result"]["urls"]
        image = http.request("GET", url)

    assert image.data.startswith(b"\x89PNG")


METHODS = ["GET", "HEAD", "POST", "PUT", "OPTIONS", "get", "PROPFIND"]
PATHS = ["/", "/api/v1/task/submit", "/api/v1/task/x", "/api/v1/task/%41%2f?a=b", "/__mock/health"]
HEADERS = st.dictionaries(
    st.sampled_from(["Connection", "Content-Type", "X-Mock-Scenario", "Expect", "Authorization"]),
    st.sampled_from(["close", "keep-alive", "application/json", "unavailable", "", "Bearer other"]),
)
BODIES = st.one_of(
    st.none(),
    st.binary(max_size=40),
    st.lists(st.binary(min_size=1, max_size=9), max_size=3),
    st.just(b"{" * 70_000),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(METHODS), st.sampled_from(PATHS), HEADERS, BODIES)
def test_responses_are_those_of_a_socket(
    sandbox: Intercepted, method: str, path: str, headers: dict[str, str], body: Any
) -> None:
    """Byte for byte, except for the date, and so are all that follow on the same connection."""
    seen = []
    for http in (direct(), by_socket()):
        with http:
            for _ in range(2):
                response = http.request(method, API + path, body=body, headers=headers, timeout=5)
                shown = {name: value for name, value in response.headers.items() if name != "Date"}
                seen.append((response.status, response.reason, shown, response.data))

    assert seen[:2] == seen[2:]
    assert sandbox.tasks == []


@pytest.mark.parametrize("scenario", FAULTS)
def test_faults_are_those_of_a_socket(sandbox: Intercepted, scenario: str) -> None:
    """A response that fails on its way comes over a connection that can fail."""
    assert fate(direct(), scenario) == fate(by_socket(), scenario)

    assert len(sandbox.tasks) == 4


def fate(http: urllib3.PoolManager, scenario: str) -> Any:
    """Return what a submission and the one after it come to: a status, or the kinds of errors."""
    seen: list[Any] = []
    with http:
        for name in (scenario, "success"):
            try:
                seen.append(submit(http, name, timeout=0.3).status)
            except urllib3.exceptions.HTTPError as error:
                seen.append((type(error), [type(one) for one in error.args]))
    return seen


@pytest.mark.parametrize("scenario", ["latency=20ms", "drip=50/1ms"])
def test_responses_that_take_time(sandbox: Intercepted, scenario: str) -> None:
    """They come whole, and the connection can be used again."""
    with direct() as http:
        statuses = [submit(http, name).status for name in ("success", scenario, "success")]

    assert statuses == [200, 200, 200]
    assert len(sandbox.tasks) == 3


def test_a_connection_that_breaks_afterwards(sandbox: Intercepted) -> None:
    """Its response is complete, and the next request on it fails."""
    with direct() as http:
        assert submit(http, "keep-alive-broken").status == 200
        with pytest.raises(urllib3.exceptions.HTTPError):
            submit(http)

    assert len(sandbox.tasks) == 1


def test_a_request_that_stays_incomplete(sandbox: Intercepted) -> None:
    """The client waits for a response until its time is over."""
    with direct() as http, pytest.raises(urllib3.exceptions.ReadTimeoutError):
        http.request("POST", API + SUBMIT, body=b"{", headers={"Content-Length": "9"}, timeout=0.2)

    assert sandbox.requests == []


def test_a_session_belongs_to_no_interception() -> None:
    """What it keeps open for one is not used for another."""
    with requests.Session() as session:
        session.headers["Authorization"] = "Bearer key"
        seen = []
        for _ in range(2):
            with intercept(api_key="key") as sandbox:
                session.post(API + SUBMIT, json=seed(), timeout=5)
                seen.append(len(sandbox.tasks))

    assert seen == [1, 1]


def test_what_only_tls_can_tell(sandbox: Intercepted) -> None:
    """A pinned certificate is not the mock's, and the connection shows the one that it has."""
    pinned = urllib3.PoolManager(retries=False, assert_fingerprint="00" * 32)
    with pinned, pytest.raises(urllib3.exceptions.SSLError, match="Fingerprints did not match"):
        pinned.request("GET", TASK)
    with direct() as http:
        response = http.request("GET", TASK, preload_content=False)
        connection: Any = response.connection
        shown = connection.sock.getpeercert()
        assert response.json()["code"] == 404
        assert http.request("GET", TASK).status == 404

    assert ("DNS", "api.maxapi.io") in shown["subjectAltName"]
    assert len(sandbox.requests) == 2


def test_a_client_that_does_not_verify_is_warned(sandbox: Intercepted) -> None:
    """As it is everywhere, and no other is."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        key = {"Authorization": "Bearer key"}
        for verify in (True, False):
            requests.get(TASK, headers=key, verify=verify, timeout=5)

    assert [one.category for one in caught] == [urllib3.exceptions.InsecureRequestWarning]
    assert len(sandbox.requests) == 2


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_calls_the_mock_of_its_parent(sandbox: Intercepted) -> None:
    """With a connection of its own, and not the copy of the mock that it has."""
    with direct() as http:
        submit(http)
        child = multiprocessing.get_context("fork").Process(target=submit, args=(http,))
        child.start()
        child.join(10)
        submit(http)

    assert child.exitcode == 0
    assert len(sandbox.tasks) == 3
