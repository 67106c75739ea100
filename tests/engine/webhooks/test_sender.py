"""One thread sends webhooks to all receivers, whatever each of them does."""

from __future__ import annotations

import gc
import json
import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from mockserver.contract import Contract
from mockserver.engine.clock import Clock
from mockserver.engine.service import Service
from mockserver.engine.webhooks import receiver_queue, scheduler, sender
from mockserver.engine.webhooks.attempt import Failure
from mockserver.settings import make_settings
from tests.client import SEED, Client
from tests.conftest import seconds
from tests.engine.scripted import OK, Scripted

RESPONSE = b"HTTP/1.1 204 No Content\r\n\r\n"

Respond = Callable[[socket.socket, bytes], None]


class Receiver:
    """Accepts any number of connections, and calls *respond* with each request."""

    def __init__(self, respond: Respond) -> None:
        self.bodies: list[bytes] = []
        self._respond = respond
        self._server = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._stop, self._stopped = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.port = self._server.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"

    def _serve(self) -> None:
        with selectors.DefaultSelector() as ready, ExitStack() as connections:
            ready.register(self._server, selectors.EVENT_READ)
            ready.register(self._stopped, selectors.EVENT_READ)
            while True:
                for key, _ in ready.select(10):
                    if key.fileobj is self._stopped:
                        return
                    if key.fileobj is self._server:
                        connection, _ = self._server.accept()
                        connections.enter_context(connection)
                        ready.register(connection, selectors.EVENT_READ)
                    elif not self._read(key.fileobj):
                        ready.unregister(key.fileobj)

    def _read(self, connection: Any) -> bool:
        with suppress(OSError):
            request = connection.recv(65536)
            if request:
                self.bodies.append(request.partition(b"\r\n\r\n")[2])
                self._respond(connection, request)
            return bool(request)
        return False

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.close()
        self._thread.join(5)
        for one in (self._server, self._stopped):
            one.close()


def at_once(connection: socket.socket, _request: bytes) -> None:
    """Respond."""
    connection.sendall(RESPONSE)


def never(_connection: socket.socket, _request: bytes) -> None:
    """Do not respond."""


def hangs_up(connection: socket.socket, _request: bytes) -> None:
    """Close the connection without a response."""
    connection.shutdown(socket.SHUT_RDWR)


class Dripping:
    """Sends one byte after the other, and never all."""

    def __init__(self) -> None:
        self.stop = threading.Event()

    def __call__(self, connection: socket.socket, _request: bytes) -> None:
        threading.Thread(target=self._drip, args=(connection,), daemon=True).start()

    def _drip(self, connection: socket.socket) -> None:
        with suppress(OSError):
            while not self.stop.wait(0.01):
                connection.sendall(b"H")


Start = Callable[..., Client]


@pytest.fixture
def start(contract: Contract) -> Iterator[Start]:
    """Start a service that sends webhooks by HTTP; its clocks run, and tasks end at once."""
    services: list[Service] = []

    def make(**settings: Any) -> Client:
        changes = {"pace": "instant", "webhook_tries": 1} | settings
        services.append(Service(contract, make_settings(contract, **changes), make_clock=Clock))
        return Client(services[-1])

    yield make
    for service in services:
        service.close()


def submit(client: Client, url: str, times: int = 1) -> list[str]:
    """Submit tasks whose webhooks go to *url*; return their ids."""
    return [client.submitted(SEED | {"callBackUrl": url}) for _ in range(times)]


def task_ids(receiver: Receiver) -> list[str]:
    """Return the tasks whose webhooks have come, in their order."""
    return [json.loads(body)["data"]["taskId"] for body in receiver.bodies]


def senders() -> set[threading.Thread]:
    """Return the threads that send webhooks by HTTP; another mock of this process can have one."""
    return {one for one in threading.enumerate() if one.name == "webhook-sender"}


