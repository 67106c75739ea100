"""What all pages of the console have in common."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, expect

from mockserver.contract import Contract
from mockserver.engine.service import Service
from mockserver.settings import make_settings
from mockserver.testing import ControlClient, MaxapiSandbox, RunningMock, running_mock
from mockserver.web.server import Server
from tests.console.conftest import Console


def test_shows_a_task_as_soon_as_it_is_submitted(console: Console) -> None:
    """Without a reload, by the stream of events."""
    page = console.open()

    console.submit(prompt="a cat")

    expect(page.get_by_text("a cat").first).to_be_visible()


def test_says_that_the_clock_stands_still_and_lets_it_run(console: Console) -> None:
    """Which is why a task does not end: on every page, with what can be done about it."""
    page = console.open()
    band = page.locator("#band")
    expect(band).to_contain_text("The clock stands still at 2026-02-10 21:54:46.686")

    band.get_by_role("button", name="+1 min").click()
    expect(band).to_contain_text("21:55:46.686")
    band.get_by_role("button", name="Run").click()

    expect(band).to_be_hidden()
    assert not console.sandbox.clock.frozen


def test_shows_what_was_clicked_as_curl_and_as_python(console: Console) -> None:
    """So that a test can do the same."""
    page = console.open()
    page.locator("#band").get_by_role("button", name="+1 min").click()
    sent = page.get_by_role("region", name="The same by curl and by Python")

    expect(sent).to_contain_text(f"curl -X POST {console.mock.url}/__mock/clock")
    expect(sent).to_contain_text(f"X-Mock-Sandbox: {console.id}")
    sent.get_by_role("button", name="Python").click()

    expect(sent).to_contain_text('control.advance("1m")')


def test_chooses_the_sandbox_with_the_latest_activity(console: Console) -> None:
    """And puts it into the address, and into the links to the other pages."""
    other = console.mock.sandbox("another-key-of-mine")
    console.submit(prompt="a dog", headers={"Authorization": f"Bearer {other.api_key}"})
    page = console.new_page()

    page.goto(f"{console.mock.url}/__mock/")

    expect(page.get_by_text("a dog").first).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?sandbox=[0-9a-f]+$"))
    assert console.id not in page.url
    id_ = page.url.partition("=")[2]
    link = page.get_by_role("navigation").get_by_role("link", name="Now")
    expect(link).to_have_attribute("href", f"/__mock/?sandbox={id_}")


def test_another_sandbox_is_chosen_by_its_label(console: Console) -> None:
    """Which is what people know it by: keys are hidden."""
    headers = {"Authorization": "Bearer another-key", "X-Mock-Label": "the nightly job"}
    console.submit(prompt="a dog", headers=headers)
    page = console.open()

    page.get_by_label("Sandbox").select_option("the nightly job · 1 task")

    expect(page.get_by_text("a dog").first).to_be_visible()


def test_waits_for_the_first_sandbox_in_which_something_happens(browser: Browser) -> None:
    """Whoever opens the console before the app runs sees what the app does."""
    with running_mock() as mock, closing(browser.new_context()) as context:
        page = context.new_page()
        page.goto(f"{mock.url}/__mock/")
        expect(page.get_by_text("No tasks in this sandbox yet")).to_be_visible()

        console = Console(mock, mock.sandbox("my-key"), context)
        console.submit(prompt="a cat")

        expect(page.get_by_text("a cat").first).to_be_visible()


def test_a_sandbox_that_is_gone_is_replaced_by_one_that_is_there(console: Console) -> None:
    """An old address is no dead end."""
    console.submit(prompt="a cat")

    page = console.open(sandbox="0123456789abcdef")

    expect(page.get_by_text("a cat").first).to_be_visible()
    expect(page.locator("#said")).to_contain_text("That sandbox is gone")


def test_goes_on_when_the_mock_was_started_anew(browser: Browser, contract: Contract) -> None:
    """At the same address: the page says that it has no connection, and then shows the new one."""
    chosen = make_settings(contract, port=0)
    with closing(browser.new_context()) as context:
        page = context.new_page()
        with Server(Service(contract, chosen)) as server:
            page.goto(f"{server.url}/__mock/")
            expect(page.locator("#stream")).to_have_text("live")
        expect(page.locator("#stream")).to_have_text("no connection")
        with Server(Service(contract, replace(chosen, port=server.port))) as again:
            expect(page.locator("#stream")).to_have_text("live")
            sandbox = MaxapiSandbox(again.url, "k", ControlClient(again.url, "k"))
            console = Console(RunningMock(again.url), sandbox, context)
            console.submit(prompt="a cat")

            expect(page.get_by_text("a cat").first).to_be_visible()


def test_says_why_something_was_not_done(console: Console) -> None:
    """In the words of the control plane, to eyes and ears."""
    page = console.open()
    console.expected.append("status of 400")
    body = {"code": 400, "msg": "advance: no longer possible"}
    page.route("**/__mock/clock", lambda route: route.fulfill(status=400, json=body))

    page.locator("#band").get_by_role("button", name="+1 min").click()

    expect(page.get_by_role("alert")).to_contain_text("advance: no longer possible")


def test_the_first_stop_of_the_keyboard_skips_the_navigation(console: Console) -> None:
    """The link shows itself then."""
    page = console.open()

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.locator("main")).to_be_focused()


@pytest.mark.parametrize("console_settings", [{"control_token": "the-token"}])
def test_asks_for_the_control_token_once(console: Console) -> None:
    """A wrong one is told; the right one leads to the page that was asked for; leaving ends it."""
    console.expected.append("status of 403")
    console.submit(prompt="a cat")
    page = console.new_page()
    page.goto(f"{console.mock.url}/__mock/")
    assert console.axe(page) == []

    page.get_by_label("Control token").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("not the token of this mock")
    page.get_by_label("Control token").fill("the-token")
    page.keyboard.press("Enter")
    expect(page.get_by_text("a cat").first).to_be_visible()
    page.get_by_role("button", name="Log out").click()

    expect(page.get_by_label("Control token")).to_be_visible()


_BOXES = """
[...document.querySelectorAll(".filter :is(input, select)")].map((field) => {
  const { left, right, bottom, height, width } = field.getBoundingClientRect();
  const one = field.cloneNode(true); // as wide as the text of the option that is chosen
  Object.assign(one.style, { position: "absolute", width: "auto" });
  for (const option of [...(one.options ?? [])]) if (option.value !== field.value) option.remove();
  field.after(one);
  const needed = one.options ? one.offsetWidth : 0;
  one.remove();
  return { left, right, bottom, height, isWhole: needed <= width + 1 };
})
"""


@pytest.mark.parametrize("path", ["console/requests", "console/webhooks"])
def test_the_fields_of_a_filter_are_in_line_and_whole(console: Console, path: str) -> None:
    """They end on one line where they fit into one; on a telephone, each shows what is chosen."""
    url = "http://127.0.0.1:9/a-receiver-with-a-long-address/" + "x" * 60
    console.submit(callBackUrl=url, unknown_field_with_a_long_name=1)
    console.sandbox.clock.advance("1h")
    page = console.open(path)
    expect(page.locator(".filter")).to_be_visible()
    wide = page.evaluate(_BOXES)

    page.set_viewport_size({"width": 360, "height": 640})

    assert len({(box["bottom"], box["height"]) for box in wide}) == 1
    narrow = page.evaluate(_BOXES)
    assert all(box["left"] > 0 and box["right"] < 360 and box["isWhole"] for box in narrow)


def test_has_no_violations_that_axe_finds(console: Console) -> None:
    """In light and in dark."""
    page = console.open()
    light = console.axe(page)

    page.emulate_media(color_scheme="dark")

    assert light == []
    assert console.axe(page) == []
