"""No call to the API gets past an interception, whatever the client and the other mocks are."""

from __future__ import annotations

import _thread
import asyncio
import http.client
import json
import socket
import ssl
import sys
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from threading import Event, Semaphore, Thread
from types import SimpleNamespace
from typing import Any

import aiohttp
import httpx
import pytest
import requests
import requests_mock
import responses
import respx
import urllib3

from mockserver.interception import redirection
from mockserver.testing import Intercepted, intercept
from mockserver.web.server import ServerError
from tests.client import SUBMIT, seed
from tests.interception.internet import Internet, internet

API = "https://api.maxapi.io"
OTHER = "https://other.example.com/hello"
BODY = json.dumps(seed()).encode()


@pytest.fixture(name="live", autouse=True)
def _live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Internet]:
    """The real API, on this machine."""
    with internet(tmp_path, monkeypatch) as live:
        yield live


def headers(key: str) -> dict[str, str]:
    """Return the headers of a submission."""
    return {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}


def by_requests(url: str, key: str) -> int:
    """Submit with one of the functions of `requests`."""
    return requests.post(url, data=BODY, headers=headers(key), timeout=5).status_code


def by_session(url: str, key: str) -> int:
    """Submit with a session with a retrying adapter."""
    with requests.Session() as session:
        retry = urllib3.Retry(2, backoff_factor=0, allowed_methods=None)
        session.mount("https://", requests.adapters.HTTPAdapter(max_retries=retry))
        return session.post(url, data=BODY, headers=headers(key), timeout=5).status_code


def by_urllib3(url: str, key: str) -> int:
    """Submit with a pool."""
    with urllib3.PoolManager(cert_reqs="CERT_NONE") as pool:
        urllib3.disable_warnings()
        return pool.request("POST", url, body=BODY, headers=headers(key), timeout=5).status


def by_http_client(url: str, key: str) -> int:
    """Submit with the standard library's client."""
    parts = urllib3.util.parse_url(url)
    connection = http.client.HTTPSConnection(str(parts.host), timeout=5)
    try:
        connection.request("POST", parts.request_uri, BODY, headers(key))
        return connection.getresponse().status
    finally:
        connection.close()


def by_urllib(url: str, key: str) -> int:
    """Submit with `urllib.request`."""
    request = urllib.request.Request(url, BODY, headers(key))  # noqa: S310
    with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310
        return int(response.status)


def by_httpx(url: str, key: str) -> int:
    """Submit with httpx."""
    return httpx.post(url, content=BODY, headers=headers(key), timeout=5).status_code


def by_async_httpx(url: str, key: str) -> int:
    """Submit with httpx's asynchronous client."""

    async def submit() -> int:
        async with httpx.AsyncClient() as client:
            return (await client.post(url, content=BODY, headers=headers(key))).status_code

    return asyncio.run(submit())


def by_aiohttp(url: str, key: str) -> int:
    """Submit with aiohttp."""

    async def submit() -> int:
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                url, data=BODY, headers=headers(key), ssl=ssl.create_default_context()
            ) as response,
        ):
            return response.status

    return asyncio.run(submit())


def by_streams(url: str, key: str) -> int:
    """Submit with asyncio alone."""
    parts = urllib3.util.parse_url(url)
    lines = [f"POST {parts.request_uri} HTTP/1.1", f"Host: {parts.host}"]
    lines += [f"{name}: {value}" for name, value in headers(key).items()]
    lines += ["Connection: close", f"Content-Length: {len(BODY)}", "", ""]

    async def submit() -> int:
        reader, writer = await asyncio.open_connection(parts.host, 443, ssl=True)
        writer.write("\r\n".join(lines).encode() + BODY)
        status = (await reader.readline()).split()[1]
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        return int(status)

    return asyncio.run(submit())


CLIENTS = [
    by_requests,
    by_session,
    by_urllib3,
    by_http_client,
    by_urllib,
    by_httpx,
    by_async_httpx,
    by_aiohttp,
    by_streams,
]
Client = Callable[[str, str], int]