def test_no_receiver_waits_for_another_one(start: Start) -> None:
    """One is silent, one drips, one hangs up, one refuses: a good one gets its webhooks."""
    client, dripping = start(webhook_timeout=seconds(60)), Dripping()
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    with Receiver(never) as silent, Receiver(dripping) as slow, Receiver(hangs_up) as rude:
        for url in (silent.url, slow.url, rude.url, f"http://127.0.0.1:{port}/"):
            submit(client, url, 20)
        with Receiver(at_once) as good:
            submitted = submit(client, good.url, 20)

            ended = client.deliveries(60)

        dripping.stop.set()
        client.service.close()
    delivered = [one for one in ended if one["delivered"]]
    assert sorted(one["taskId"] for one in delivered) == sorted(submitted)
    assert {one["failure"] for one in ended if not one["delivered"]} == {
        Failure.CONNECTION_LOST,
        Failure.CONNECTION_REFUSED,
    }


def test_a_deadline_ends_an_attempt_that_drips(start: Start) -> None:
    """Not each byte, but the whole response has to come in time; and the next one goes out."""
    client, dripping = start(webhook_timeout=seconds(0.2), webhook_concurrency=1), Dripping()
    with Receiver(dripping) as slow:
        submit(client, slow.url, 2)

        ended = client.deliveries(2)

        dripping.stop.set()
    assert [one["failure"] for one in ended] == [Failure.TIMEOUT] * 2
    assert all(one["latency_ms"] >= 200 for one in ended)


def test_a_receiver_gets_its_webhooks_in_order(start: Start) -> None:
    """One after the other, if it is to get only one at a time."""
    client = start(webhook_concurrency=1)
    with Receiver(at_once) as receiver:
        submitted = submit(client, receiver.url, 50)

        client.deliveries(50)

        assert task_ids(receiver) == submitted


def test_a_receiver_gets_only_so_many_webhooks_at_a_time(start: Start) -> None:
    """The setting says how many."""
    client, waiting, most = start(webhook_concurrency=3), [], []

    def in_threes(connection: socket.socket, _request: bytes) -> None:
        waiting.append(connection)
        most.append(len(waiting))
        if len(waiting) == 3:
            while waiting:
                waiting.pop().sendall(RESPONSE)

    with Receiver(in_threes) as receiver:
        submit(client, receiver.url, 30)

        ended = client.deliveries(30)

    assert all(one["delivered"] for one in ended)
    assert max(most) == 3


@pytest.mark.slow
def test_a_thousand_receivers_need_no_more_threads(start: Start) -> None:
    """Even if a hundred of them let their webhooks wait at the same time."""
    client, waiting, counted = start(webhook_timeout=seconds(60)), [], []
    before = senders()

    def in_hundreds(connection: socket.socket, _request: bytes) -> None:
        waiting.append(connection)
        if len(waiting) == 100:
            counted.append(len(senders() - before))
            while waiting:
                waiting.pop().sendall(RESPONSE)

    with Receiver(in_hundreds) as receiver:
        for number in range(1000):
            submit(client, receiver.url.replace("127.0.0.1", f"app{number}.localhost"))

        ended = client.deliveries(1000)

    assert all(one["delivered"] for one in ended)
    assert counted == [1] * 10


