"""The pages of the console over HTTP: who gets them, with which headers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests

from mockserver.contract import Contract
from mockserver.engine.messages import Request
from mockserver.settings import make_settings
from mockserver.testing.mocks import running_mock
from mockserver.web.access import Session
from mockserver.web.console.pages import PAGES

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
TOKEN = "a-token"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The URL of a mock without a control token."""
    with running_mock() as mock:
        yield mock.url


@pytest.fixture(scope="module")
def locked() -> Iterator[str]:
    """The URL of a mock with a control token."""
    with running_mock(control_token=TOKEN) as mock:
        yield mock.url


def ask(method: str, url: str, **options: Any) -> requests.Response:
    """Send a request as a browser does, and follow nothing."""
    headers = HTML | options.pop("headers", {})
    return requests.request(
        method, url, headers=headers, timeout=5, allow_redirects=False, **options
    )


def assert_safe(response: requests.Response) -> None:
    """Fail unless a response has the headers that keep its page to itself."""
    policy = "default-src 'self'; frame-ancestors 'none'"
    assert response.headers["Content-Security-Policy"] == policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/", "/__mock"])
def test_root_leads_browsers_to_the_console(url: str, path: str) -> None:
    """Programs get what the API returns there."""
    visited = ask("GET", url + path)
    called = ask("GET", url + path, headers={"Accept": "*/*"})

    assert (visited.status_code, visited.headers["Location"]) == (303, "/__mock/")
    assert (called.status_code, called.headers["Content-Type"]) == (404, "application/json")


@pytest.mark.parametrize("path", [page.path for page in PAGES])
def test_every_page_is_safe_html(url: str, path: str) -> None:
    """Also for HEAD, without a body."""
    address = f"{url}/__mock/{path.format(taskId='x', number='1', model='a/b')}"

    page, head = ask("GET", address), ask("HEAD", address)

    assert page.status_code == head.status_code == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert head.headers["Content-Length"] == page.headers["Content-Length"]
    assert head.text == ""
    assert_safe(page)


def test_text_of_the_address_is_text(url: str) -> None:
    """Whatever the id of a task looks like."""
    page = ask("GET", f"{url}/__mock/console/tasks/%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E")

    assert "<script>alert" not in page.text


@pytest.mark.parametrize(
    ("name", "kind"),
    [("app.js", "text/javascript"), ("console.css", "text/css"), ("icon.svg", "image/svg+xml")],
)
def test_static_files_have_their_types(url: str, name: str, kind: str) -> None:
    """Browsers are told not to guess."""
    file = ask("GET", f"{url}/__mock/console/static/{name}")

    assert file.headers["Content-Type"] == f"{kind}; charset=utf-8"
    assert_safe(file)


@pytest.mark.parametrize(
    "path",
    [
        "console/nothing",
        "console",
        "console/static/nothing.js",
        "console/static/..",
        "console/static/..%2fpages.py",
        "console/static/%2fetc%2fpasswd",
        "console/static/pages.py",
    ],
)
def test_unknown_address_is_404_in_html(url: str, path: str) -> None:
    """With a way back, and no file of another folder."""
    response = ask("GET", f"{url}/__mock/{path}")

    assert response.status_code == 404
    assert '<a href="/__mock/">' in response.text
    assert_safe(response)


def test_pages_change_nothing(url: str) -> None:
    """They are only read; other methods are told so."""
    response, options = ask("POST", f"{url}/__mock/"), ask("OPTIONS", f"{url}/__mock/")

    assert response.status_code == 405
    assert response.headers["Allow"] == options.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert response.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}])
def test_other_hosts_and_origins_get_no_page(url: str, headers: dict[str, str]) -> None:
    """As they get nothing of the control plane."""
    response = ask("GET", f"{url}/__mock/", headers=headers)

    assert response.status_code == 403
    assert "evil.example" in response.text


# -- with a control token ------------------------------------------------------------------------


def test_asks_for_the_token_and_goes_on_where_it_was(locked: str) -> None:
    """The page that was asked for is in the address of the form."""
    response = ask("GET", f"{locked}/__mock/console/steer?sandbox=x")

    assert response.status_code == 303
    form = "/__mock/console/login?next=/__mock/console/steer%3Fsandbox%3Dx"
    assert response.headers["Location"] == form
    assert "Control token" in ask("GET", locked + form).text


