"""Responses and webhooks that are held, through sockets: any order, and any end."""

from __future__ import annotations

import json
import logging
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import count
from queue import Queue
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.contract import Contract
from mockserver.engine.clock import Clock
from mockserver.engine.journal import Delivery, RecordedRequest
from mockserver.engine.service import Service
from mockserver.settings import make_settings
from mockserver.testing import ControlClient, ControlError, Inbox, InboxServer, ScenarioText
from mockserver.web.server import Server
from tests.client import SUBMIT, seed
from tests.conftest import START

PATIENCE = 5
KEYS = count()


class Mock:
    """A server whose clocks stand still, and what its journals note, in order."""

    def __init__(self, contract: Contract, **settings: Any) -> None:
        self.noted: Queue[RecordedRequest | Delivery] = Queue()
        chosen = make_settings(contract, port=0, **settings)
        service = Service(
            contract, chosen, make_clock=lambda: Clock(START, speed=0), watch=self._note
        )
        self.server = Server(service)

    def _note(self, entry: object) -> None:
        if isinstance(entry, RecordedRequest | Delivery):
            self.noted.put(entry)

    def next(self) -> RecordedRequest | Delivery:
        """Await what is noted next."""
        return self.noted.get(timeout=PATIENCE)


class App:
    """An app with a key of its own; it does not wait for the responses to what it asks."""

    def __init__(self, mock: Mock) -> None:
        self.mock = mock
        self.key = f"key-{next(KEYS)}"
        self.control = ControlClient(mock.server.url, self.key)
        self.wrap: Callable[[socket.socket], socket.socket] = lambda sock: sock
        self._sockets: list[socket.socket] = []

    def ask(self, method: str, path: str, scenario: str = "", task: Any = None) -> socket.socket:
        """Send a request on a connection of its own."""
        body = b"" if task is None else json.dumps(task).encode()
        named = f"X-Mock-Scenario: {scenario}\r\n" if scenario else ""
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: mock\r\nAuthorization: Bearer {self.key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n{named}\r\n"
        )
        server = self.mock.server
        sock = self.wrap(socket.create_connection((server.host, server.port), timeout=PATIENCE))
        self._sockets.append(sock)
        sock.sendall(head.encode() + body)
        return sock

    def submit(self, scenario: str, inbox: Inbox | None = None) -> socket.socket:
        """Submit a task."""
        more = {} if inbox is None else {"callBackUrl": inbox.url}
        return self.ask("POST", SUBMIT, scenario, seed() | more)

    def submitted(self) -> str:
        """Submit a task; return its id."""
        return str(response_of(self.submit(""))["data"]["taskId"])

    def close(self) -> None:
        """Close all connections."""
        for sock in self._sockets:
            sock.close()
        self.control.close()


def response_of(sock: socket.socket) -> Any:
    """Return the document of a response."""
    with sock.makefile("rb", 0) as lines:  # which reads nothing of the next response
        length = next(int(line[15:]) for line in lines if line.startswith(b"Content-Length:"))
        while lines.readline().strip():
            pass
    return json.loads(sock.recv(length, socket.MSG_WAITALL))


def readable(socks: Mapping[str, socket.socket]) -> list[str]:
    """Return the names of the sockets on which something has arrived by now."""
    ready, _, _ = select.select([*socks.values()], [], [], 0)
    return [name for name, sock in socks.items() if sock in ready]


@pytest.fixture(scope="module")
def mock(contract: Contract) -> Iterator[Mock]:
    """One mock for most tests, in which each has a sandbox of its own."""
    mock = Mock(contract)
    with mock.server:
        yield mock


@pytest.fixture(scope="module")
def inboxes() -> Iterator[InboxServer]:
    """A server of webhook receivers."""
    with InboxServer() as server:
        yield server


@pytest.fixture
def app(mock: Mock) -> Iterator[App]:
    """An app with a fresh sandbox."""
    mock.noted.queue.clear()
    with closing(App(mock)) as app:
        yield app


# -- any order -----------------------------------------------------------------------------------

