"""Calling a WSGI application in this process."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from queue import Queue
from threading import Thread
from typing import TYPE_CHECKING
from wsgiref.validate import validator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.web.app import create_app
from tests.client import SUBMIT, Client, seed
from tests.conftest import MakeClient
from tests.web.wsgi_client import Received, call

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

AUTH = {"Authorization": "Bearer test", "Content-Type": "application/json"}


class App:
    """A WSGI application that records what it receives, and returns the given response."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self.environ: WSGIEnvironment = {}
        self.body = b""
        self.closed = False
        self.headers = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Content-Type", "x/y")]
        self._pieces = pieces

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> App:
        self.environ = environ
        self.body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        start("418 I'm a teapot", self.headers)
        return self

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    def close(self) -> None:
        self.closed = True


def called(url: str = "https://api.example.com/", **headers: str) -> App:
    """Return an application that was called."""
    app = App()
    call(app, "GET", url, {name.replace("_", "-"): value for name, value in headers.items()})
    return app


def test_the_answer_is_given_whole() -> None:
    """The status as a number, every header, the body in one piece; the iterable is closed."""
    app = App(b"one ", b"", b"two")

    answer = call(app, "POST", "http://localhost/", {}, b"asked")

    assert answer == (418, app.headers, b"one two")
    assert (app.body, app.closed) == (b"asked", True)


def test_a_failure_comes_through() -> None:
    """The iterable is closed before that."""
    app = App(b"one ", KeyError("two"))

    with pytest.raises(KeyError, match="two"):
        call(app, "GET", "http://localhost/", {})

    assert app.closed


@pytest.mark.parametrize(
    ("url", "path", "query"),
    [
        ("https://a.example", "/", ""),
        ("https://a.example/a%20b%2Fc/%C3%A4%FF?q=%20&r", "/a b/c/\xc3\xa4\xff", "q=%20&r"),
        ("https://a.example//a//?", "//a//", ""),
        ("https://a.example/%2561#part", "/%61", ""),
    ],
)
def test_the_path_is_decoded_once(url: str, path: str, query: str) -> None:
    """Into bytes that are shown as Latin-1, as WSGI says; the query is left as it is."""
    environ = called(url).environ

    assert (environ["PATH_INFO"], environ["QUERY_STRING"]) == (path, query)


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("https://api.example.com/x", ("https", "api.example.com", "443", "api.example.com")),
        ("http://api.example.com/x", ("http", "api.example.com", "80", "api.example.com")),
        ("http://127.0.0.1:6290/x", ("http", "127.0.0.1", "6290", "127.0.0.1:6290")),
        ("https://[::1]:8443/x", ("https", "::1", "8443", "[::1]:8443")),
    ],
)
def test_the_url_says_where(url: str, server: tuple[str, ...]) -> None:
    """Scheme, name, port, and the header Host."""
    environ = called(url).environ

    names = ("wsgi.url_scheme", "SERVER_NAME", "SERVER_PORT", "HTTP_HOST")
    assert tuple(environ[name] for name in names) == server


def test_headers_go_where_wsgi_wants_them() -> None:
    """One that names the host goes before the URL."""
    environ = called(X_My_Name="me", Content_Type="text/plain", Host="else.example").environ

    assert environ["HTTP_X_MY_NAME"] == "me"
    assert environ["CONTENT_TYPE"] == "text/plain"
    assert environ["HTTP_HOST"] == "else.example"


@pytest.mark.parametrize(
    "headers",
    [
        {"X-My-Name": "me"},
        {"Content-Type": "text/plain", "Content-Length": "5"},
    ],
)
def test_the_standard_library_finds_nothing_wrong(headers: Mapping[str, str]) -> None:
    """Its validator checks the call and the response against PEP 3333."""

    def app(environ: WSGIEnvironment, start: StartResponse) -> list[bytes]:
        body = environ["wsgi.input"].read(5)
        start("200 OK", [("Content-Type", "text/plain")])
        return [body]

    answer = call(validator(app), "POST", "http://localhost/a?b=c", headers, b"asked")

    assert answer == (200, [("Content-Type", "text/plain")], b"asked")


@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "OPTIONS", "BREW"]),
    path=st.sampled_from([SUBMIT, "/api/v1/task/x%20y", "/", "/__mock/clock", "/%ff", "/nowhere"]),
    body=st.sampled_from([b"", b"{}", b"x" * 2_000_000, json.dumps(seed(ratio="9:1")).encode()]),
    headers=st.sampled_from([{}, AUTH]),
)
def test_flask_answers_as_through_its_own_client(
    client: Client, method: str, path: str, body: bytes, headers: dict[str, str]
) -> None:
    """Status, body and the headers that matter are the same; they cost less here."""
    app = create_app(client.service)
    own = app.test_client().open(path, method=method, data=body, headers=headers)

    status, given_headers, data = call(app, method, f"http://localhost{path}", headers, body)

    named = dict(given_headers)
    assert (status, data) == (own.status_code, own.data)
    for name in ("Content-Type", "Allow", "X-Mock-Warning"):
        assert named.get(name) == own.headers.get(name)


# -- faults ----------------------------------------------------------------------------------


def submit(client: Client, scenario: str) -> Received:
    """Submit a request by way of Flask, with *scenario*."""
    headers = AUTH | {"X-Mock-Scenario": scenario}
    body = json.dumps(seed()).encode()
    return call(create_app(client.service), "POST", f"http://localhost{SUBMIT}", headers, body)


@pytest.mark.parametrize("scenario", ["hang", "truncated"])
@pytest.mark.parametrize("with_httpx", [False, True])
def test_a_broken_connection_is_what_the_transport_raises(
    client: Client, monkeypatch: pytest.MonkeyPatch, scenario: str, *, with_httpx: bool
) -> None:
    """That of httpx if there is one, else what Python has for it; nobody waits for ever."""
    if not with_httpx:
        monkeypatch.delitem(sys.modules, "httpx")
    errors: dict[str, type[Exception]] = (
        {"hang": httpx.ReadTimeout, "truncated": httpx.RemoteProtocolError}
        if with_httpx
        else {"hang": TimeoutError, "truncated": ConnectionResetError}
    )

    with pytest.raises(errors[scenario], match="no response|within the body"):
        submit(client, scenario)


def test_a_wait_ends_with_the_service(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A response is late, but no later than the end of the mock."""
    client, answers, waits = make_client(), list[Received](), Queue[float | None]()
    wait_until_closed = client.service.closed.wait

    def noted(timeout: float | None) -> bool:
        waits.put(timeout)
        return wait_until_closed(timeout)

    monkeypatch.setattr(client.service.closed, "wait", noted)
    thread = Thread(target=lambda: answers.append(submit(client, "latency=1h")))
    thread.start()
    waited = waits.get(timeout=5)

    client.service.close()

    thread.join(5)
    assert waited == 3600.0
    assert [status for status, _, _ in answers] == [200]
