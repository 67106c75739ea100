"""The page Requests: what the app sent, what came back, and why."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import requests
from playwright.sync_api import Locator, Page, expect

from tests.client import SUBMIT, seed
from tests.console.conftest import Console
from tests.console.requests_page import HOSTILE, LANGUAGES, PAGE, call, code, poll_often, run, wrong


def rows(page: Page) -> Locator:
    """Return the requests that can be seen."""
    return page.locator(".request-row")


def numbers(page: Page) -> list[str]:
    """Return the numbers of the requests that can be seen, as they are ordered."""
    found: list[str] = page.evaluate(
        """[...document.querySelectorAll(".request-row")].map((row) => row.dataset.number)"""
    )
    return found


# -- the list ------------------------------------------------------------------------------------


def test_grows_by_itself(console: Console) -> None:
    """The latest request is on top, with what it was and what came back."""
    console.submit()
    page = console.open(PAGE)

    task = console.submit()
    call(console, "GET", f"/api/v1/task/{task}")
    wrong(console)

    expect(page.locator(".count")).to_have_text("4 requests")
    assert numbers(page) == ["4", "3", "2", "1"]
    expect(rows(page).nth(0)).to_contain_text(re.compile(r"submit.*400.*rejected.*input\.ratio"))
    expect(rows(page).nth(1)).to_contain_text(f"query{'GET'} /api/v1/task/{task}200PENDING")
    expect(rows(page).nth(2)).to_contain_text(f"200task {task[:8]}")


def test_a_reset_empties_it(console: Console) -> None:
    """And the numbers go on."""
    console.submit()
    page = console.open(PAGE)

    console.sandbox.control.reset(keep_clock=True)
    expect(page.locator(".empty")).to_contain_text("No requests yet")
    console.submit()

    expect(rows(page)).to_have_count(1)
    assert numbers(page) == ["2"]


def test_what_is_read_stays_in_its_place(console: Console) -> None:
    """When new requests come above it."""
    for _ in range(40):
        call(console, "GET", "/api/v1/task/none")
    page = console.open(PAGE)
    listed = page.locator(".request-rows")
    listed.evaluate("(node) => { node.scrollTop = 440; }")

    call(console, "GET", "/api/v1/task/none")

    expect(page.locator(".count")).to_have_text("41 requests")
    assert listed.evaluate("(node) => node.scrollTop") == 484


@pytest.fixture
def console_settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A journal for as many requests as the test has."""
    return {"seed": "console", "journal_entries": getattr(request, "param", 1000)}


@pytest.mark.parametrize("console_settings", [3000], indirect=True)
def test_makes_rows_only_for_what_can_be_seen(console: Console) -> None:
    """Of thousands of requests, and the first one is still reached."""
    poll_often(console, 2500)
    page = console.open(PAGE)
    expect(page.locator(".count")).to_have_text("2500 requests")

    poll_often(console, 100)
    expect(page.locator(".count")).to_have_text("2600 requests")
    page.locator(".request-rows").press("End")

    expect(page.locator("#detail-title")).to_have_text("Request 1")
    expect(rows(page).last).to_have_attribute("data-number", "1")
    assert rows(page).count() < 60


# -- the filter ----------------------------------------------------------------------------------


def test_filters_by_everything_at_once(console: Console) -> None:
    """Operation, status, task, contract warning, and a text wherever it is in the request."""
    task = console.submit(prompt="A Café at dawn")
    call(console, "GET", f"/api/v1/task/{task}")
    wrong(console)
    console.submit(aspect="1:1")
    call(console, "GET", "/api/v1/task/none")
    page = console.open(PAGE)
    expect(rows(page)).to_have_count(5)

    def filtered(change: Callable[[], object]) -> list[str]:
        change()
        expect(page.locator(".count")).to_contain_text("of 5")
        found = numbers(page)
        page.goto(f"{console.mock.url}/__mock/{PAGE}?sandbox={console.id}")
        expect(page.locator(".count")).to_have_text("5 requests")
        return found

    def choose(name: str, value: str) -> Callable[[], object]:
        return lambda: page.get_by_label(name, exact=True).select_option(value)

    def enter(name: str, text: str) -> Callable[[], object]:
        return lambda: page.get_by_label(name, exact=True).fill(text)

    assert filtered(choose("Operation", "query")) == ["5", "2"]
    assert filtered(choose("Status", "errors")) == ["5", "3"]
    assert filtered(choose("Status", "404")) == ["5"]
    assert filtered(choose("Contract warning", "any")) == ["5", "4", "3"]
    assert filtered(choose("Contract warning", "unknown-field")) == ["4"]
    assert filtered(enter("Task", task)) == ["2", "1"]
    assert filtered(enter("Text", "task/NONE")) == ["5"]
    assert filtered(lambda: [choose("Operation", "submit")(), choose("Status", "200")()]) == [
        "4",
        "1",
    ]


