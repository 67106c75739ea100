"""A server that does not exist, an observer that fails, and the end of the proxy."""

from __future__ import annotations

import gc
import re
import socket
import ssl
import threading
import warnings
from contextlib import suppress
from pathlib import Path

import pytest

from mockserver.interception.certificates import Authority
from mockserver.proxy import background_worker
from tests.proxy.upstream import (
    GET,
    OK,
    PATIENCE,
    connect,
    everything,
    exactly,
    proxied,
    saying,
    until,
    upstream,
)

ASK = "is it running, and is the URL right?"


@pytest.mark.parametrize("request_", [GET, GET * 2, b"garbage\r\n\r\n"])
def test_a_server_that_does_not_exist_returns_nothing(request_: bytes) -> None:
    """No response is invented: the connection is reset, and that is reported."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        missing = f"127.0.0.1:{server.getsockname()[1]}"
    with proxied(f"http://{missing}") as (proxy, seen):
        with pytest.raises(ConnectionResetError):
            everything(connect(proxy.port, request_))

        assert seen.notice() == f"--upstream: connection refused at {missing}; {ASK}"
        assert seen.exchanges.empty()


def test_an_unknown_name_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Like a server that does not exist."""

    def lookup(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    with proxied("http://api.invalid") as (proxy, seen):
        client = connect(proxy.port)
        monkeypatch.setattr(socket, "getaddrinfo", lookup)
        client.sendall(GET)

        with pytest.raises(ConnectionResetError):
            everything(client)

        notice = seen.notice()
    why = "cannot connect to api.invalid:80: Name or service not known"
    assert notice == f"--upstream: {why}; {ASK}"


def test_a_server_that_cannot_prove_its_name_gets_no_request(tmp_path: Path) -> None:
    """Nothing is sent to it, the token least of all."""
    arrived: list[bytes] = []
    with Authority(["localhost"], tmp_path) as authority:
        context = authority.context()

        def serve(connection: socket.socket) -> None:
            with (
                suppress(OSError),
                context.wrap_socket(connection.dup(), server_side=True) as tls,
            ):
                arrived.append(tls.recv(1))

        with upstream(serve) as server:
            url = f"https://localhost:{server.port}"
            with proxied(url, context=ssl.create_default_context()) as (proxy, seen):
                with pytest.raises(ConnectionResetError):
                    everything(connect(proxy.port, GET))

                assert f"the certificate of localhost:{server.port} is not trusted" in seen.notice()

    assert b"".join(arrived) == b""


@pytest.mark.parametrize("failing", ["observer", "notice"])
def test_an_observer_that_fails_disturbs_no_traffic(failing: str) -> None:
    """Neither what passes nor what is observed afterwards."""
    called = threading.Semaphore(0)

    def fail(_: object) -> None:
        called.release()
        raise RuntimeError

    with (
        upstream(saying(OK, OK, b"garbage")) as server,
        proxied(server.url, **{failing: fail}) as (proxy, _),
        connect(proxy.port, GET) as client,
    ):
        assert exactly(client, len(OK)) == OK
        client.sendall(GET)
        assert exactly(client, len(OK)) == OK
        client.sendall(GET)
        assert everything(client.dup()) == b"garbage"

        assert failing == "notice" or all(called.acquire(timeout=PATIENCE) for _ in range(2))


def test_an_error_in_the_proxy_ends_one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is reported, and the next connection is served."""
    with upstream(saying(OK)) as server, proxied(server.url) as (proxy, seen):
        with monkeypatch.context() as patch:
            patch.delattr("mockserver.proxy.downstream.ObservedExchange")
            assert everything(connect(proxy.port, GET)) == b""
            notice = seen.notice()

        assert everything(connect(proxy.port, GET)) == OK

    assert notice == "an error in the proxy ended a connection: NameError"


def test_more_than_can_be_observed_is_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """An observer that is too slow costs a limited amount of memory, and no traffic."""
    monkeypatch.setattr(background_worker, "_MAX_JOBS", 2)
    may_go_on = threading.Event()

    def observer(_: object) -> None:
        may_go_on.wait(PATIENCE)

    with (
        upstream(saying(*[OK] * 6)) as server,
        proxied(server.url, observer=observer) as (proxy, seen),
        connect(proxy.port) as client,
    ):
        for _ in range(6):
            client.sendall(GET)
            exactly(client, len(OK))
        may_go_on.set()

    assert re.fullmatch(r"[2-4] exchanges were not checked: too many came at once", seen.notice())


def test_nothing_is_left_when_it_stops() -> None:
    """Whatever was under way: no thread, no connection, no port."""
    with warnings.catch_warnings(action="ignore"):
        gc.collect()  # what other tests have left must not be counted
    before, has_arrived = set(threading.enumerate()), threading.Event()

    def serve(connection: socket.socket) -> None:
        until(connection, b"\r\n\r\n")
        has_arrived.set()
        assert everything(connection.dup()) == b""

    with upstream(serve) as server:
        with proxied(server.url) as (proxy, _):
            clients = [connect(proxy.port, start) for start in (GET, b"GET /", b"")]
            assert has_arrived.wait(PATIENCE)
            busy = set(threading.enumerate())
        after = set(threading.enumerate())
        for client in clients:
            with suppress(ConnectionResetError):
                assert everything(client) == b""

    gc.collect()  # a connection that was forgotten would warn now
    assert {thread.name for thread in busy - before} >= {"proxy", "observer"}
    assert not {"proxy", "observer"} & {thread.name for thread in after}
    with pytest.raises(ConnectionRefusedError):
        connect(proxy.port)