KINDS = ["submit", "poll", "cancel", "webhook"]
orders = st.lists(st.sampled_from(KINDS), min_size=1, max_size=6).flatmap(
    lambda kinds: st.permutations([f"{kind}-{number}" for number, kind in enumerate(kinds)])
)


@given(order=orders)
def test_any_order_can_be_made(mock: Mock, inboxes: InboxServer, order: Sequence[str]) -> None:
    """After each release, what it released has arrived, and nothing else; the journal agrees."""
    with closing(App(mock)) as app:
        inbox, waiting = inboxes.inbox(), dict[str, socket.socket]()
        for name in sorted(order):
            hold(app, name, inbox, waiting)
        mock.noted.queue.clear()

        for name in order:
            app.control.release(name)

            arrived = [one.url.rpartition("/")[2] for one in inbox.received]
            assert readable(waiting) == [name] * (name in waiting)
            assert arrived == [one for one in order[: order.index(name) + 1] if one not in waiting]
            if name in waiting:
                assert response_of(waiting[name])["code"] == 0

        assert [mock.next().scenarios[-1].partition("=")[2] for _ in order] == list(order)
        assert app.control.held() == []


def hold(app: App, name: str, inbox: Inbox, waiting: dict[str, socket.socket]) -> None:
    """Let something be held by *name*; a response is then *waiting*."""
    kind = name.partition("-")[0]
    if kind == "webhook":
        task = seed() | {"callBackUrl": f"{inbox.url}/{name}"}
        response_of(app.ask("POST", SUBMIT, f"instant, webhook-held={name}", task))
    elif kind == "submit":
        waiting[name] = app.submit(f"held={name}")
    else:
        path = f"/api/v1/task/{app.submitted()}"
        method, path = ("GET", path) if kind == "poll" else ("POST", f"{path}/cancel")
        waiting[name] = app.ask(method, path, f"held={name}")
    app.control.wait_until_held(name)


def test_a_poll_shows_what_was_when_it_was_sent(app: App) -> None:
    """The classic race: it was overtaken by the end of its task."""
    task_id = app.submitted()
    poll = app.ask("GET", f"/api/v1/task/{task_id}", "held=poll")
    app.control.wait_until_held("poll")
    app.control.advance_until(task_id, "SUCCESS")

    app.control.release("poll")

    assert response_of(poll)["data"]["status"] == "PENDING"
    [_, request] = app.control.requests()
    assert request["at"] == app.control.task(task_id)["updated_at"]


def test_the_stream_of_events_tells_of_it(app: App) -> None:
    """When it is held, after its task is there, and what it was once it is released."""
    app.submit("held=mine")
    [held] = app.control.wait_until_held("mine")
    app.control.release("mine")

    events = app.control.events()["events"]

    assert [one["kind"] for one in events] == ["task", "held", "request"]
    assert events[1]["data"] == {
        "name": "mine",
        "kind": "response",
        "what": "response to POST /api/v1/task/submit",
        "taskId": held["taskId"],
    }


def test_several_of_one_name_come_one_by_one(app: App) -> None:
    """In the order of their arrival, or all at once."""
    socks = {}
    for number in range(4):
        socks[f"{number}"] = app.submit("held")
        app.control.wait_until_held("held", count=number + 1)

    app.control.release()
    first = readable(socks)
    app.control.release(everything=True)

    assert first == ["0"]
    assert readable(socks) == ["0", "1", "2", "3"]


def test_a_webhook_can_come_before_its_held_submission(app: App, inboxes: InboxServer) -> None:
    """As `webhook-early` says, and then the response waits."""
    inbox = inboxes.inbox()
    sock = app.submit("webhook-early, held", inbox)
    [held] = app.control.wait_until_held()

    [webhook] = inbox.received
    app.control.release()

    assert webhook.task["taskId"] == held["taskId"] == response_of(sock)["data"]["taskId"]


