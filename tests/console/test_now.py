"""The page Now: tasks as bars on one axis of time."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import requests
from playwright.sync_api import Locator, Page, Route, expect

from mockserver.domain.durations import stamp
from mockserver.testing.inbox import InboxServer
from tests.conftest import START
from tests.console.conftest import Console
from tests.console.requests_page import call

HOSTILE = "<img src=x onerror=\"console.error('run')\"></a><script>console.error('run')</script>"


def row(page: Page, text: str) -> Locator:
    """The row of the task with a text in its prompt."""
    return page.get_by_role("listitem").filter(has_text=text)


def test_shows_each_state_as_a_bar_in_order(console: Console) -> None:
    """Those to come, too: the plan of a task is known when it is submitted."""
    console.submit(prompt="a lighthouse")

    bars = row(console.open(), "a lighthouse").locator(".bar")

    statuses = [bar.get_attribute("data-status") for bar in bars.all()]
    assert statuses == ["PENDING", "PROCESSING", "SUBMITTED", "SUCCESS"]
    lefts = [bar.evaluate("node => parseFloat(node.style.left)") for bar in bars.all()]
    assert lefts == sorted(lefts)


def test_a_new_task_and_its_end_are_seen_without_a_reload(console: Console) -> None:
    """By the stream: the states with the clock, and the end that somebody makes by hand."""
    page = console.open()
    expect(page.get_by_text("No tasks in this sandbox yet")).to_be_visible()

    first = console.submit(prompt="a cat")
    second = console.submit(prompt="a dog")
    expect(row(page, "a cat")).to_contain_text("PENDING")
    console.sandbox.control.fail(second)
    expect(row(page, "a dog")).to_contain_text("FAILURE")
    console.sandbox.wait_for(first)

    expect(row(page, "a cat")).to_contain_text("SUCCESS")
    expect(page.get_by_role("button", name="SUCCESS 1")).to_be_visible()


def test_tells_of_contract_warnings(console: Console) -> None:
    """As soon as there is one, with the way to the page that explains it."""
    page = console.open()
    task = console.submit(prompt="a cat #mock:instant")
    warned = page.get_by_role("link", name="Contract warnings: 1")
    expect(row(page, "a cat")).to_be_visible()
    expect(warned).to_have_count(0)

    for _ in range(10):
        call(console, "GET", f"/api/v1/task/{task}")

    expect(warned).to_be_visible()
    warned.click()
    expect(page.locator("main")).to_contain_text("does the app know that SUCCESS is final?")


def test_marks_what_became_of_webhooks(console: Console) -> None:
    """A failed attempt, the next one that is planned, and one that was delivered."""
    with InboxServer() as server:
        inbox = server.inbox()
        inbox.respond(500)
        console.submit(prompt="a cat", callBackUrl=inbox.url)
        page = console.open()
        expect(row(page, "a cat").locator(".mark.planned")).to_have_count(1)

        console.sandbox.clock.advance("2s")
        expect(row(page, "a cat").locator(".mark.failed")).to_have_count(1)
        expect(row(page, "a cat")).to_contain_text("webhook failed, next try planned")
        console.sandbox.wait_until_idle()

        expect(row(page, "a cat").locator(".mark.delivered")).to_have_count(1)
        expect(row(page, "a cat").locator(".mark.planned")).to_have_count(0)


def test_bars_move_with_the_clock(console: Console) -> None:
    """The moment stays; what was right of it goes to its left."""
    console.submit(prompt="a cat")
    page = console.open()
    page.get_by_label("Length of time that is shown").select_option("10000")
    layer = row(page, "a cat").locator(".lane-layer")
    width = row(page, "a cat").locator(".lane-bars").evaluate("node => node.clientWidth")
    expect(layer).to_have_attribute("style", f"transform: translateX({0.2 * width:.1f}px);")

    console.sandbox.clock.advance("1s")

    expect(layer).to_have_attribute("style", f"transform: translateX({0.1 * width:.1f}px);")


def test_tells_of_the_task_that_is_pointed_at(console: Console) -> None:
    """And, for the keyboard, of the one that has the focus."""
    task = console.submit(prompt="a cat", callBackUrl="http://127.0.0.1:9/hook")
    page = console.open()
    tip = page.get_by_role("tooltip")

    row(page, "a cat").hover()
    expect(tip).to_contain_text(task)
    expect(tip).to_contain_text("http://127.0.0.1:9/hook")
    expect(tip).to_contain_text("(in 2 s)")
    page.mouse.move(2, 2)
    expect(tip).to_be_hidden()
    row(page, "a cat").get_by_role("link").focus()

    expect(tip).to_contain_text(task)


def test_a_click_opens_the_task(console: Console) -> None:
    """On the name, which is a link, or on the bars."""
    task = console.submit(prompt="a cat")
    page = console.open()
    address = re.compile(rf"/__mock/console/tasks/{task}\?sandbox={console.id}$")

    expect(row(page, "a cat").get_by_role("link")).to_have_attribute("href", address)
    row(page, "a cat").locator(".lane-bars").click()

    expect(page).to_have_url(address)


def test_filters_by_text_and_by_state(console: Console) -> None:
    """Both at once; the counts are those of all tasks."""
    console.submit(prompt="a cat")
    console.submit(prompt="a dog", headers={"X-Mock-Scenario": "instant"})
    console.submit(prompt="a fox", headers={"X-Mock-Scenario": "instant"})
    page = console.open()

    page.get_by_role("button", name="SUCCESS 2").click()
    expect(page.get_by_role("listitem")).to_have_count(2)
    page.get_by_role("searchbox").fill("DOG")

    expect(page.get_by_role("listitem")).to_have_count(1)
    expect(page.get_by_role("button", name="PENDING 1")).to_be_visible()


def test_arrow_keys_move_the_axis_and_plus_and_minus_stretch_it(console: Console) -> None:
    """So that no mouse is needed."""
    console.submit(prompt="a cat")
    page = console.open()
    span = page.get_by_label("Length of time that is shown")
    row(page, "a cat").get_by_role("link").focus()

    page.keyboard.press("-")
    longer = int(span.input_value())
    page.keyboard.press("+")
    page.keyboard.press("+")
    assert int(span.input_value()) < longer
    for _ in range(6):
        page.keyboard.press("ArrowLeft")
    expect(page.locator(".moment")).to_contain_text("later ▶")
    page.get_by_role("button", name="Now, back to the moment").click()

    expect(page.locator(".moment")).to_contain_text("21:54:46")


def test_shows_all_sandboxes_on_one_axis(console: Console) -> None:
    """Each around its own moment: the links of the other's tasks lead to the other sandbox."""
    console.submit(prompt="a cat")
    other = console.mock.sandbox("another-key-of-mine")
    headers = {"Authorization": f"Bearer {other.api_key}", "X-Mock-Label": HOSTILE}
    console.submit(prompt="a dog", headers=headers)
    page = console.open()
    expect(page.get_by_role("listitem")).to_have_count(1)

    page.get_by_role("button", name="All sandboxes (2)").click()

    expect(page.get_by_role("listitem").filter(has_text=HOSTILE)).to_be_visible()
    link = row(page, "a dog").get_by_role("link")
    expect(link).not_to_have_attribute("href", re.compile(console.id))
    expect(row(page, "a cat").get_by_role("link")).to_have_attribute("href", re.compile(console.id))


