"""A client without a socket: what it gets at once, and what it has to fetch."""

from __future__ import annotations

from mockserver.contract import Contract
from mockserver.engine.messages import Response
from mockserver.engine.service import Service
from mockserver.interception.direct_socket import Elsewhere
from mockserver.settings import make_settings
from mockserver.web.direct_connection import DirectConnection
from mockserver.web.gateway import Gateway

POLL = b"GET /api/v1/task/x HTTP/1.1\r\nHost: api.maxapi.io\r\nAuthorization: Bearer key\r\n"


def connection(contract: Contract) -> tuple[DirectConnection, list[Response]]:
    """Connect a client; return also the responses that are kept for it."""
    kept: list[Response] = []

    def keep(response: Response) -> str:
        kept.append(response)
        return "/kept"

    return DirectConnection(Gateway(Service(contract, make_settings(contract))), keep), kept


def test_a_request_can_come_in_parts(contract: Contract) -> None:
    """There is nothing to read before its end, and then all of the response."""
    client, kept = connection(contract)

    answers = [client.receive(part) for part in (POLL[:9], POLL[9:], b"\r\n", POLL + b"\r\n")]

    assert answers[:2] == [b"", b""]
    for answer in answers[2:]:
        assert isinstance(answer, bytes)
        assert answer.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert kept == []


def test_what_cannot_be_read_is_rejected(contract: Contract) -> None:
    """With the reason, and with word that nothing more is read."""
    client, _ = connection(contract)

    answer = client.receive(b"NOT HTTP\r\n\r\n")

    assert isinstance(answer, bytes)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"Connection: close" in answer


def test_a_fault_is_left_to_a_socket(contract: Contract) -> None:
    """The response is kept, and the client learns how to fetch it in the same way."""
    client, kept = connection(contract)
    head = POLL.replace(b"GET", b"HEAD") + b"X-Mock-Scenario: hang\r\nConnection: close\r\n\r\n"

    answer = client.receive(head)

    expected = b"HEAD /kept HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert answer == Elsewhere(expected)
    assert [one.fault is not None for one in kept] == [True]


def test_the_control_plane_is_left_to_a_socket(contract: Contract) -> None:
    """It can take long, so the client's time-outs are to apply; nothing has been done yet."""
    client, kept = connection(contract)

    answer = client.receive(b"GET /__mock/clock HTTP/1.1\r\nHost: api.maxapi.io\r\n\r\n")

    assert answer == Elsewhere()
    assert kept == []