@pytest.fixture
def sandbox() -> Iterator[Intercepted]:
    """The sandbox of an app whose calls are intercepted."""
    with intercept() as sandbox:
        yield sandbox


@pytest.mark.parametrize("client", CLIENTS)
def test_every_client_is_answered(sandbox: Intercepted, live: Internet, client: Client) -> None:
    """There is nothing to configure: it uses the API's own URL."""
    assert client(API + SUBMIT, sandbox.api_key) == 200

    assert len(sandbox.tasks) == 1
    assert (live.looked_up, live.connections) == ([], 0)


@pytest.mark.parametrize("client", CLIENTS)
def test_no_client_reaches_other_hosts(
    sandbox: Intercepted, live: Internet, client: Client
) -> None:
    """Not even their names are resolved, and the error says what to do."""
    with pytest.raises(
        Exception, match=r"only the API can be called; intercept\(allow_others=True\)"
    ):
        client(OTHER, sandbox.api_key)

    assert (live.looked_up, live.connections) == ([], 0)


@pytest.mark.parametrize("client", CLIENTS)
def test_every_client_goes_its_own_way_again(live: Internet, client: Client) -> None:
    """After an interception, calls are not touched."""
    with intercept() as sandbox:
        assert client(API + SUBMIT, sandbox.api_key) == 200

    assert client(API + SUBMIT, "own") == 200

    assert live.reached


# -- with other mocks ------------------------------------------------------------------------


@contextmanager
def activated() -> Iterator[None]:
    """Mock another host with `responses`, and let the rest pass."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.add("GET", OTHER, json={"from": "responses"})
        mock.add_passthru("https://")
        yield


@contextmanager
def strict() -> Iterator[None]:
    """Do the same, and let nothing pass."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.add("GET", OTHER, json={"from": "responses"})
        yield


@contextmanager
def the_default_mock() -> Iterator[None]:
    """Do the same as `@responses.activate` does."""
    with responses.mock:
        responses.add("GET", OTHER, json={"from": "responses"})
        yield


@contextmanager
def real_http() -> Iterator[None]:
    """Mock another host with `requests_mock`, and let the rest pass."""
    with requests_mock.Mocker(real_http=True) as mock:
        mock.get(OTHER, json={"from": "requests_mock"})
        yield


OTHER_MOCKS = [activated, strict, the_default_mock, real_http]


@pytest.mark.parametrize("outer", OTHER_MOCKS)
@pytest.mark.parametrize("inner", OTHER_MOCKS)
def test_between_other_mocks(live: Internet, outer: Any, inner: Any) -> None:
    """All go on working, at every depth and after each has ended."""
    if inner is outer is the_default_mock:
        pytest.skip("it is one object, which cannot be active twice")
    with outer(), intercept(api_key="key") as sandbox:
        assert (by_requests(API + SUBMIT, "key"), by_session(API + SUBMIT, "key")) == (200, 200)
        with inner():
            assert by_requests(API + SUBMIT, "key") == 200
            assert "from" in requests.get(OTHER, timeout=5).json()
        assert "from" in requests.get(OTHER, timeout=5).json()
        assert by_requests(API + SUBMIT, "key") == 200
        assert len(sandbox.tasks) == 4

    assert (live.looked_up, live.connections) == ([], 0)


@pytest.mark.parametrize("other", OTHER_MOCKS)
def test_mocks_that_end_in_the_wrong_order(live: Internet, other: Any) -> None:
    """One that began before the interception and ends within it undoes nothing."""
    before = ExitStack()
    before.enter_context(other())
    with intercept(api_key="key"):
        before.close()

        for client in CLIENTS:
            assert client(API + SUBMIT, "key") == 200

    assert (live.looked_up, live.connections) == ([], 0)