def test_texts_of_apps_are_texts(console: Console) -> None:
    """In prompts, labels and callBackUrls."""
    headers = {"X-Mock-Label": HOSTILE}
    url = "http://127.0.0.1:9/<script>console.error('run')</script>"
    console.submit(prompt=HOSTILE, callBackUrl=url, headers=headers)
    page = console.open()

    row(page, HOSTILE).hover()

    expect(page.get_by_role("tooltip")).to_contain_text(HOSTILE)
    expect(page.get_by_label("Sandbox")).to_contain_text(HOSTILE)
    assert page.locator("main img, main script").count() == 0


def outlines(count: int) -> dict[str, Any]:
    """What the control plane says of many tasks."""

    def outline(n: int) -> dict[str, Any]:
        began = START - timedelta(seconds=count - n)
        states = [
            {"status": status, "at": stamp(began + timedelta(seconds=after))}
            for status, after in (("PENDING", 0), ("PROCESSING", 1), ("SUCCESS", 2))
        ]
        return {
            "taskId": f"task-{n}",
            "model": "gpt-image-2/text-to-image",
            "prompt": f"cat number {n}.",
            "callBackUrl": None,
            "states": states,
            "webhooks": [],
            "webhook_due": None,
        }

    return {"tasks": [outline(n) for n in range(count)], "now": stamp(START)}


def test_draws_only_what_can_be_seen_of_20_000_tasks(console: Console) -> None:
    """The newest and, when it is scrolled to the end, the oldest."""
    console.submit()
    body = json.dumps(outlines(20_000))

    def respond(route: Route) -> None:
        route.fulfill(body=body, content_type="application/json")

    console.context.route("**/__mock/outlines", respond)
    page = console.open()
    expect(row(page, "cat number 19999.")).to_be_visible()

    page.get_by_role("list").evaluate("node => { node.scrollTop = node.scrollHeight; }")

    expect(row(page, "cat number 0.")).to_be_visible()
    expect(row(page, "cat number 19999.")).to_have_count(0)
    expect(row(page, "cat number 0.")).to_have_attribute("aria-setsize", "20000")
    assert page.locator("main *").count() < 1000


def test_fits_on_a_telephone_and_axe_finds_no_violations(console: Console) -> None:
    """At 360 pixels nothing is wider than the page."""
    console.submit(prompt="a cat " * 30, callBackUrl="http://127.0.0.1:9/hook")
    page = console.open()
    page.set_viewport_size({"width": 360, "height": 740})
    row(page, "a cat").hover()

    wide = page.evaluate("document.documentElement.scrollWidth")
    found = console.axe(page)
    page.emulate_media(color_scheme="dark")

    assert wide == 360
    assert found == []
    assert console.axe(page) == []


def test_outlines_are_of_the_tasks_that_are_named(console: Console) -> None:
    """In the order of the names; unknown ones are left out."""
    first, second = console.submit(), console.submit()
    headers = {"Authorization": f"Bearer {console.sandbox.api_key}"}
    url = f"{console.mock.url}/__mock/outlines?tasks={second},unknown,{first}"

    found = requests.get(url, headers=headers, timeout=5).json()

    assert [one["taskId"] for one in found["tasks"]] == [second, first]
