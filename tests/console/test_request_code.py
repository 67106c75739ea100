"""A request of the page Requests as code: it sends the same, whatever is in it."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.client import SUBMIT, seed
from tests.console.conftest import Console
from tests.console.requests_page import HOSTILE, PAGE, call, code, run, wrong


@pytest.mark.parametrize("language", ["curl", "requests", "fetch"])
def test_code_sends_the_same_request(console: Console, language: str) -> None:
    """Whatever is in it; the key is a variable."""
    prompt = f"{HOSTILE} $(touch /tmp/x) `id` 'quoted' \\ \n é {{0}} %s #"
    headers = {"X-Odd": 'it\'s "odd" $HOME `id`', "X-Mock-Scenario": "rate-limited=7"}
    call(console, "POST", f"{SUBMIT}?a=b%20c&d={{e}}", json=seed(prompt=prompt), headers=headers)
    page = console.open(f"{PAGE}/1")

    text = code(page, language)
    printed = run(language, text, console)

    assert console.sandbox.api_key not in text
    assert "429" in printed
    first, again = console.sandbox.requests
    for name in ("method", "path", "query", "body", "status"):
        assert first[name] == again[name]
    assert again["headers"]["x-odd"] == headers["X-Odd"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/v1/task/none", None),
        ("POST", "/api/v1/task/a%20b'c/cancel", None),
        ("POST", SUBMIT, b"@/etc/passwd"),
        ("PURGE", "/x/<b>", b"not json"),
    ],
)
def test_any_request_can_be_sent_as_code(
    console: Console, method: str, path: str, body: bytes | None
) -> None:
    """Without a body, with a text, with an unusual method."""
    call(console, method, path, data=body)
    page = console.open(f"{PAGE}/1")

    for language in ("curl", "requests", "fetch"):
        run(language, code(page, language), console)

    first, *others = console.sandbox.requests
    assert len(others) == 3
    for one in others:
        shown = ("method", "path", "body", "status")
        assert [one[name] for name in shown] == [first[name] for name in shown]


@pytest.mark.parametrize("status", [503, 400])
def test_a_test_makes_the_same_happen(console: Console, status: int) -> None:
    """With the scenario of a rule, or the message of a rejection."""
    if status == 503:
        console.sandbox.scenario("unavailable", times=1)
        call(console, "POST", SUBMIT, json=seed())
    else:
        wrong(console)
    page = console.open(f"{PAGE}/1")
    other = console.mock.sandbox("another-test")

    text = code(page, "pytest test")
    names: dict[str, Any] = {}
    exec(text, names)  # noqa: S102 - it is what the page offers
    [test] = [one for name, one in names.items() if name.startswith("test_")]
    test(other)

    assert [one["status"] for one in other.requests] == [status]


def test_code_is_copied(console: Console) -> None:
    """And bodies, each by a button."""
    console.context.grant_permissions(["clipboard-read", "clipboard-write"])
    console.submit()
    page = console.open(f"{PAGE}/1")
    text = code(page, "curl")

    page.locator(".as-code").get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()

    assert page.evaluate("navigator.clipboard.readText()") == text
    assert "$MAXAPI_API_KEY" in text