def test_the_text_is_searched_in_bodies_too(console: Console) -> None:
    """The mock does that, also for what comes later."""
    console.submit(prompt="A Café at dawn")
    console.submit()
    page = console.open(PAGE)

    page.get_by_label("Text", exact=True).fill("café")
    expect(rows(page)).to_have_count(1)
    console.submit(prompt="another café")

    expect(rows(page)).to_have_count(2)
    assert numbers(page) == ["3", "1"]


def test_the_address_keeps_the_filter(console: Console) -> None:
    """So that it can be shared."""
    wrong(console)
    console.submit()
    page = console.open(PAGE, status="errors", operation="submit")
    expect(rows(page)).to_have_count(1)

    rows(page).first.click()
    expect(page.locator("#detail-title")).to_have_text("Request 1")

    assert "status=errors" in page.url
    assert f"{PAGE}/1?" in page.url
    expect(page.get_by_label("Status", exact=True)).to_have_value("errors")


def test_a_filter_that_leaves_nothing_can_be_cleared(console: Console) -> None:
    """The page says that it is the filter."""
    console.submit()
    page = console.open(PAGE, text="no such text")
    expect(page.locator(".empty")).to_contain_text("None of the 1 requests matches.")

    page.get_by_role("button", name="Clear the filter").click()

    expect(rows(page)).to_have_count(1)


# -- one request ---------------------------------------------------------------------------------


def test_opens_a_request_beside_the_list(console: Console) -> None:
    """With both bodies and the headers; it has an address of its own."""
    task = console.submit(prompt="a lighthouse")
    page = console.open(PAGE)

    rows(page).first.click()
    detail = page.locator(".detail")
    expect(detail).to_contain_text('"a lighthouse"')
    expect(detail).to_contain_text(task)
    detail.locator("summary", has_text="headers").first.click()
    expect(detail).to_contain_text("[redacted]")
    page.reload()

    expect(detail).to_contain_text('"a lighthouse"')
    expect(rows(page)).to_have_count(1)
    expect(rows(page).first).to_have_attribute("aria-current", "true")
    assert detail.get_by_role("link", name=f"task {task}").get_attribute("href")


def test_is_closed_by_its_button_escape_and_the_way_back(console: Console) -> None:
    """Each leads to the list."""
    console.submit()
    page = console.open(PAGE)

    for close in (
        lambda: page.get_by_role("button", name="Close", exact=True).click(),
        lambda: page.keyboard.press("Escape"),
        page.go_back,
    ):
        rows(page).first.click()
        expect(page.locator(".detail")).to_be_visible()
        close()
        expect(page.locator(".detail")).to_have_count(0)


def test_arrow_keys_open_the_requests(console: Console) -> None:
    """From the list, without a mouse; a screen reader hears which."""
    console.submit()
    wrong(console)
    page = console.open(PAGE)
    page.locator(".request-rows").focus()

    page.keyboard.press("ArrowDown")
    expect(page.locator("#detail-title")).to_have_text("Request 2")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#detail-title")).to_have_text("Request 1")
    page.keyboard.press("Home")

    expect(page.locator("#detail-title")).to_have_text("Request 2")
    expect(page.locator("#said")).to_have_text("Request 2, submit, 400")


def test_names_the_clauses_behind_a_rejection(console: Console) -> None:
    """With source, confidence and page."""
    wrong(console)

    page = console.open(f"{PAGE}/1")

    why = page.locator(".why")
    expect(why).to_contain_text("input.ratio: '9:1' is not accepted")
    expect(why).to_contain_text("enum in models/gpt-image-2--image-to-image.json#/input/properties")
    expect(why.locator("li").first.locator(".source")).to_have_text(
        "seedgpt-image-2/image-to-image"
    )
    expect(page.locator(".warnings")).to_contain_text("no scenario asked for this rejection")


