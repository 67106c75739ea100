"""What happens to a request to which the target does not respond as it should."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from socket import socket

import pytest

from mockserver.conformance.model import Exchange
from mockserver.conformance.session.client import Client
from mockserver.conformance.session.ledger import Ledger
from mockserver.conformance.session.probe import problem_of
from mockserver.conformance.session.rate_limit import RateLimited
from mockserver.conformance.session.spending import Money
from mockserver.contract import load_contract
from tests.proxy.upstream import Script, upstream

PRICED = {"model": "grok-imagine/text-to-image-lite", "input": {"prompt": "a cat"}}
RESET = b""


def reply(status: int, body: bytes = b'{"code":0,"msg":"ok"}', /, **headers: str) -> bytes:
    """Write a response."""
    named = {"Content-Type": "application/json", "Content-Length": str(len(body))} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in named.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


CUT = reply(200, b"{", Content_Length="99")


def in_turn(*replies: bytes) -> Script:
    """Reply to one request after the other, on whatever connection; the last reply repeats."""
    left = list(replies)

    def serve(connection: socket) -> None:
        while _request(connection):
            said = left.pop(0) if len(left) > 1 else left[0]
            if said == RESET:
                return
            connection.sendall(said)
            if said == CUT:
                return

    return serve


def _request(connection: socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(65536)
        if not chunk:
            return b""
        received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    while length and len(body) < int(length[1]):
        body += connection.recv(65536)
    return head


@dataclass
class Run:
    """A target, and what was noted of it."""

    target: Client
    seen: list[Exchange]
    transient_failures: list[Exchange]
    pauses: list[float]


@contextmanager
def run(*replies: bytes, ledger: Ledger | None = None) -> Iterator[Run]:
    """Use a server that sends these replies."""
    with upstream(in_turn(*replies)) as server:
        seen: list[Exchange] = []
        transient_failures: list[Exchange] = []
        pauses: list[float] = []
        money = Money(load_contract(), ledger)
        target = Client(
            server.url,
            "a-token",
            money,
            seen.append,
            pause=pauses.append,
            on_transient_failure=transient_failures.append,
        )
        with closing(target):
            yield Run(target, seen, transient_failures, pauses)


@pytest.mark.parametrize("failure", [reply(502, b"<html>"), RESET, CUT])
def test_a_failure_that_does_not_happen_again_is_transient(failure: bytes) -> None:
    """The request is sent again, and only the last response counts."""
    with run(failure, reply(200)) as it:
        response = it.target.poll("x")

    assert (response.status, response.attempts, it.pauses) == (200, 2, [1.0])
    assert it.seen == [response]
    assert [one.is_unwell for one in it.transient_failures] == [True]


def test_a_failure_that_stays_counts() -> None:
    """After three tries it is the response of the target."""
    with run(reply(500)) as it:
        response = it.target.poll("x")

    assert (response.status, response.attempts, it.pauses) == (500, 3, [1.0, 2.0])
    assert (it.seen, it.transient_failures) == ([response], [])


@pytest.mark.parametrize("failure", [reply(502, b"<html>"), reply(504), RESET])
def test_what_could_cost_is_sent_once(tmp_path: Path, failure: bytes) -> None:
    """The submission may have been accepted: it proves nothing, and its money stays reserved."""
    ledger = Ledger(tmp_path / "ledger", Decimal(1))
    with run(failure, reply(200), ledger=ledger) as it:
        response = it.target.submit(PRICED)

    assert (response.is_inconclusive, response.attempts, it.pauses) == (True, 1, [])
    assert [one.status for one in it.transient_failures] == [response.status]
    assert ledger.reserved == Decimal("0.001")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "7"}, 7.0),
        ({"Retry_After": "999999"}, 60.0),
        ({"Retry_After": "soon"}, 1.0),
        ({}, 1.0),
        (
            {
                "Date": "Wed, 25 Nov 2026 12:00:00 GMT",
                "Retry_After": "Wed, 25 Nov 2026 12:00:09 GMT",
            },
            9.0,
        ),
    ],
)
def test_429_is_waited_for(headers: dict[str, str], seconds: float) -> None:
    """As long as Retry-After asks, within a bound; it is neither a response nor a failure."""
    with run(reply(429, b"", **headers), reply(200)) as it:
        response = it.target.poll("x")

    assert (response.status, it.pauses, it.transient_failures) == (200, [seconds], [])
    assert (it.target.rate_limit.waits, it.target.rate_limit.waited) == (1, seconds)


def test_a_submission_waits_under_one_reservation(tmp_path: Path) -> None:
    """429 says that it was not accepted, so it is sent again, and reserved only once."""
    ledger = Ledger(tmp_path / "ledger", Decimal("0.001"))
    with run(reply(429), reply(200), ledger=ledger) as it:
        assert it.target.submit(PRICED).status == 200

    assert ledger.reserved == Decimal("0.001")


def test_an_endless_429_ends_the_run(tmp_path: Path) -> None:
    """After eight waits; from then on no time is lost, and no money is set aside."""
    ledger = Ledger(tmp_path / "ledger", Decimal(1))
    with run(reply(429), ledger=ledger) as it:
        for _ in range(2):
            with pytest.raises(RateLimited, match="8 times in a row"):
                it.target.submit(PRICED)

    assert len(it.pauses) == 8
    assert ledger.reserved == 0


def test_whatever_http_allows_is_the_same_response() -> None:
    """Chunks, compression and the case of names are the transport's business."""
    body = gzip.compress(b'{"code":0,"msg":"ok"}')
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:5], body[5:]))
    head = b"HTTP/1.1 200 OK\r\nCONTENT-TYPE: application/json\r\ncontent-encoding: gzip\r\n"
    head += b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    with run(head + chunks + b"0\r\n\r\n") as it:
        response = it.target.poll("x")

    assert response.succeeded
    assert response.response_headers["content-type"] == "application/json"