def test_both_can_be_held(app: App, inboxes: InboxServer) -> None:
    """A webhook that is to come early, but is held, does not keep the response."""
    inbox = inboxes.inbox()

    sock = app.submit("webhook-early, webhook-held", inbox)

    assert response_of(sock)["code"] == 0
    assert len(inbox.received) == 0
    app.control.release("webhook-held")
    assert len(inbox.received) == 1


@pytest.mark.parametrize("scenario", ["latency=10ms, held", "held, drip=40/1ms", "held, garbled"])
def test_other_faults_come_too(app: App, scenario: str) -> None:
    """A late one is held after its delay, the others happen when it is released."""
    sock = app.submit(scenario)
    app.control.wait_until_held()

    app.control.release()

    assert sock.recv(12) == b"HTTP/1.1 200"


@pytest.mark.parametrize("fault", ["hang", "connection-reset", "truncated"])
def test_a_release_does_not_wait_for_what_never_comes(app: App, fault: str) -> None:
    """It returns although no response will be complete, and the exchange is recorded."""
    app.submit(f"held, {fault}")
    app.control.wait_until_held()

    app.control.release()

    assert len(app.control.requests()) == 1


def test_errors_can_be_held(app: App) -> None:
    """Whatever the response is."""
    sock = app.submit("held, unavailable")
    app.control.wait_until_held()

    app.control.release()

    assert response_of(sock)["code"] == 503
    assert app.control.tasks() == []


# -- others go on --------------------------------------------------------------------------------


def test_others_go_on(app: App) -> None:
    """Requests of the same sandbox and of another one, and time."""
    app.submit("held")
    [held] = app.control.wait_until_held()
    task_id = held["taskId"]
    assert task_id is not None

    with closing(App(app.mock)) as other:
        other.submitted()
        other.control.advance_until_idle()
        assert other.control.held() == []
    app.submitted()
    moved = app.control.advance_until(task_id, "SUCCESS")

    assert moved.task is not None
    assert [one["name"] for one in app.control.held()] == ["held"]


def test_another_sandbox_cannot_release_it(app: App) -> None:
    """Its names are its own."""
    app.submit("held")
    app.control.wait_until_held()

    with closing(App(app.mock)) as other, pytest.raises(ControlError, match="held: nothing"):
        other.control.release(within=0)

    assert len(app.control.held()) == 1


def test_requests_on_the_same_connection_come_after_it(app: App) -> None:
    """As HTTP/1.1 has it, pipelined requests are answered in order."""
    sock = app.submit("held")
    app.control.wait_until_held()
    sock.sendall(b"GET /__mock/health HTTP/1.1\r\nHost: localhost\r\n\r\n")

    app.control.release()

    assert response_of(sock)["code"] == 0
    assert response_of(sock) == {"status": "ok"}


def test_a_rule_holds_what_matches(app: App) -> None:
    """As often as it says."""
    rule = ScenarioText("held=polls")
    app.control.add_rule(rule, times=1, method="GET")
    path = f"/api/v1/task/{app.submitted()}"
    first = app.ask("GET", path)
    app.control.wait_until_held("polls")

    second = response_of(app.ask("GET", path))
    app.control.release("polls")

    assert response_of(first) == second


def test_the_default_scenario_holds_all(app: App) -> None:
    """Also requests that submit nothing."""
    task_id = app.submitted()
    app.control.change_settings(scenario="held")

    app.ask("GET", f"/api/v1/task/{task_id}")
    app.submit("")

    held = app.control.wait_until_held(count=2)
    assert {one["what"].split()[2] for one in held} == {"GET", "POST"}


# -- the end -------------------------------------------------------------------------------------


@pytest.mark.parametrize("leaves", ["close", "half-close"])
def test_a_client_that_leaves_is_forgotten(app: App, leaves: str) -> None:
    """Its exchange is recorded then, as its request has taken effect."""
    sock = app.submit("held")
    app.control.wait_until_held()

    sock.shutdown(socket.SHUT_WR) if leaves == "half-close" else sock.close()
    entry = app.mock.next()

    assert isinstance(entry, RecordedRequest)
    assert entry.scenarios == ("held",)
    assert app.control.held() == []
    assert len(app.control.tasks()) == 1