@pytest.mark.parametrize("allow_others", [False, True])
def test_a_strict_mock_of_httpx(live: Internet, *, allow_others: bool) -> None:
    """It rejects a call that it does not know before we see it."""
    with intercept(api_key="key", allow_others=allow_others), respx.mock:
        respx.get(OTHER).respond(json={"from": "respx"})

        assert httpx.get(OTHER).json() == {"from": "respx"}
        with pytest.raises(respx.models.AllMockedAssertionError):
            by_httpx(API + SUBMIT, "key")
        assert by_requests(API + SUBMIT, "key") == 200

    assert (live.looked_up, live.connections) == ([], 0)


def test_other_hosts_that_are_allowed(live: Internet) -> None:
    """They are reached; the API is not."""
    with intercept(api_key="key", allow_others=True):
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(OTHER, timeout=5)
        for client in CLIENTS:
            assert client(API + SUBMIT, "key") == 200

    assert set(live.looked_up) == {"other.example.com"}
    assert not live.reached


# -- connections that were there before ------------------------------------------------------


def test_a_session_that_is_connected_to_the_real_api(live: Internet) -> None:
    """Its next call goes to the mock, over a new connection."""
    with requests.Session() as session:
        session.post(API + SUBMIT, data=BODY, headers=headers("own"), timeout=5)
        came = len(live.came)

        with intercept(api_key="key") as sandbox:
            session.post(API + SUBMIT, data=BODY, headers=headers("key"), timeout=5)

            assert len(sandbox.tasks) == 1
    assert came == len(live.came) > 0


def test_a_session_that_was_connected_to_the_mock(live: Internet) -> None:
    """Its next call goes to the real API again, and not to a mock that is left behind."""
    with requests.Session() as session:
        with intercept(api_key="key"):
            session.post(API + SUBMIT, data=BODY, headers=headers("key"), timeout=5)
        assert not live.connections

        session.post(API + SUBMIT, data=BODY, headers=headers("own"), timeout=5)

    assert live.reached


def test_a_client_of_httpx_that_is_connected_to_the_real_api(live: Internet) -> None:
    """Its next call fails, and the one after it goes to the mock."""
    with httpx.Client() as client:
        client.post(API + SUBMIT, content=BODY, headers=headers("own"))
        came = len(live.came)

        with intercept(api_key="key") as sandbox:
            with pytest.raises(httpx.TransportError, match="from before it was redirected"):
                client.post(API + SUBMIT, content=BODY, headers=headers("key"))
            client.post(API + SUBMIT, content=BODY, headers=headers("key"))

            assert len(sandbox.tasks) == 1
    assert came == len(live.came) > 0


def test_an_asynchronous_client_that_is_connected_to_the_real_api(live: Internet) -> None:
    """Its next call does not reach the real API either."""

    async def submit() -> None:
        async with httpx.AsyncClient() as client:
            await client.post(API + SUBMIT, content=BODY, headers=headers("own"))
            came = len(live.came)
            with intercept(api_key="key"), pytest.raises((httpx.TransportError, OSError)):
                await client.post(API + SUBMIT, content=BODY, headers=headers("key"))
            assert came == len(live.came) > 0

    asyncio.run(submit())


def test_a_resolver_of_ones_own(live: Internet, sandbox: Intercepted) -> None:
    """A client that knows the address of the real API fails in the handshake, with a reason."""
    with (
        socket.create_connection(("127.0.0.1", live.port), timeout=5) as plain,
        pytest.raises(ssl.SSLError, match="is not to the mock"),
    ):
        live.context().wrap_socket(plain, server_hostname="api.maxapi.io")

    assert sandbox.requests == []
    assert not live.reached