def test_a_file_elsewhere_is_not_fetched_for_a_target_on_this_machine() -> None:
    """Nothing leaves the machine: the file is counted, but not checked."""
    with run(reply(200)) as it:
        response = it.target.fetch("https://cdn.example/image-0.png")

    assert (response.status, response.is_inconclusive, it.target.not_fetched) == (None, True, 1)
    assert it.seen == []


# -- what is not the API ----------------------------------------------------------------------

PAGE = b"<html><title>Welcome</title></html>"
HTML = {"Content_Type": "text/html"}
POLL = "/api/v1/task/is-anybody-there"


@pytest.mark.parametrize(
    ("replies", "said"),
    [
        ([reply(301, Location=f"https://b.example/v9{POLL}")], "to https://b.example/v9; use"),
        ([reply(302, Location="/login")], "a login page?"),
        ([reply(200, PAGE, **HTML)], "is not the API: GET"),
        ([reply(404, PAGE, **HTML)], "returned 404 with a web page"),
        ([reply(404, b'{"detail":"Not Found"}')], "that is not of this API"),
        ([b"SSH-2.0-OpenSSH_9.2\r\n"], "does not speak HTTP there"),
        ([reply(401)], "rejects the API key with 401"),
        ([reply(429)], "try again later"),
        ([reply(404, b'{"code":404,"msg":"no such task"}'), reply(401)], ""),
        ([reply(404, PAGE, **HTML), reply(401, PAGE, **HTML)], ""),
        ([reply(503, PAGE, **HTML), reply(401)], ""),
        ([reply(404, b'{"code":404,"msg":"no such task"}')], ""),
    ],
)  # fmt: skip
def test_what_is_not_the_api_is_said_in_one_line(replies: list[bytes], said: str) -> None:
    """It says what to do; an API that has drifted is still the API."""
    with run(*replies) as it:
        it.target.attempts = 1

        problem = problem_of(it.target)

    assert said in problem
    assert bool(problem) == bool(said)
    assert "a-token" not in problem
