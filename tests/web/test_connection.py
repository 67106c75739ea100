"""The HTTP server's connections, without sockets: what clients may do to one, and when."""

from __future__ import annotations

import asyncio
import gc
import random
import re
import weakref
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.domain.script import WireFault
from mockserver.engine.messages import Fault, Request, Response
from mockserver.web.connection import Connection
from mockserver.web.incoming import BadRequest
from mockserver.web.request_reader import Phase, RequestReader

LIMIT = 100
GET = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /b?c=%20 HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 3\r\n\r\nabc"
CHUNKED = (
    b"PUT /%41 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"2;e\r\nab\r\n1\r\nc\r\n0\r\nX-T: t\r\n\r\n"
)
EXPECTS = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
UPGRADE = b"GET /u HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"


@dataclass
class Client(asyncio.Transport):
    """What a connection writes to, in place of a client's socket."""

    sent: bytes = b""
    unread: int = 0
    """Bytes that the client has not taken yet."""
    closed: bool = False
    aborted: bool = False
    reading: bool = True
    half_closed: bool = False
    secure: bool = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self if name == "socket" or (self.secure and name == "sslcontext") else default

    def setsockopt(self, *_: object) -> None:
        pass

    def write(self, data: Any) -> None:
        assert not self.half_closed
        self.sent += bytes(data)

    def can_write_eof(self) -> bool:
        return not self.secure

    def write_eof(self) -> None:
        self.half_closed = True

    def get_write_buffer_size(self) -> int:
        return self.unread

    def pause_reading(self) -> None:
        assert not self.closed
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.closed
        self.reading = True

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        assert not self.closed
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    @property
    def statuses(self) -> list[int]:
        """The statuses of the responses."""
        return [int(one) for one in re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", self.sent)]


@dataclass
class Echo:
    """An application that returns what it is asked, or what a test wants."""

    seen: list[Request] = field(default_factory=list)
    answer: Callable[[Request], Any] = lambda request: Response(200, (), request.body)
    limit: int = LIMIT
    executor: ThreadPoolExecutor = field(default_factory=ThreadPoolExecutor)

    def respond(self, request: Request) -> Any:
        self.seen.append(request)
        return self.answer(request)

    def reject(self, error: BadRequest) -> Response:
        return Response(error.status, (), str(error).encode())


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test in an event loop, which a connection needs."""
    asyncio.run(main())


def connect(application: Echo, *, secure: bool = False) -> tuple[Connection, Client]:
    """Connect a client to an application."""
    client = Client(secure=secure)
    connection = Connection(application, set())
    connection.connection_made(client)
    return connection, client


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Let a coroutine be a test."""

    def synchronous(**arguments: Any) -> None:
        asyncio.run(test(**arguments))

    synchronous.__doc__ = test.__doc__
    synchronous.__name__ = test.__name__
    return synchronous


# -- reading -------------------------------------------------------------------------------------


def read(pieces: Iterator[bytes] | list[bytes]) -> list[tuple[str, bytes, bytes, dict[str, str]]]:
    """Read the requests in a stream that arrives in pieces."""
    reader = RequestReader(LIMIT)
    for piece in pieces:
        reader.feed(piece)
    assert reader.failure is None
    return [(one.method, one.target, one.body, one.headers) for one in reader.complete]


@given(
    requests=st.lists(st.sampled_from([GET, POST, CHUNKED, EXPECTS + b"abc", UPGRADE]), min_size=1),
    cuts=st.lists(st.integers(0, 2000)),
)
def test_how_a_stream_is_cut_does_not_matter(requests: list[bytes], cuts: list[int]) -> None:
    """Requests are the same, however their bytes arrive."""
    stream = b"".join(requests)
    places = sorted({0, len(stream), *(cut % len(stream) for cut in cuts)})

    pieces = [stream[start:end] for start, end in pairwise(places)]

    assert read(pieces) == [one for request in requests for one in read([request])]
    assert len(read(pieces)) == len(requests)


def test_a_request_is_read() -> None:
    """Names in lower case, repeated headers as a list, chunks put together, no trailer."""
    assert read([POST + CHUNKED]) == [
        ("POST", b"/b?c=%20", b"abc", {"host": "a", "x-a": "1, 2", "content-length": "3"}),
        ("PUT", b"/%41", b"abc", {"host": "a", "transfer-encoding": "chunked"}),
    ]


@pytest.mark.parametrize("coded", [POST, CHUNKED])
def test_the_body_of_a_request_for_an_upgrade_is_read(coded: bytes) -> None:
    """Java's own client asks for HTTP/2 with its first request, whatever that is."""
    fields = b"Host: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    stream = coded.replace(b"Host: a\r\n", fields) + GET

    whole = read([stream])
    cut = read([stream[at : at + 1] for at in range(len(stream))])

    assert [(method, target, body) for method, target, body, _ in whole] == [
        (*read([coded])[0][:2], b"abc"), ("GET", b"/a", b"")
    ]  # fmt: skip
    assert cut == whole


@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1, LIMIT + 2, 10_000])
def test_no_more_of_a_body_is_kept_than_the_limit_and_one_byte(size: int) -> None:
    """So that the application can tell that it is too large."""
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size

    (request,) = read([head, b"x" * (size // 2), b"x" * (size - size // 2)])

    assert len(request[2]) == min(size, LIMIT + 1)


@pytest.mark.parametrize(
    ("stream", "status"),
    [
        (b"GET /" + b"a" * 70_000, 414),
        (b"GET / HTTP/1.1\r\nX-A: " + b"a" * 140_000, 431),
        (b"GET / HTTP/1.1\r\n" + b"X-A: a\r\n" * 129 + b"\r\n", 431),
        (b"POST / HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 505),
        (b"\x16\x03\x01\x02\x00\x01", 400),
    ],
)
def test_what_is_too_large_or_not_http_is_rejected(stream: bytes, status: int) -> None:
    """As soon as that is known, and nothing after it is read."""
    reader = RequestReader(LIMIT)
    for at in range(0, len(stream), 30_000):
        reader.feed(stream[at : at + 30_000])

    reader.feed(GET)

    assert reader.failure is not None
    assert (reader.failure.status, len(reader.complete)) == (status, 0)


def test_an_endless_body_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    """One in chunks does not say how long it is; what is too much is not kept meanwhile."""
    monkeypatch.setattr("mockserver.web.request_reader._DISCARDED", 10_000)
    reader = RequestReader(LIMIT)
    reader.feed(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")

    while reader.failure is None:
        reader.feed(b"3e8\r\n" + b"x" * 1000 + b"\r\n")

    assert reader.failure.status == 413


def test_a_head_is_limited_by_its_own_bytes() -> None:
    """A client may send more than that at once, of other requests."""
    reader = RequestReader(LIMIT)
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n"

    reader.feed(head + b"x" * 200_000 + GET[:-1])
    reader.feed(GET[-1:])

    assert (reader.failure, len(reader.complete)) == (None, 2)


SEEDS = [GET, POST, CHUNKED, EXPECTS, UPGRADE, b"OPTIONS * HTTP/1.0\r\n\r\n"]
SCRAPS = [
    b"\r\n", b"\n", b"\0", b"\xff", b":", b" ", b"\t", b"HTTP/1.1", b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: x\r\n", b"Content-Length: -1\r\n",
    b"Connection: close\r\n", b"Host: [\r\n", b"fffffffff", b"0\r\n\r\n", b"%", b"Upgrade: x\r\n",
    b"Content-Length: 1\xb2\r\n", b"Expect: 100-continue\r\n", b"CONNECT a:1 HTTP/1.1\r\n\r\n",
]  # fmt: skip


def hostile(chance: random.Random) -> bytes:
    """Make a stream that is nearly HTTP."""
    stream = bytearray(b"".join(chance.choices(SEEDS, k=chance.randint(1, 4))))
    for _ in range(chance.randint(0, 6)):
        at = chance.randrange(len(stream))
        match chance.randrange(4):
            case 0:
                stream[at] = chance.randrange(256)
            case 1:
                del stream[at : at + chance.randint(1, 8)]
            case 2:
                stream[at:at] = chance.choice(SCRAPS)
            case _:
                stream[at:at] = chance.randbytes(chance.randint(1, 8))
        stream = stream or bytearray(b"\r")
    return bytes(stream)


@in_loop
async def test_hostile_bytes() -> None:
    """20,000 streams: nothing fails, and what is written is one response for each request read."""
    chance = random.Random(12)  # noqa: S311 - repeatable
    application = Echo()
    for _ in range(20_000):
        application.seen.clear()
        connection, client = connect(application)
        stream = hostile(chance)
        cut = chance.randrange(len(stream) + 1)

        for piece in (stream[:cut], stream[cut:]):
            if piece and not client.closed:
                connection.data_received(piece)
        stays = not client.closed and connection.eof_received()
        if not stays and not client.closed:
            client.close()

        answered = [status for status in client.statuses if status >= 200]
        rejected = [status for status in answered if status >= 400]
        assert len(answered) == len(application.seen) + len(rejected), stream
        assert set(rejected) <= {400, 413, 414, 431, 501, 505}, stream
        assert client.closed, stream
        connection.connection_lost(None)


# -- responding ----------------------------------------------------------------------------------


@in_loop
async def test_responses_are_in_the_order_of_the_requests() -> None:
    """Even if the first takes longer; the others wait, and so does the client."""
    waiting: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
    application = Echo()
    application.answer = lambda one: waiting if one.path == "/a" else Response(201, (), b"")
    connection, client = connect(application)

    connection.data_received(GET + POST + CHUNKED)
    before = (client.statuses, client.reading)
    waiting.set_result(Response(200, (), b""))
    await settle()

    assert before == ([], False)
    assert (client.statuses, client.reading) == ([200, 201, 201], True)


async def settle() -> None:
    """Let everything happen that needs no time."""
    for _ in range(10):
        await asyncio.sleep(0)


@in_loop
async def test_a_client_that_does_not_read_gets_no_more_responses() -> None:
    """One response is kept for it, not as many as it asks for."""
    connection, client = connect(Echo())
    connection.pause_writing()

    connection.data_received(GET * 3)
    before = client.statuses
    connection.resume_writing()

    assert before == []
    assert client.statuses == [200, 200, 200]


@pytest.mark.parametrize(
    ("request_", "connection_header", "closed"),
    [
        (GET, None, False),
        (GET.replace(b"1.1", b"1.0"), None, True),
        (GET.replace(b"1.1\r\n", b"1.0\r\nConnection: keep-alive\r\n"), "keep-alive", False),
        (GET.replace(b"1.1\r\n", b"1.1\r\nConnection: close\r\n"), "close", True),
        (CHUNKED.replace(b"Host: a", b"Host: a\r\nContent-Length: 3"), "close", True),
        (UPGRADE, None, False),
        (UPGRADE.replace(b"Upgrade\r", b"Upgrade, close\r"), "close", True),
    ],
)
def test_when_a_connection_stays_open(
    request_: bytes, connection_header: str | None, *, closed: bool
) -> None:
    """By HTTP's own rules; what is closed says so, and does not respond any more."""

    async def main() -> None:
        connection, client = connect(Echo())

        connection.data_received(request_ + GET)

        assert (client.closed, len(client.statuses)) == (closed, 1 if closed else 2)
        first = client.sent.partition(b"\r\n\r\n")[0].decode()
        found = re.search("Connection: (.*)\r", first + "\r")
        if connection_header is not None or not closed:
            assert (found and found[1]) == connection_header

    run(main)


@in_loop
async def test_a_client_that_waits_is_told_to_go_on() -> None:
    """After the responses to its earlier requests, and only if it has not gone on itself."""
    waiting: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
    application = Echo()
    application.answer = lambda one: waiting if one.path == "/a" else Response(200, (), one.body)
    connection, client = connect(application)

    connection.data_received(GET + EXPECTS)
    before = client.statuses
    waiting.set_result(Response(200, (), b""))
    await settle()
    between = client.statuses
    connection.data_received(b"abc" + EXPECTS + b"abc")

    assert (before, between, client.statuses) == ([], [200, 100], [200, 100, 200, 200])


@in_loop
async def test_a_rejected_request_can_be_read_to_its_end() -> None:
    """Closing at once would reset the connection, and the client would not learn why."""
    connection, client = connect(Echo())

    connection.data_received(b"GET / HTTP/3.0\r\n\r\n")
    connection.data_received(b"more")

    assert (client.statuses, client.half_closed, client.closed) == ([400], True, False)
    assert connection.eof_received() is False


@in_loop
async def test_a_client_that_has_gone_is_rejected_without_an_error() -> None:
    """Its connection cannot be half closed any more."""
    waiting: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
    connection, client = connect(Echo(answer=lambda _: waiting))
    client.write_eof = Mock(side_effect=OSError)  # type: ignore[method-assign]
    connection.data_received(GET + b"GET / HTTP/3.0\r\n\r\n")
    delivery = connection._delivery

    waiting.set_result(Response(200, (), b""))
    await settle()

    assert delivery is not None
    assert delivery.exception() is None
    assert client.statuses == [200, 400]


@in_loop
async def test_a_target_that_is_not_encoded_is_rejected() -> None:
    """The message says what to write."""
    connection, client = connect(Echo())

    connection.data_received("GET /я HTTP/1.1\r\nHost: a\r\n\r\n".encode())

    assert client.statuses == [400]
    assert b"percent-encode" in client.sent


@in_loop
async def test_a_client_that_is_rejected_is_not_told_to_go_on() -> None:
    """Nothing follows the response that says why."""
    waiting: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
    connection, client = connect(Echo(answer=lambda _: waiting))
    connection.data_received(
        GET + EXPECTS.replace(b"Content-Length: 3", b"Transfer-Encoding: chunked")
    )
    connection.data_received(b"no size")
    waiting.set_result(Response(200, (), b""))
    await settle()

    connection.eof_received()

    assert client.statuses == [200, 400]


@pytest.mark.parametrize("wire", [WireFault.TRUNCATED, WireFault.HALF_HEADERS])
def test_nothing_follows_a_broken_response(wire: WireFault) -> None:
    """Not even what is to be said about the next request."""

    async def main() -> None:
        broken = Response(200, (), b"12345678", Fault(wire=wire))
        connection, client = connect(Echo(answer=lambda _: broken))

        connection.data_received(GET + b"GET / HTTP/3.0\r\n\r\n")
        await settle()

        assert (client.statuses, client.closed) == ([200], True)

    run(main)


@in_loop
async def test_an_old_client_is_not_told_to_go_on() -> None:
    """HTTP/1.0 has no `100 Continue`."""
    connection, client = connect(Echo())

    connection.data_received(EXPECTS.replace(b"1.1", b"1.0"))
    connection.data_received(b"abc")

    assert client.statuses == [200]


@in_loop
async def test_why_the_rest_is_not_read_is_not_lost_in_tls() -> None:
    """It has no half-closed connections; the server waits for the client to end it, for a while."""
    connection, client = connect(Echo(), secure=True)

    connection.data_received(b"GET / HTTP/3.0\r\n\r\n")
    connection.data_received(b"more")
    before = (client.statuses, client.closed)
    waited = ticks_until_closed(connection, client)

    assert before == ([400], False)
    assert (waited, client.aborted) == (2, False)


@in_loop
async def test_a_client_of_tls_that_says_no_more_has_gone() -> None:
    """For asyncio ends both halves, and logs a warning for who wants to keep one."""
    drip = Fault(latency=1000)
    connection, client = connect(Echo(answer=lambda _: Response(200, (), b"", drip)), secure=True)
    connection.data_received(GET)
    await settle()

    stays = connection.eof_received()
    await settle()

    assert (stays, client.closed, len(asyncio.all_tasks())) == (False, True, 1)


@in_loop
async def test_a_half_closed_client_gets_what_it_has_not_read_yet() -> None:
    """All responses, as soon as it reads."""
    connection, client = connect(Echo())
    connection.pause_writing()
    connection.data_received(GET * 3)

    stays = connection.eof_received()
    connection.resume_writing()

    assert (stays, client.statuses, client.closed) == (True, [200, 200, 200], True)


@in_loop
async def test_nothing_is_written_to_a_client_that_was_found_gone() -> None:
    """Asyncio would log a warning for it."""
    application = Echo()
    connection, client = connect(application)

    def vanish(_: Request) -> Response:
        client.abort()
        return Response(200, (), b"")

    application.answer = vanish

    connection.data_received(GET * 9)

    assert len(client.statuses) == 1


@in_loop
async def test_a_request_that_came_early_finds_its_connection_broken() -> None:
    """Pipelined requests are not processed, either."""
    broken = Response(200, (), b"", Fault(wire=WireFault.KEEP_ALIVE_BROKEN))
    application = Echo(answer=lambda _: broken)
    connection, client = connect(application)

    connection.data_received(GET * 2)
    await settle()

    assert (client.statuses, client.aborted, len(application.seen)) == ([200], True, 1)


def test_a_half_closed_client_gets_its_response() -> None:
    """Also one that is not there yet; then the connection ends."""

    async def main() -> None:
        waiting: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        application = Echo(answer=lambda _: waiting)
        connection, client = connect(application)
        connection.data_received(GET)

        stays = connection.eof_received()
        waiting.set_result(Response(200, (), b""))
        await settle()

        assert (stays, client.statuses, client.closed) == (True, [200], True)

    run(main)


@in_loop
async def test_a_body_that_ends_early_is_rejected() -> None:
    """The application does not see it."""
    application = Echo()
    connection, client = connect(application)

    connection.data_received(POST[:-1])
    connection.eof_received()

    assert (client.statuses, application.seen, client.closed) == ([400], [], True)


# -- time ----------------------------------------------------------------------------------------


def ticks_until_closed(connection: Connection, client: Client) -> int:
    """Return how often a connection is looked at before it is given up."""
    for number in range(1, 1000):
        connection.tick()
        if client.closed or client.half_closed:
            return number
    raise AssertionError("it never is")


@pytest.mark.parametrize(
    ("sent", "ticks", "statuses"),
    [
        (b"", 121, []),
        (GET, 121, [200]),
        (b"G", 7, [408]),
        (GET[:-2], 7, [408]),
        (POST[:-1], 13, [408]),
        (GET + POST[:-1], 13, [200, 408]),
    ],
)
def test_the_patience_with_a_slow_client(sent: bytes, ticks: int, statuses: list[int]) -> None:
    """Ten minutes without a request, half a minute for a head, a minute without more of a body."""

    async def main() -> None:
        connection, client = connect(Echo())
        if sent:
            connection.data_received(sent)

        waited = ticks_until_closed(connection, client)

        assert (waited, client.statuses) == (ticks, statuses)

    run(main)


@in_loop
async def test_a_head_that_drips_does_not_last_for_ever() -> None:
    """Each byte of a body is progress; of a head none is."""
    connection, client = connect(Echo())
    connection.data_received(b"GET / HTTP/1.1\r\nX-A: ")

    for _ in range(7):
        connection.data_received(b"a")
        connection.tick()

    assert client.statuses == [408]


@in_loop
async def test_a_body_that_drips_may_take_its_time() -> None:
    """As long as it arrives."""
    connection, client = connect(Echo())
    connection.data_received(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 90\r\n\r\n")

    for _ in range(90):
        connection.data_received(b"a")
        connection.tick()

    assert client.statuses == [200]


@in_loop
async def test_a_response_that_is_not_read_does_not_last_for_ever() -> None:
    """As long as some of it is, it may take its time."""
    connection, client = connect(Echo())
    connection.data_received(GET)

    for client.unread in range(100, 50, -1):
        connection.tick()
    patient = client.closed
    for _ in range(13):
        connection.tick()

    assert (patient, client.aborted) == (False, True)


@in_loop
async def test_nobody_is_given_up_who_waits_for_the_mock() -> None:
    """However long that takes."""
    waiting: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
    connection, client = connect(Echo(answer=lambda _: waiting))
    connection.data_received(GET)

    for _ in range(1000):
        connection.tick()
    waiting.set_result(Response(200, (), b""))
    await settle()

    assert (client.statuses, client.closed) == ([200], False)


# -- the end -------------------------------------------------------------------------------------


@pytest.mark.parametrize("leave", ["eof_received", "connection_lost", "finish"])
def test_a_hanging_response_ends_with_the_client_or_the_server(leave: str) -> None:
    """Otherwise, each client that has given up would keep a socket."""

    async def main() -> None:
        hang = Response(200, (), b"", Fault(wire=WireFault.HANG))
        connection, client = connect(Echo(answer=lambda _: hang))
        connection.data_received(GET + GET)
        await settle()

        getattr(connection, leave)(*([None] if leave == "connection_lost" else []))
        await settle()

        assert client.statuses == []
        assert client.closed or leave == "connection_lost"
        assert len(asyncio.all_tasks()) == 1

    run(main)


@in_loop
async def test_a_response_in_progress_is_sent_when_the_server_stops() -> None:
    """It says that the connection ends; no other request is read."""
    waiting: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
    connection, client = connect(Echo(answer=lambda _: waiting))
    connection.data_received(GET)

    connection.finish()
    connection.data_received(GET)
    waiting.set_result(Response(200, (), b""))
    await settle()

    assert (client.statuses, client.closed) == ([200], True)
    assert b"Connection: close" in client.sent


@in_loop
async def test_no_other_request_is_processed_when_the_server_stops() -> None:
    """The response before it has said that the connection ends."""
    waiting: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
    application = Echo(answer=lambda _: waiting)
    connection, client = connect(application)
    connection.data_received(GET * 3)

    connection.finish()
    waiting.set_result(Response(200, (), b""))
    await settle()

    assert (client.statuses, client.closed, len(application.seen)) == ([200], True, 1)


@pytest.mark.parametrize("sent", [b"", GET, b"GET / HTTP/3.0\r\n\r\n"])
def test_nobody_waits_for_a_client_that_has_everything(sent: bytes) -> None:
    """When the server stops; in TLS, clients could take long to agree."""

    async def main() -> None:
        connection, client = connect(Echo(), secure=True)
        if sent:
            connection.data_received(sent)

        connection.finish()

        assert (client.closed, connection.finished.is_set()) == (True, True)

    run(main)


def test_a_connection_that_never_was_is_freed_without_the_garbage_collector() -> None:
    """As after a handshake of TLS that failed."""

    async def main() -> weakref.ref[RequestReader]:
        return weakref.ref(Connection(Echo(), set())._reader)

    gc.disable()
    try:
        assert asyncio.run(main())() is None
    finally:
        gc.enable()


def test_a_connection_is_freed_without_the_garbage_collector() -> None:
    """It is idle for speed, and connections come and go by the million."""

    async def main() -> weakref.ref[Connection]:
        connection, _ = connect(Echo())
        connection.data_received(GET + POST)
        connection.connection_lost(None)
        return weakref.ref(connection)

    gc.disable()
    try:
        assert asyncio.run(main())() is None
    finally:
        gc.enable()


def test_what_has_been_read_says_what_is_next() -> None:
    """Between requests, in a head, in a body, at the end."""
    reader, phases = RequestReader(LIMIT), []

    for piece in (b"G", GET[1:], POST[:-1], POST[-1:]):
        reader.feed(piece)
        phases.append(reader.phase)
    reader.end()

    assert phases == [Phase.HEAD, Phase.BETWEEN, Phase.BODY, Phase.BETWEEN]
    assert reader.phase is Phase.END
