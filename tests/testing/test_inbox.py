"""Webhook receivers, called by the mock and by other clients."""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from mockserver.testing import Inbox, InboxServer, Webhook

FIXTURES = Path(__file__).parents[2] / "fixtures" / "webhook"
GOOD = next(iter(sorted((FIXTURES / "valid").glob("*.json")))).read_bytes()
"""A webhook that conforms to the contract."""


@pytest.fixture
def server() -> Iterator[InboxServer]:
    """A server of the test's own."""
    with InboxServer() as server:
        yield server


@pytest.fixture
def inbox(server: InboxServer) -> Inbox:
    """An inbox at a new URL."""
    return server.inbox()


def post(url: str, body: bytes = GOOD, method: str = "POST") -> int:
    """Call a receiver; return the status of its response."""
    headers = {"Content-Type": "application/json"}
    return requests.request(
        method, url, data=body, headers=headers, timeout=5, allow_redirects=False
    ).status_code


def send_raw(server: InboxServer, data: bytes) -> bytes:
    """Send bytes that need not be HTTP, close the connection, and return the response."""
    address = urlsplit(server.url)
    with socket.create_connection((str(address.hostname), address.port or 0), timeout=5) as raw:
        raw.sendall(data)
        raw.shutdown(socket.SHUT_WR)
        return raw.makefile("rb").read()


def test_what_comes_is_kept_as_it_was(inbox: Inbox) -> None:
    """Method, URL, headers by lower-case name, body and task."""
    assert post(f"{inbox.url}/more?a=1") == 200

    [webhook] = inbox.wait()

    assert (webhook.method, webhook.url, webhook.body) == ("POST", f"{inbox.url}/more?a=1", GOOD)
    assert webhook.headers["content-type"] == "application/json"
    assert webhook.json == json.loads(GOOD)
    assert webhook.task == json.loads(GOOD)["data"]
    assert webhook.violations == []


def test_responses_are_given_in_turn(inbox: Inbox) -> None:
    """After the last one, 200 again; more can be added at any time."""
    inbox.respond(500, 404)
    first = [post(inbox.url) for _ in range(3)]
    inbox.respond(302)
    inbox.respond(204, 503)

    then = [post(inbox.url) for _ in range(4)]

    assert (first, then) == ([500, 404, 200], [302, 204, 503, 200])
    assert len(inbox.received) == 7


def test_each_inbox_has_its_own(server: InboxServer) -> None:
    """Webhooks, responses and URL."""
    inboxes = [server.inbox() for _ in range(3)]
    inboxes[1].respond(500)

    answers = [post(one.url, f"[{number}]".encode()) for number, one in enumerate(inboxes)]

    assert answers == [200, 500, 200]
    assert [[one.json for one in inbox.received] for inbox in inboxes] == [[[0]], [[1]], [[2]]]


@pytest.mark.parametrize("path", ["", "/", "/nobody", "//nobody", "/nobody/{name}", "/{name}x"])
def test_an_unknown_path_is_gone(server: InboxServer, inbox: Inbox, path: str) -> None:
    """A path without an inbox is gone, and so is one whose inbox was closed."""
    name = urlsplit(inbox.url).path.strip("/")

    assert post(server.url + path.format(name=name)) == 410
    server.close(inbox)
    assert post(inbox.url) == 410

    assert inbox.received == ()


def test_the_empty_path_takes_what_has_no_other_owner(server: InboxServer, inbox: Inbox) -> None:
    """The owner of the empty path; its None is 200, and its failure affects no other owner."""
    came: list[Webhook] = []
    server.owners[""] = came.append
    assert post(f"{server.url}/anything") == 200

    server.owners["broken"] = lambda _: 1 // 0
    assert post(f"{server.url}/broken") == 500

    assert post(inbox.url) == 200
    assert [urlsplit(one.url).path for one in came] == ["/anything"]


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_other_methods_come_too(inbox: Inbox, method: str) -> None:
    """So a test can see a careless redirect."""
    assert post(inbox.url, b"", method) == 200

    assert inbox.received[0].violations == [f"method: {method} is not POST"]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", b""),
        (b"\r\n\r\n", b""),
        (b"\x16\x03\x01\x02\x00\x01", b"400"),
        (b"HELLO\r\n\r\n", b"400"),
        (b"POST / HTTP/9.9\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n", b"400"),
        (b"POST /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"POST / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n", b"431"),
    ],
)
def test_odd_requests_do_not_stop_it(
    server: InboxServer,
    inbox: Inbox,
    capfd: pytest.CaptureFixture[str],
    data: bytes,
    status: bytes,
) -> None:
    """Garbage and bodies that are too large are rejected in silence; webhooks still come."""
    response = send_raw(server, data)

    assert re.search(rb"\b" + status + rb"\b", response) if status else response == b""
    assert post(inbox.url) == 200
    assert len(inbox.wait()) == 1
    assert capfd.readouterr() == ("", "")


