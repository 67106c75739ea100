"""Unknown paths: what was probably meant, what the base URL should be, and where that is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.client import SUBMIT, Client
from tests.conftest import MakeClient

PIECES = ["/", "/api/v1/task", "/submit", "/cancel", "/A-b", "/images", "/image-0.png", "\n"]


@pytest.mark.parametrize(
    ("method", "path", "hint"),
    [
        ("POST", "/task/submit", f"{SUBMIT}? Then the base URL should end in /api/v1"),
        ("POST", "/v1/task/submit", f"{SUBMIT}? Then the base URL should end in /api"),
        ("POST", "/submit", f"{SUBMIT}? Then the base URL should end in /api/v1/task"),
        ("GET", "/task/A-b", "/api/v1/task/A-b? Then the base URL should end in /api/v1"),
        ("GET", "//task/A-b", "/api/v1/task/A-b? Then the base URL should end in /api/v1"),
        ("POST", "/task/A/cancel", "/api/v1/task/A/cancel? Then the base URL should end in"),
        ("POST", f"/api/v1{SUBMIT}", f"{SUBMIT}? Then the base URL should not end in /api/v1"),
        ("GET", "/api/v1/api/v1/task/A", "/api/v1/task/A? Then the base URL should not end in"),
        ("POST", f"/mock{SUBMIT}", f"{SUBMIT}? Then the base URL should not end in /mock"),
        ("POST", "/api/v2/task/submit", "should have /api/v1 in place of /api/v2"),
        ("POST", "/api/v1/submit", "should have /api/v1/task in place of /api/v1"),
        ("POST", f"/{SUBMIT}", f"{SUBMIT}? Then the base URL should not end in a slash"),
        ("POST", "/api/v1//task/submit", f"{SUBMIT}? Then the base URL should not end in a slash"),
        ("POST", f"{SUBMIT}/", f"{SUBMIT}? It has no slash at its end"),
        ("POST", "/API/v1/Task/submit", f"{SUBMIT}? Paths are in lower case"),
        ("POST", "/api/v1/tasks/submit", f"{SUBMIT}? Check its spelling"),
        ("GET", "/api/v1/task/", "/api/v1/task/{taskId}? The value in the braces is missing"),
        ("GET", "/api/v1/task", "/api/v1/task/{taskId}? The value in the braces is missing"),
        ("POST", "/api/v1/task//cancel", "task/{taskId}/cancel? The value in the braces is"),
        ("GET", "/api/v1/https://cdn.example/x.png", "use the URLs of results as they are"),
        ("POST", "/api/v1/__mock/reset", "/__mock/reset? Then the mock's own URL should not end"),
        ("POST", "//__mock/reset", "/__mock/reset? Then one slash is enough"),
        ("GET", "/favicon.ico", f"the API has POST {SUBMIT}, GET /api/v1/task/{{taskId}}, POST"),
        ("PUT", "/" + 300 * "x", "; the API has POST"),
    ],
)
def test_a_path_that_is_not_a_route_is_explained(
    client: Client, method: str, path: str, hint: str
) -> None:
    """In the API's envelope: what was asked for, what is likely meant, and the base URL for it."""
    answer = client.request(method, path)

    assert answer.status == 404
    assert answer.msg.startswith(f"no such route: {method} {path[:100]}; ")
    assert hint in answer.msg
    assert len(answer.msg) < 400


@given(st.lists(st.sampled_from(PIECES), max_size=4).map("".join))
def test_a_path_has_the_first_route_that_it_matches(client: Client, path: str) -> None:
    """Whichever way it is found."""
    routes = client.service._routes

    found = routes.find(path)

    matches = [(route, match) for route in routes if (match := route.pattern.fullmatch(path))]
    assert found == next(((route, match.groupdict()) for route, match in matches), None)


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/task/submit"), ("POST", f"/{SUBMIT}"), ("GET", "/"), ("OPTIONS", SUBMIT)],
)
def test_a_request_with_a_token_is_filed_in_its_sandbox(
    client: Client, method: str, path: str
) -> None:
    """Wherever it goes; one without a token, or with one that does not count, is nobody's."""
    for headers in ({}, {"authorization": ""}, {"authorization": "Basic dGVzdA=="}):
        client.request(method, path, headers=headers)

    shown = client.control("requests").json["requests"]
    nobodys = client.as_key(None).control("requests").json["requests"]
    assert [(one["method"], one["path"]) for one in shown] == [(method, path)]
    assert len(nobodys) == 2


def test_a_token_that_is_not_accepted_has_no_sandbox(make_client: MakeClient) -> None:
    """Its request outside the API's prefix gets a response all the same."""
    client = make_client(api_key="alice")

    answer = client.as_key("bob").request("POST", "/task/submit")

    assert answer.status == 404
    assert len(list(client.service.sandboxes)) == 1