def test_names_the_scenario_behind_an_error(console: Console) -> None:
    """So that nobody looks for a mistake in the app."""
    call(console, "POST", SUBMIT, json=seed(), headers={"X-Mock-Scenario": "unavailable"})

    page = console.open(f"{PAGE}/1")

    expect(page.locator(".why")).to_contain_text("Scenario: unavailable")
    expect(page.locator(".warnings")).to_have_count(0)


def test_replays_a_request(console: Console) -> None:
    """The new request opens, and the same is offered as curl and as Python."""
    console.submit()
    page = console.open(f"{PAGE}/1")

    page.get_by_role("button", name="Replay").click()

    expect(page.locator("#detail-title")).to_have_text("Request 2")
    expect(page.locator("#detail-title")).to_be_focused()
    expect(page.locator(".facts")).to_contain_text("sent by: replay of request 1")
    expect(page.locator("#sent")).to_contain_text("/__mock/requests/1/replay")
    page.locator("#sent").get_by_role("button", name="Python").click()
    expect(page.locator("#sent")).to_contain_text("control.replay(1)")
    expect(rows(page)).to_have_count(2)
    assert len(console.sandbox.tasks) == 2
    assert console.sandbox.control.warnings() == []


def test_says_why_a_request_is_gone(console: Console) -> None:
    """The journal keeps the latest ones."""
    console.expected.append("404")
    console.submit()

    page = console.open(f"{PAGE}/99")

    expect(page.locator(".request-detail")).to_contain_text("Request 99 is not in the journal")


# -- everybody -----------------------------------------------------------------------------------


def test_every_text_of_an_app_is_text(console: Console) -> None:
    """In paths, prompts, headers, scenarios, queries and labels."""
    headers = {"X-Evil": HOSTILE, "X-Mock-Label": HOSTILE}
    call(console, "POST", SUBMIT, json=seed(prompt=HOSTILE, **{HOSTILE: 1}), headers=headers)
    call(console, "GET", f"/api/v1/{HOSTILE}?{HOSTILE}")
    call(console, "POST", SUBMIT, data=HOSTILE, headers={"Content-Type": "application/json"})
    page = console.open(PAGE)

    for number in (1, 2, 3):
        page.locator(f'[data-number="{number}"]').click()
        expect(page.locator("#detail-title")).to_have_text(f"Request {number}")
        for language in LANGUAGES:
            code(page, language)
    page.get_by_label("Text", exact=True).fill(HOSTILE)
    expect(page.locator(".count")).to_contain_text("of 3")

    assert page.evaluate("window.hacked") is None
    assert page.locator("main img, main script").count() == 0


def test_says_what_to_do_while_there_is_nothing(console: Console) -> None:
    """A request that can be copied, and works as it is; and the form of the page Contract."""
    requests.get(f"{console.mock.url}/__mock/clock", timeout=5)
    [nobody] = [
        one["id"]
        for one in requests.get(f"{console.mock.url}/__mock/sandboxes", timeout=5).json()[
            "sandboxes"
        ]
        if one["key"] is None
    ]
    page = console.open(PAGE, sandbox=nobody)
    expect(page.locator(".empty")).to_contain_text(f"base URL of your app to {console.mock.url}")
    expect(page.get_by_role("link", name="Or fill in a form")).to_be_visible()

    line = page.locator(".empty pre").inner_text()
    printed = run("curl", line, console)

    assert printed == "200"


def test_fits_a_narrow_screen(console: Console) -> None:
    """There, the list gives way to the request that is open."""
    console.submit()
    wrong(console)
    page = console.open(PAGE)
    page.set_viewport_size({"width": 360, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360

    rows(page).first.click()
    expect(page.locator(".detail")).to_be_visible()
    expect(page.locator(".request-list")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("link", name="All requests").click()

    expect(rows(page)).to_have_count(2)


def test_has_no_violations_that_axe_finds(console: Console) -> None:
    """With a request open, with none, and without any requests; in light and in dark."""
    wrong(console)
    call(console, "POST", SUBMIT, json=seed(), headers={"X-Mock-Scenario": "unavailable"})
    page = console.open(PAGE)
    found = console.axe(page)
    rows(page).last.click()
    code(page, "pytest test")
    found += console.axe(page)
    page.emulate_media(color_scheme="dark")
    found += console.axe(page)
    page.get_by_label("Text", exact=True).fill("no such text")
    expect(page.locator(".empty")).to_be_visible()

    assert found + console.axe(page) == []
