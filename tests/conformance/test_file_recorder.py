"""Fetching the result files of traffic that is recorded."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from threading import Event

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from mockserver.conformance.traffic import file_recorder
from mockserver.conformance.traffic.file_recorder import FileRecorder
from mockserver.network.outbound import public_address

PICTURE = b"\x89PNG\r\n\x1a\n and so on"
NAME = f"{hashlib.sha256(PICTURE).hexdigest()}.png"


@pytest.fixture(scope="module")
def make_httpserver() -> Iterator[HTTPServer]:
    """A server on a port of its own."""
    with HTTPServer("127.0.0.1", 0) as server:
        yield server


class Fetched:
    """The names of files that were recorded, and why others were not."""

    def __init__(self, upstream: str, folder: Path) -> None:
        self.names: Queue[str] = Queue()
        self.notices: list[str] = []
        self.files = FileRecorder(upstream, self.notices.append)
        self._folder = folder

    def fetch(self, url: str) -> None:
        """Fetch a file."""
        self.files.fetch(url, self._folder, self.names.put)


@contextmanager
def fetching(upstream: str, folder: Path) -> Iterator[Fetched]:
    """Fetch, and wait for the files at the end."""
    fetched = Fetched(upstream, folder)
    yield fetched
    fetched.files.close(10)


def test_a_file_is_named_by_its_content(httpserver: HTTPServer, tmp_path: Path) -> None:
    """Fetched with its query and without a key; equal files are one."""
    seen: list[Request] = []

    def respond(request: Request) -> Response:
        seen.append(request)
        return Response(PICTURE)

    httpserver.expect_request("/image-0.png").respond_with_handler(respond)

    with fetching(httpserver.url_for("/"), tmp_path) as fetched:
        for _ in range(2):
            fetched.fetch(httpserver.url_for("/image-0.png?signature=1"))

    assert [fetched.names.get(timeout=5) for _ in range(2)] == [NAME, NAME]
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [(NAME, PICTURE)]
    assert {one.query_string for one in seen} == {b"signature=1"}
    assert not any("authorization" in one.headers for one in seen)
    assert (fetched.notices, fetched.files.count) == ([], 2)


def test_a_redirect_is_not_followed(httpserver: HTTPServer, tmp_path: Path) -> None:
    """Wherever it leads; that is said once, and counted."""
    moved = Response(status=302, headers={"Location": httpserver.url_for("/other")})
    httpserver.expect_request("/moved").respond_with_response(moved)
    httpserver.expect_request("/other").respond_with_data(PICTURE)

    with fetching(httpserver.url_for("/"), tmp_path) as fetched:
        for _ in range(2):
            fetched.fetch(httpserver.url_for("/moved"))

    place = f"127.0.0.1:{httpserver.port}"
    assert fetched.notices == [f"a result file was not recorded: {place} responded with 302"]
    assert list(fetched.files.notices.values()) == [2]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/x",
        "http://2130706433:{port}/x",
        "http://[::ffff:127.0.0.1]:{port}/x",
        "http://localhost:{port}/x",
        "https://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/x",
        "http://[fe80::1]/x",
        "http://[64:ff9b::a00:1]/x",
        "http://0.0.0.0:{port}/x",
    ],
)
def test_addresses_that_are_not_public_are_not_called(
    httpserver: HTTPServer, tmp_path: Path, url: str
) -> None:
    """However they are written, unless they are those of the upstream."""
    httpserver.clear_log()
    httpserver.expect_request("/x").respond_with_data(PICTURE)

    with fetching("https://api.example", tmp_path) as fetched:
        fetched.fetch(url.format(port=httpserver.port))

    [notice] = fetched.notices
    assert notice.endswith("is not on the public internet")
    assert httpserver.log == []


def test_one_private_address_of_a_name_is_enough_to_reject_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name could mean another one at the next look-up; so what was found is connected to."""
    found = ["93.184.216.34"]
    monkeypatch.setattr(
        "mockserver.network.outbound.socket.getaddrinfo",
        lambda *_, **__: [(2, 1, 6, "", (address, 443)) for address in found],
    )

    first = public_address("cdn.example", 443)
    found.append("10.0.0.1")

    assert first == "93.184.216.34"
    with pytest.raises(OSError, match="cdn.example is not on the public internet"):
        public_address("cdn.example", 443)


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (200, b"<html>sign in</html>", "returned neither a picture nor a video"),
        (403, PICTURE, "responded with 403"),
        (200, PICTURE + bytes(100), "it is larger than 100 bytes"),
    ],
)
def test_what_is_not_a_result_is_not_kept(
    httpserver: HTTPServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    body: bytes,
    why: str,
) -> None:
    """An error, a page to sign in, or a file without end."""
    monkeypatch.setattr(file_recorder, "MOST_FILE_BYTES", 100)
    httpserver.clear()
    httpserver.expect_request("/x").respond_with_data(body, status)

    with fetching(httpserver.url_for("/"), tmp_path) as fetched:
        fetched.fetch(httpserver.url_for("/x"))

    [notice] = fetched.notices
    assert notice.endswith(why)
    assert list(tmp_path.iterdir()) == []


def test_a_url_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    """As is one at which nothing listens."""
    with fetching("http://127.0.0.1:1", tmp_path) as fetched:
        fetched.fetch("file:///etc/passwd")
        fetched.fetch("http://127.0.0.1:1/x")

    assert [one.partition(": ")[2] for one in fetched.notices] == [
        "the URL is not an http or https URL",
        "connection refused at 127.0.0.1:1",
    ]


def test_the_proxy_of_the_user_is_used(
    httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It resolves names, but gets no addresses that are not public."""
    httpserver.clear()
    httpserver.expect_request("/x").respond_with_data(PICTURE)
    monkeypatch.setenv("http_proxy", httpserver.url_for("/"))
    monkeypatch.delenv("no_proxy", raising=False)

    with fetching("https://api.example", tmp_path) as fetched:
        fetched.fetch("http://cdn.example/x")
        fetched.fetch("http://10.0.0.1/x")

    assert fetched.names.get(timeout=5) == NAME
    assert fetched.notices == [
        "a result file was not recorded: 10.0.0.1 is not on the public internet"
    ]
    assert [request.host for request, _ in httpserver.log] == ["cdn.example"]


def test_a_file_that_does_not_come_in_time_is_given_up(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    """So that the proxy ends; that is said, and the recording stays without it."""
    asked, released = Event(), Event()

    def respond(_request: Request) -> Response:
        asked.set()
        released.wait(10)
        return Response(PICTURE)

    httpserver.clear()
    httpserver.expect_request("/x").respond_with_handler(respond)
    fetched = Fetched(httpserver.url_for("/"), tmp_path)
    fetched.fetch(httpserver.url_for("/x"))
    assert asked.wait(10)

    fetched.files.close(0)

    released.set()
    assert fetched.notices == ["a result file was not recorded: the proxy was stopped before"]