def test_a_connection_is_used_again(inbox: Inbox) -> None:
    """As the mock does for several webhooks."""
    parts = urlsplit(inbox.url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=5)
    peers = set()
    for _ in range(3):
        connection.request("POST", parts.path, GOOD)
        connection.getresponse().read()
        peers.add(connection.sock.getsockname())
    connection.close()

    assert len(inbox.wait(3)) == 3
    assert len(peers) == 1


def test_many_at_once(inbox: Inbox) -> None:
    """None is lost, and none gets the response of another."""
    inbox.respond(*[500] * 20)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(inbox.url), range(60)))

    assert sorted(answers) == [200] * 40 + [500] * 20
    assert len(inbox.received) == 60


# -- waiting ---------------------------------------------------------------------------------


def test_waiting_ends_with_the_last_webhook(inbox: Inbox) -> None:
    """All that have come are returned, counted from the first."""
    came: list[Any] = []
    waiting = threading.Thread(target=lambda: came.append(inbox.wait(2)))
    post(inbox.url)
    waiting.start()

    post(inbox.url)

    waiting.join(5)
    assert came == [inbox.received]
    assert inbox.wait(1) == inbox.wait(2) == inbox.received


def test_waiting_ends_with_the_deadline(inbox: Inbox) -> None:
    """The message counts the webhooks, and names the usual reason."""
    post(inbox.url)

    with pytest.raises(AssertionError) as failure:
        inbox.wait(2, timeout=0)

    assert str(failure.value) == (
        "1 webhooks within 0 s, not 2; a clock that stands still sends none: "
        "move it (wait_for, wait_until_idle)"
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "webhook 2: body: not valid JSON: "),
        (GOOD[:20], "webhook 2: body: not valid JSON: "),
        (b"[]", "webhook 2: body: "),
        (b'{"code": 0}', "webhook 2: msg: missing; use a string | data: missing; use an object"),
    ],
)
def test_what_comes_is_checked_against_the_contract(inbox: Inbox, body: bytes, said: str) -> None:
    """The failure names the webhook and all its violations, unless checks are turned off."""
    for one in (GOOD, body):
        post(inbox.url, one)

    with pytest.raises(AssertionError) as failure:
        inbox.wait()
    received = inbox.wait(2, check=False)

    assert str(failure.value).startswith(said)
    assert received[1].body == body


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*/*.json")), ids=lambda path: path.name)
def test_the_golden_webhooks_are_checked_alike(path: Path) -> None:
    """Valid ones conform, invalid ones do not."""
    webhook = Webhook("POST", "http://localhost/", {}, path.read_bytes())

    assert bool(webhook.violations) == (path.parent.name == "invalid")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"data": null}', b'{"data": []}'])
def test_a_webhook_without_a_task_says_so(body: bytes) -> None:
    """With ValueError, whatever it is instead."""
    webhook = Webhook("POST", "http://localhost/", {}, body)

    with pytest.raises(ValueError, match=r"without data|not valid|empty|Expecting"):
        assert webhook.task


# -- the end ---------------------------------------------------------------------------------


def left_by(server: InboxServer, *, keep_open: bool) -> tuple[set[threading.Thread], Any]:
    """Use *server* in a block; return the threads that outlive it, and what a late client sees."""
    before = set(threading.enumerate())
    with server:
        parts = urlsplit(server.inbox().url)
        client = http.client.HTTPConnection(parts.netloc, timeout=5)
        client.request("POST", parts.path, GOOD)
        client.getresponse().read()
        if not keep_open:
            client.close()
    late = set(threading.enumerate()) - before
    for thread in late:
        thread.join(1)
    left = {thread for thread in late if thread.is_alive()}
    client.close()
    with socket.socket() as another:
        return left, another.connect_ex((str(parts.hostname), parts.port or 0))


def test_nothing_is_left_of_it() -> None:
    """No thread, and nothing listens any more."""
    left, rejected = left_by(InboxServer(), keep_open=False)

    assert left == set()
    assert rejected != 0


def test_nothing_is_left_of_it_while_a_client_stays() -> None:
    """Connections that are kept alive are closed."""
    left, _ = left_by(InboxServer(), keep_open=True)

    assert left == set()