def test_many_attempts_in_progress_leave_each_receiver_only_one(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that another receiver gets one; and beyond a limit, all wait for others to end."""
    monkeypatch.setattr(sender, "_MANY", 1)
    monkeypatch.setattr(sender, "_MOST", 2)
    client, waiting, pairs = start(webhook_concurrency=4), [], []

    def in_pairs(connection: socket.socket, request: bytes) -> None:
        waiting.append((request.partition(b"Host: ")[2][:4].decode(), connection))
        if len(waiting) == 2:
            pairs.append(sorted(host for host, _ in waiting))
            while waiting:
                waiting.pop()[1].sendall(RESPONSE)

    with Receiver(in_pairs) as receiver:
        for number in (1, 2, 3) * 2:
            submit(client, receiver.url.replace("127.0.0.1", f"app{number}.localhost"))

        ended = client.deliveries(6)

    assert all(one["delivered"] for one in ended)
    assert all(first != second for first, second in pairs)


class Unreached:
    """A job that does not begin in this test."""

    is_forgotten = False

    def begin(self) -> Any:
        raise NotImplementedError

    def drop(self) -> None:
        raise NotImplementedError


def test_the_api_goes_first_while_few_webhooks_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """After some work follows a rest, but not after a single webhook, nor when many wait."""
    monkeypatch.setattr(sender, "_FEW", 1)
    working = sender.Sender(1, lambda: None)
    working.put("one", Unreached())

    rests = [working._has_rested(seconds) for seconds in (0.0006, 0.0006, 0.0006, 0.0006)]
    working.put("another", Unreached())

    assert rests == [False, True, False, True]
    assert not working._has_rested(1)


def test_webhooks_of_forgotten_tasks_take_no_memory(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither while they wait for a silent receiver, nor while they wait for their moment."""
    for module in (receiver_queue, scheduler):
        monkeypatch.setattr(module, "_MOST_FORGOTTEN", 10)
    client = start(max_tasks=5, webhook_concurrency=1, webhook_timeout=seconds(60))
    dispatcher, other, paused = (client.service.dispatcher, *map(client.as_key, ("b", "c")))
    dispatcher.scheduler.pause(paused.sandbox)
    with Receiver(never) as silent, Receiver(at_once) as receiver:
        submit(client, silent.url, 100)
        submit(paused, silent.url, 100)
        submit(other, receiver.url)
        other.deliveries(1)  # by then, the sender has seen the others

        queue = dispatcher._sender._queues[f"http://127.0.0.1:{silent.port}"]
        assert 5 <= len(queue.jobs) <= 20
        assert dispatcher._in_progress[client.sandbox] == len(queue.jobs) + 1
        assert 5 <= len(dispatcher.scheduler._by_sandbox[paused.sandbox]) <= 20


def test_a_look_up_that_takes_long_delays_no_other_receiver(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It happens elsewhere, and the attempt's deadline ends it."""
    look_up, release = socket.getaddrinfo, threading.Event()

    def slowly(host: Any, *arguments: Any, **more: Any) -> Any:
        if host == "slow.example":
            release.wait(10)
        return look_up("127.0.0.1" if host == "app.example" else host, *arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    client = start(callback_allow=("*.example",), webhook_timeout=seconds(1))
    with Receiver(at_once) as receiver:
        submit(client, "http://slow.example/")
        submit(client, receiver.url.replace("127.0.0.1", "app.example"))
        first, second = client.deliveries(2)

    release.set()
    assert first["delivered"]
    assert (second["failure"], second["error"]) == (
        Failure.TIMEOUT,
        "cannot connect to slow.example:80 within 1 s",
    )


def test_a_mock_that_sends_nothing_has_no_thread_for_it(start: Start) -> None:
    """Neither for tasks without a callBackUrl, nor while its clock stands still."""
    client, before = start(pace="realtime"), senders()
    client.submitted({name: value for name, value in SEED.items() if name != "callBackUrl"})
    frozen = client.as_key("frozen")
    frozen.sandbox.clock.run(0)
    frozen.submitted(SEED)

    assert senders() == before


def descriptors() -> int:
    """Count the open files of this process."""
    gc.collect()
    return len(list(Path("/dev/fd").iterdir()))


def test_nothing_is_left_after_the_end(contract: Contract) -> None:
    """No thread and no socket, even of attempts that were in progress."""
    before, others = descriptors(), senders()
    service = Service(contract, make_settings(contract, pace="instant"))
    client = Client(service)
    with Receiver(never) as silent, Scripted([OK, OK]) as good:
        submit(client, good.url)
        client.deliveries(1)
        arrived = threading.Event()
        silent._respond = lambda *_: arrived.set()
        submit(client, silent.url, 20)
        assert arrived.wait(5)
        service.close()

        assert good.closed.get(timeout=5) == 0
    assert senders() == others
    assert descriptors() <= before


def test_a_service_can_be_closed_twice_and_sends_nothing_afterwards(start: Start) -> None:
    """As when both a server and its owner close it."""
    client, before = start(), senders()
    with Receiver(at_once) as receiver:
        submit(client, receiver.url)
        client.deliveries(1)
        client.service.close()
        client.service.close()
        submit(client, receiver.url)

        assert senders() == before
    assert len(receiver.bodies) == 1