def test_cookie_lets_a_browser_in(locked: str) -> None:
    """It is given for the token, holds another value, and no script can read it."""
    rejected = ask("POST", f"{locked}/__mock/session", headers={"X-Mock-Control-Token": "wrong"})
    opened = ask("POST", f"{locked}/__mock/session", headers={"X-Mock-Control-Token": TOKEN})
    cookie = opened.headers["Set-Cookie"]
    sent = {"Cookie": f"other=1; {cookie.partition(';')[0]}"}

    assert (rejected.status_code, "Set-Cookie" in rejected.headers) == (403, False)
    assert cookie.endswith("; Path=/__mock; HttpOnly; SameSite=Strict")
    assert TOKEN not in cookie
    assert ask("GET", f"{locked}/__mock/", headers=sent).status_code == 200
    assert ask("GET", f"{locked}/__mock/tasks", headers=sent).status_code == 200
    assert ask("GET", f"{locked}/__mock/tasks").status_code == 403


@pytest.mark.parametrize(
    ("options", "known"),
    [
        ({"control_token": TOKEN, "state": "postgresql://db/mock"}, True),
        ({"control_token": "another", "state": "postgresql://db/mock"}, False),
        ({"control_token": TOKEN}, False),
    ],
)
def test_a_cookie_is_known_to_replicas_with_the_same_token(
    contract: Contract, options: dict[str, str], *, known: bool
) -> None:
    """A load balancer may choose any of them; mocks that share no state do not know it."""
    one = Session(make_settings(contract, control_token=TOKEN, state="postgresql://db/mock"))
    other = Session(make_settings(contract, **options))
    asked = Request("GET", "/__mock/tasks", {"host": "mock:8080"})
    cookie = one.opened(asked).partition(";")[0]

    found = other.is_known(replace(asked, headers={**asked.headers, "cookie": cookie}))

    assert found is known


def test_cookie_is_not_enough_for_another_origin(locked: str) -> None:
    """A page on another port of this machine is the same site to the browser."""
    opened = ask("POST", f"{locked}/__mock/session", headers={"X-Mock-Control-Token": TOKEN})
    sent = {"Cookie": opened.headers["Set-Cookie"].partition(";")[0], "Origin": "http://127.0.0.1"}

    response = ask("POST", f"{locked}/__mock/reset", headers=sent)

    assert response.status_code == 403


def test_a_cookie_is_worth_nothing_after_leaving(locked: str) -> None:
    """Also if somebody kept it; other browsers stay."""
    token = {"X-Mock-Control-Token": TOKEN}
    mine, other = (
        {"Cookie": opened.headers["Set-Cookie"].partition(";")[0]}
        for opened in [ask("POST", f"{locked}/__mock/session", headers=token) for _ in range(2)]
    )

    ask("DELETE", f"{locked}/__mock/session", headers=mine)

    assert mine != other
    assert ask("GET", f"{locked}/__mock/tasks", headers=mine).status_code == 403
    assert ask("GET", f"{locked}/__mock/tasks", headers=other).status_code == 200


def test_any_number_of_browsers_is_known(locked: str) -> None:
    """Logging in for ever takes no memory, and puts nobody out."""
    token = {"X-Mock-Control-Token": TOKEN}
    cookies = [
        {"Cookie": opened.headers["Set-Cookie"].partition(";")[0]}
        for opened in [ask("POST", f"{locked}/__mock/session", headers=token) for _ in range(101)]
    ]

    found = [ask("GET", f"{locked}/__mock/tasks", headers=one).status_code for one in cookies[:2]]

    assert found == [200, 200]


def test_cookie_is_deleted_on_leaving(locked: str) -> None:
    """For this mock only: each port has a name of its own."""
    token = {"X-Mock-Control-Token": TOKEN}

    closed = ask("DELETE", f"{locked}/__mock/session", headers=token).headers["Set-Cookie"]

    assert closed.startswith(f"maxapi-mock-{locked.rpartition(':')[2]}=; ")
    assert closed.endswith("; Max-Age=0")
