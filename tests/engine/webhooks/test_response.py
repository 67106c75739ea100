"""What a receiver sends back, however it is split and whatever it contains."""

from __future__ import annotations

import io
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.engine.webhooks.response import NotHttpError, ResponseReader

WHOLE = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 500 No\nContent-Length:1\n\n!",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\nok\r\n0aB\r\n"
    + b"x" * 171
    + b"\r\n0\r\n\r\n",
]
"""Responses after which another request can follow."""

UNCERTAIN = [
    b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: +0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + b"x" * 70_000,
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n folded\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nTrailer: x\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nmore",
    b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n",
]


def read(pieces: list[bytes], method: str = "POST") -> ResponseReader:
    """Read a response that comes in pieces, and then ends if it is not done."""
    reader = ResponseReader(method)
    for piece in pieces:
        if not reader.is_done:
            reader.feed(piece)
    if not reader.is_done:
        reader.end()
    return reader


def status_by_http_client(data: bytes) -> int | None:
    """Return the final status as Python's own client reads it; None if it is not a response."""

    class Source:
        def makefile(self, _mode: str) -> io.BytesIO:
            return io.BytesIO(data)

    response = HTTPResponse(cast("Any", Source()))
    with suppress(HTTPException, OSError):
        response.begin()
        while response.status < 200 and response.status != 101:
            response.headers = response.msg = cast("Any", None)
            response.begin()
        return response.status
    return None


@pytest.mark.parametrize("data", WHOLE)
def test_a_whole_response_lets_another_request_follow(data: bytes) -> None:
    """Whether its end is told by a length, by chunks or by its status."""
    assert read([data]).can_follow


@pytest.mark.parametrize("data", UNCERTAIN)
def test_no_request_follows_a_response_whose_end_is_not_certain(data: bytes) -> None:
    """What is left of it would be taken for the next response; but its status counts."""
    reader = read([data])

    assert reader.status is not None
    assert not reader.can_follow


def test_no_request_follows_the_response_to_a_head_request() -> None:
    """It says how long a body would be that does not come."""
    assert not read([WHOLE[0]], "HEAD").can_follow


@given(st.sampled_from(WHOLE + UNCERTAIN), st.data())
def test_it_does_not_matter_how_a_response_is_split(data: bytes, choice: st.DataObject) -> None:
    """Not even into single bytes."""
    data = data[:400]
    cuts = sorted(choice.draw(st.sets(st.integers(1, len(data) - 1))))
    pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]

    split = read(pieces)

    assert split.status == read([data]).status
    assert split.can_follow or data not in WHOLE


PIECES = (
    *(b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2", b" ", b"200", b"99", b"1000", b"100", b"101", b"500"),
    *(b"OK", b"\r\n", b"\n", b"\r", b"A: b", b"Content-Length: 0", b":", b"\xff", b"\x00", b"x"),
)


@given(st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join))
def test_the_status_is_the_one_that_pythons_own_client_reads(data: bytes) -> None:
    """And what that does not accept is either not HTTP or cut off."""
    status = None
    with suppress(NotHttpError, ConnectionError):
        status = read([data]).status

    if b"\n\r\n" in data or b"\n\n" in data:
        assert status == status_by_http_client(data)
    else:
        assert status is None


@given(st.lists(st.binary(min_size=1), min_size=1))
def test_bytes_of_any_kind_raise_no_other_error(pieces: list[bytes]) -> None:
    """A receiver can send whatever it wants."""
    with suppress(NotHttpError, ConnectionError):
        assert read([b"HTTP/1.1 200 OK\r\n", *pieces]).status == 200