def test_a_socket_that_resolves_by_itself(live: Internet, sandbox: Intercepted) -> None:
    """A name given to `connect` is redirected too; another port is an error."""
    with socket.socket() as plain:
        plain.connect(("API.maxapi.io.", 443))
        with live.context().wrap_socket(plain, server_hostname="api.maxapi.io") as secure:
            secure.sendall(b"GET / HTTP/1.1\r\nHost: api.maxapi.io\r\n\r\n")
            assert secure.recv(12) == b"HTTP/1.1 404"
    with (
        socket.socket() as plain,
        pytest.raises(ConnectionRefusedError, match="port 80 of the API"),
    ):
        plain.connect((socket.gethostbyname("api.maxapi.io"), 80))

    assert not live.connections
    assert sandbox.tasks == []


@pytest.mark.parametrize("client", [by_requests, by_urllib3, by_urllib, by_httpx])
def test_a_proxy_of_the_user_is_bypassed(
    live: Internet, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    """It would reach the real API; the user's own exceptions stay."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{live.port}")
    monkeypatch.setenv("NO_PROXY", "internal.example.com")

    with intercept(api_key="key") as sandbox:
        assert client(API + SUBMIT, "key") == 200

        assert len(sandbox.tasks) == 1
    assert live.connections == 0


def test_a_proxy_that_is_named_in_the_code(live: Internet, sandbox: Intercepted) -> None:
    """The call fails and says why; the proxy is not called."""
    proxies = {"https": f"http://127.0.0.1:{live.port}"}

    with pytest.raises(requests.ConnectionError, match="not the mock; exempt the host"):
        requests.get(API, proxies=proxies, timeout=5)

    assert sandbox.requests == []
    assert not live.reached


def test_a_resolver_that_asks_the_network_itself(live: Internet, sandbox: Intercepted) -> None:
    """That of aiohttp on c-ares is not asked."""
    resolver = aiohttp.AsyncResolver.__new__(aiohttp.AsyncResolver)

    [found] = asyncio.run(resolver.resolve("api.maxapi.io", 443))

    assert (found["port"], ip_address(found["host"]).is_loopback) == (443, True)
    assert (sandbox.requests, live.looked_up) == ([], [])


@pytest.mark.parametrize("host", ["api.maxapi.io", "API.MAXAPI.IO.", "api\u3002maxapi\u3002io"])
def test_spellings_of_a_name(live: Internet, sandbox: Intercepted, host: str) -> None:
    """Those that are equal to a resolver are equal here, in every kind of look-up."""
    assert sandbox.requests == []
    for flags in (0, socket.AI_ADDRCONFIG, socket.AI_CANONNAME):
        found = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM, flags=flags)
        assert {address[:2] for *_, address in found} == {(redirection.MOCK_ADDRESS, 443)}

    assert live.looked_up == []


def test_a_name_given_by_position(live: Internet, sandbox: Intercepted) -> None:
    """A client's context accepts it in either way."""
    with socket.create_connection(("api.maxapi.io", 443), timeout=5) as plain:
        secure = live.context().wrap_socket(plain, False, True, True, "api.maxapi.io")
        secure.close()

    assert sandbox.requests == []
    assert not live.connections


def test_classes_of_other_mocks_that_lack_a_method(
    live: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For example those that replay a recording in place of a connection."""
    monkeypatch.setattr(http.client, "HTTPConnection", type("Recorded", (), {}))

    with intercept(api_key="key"):
        assert by_requests(API + SUBMIT, "key") == 200

    assert not live.connections


def test_gevent_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its sockets are not Python's: one sentence says what to use."""
    monkey = SimpleNamespace(is_module_patched=lambda name: name == "socket")
    monkeypatch.setitem(sys.modules, "gevent.monkey", monkey)

    with pytest.raises(ServerError, match="gevent has replaced"), intercept():
        pass


# -- what outlives it ------------------------------------------------------------------------


@pytest.mark.parametrize("client", CLIENTS)
def test_a_thread_that_outlives_it(live: Internet, client: Client) -> None:
    """It may use a key of the user's; its calls fail and say why, and so do its own threads'."""
    over, errors = Event(), []

    def call() -> None:
        try:
            client(API + SUBMIT, "own")
        except Exception as error:
            errors.append(str(error))

    def go_on() -> None:
        over.wait(10)
        call()
        heir = Thread(target=call)
        heir.start()
        heir.join(10)

    with intercept():
        thread = Thread(target=go_on)
        thread.start()
    over.set()
    thread.join(20)

    assert len(errors) == 2
    assert all("began while calls to the API were intercepted" in error for error in errors)
    assert (live.looked_up, live.connections) == ([], 0)


def test_a_pool_that_outlives_it(live: Internet) -> None:
    """Its threads began within; they are served within, and rejected afterwards."""
    with ThreadPoolExecutor(1) as pool:
        with intercept(api_key="key"):
            assert pool.submit(by_requests, API + SUBMIT, "key").result(10) == 200
        with pytest.raises(requests.ConnectionError, match="is still running"):
            pool.submit(by_requests, API + SUBMIT, "own").result(10)
        with intercept(api_key="key"):
            assert pool.submit(by_requests, API + SUBMIT, "key").result(10) == 200

    assert not live.connections


def test_a_job_that_outlives_it(live: Internet) -> None:
    """It belongs to the test, even if its thread existed before."""
    over = Event()

    def call() -> int:
        over.wait(10)
        return by_requests(API + SUBMIT, "own")

    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result(10)
        with intercept():
            job = pool.submit(call)
        over.set()
        with pytest.raises(requests.ConnectionError, match="is still running"):
            job.result(10)
        assert not live.connections
        assert pool.submit(by_requests, API + SUBMIT, "own").result(10) == 200


def test_a_raw_thread_that_outlives_it(live: Internet) -> None:
    """One that `threading` does not know, from within or from before."""
    over, errors, done = Event(), list[str](), Semaphore(0)

    def call() -> None:
        over.wait(10)
        try:
            by_requests(API + SUBMIT, "own")
        except requests.ConnectionError as error:
            errors.append(str(error))
        done.release()

    _thread.start_new_thread(call, ())
    with intercept():
        _thread.start_new_thread(call, ())
    over.set()

    assert [done.acquire(timeout=10) for _ in range(2)] == [True, True]
    assert len(errors) == 2
    assert all("is still running" in error for error in errors)
    assert not live.connections


def test_a_task_that_outlives_it(live: Internet) -> None:
    """Its thread is that of the event loop, which began before; it is rejected as well."""

    async def run() -> None:
        over = asyncio.Event()

        async def go_on() -> None:
            await over.wait()
            async with httpx.AsyncClient() as client:
                await client.post(API + SUBMIT, content=BODY, headers=headers("own"))

        with intercept():
            task = asyncio.create_task(go_on())
            await asyncio.sleep(0)
        over.set()
        with pytest.raises(httpx.ConnectError, match="this task began while"):
            await task

    asyncio.run(run())
    assert (live.looked_up, live.connections) == ([], 0)


def test_threads_that_were_there_before_are_free_again(live: Internet) -> None:
    """They are redirected while it lasts, like all others."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result(10)
        with intercept(api_key="key"):
            assert pool.submit(by_requests, API + SUBMIT, "key").result(10) == 200
            assert not live.connections
        assert pool.submit(by_requests, API + SUBMIT, "own").result(10) == 200

    assert live.reached


def test_interceptions_of_two_tasks_at_once() -> None:
    """Each task has the one in which it began."""

    async def use(key: str, barrier: asyncio.Barrier) -> int:
        with intercept() as sandbox:
            await barrier.wait()
            async with httpx.AsyncClient() as client:
                for _ in key:
                    await client.post(API + SUBMIT, content=BODY, headers=headers(sandbox.api_key))
            await barrier.wait()
            return len(sandbox.tasks)

    async def both() -> list[int]:
        barrier = asyncio.Barrier(2)
        return list(await asyncio.gather(use("a", barrier), use("bb", barrier)))

    assert asyncio.run(both()) == [1, 2]