def test_a_reset_sends_it_without_recording_it(app: App) -> None:
    """Its journal is gone, and the next test's begins."""
    sock = app.submit("held")
    app.control.wait_until_held()

    app.control.reset()

    assert response_of(sock)["code"] == 0
    assert app.control.held() == []
    assert app.control.requests() == []


def test_it_is_sent_when_nobody_releases_it(app: App, caplog: pytest.LogCaptureFixture) -> None:
    """After `hold-timeout`, with a line that says so."""
    app.control.change_settings(hold_timeout="50ms")

    with caplog.at_level(logging.WARNING):
        response = response_of(app.submit("held=mine"))

    assert response["code"] == 0
    assert caplog.messages == [
        "the response to POST /api/v1/task/submit is sent: nobody released 'mine' within 0.05 s "
        "(hold-timeout)"
    ]
    with pytest.raises(ControlError, match="1 sent without a release before, by hold-timeout"):
        app.control.release("mine", within=0)


def test_the_end_of_a_server_leaves_nothing(contract: Contract, inboxes: InboxServer) -> None:
    """Held responses are sent and recorded, webhooks are not; waits end, and so do threads."""
    before, mock, inbox = set(threading.enumerate()), Mock(contract), inboxes.inbox()
    with mock.server, closing(App(mock)) as app:
        sock = app.submit("held")
        response_of(app.submit("instant, webhook-held", inbox))
        app.control.wait_until_held("held")
        app.control.wait_until_held("webhook-held")
        mock.noted.queue.clear()

        mock.server.stop()

        entry = mock.next()
        assert isinstance(entry, RecordedRequest)
        assert entry.scenarios == ("held",)
        assert response_of(sock)["code"] == 0
        assert inbox.received == ()
    left = {one for one in threading.enumerate() if "inbox" not in one.name} - before
    for thread in left:
        thread.join(PATIENCE)
    assert [one.name for one in left if one.is_alive()] == []


def test_what_is_too_much_is_not_held(
    app: App, inboxes: InboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither responses nor webhooks."""
    monkeypatch.setattr("mockserver.engine.held._MOST", 0)
    inbox = inboxes.inbox()

    response = response_of(app.submit("instant, held, webhook-held", inbox))

    assert inbox.wait()[0].task["taskId"] == response["data"]["taskId"]


def test_a_client_of_tls_that_leaves_is_forgotten(contract: Contract) -> None:
    """As without TLS."""
    mock = Mock(contract, tls=True)
    trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusted.check_hostname, trusted.verify_mode = False, ssl.CERT_NONE
    with mock.server, closing(App(mock)) as app:
        app.wrap = trusted.wrap_socket
        sock = app.submit("held")
        held = mock.server.service.sandboxes.of_key(app.key).held
        held.wait_until_held("held", 1, PATIENCE)

        sock.close()

        assert isinstance(mock.next(), RecordedRequest)
        assert [*held] == []


# -- mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body", "problem"),
    [
        ("held/a/release", {}, "nothing is held as 'a'; held: nothing"),
        ("held/a/wait", {"count": 2}, "0 of 2 are held as 'a'; held: nothing"),
        ("held/a/wait", {"count": 0}, "count: "),
        ("held/a/wait", {"within": "soon"}, "within: 'soon' is not a duration; use seconds or"),
        ("held/a/wait", {"within": "5m"}, "within: it can be 4m at most"),
        ("held/a/release", {"within": -1}, "within: '-1' is not a duration; use seconds or"),
        ("held/a/release", {"all": "yes"}, "all: "),
        ("held/a/release", {"name": "b"}, "name: "),
    ],
)
def test_mistakes_are_explained(app: App, path: str, body: Any, problem: str) -> None:
    """With what would be accepted, or with what is held."""
    with pytest.raises(ControlError) as caught:
        app.control._call("POST", path, body)

    assert str(caught.value).startswith(problem)
