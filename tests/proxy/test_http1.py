"""Streams of HTTP/1, split into messages."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.proxy.http1 import (
    Head,
    Segment,
    StreamParser,
    requests,
    response_body_length,
    responses,
)

GET = b"GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost:x\r\nContent-Length: 5\r\n\r\nhello"
TRAILED = (
    b"PUT / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n"
    b"5;name=value\r\nhello\r\n0A\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"
)
LF_ONLY = b"GET / HTTP/1.0\nHost: x\n\n"


def split(parser: StreamParser, *parts: bytes) -> list[Segment]:
    """Feed the parts of a stream."""
    return [segment for part in parts for segment in parser.feed(part)]


def messages(segments: list[Segment]) -> list[tuple[tuple[str, ...], bytes]]:
    """Put the complete messages together: their words and bodies."""
    found: list[tuple[tuple[str, ...], bytes]] = []
    words: tuple[str, ...] = ()
    body = b""
    for segment in segments:
        if segment.head is not None:
            words, body = segment.head.words, b""
        body += segment.body
        if segment.ends:
            found.append((words, body))
    return found


def answering(method: str = "GET") -> StreamParser:
    """Return a parser of the responses to requests of one method."""
    return responses(lambda head: response_body_length(head, method))


@pytest.mark.parametrize(
    ("stream", "body"),
    [(GET, b""), (POST, b"hello"), (TRAILED, b"hello0123456789"), (LF_ONLY, b"")],
)
def test_requests_are_split(stream: bytes, body: bytes) -> None:
    """Each with its complete body, however that is framed."""
    segments = split(requests(), stream + GET)

    (words, first), second = messages(segments)
    assert (words[0], first) == (stream.split(b" ")[0].decode(), body)
    assert second == (("GET", "/a?b=c"), b"")


@given(
    st.lists(st.sampled_from([GET, POST, TRAILED, LF_ONLY, b"\r\n" + GET]), max_size=4),
    st.lists(st.integers(0, 400), max_size=12),
    st.binary(max_size=40),
)
def test_no_byte_is_lost_or_changed(stream: list[bytes], cuts: list[int], end: bytes) -> None:
    """Whatever comes, and in whatever portions, the segments are the stream."""
    data = b"".join(stream) + end
    places = [0, *sorted(cuts), len(data)]
    parser = requests()

    segments = split(parser, *(data[a:b] for a, b in pairwise(places)))

    assert b"".join(segment.wire for segment in segments) + parser.rest() == data
    assert len(messages(segments)) >= len(stream)


@given(
    st.lists(st.sampled_from([GET, POST, TRAILED]), min_size=1, max_size=4),
    st.lists(st.integers(0, 400), max_size=12),
)
def test_portions_do_not_matter(stream: list[bytes], cuts: list[int]) -> None:
    """The same messages are found whether they come at once or byte by byte."""
    data = b"".join(stream)
    places = [0, *sorted(cuts), len(data)]

    portioned = split(requests(), *(data[a:b] for a, b in pairwise(places)))

    assert messages(portioned) == messages(split(requests(), data))


@pytest.mark.parametrize(
    ("head", "method", "follows", "body"),
    [
        (b"200 OK\r\nContent-Length: 2", "GET", b"ab", b"ab"),
        (b"200 OK\r\nContent-Length: 2, 2", "GET", b"ab", b"ab"),
        (b"200 OK\r\nContent-Length: 2", "HEAD", b"", b""),
        (b"204 No Content", "GET", b"", b""),
        (b"304 Not Modified\r\nContent-Length: 2", "GET", b"", b""),
        (b"103 Early Hints", "GET", b"", b""),
        (b"200\r\nTransfer-Encoding: gzip, chunked", "GET", b"1\r\nx\r\n0\r\n\r\n", b"x"),
    ],
)
def test_a_response_ends_where_http_says(
    head: bytes, method: str, follows: bytes, body: bytes
) -> None:
    """What follows is the next one."""
    stream = b"HTTP/1.1 " + head + b"\r\n\r\n" + follows
    ok = b"HTTP/1.0 200 fine\r\nContent-Length: 0\r\n\r\n"

    found = messages(split(answering(method), stream + ok))

    assert [body for _, body in found] == [body, b""]
    assert found[1][0] == ("200",)


@pytest.mark.parametrize("coding", [b"", b"Transfer-Encoding: gzip\r\n"])
def test_without_a_length_a_response_ends_with_the_connection(coding: bytes) -> None:
    """Nothing that follows is another one."""
    parser = answering()
    ok = b"HTTP/1.1 200 OK\r\n%b\r\n" % coding

    segments = split(parser, ok, b"text", ok)

    assert parser.until_close
    assert b"".join(segment.body for segment in segments) == b"text" + ok
    assert messages(segments) == []


@pytest.mark.parametrize(
    "stream",
    [
        b"\x16\x03\x01\x02\x00\x01",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"garbage\r\n",
        b"GET  / HTTP/1.1\r\n",
        b"(" * 10,
        b"x" * 20_000,
        b"GET / HTTP/1.1\r\n" + b"Name: value\r\n" * 30_000,
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: \xb2\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 9999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 20_000,
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"T: x" * 20_000,
    ],
)
def test_what_is_ambiguous_is_not_guessed(stream: bytes) -> None:
    """From there on the parser is lost, even if a valid request follows; no byte is."""
    parser = requests()

    segments = split(parser, stream, GET)

    assert parser.lost
    assert segments[-1].lost
    assert b"".join(segment.wire for segment in segments) == stream + GET


@pytest.mark.parametrize(
    "stream", [b"HTTP/2", b"SSH-2.0", b"HTTP/1.1 20\r\n", b"HTTP/1.1 200\x00\r\n", b"\x15\x03"]
)
def test_what_is_not_a_response_is_noticed_at_once(stream: bytes) -> None:
    """As soon as it cannot become one any more."""
    parser = answering()

    split(parser, stream)

    assert parser.lost


@pytest.mark.parametrize("stream", [b"", b"\r\n", b"H", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nA: b"])
def test_an_incomplete_head_waits(stream: bytes) -> None:
    """It can still become a response; until then it is kept."""
    parser = answering()

    assert split(parser, stream) == []
    assert not parser.lost
    assert parser.rest() == stream


@pytest.mark.parametrize("status", [b"101 Switching Protocols", b"200 OK"])
def test_what_follows_a_change_of_protocol_is_not_http(status: bytes) -> None:
    """The connection is a tunnel then."""
    method = "CONNECT" if status.startswith(b"200") else "GET"
    parser = answering(method)

    segments = split(parser, b"HTTP/1.1 %b\r\n\r\n" % status, b"\0\1")

    assert parser.lost
    assert segments[-1].wire == b"\0\1"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda head: head.changed(host="b:1"), b"GET /host HTTP/1.1\r\nA: host: x\r\nhOST:  b:1"),
        (lambda head: head.changed(a=None), b"GET /host HTTP/1.1\r\nhOST:  x"),
        (lambda head: head.changed(other="1"), b"GET /host HTTP/1.1\r\nA: host: x\r\nhOST:  x"),
        (lambda head: head.to("/b?c"), b"GET /b?c HTTP/1.1\r\nA: host: x\r\nhOST:  x"),
    ],
)
def test_a_head_is_changed_in_one_place(change: Callable[[Head], Head], expected: bytes) -> None:
    """Every other byte of it stays."""
    [segment] = split(requests(), b"GET /host HTTP/1.1\r\nA: host: x\r\nhOST:  x\r\nZ:\xe4\r\n\r\n")
    assert segment.head is not None

    changed = change(segment.head)

    assert changed.raw == expected + b"\r\nZ:\xe4\r\n\r\n"
