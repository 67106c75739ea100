"""What browsers are told of the pages of other origins."""

from __future__ import annotations

from typing import Any

import pytest

from mockserver.settings import SettingError, resolve_settings
from tests.client import SUBMIT, Answer, seed
from tests.conftest import MakeClient

PAGE = "http://localhost:5173"
ASKED = {
    "origin": PAGE,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type",
}


def cors_of(answer: Answer) -> dict[str, Any]:
    """Return the headers that are about other origins."""
    return {
        name: value
        for name, value in answer.headers.items()
        if name.startswith("access-control-") or name == "vary"
    }


def test_off_unless_asked_for(make_client: MakeClient) -> None:
    """CORS is undocumented: no response has headers about origins, not even to a preflight."""
    client = make_client()

    preflight = client.request("OPTIONS", SUBMIT, headers=ASKED)
    polled = client.request("GET", "/api/v1/task/x", headers={"origin": PAGE})

    assert (preflight.status, preflight.headers["allow"]) == (204, "POST, OPTIONS")
    assert cors_of(preflight) == cors_of(polled) == {}


@pytest.mark.parametrize("path", [SUBMIT, "/api/v1/task/x", "/images/x/y/image-0.png", "/nowhere"])
def test_a_preflight_is_answered_before_all_else(make_client: MakeClient, path: str) -> None:
    """Whatever its path, without a token, and with the headers that were asked for."""
    client = make_client(cors=frozenset({PAGE})).as_key(None)

    answer = client.request("OPTIONS", path, headers=ASKED)

    assert (answer.status, answer.body) == (204, b"")
    assert cors_of(answer) == {
        "access-control-allow-origin": PAGE,
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "GET, HEAD, POST, OPTIONS",
        "access-control-allow-headers": "authorization,content-type",
        "access-control-max-age": "600",
        "vary": "Origin",
    }


def test_a_preflight_is_not_a_request_of_the_apps(make_client: MakeClient) -> None:
    """It fires no rule, takes nothing from a rate limit, and is in no journal."""
    client = make_client(cors=frozenset("*"))

    client.request("OPTIONS", SUBMIT, headers=ASKED)

    assert list(client.sandbox.journal.requests) == []
    assert list(client.service.anonymous.journal.requests) == []


@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [
        ({"*"}, PAGE, "*"),
        ({"*"}, "null", "*"),
        ({PAGE}, PAGE, PAGE),
        ({"http://localhost:*"}, PAGE, PAGE),
        ({"https://*.example.com", PAGE}, "https://a.example.com", "https://a.example.com"),
        ({"null"}, "null", "null"),
        ({PAGE}, "http://localhost:5174", None),
        ({PAGE}, "https://localhost:5173", None),
        ({PAGE}, "null", None),
        ({"https://*.example.com"}, "https://example.com.evil", None),
    ],
)
def test_which_pages_may_read(
    make_client: MakeClient, origins: set[str], origin: str, allowed: str | None
) -> None:
    """Only pages of the origins in the setting can read the response; all of them get it."""
    client = make_client(cors=frozenset(origins))

    answers = [
        client.request("GET", "/api/v1/task/x", headers={"origin": origin}),
        client.request("OPTIONS", SUBMIT, headers=ASKED | {"origin": origin}),
    ]

    assert [answer.headers.get("access-control-allow-origin") for answer in answers] == [
        allowed,
        allowed,
    ]


def test_what_a_page_can_read(make_client: MakeClient) -> None:
    """It can read errors, the headers that matter, and files for a canvas."""
    client = make_client(cors=frozenset("*"), pace="instant")
    page = {"origin": PAGE}
    task = client.poll(client.submitted(seed()))
    path = "/images/" + task["result"]["urls"][0].partition("/images/")[2]

    answers = [
        client.submit({}, **page),
        client.as_key(None).request("GET", "/api/v1/task/x", headers=page),
        client.request("GET", path, headers=page),
        client.request("GET", path, headers=page | {"range": "bytes=0-1"}),
    ]

    assert [answer.status for answer in answers] == [400, 401, 200, 206]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "X-Mock-Warning" in answer.headers["access-control-expose-headers"]


def test_a_page_of_the_internet_may_ask_for_this_machine(make_client: MakeClient) -> None:
    """Chromium asks that as well (private network access)."""
    client = make_client(cors=frozenset("*"))

    answer = client.request(
        "OPTIONS", SUBMIT, headers=ASKED | {"access-control-request-private-network": "true"}
    )

    assert answer.headers["access-control-allow-private-network"] == "true"


def test_what_is_not_a_page_sees_nothing_new(make_client: MakeClient) -> None:
    """Only caches are told that responses depend on the origin; OPTIONS works as before."""
    client = make_client(cors=frozenset({PAGE}))

    polled = client.request("GET", "/api/v1/task/x")
    options = client.request("OPTIONS", SUBMIT)

    assert cors_of(polled) == cors_of(options) == {"vary": "Origin"}
    assert options.headers["allow"] == "POST, OPTIONS"


@pytest.mark.parametrize(
    "text", ["localhost:3000", "http://a/", "http://u@a", "http://", "ftp://a"]
)
def test_what_is_not_an_origin(text: str) -> None:
    """The message says what is one."""
    with pytest.raises(
        SettingError, match=r"cors: .* is not an origin; use '\*', or for example http"
    ):
        resolve_settings({"cors": text}, {})


def test_origins_are_compared_without_case() -> None:
    """As browsers write them in lower case."""
    settings = resolve_settings({"cors": "HTTP://LocalHost:5173, null,*"}, {}).settings

    assert settings.cors == frozenset({PAGE, "null", "*"})
