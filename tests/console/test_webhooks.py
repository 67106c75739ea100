"""The page of webhooks, and of the receivers of the mock."""

from __future__ import annotations

import pytest
import requests
from playwright.sync_api import Locator, Page, expect

from tests.console.conftest import Console

HOSTILE = "<script>document.title=1</script>"
NONE = "\N{EN DASH}"
REFUSED = "http://127.0.0.1:9/hook"


def inbox(console: Console, name: str = "app") -> str:
    """Return the URL of a receiver of the mock."""
    return f"{console.mock.url}/__mock/inbox/{name}"


def sent(console: Console, url: str, **changes: str) -> str:
    """Let a task end whose webhook goes to *url*; return its id."""
    task = console.submit(callBackUrl=url, **changes)
    console.sandbox.wait_until_idle()
    return task


def rows(page: Page) -> Locator:
    """Return the attempts in the list."""
    return page.get_by_role("table", name="Attempts, the latest first").locator("[data-number]")


# -- attempts ------------------------------------------------------------------------------------


def test_attempts_appear_as_they_are_made(console: Console) -> None:
    """The latest first, with what the receiver responded."""
    page = console.open("console/webhooks")
    expect(page.get_by_text("No webhook was sent in this sandbox yet")).to_be_visible()
    console.sandbox.control.set_inbox("app", status=503, times=1)

    sent(console, inbox(console))

    expect(rows(page)).to_have_count(2)
    expect(rows(page).first).to_contain_text("200 delivered")
    expect(rows(page).last).to_contain_text("503 failed")


def test_receivers_are_summed_up(console: Console) -> None:
    """How many attempts, how many failed or differ, and when the next try is due."""
    sent(console, inbox(console), prompt="#mock:webhook-conflicting")
    task = console.submit(callBackUrl=REFUSED)
    console.sandbox.wait_for(task)
    page = console.open("console/webhooks")
    table = page.get_by_role("table", name="Receivers", exact=True)

    own = table.get_by_role("row").filter(has_text="inbox/app").get_by_role("cell")
    refused = table.get_by_role("row").filter(has_text=REFUSED).get_by_role("cell")

    expect(own).to_contain_text(["1", "0", "1", "ms", "200 delivered", NONE])
    expect(refused).to_contain_text(["1", "1", "0", NONE, "connection-refused", "in 1 s"])


def test_an_attempt_is_shown_beside_the_poll_and_can_be_shared(console: Console) -> None:
    """Its address opens the same."""
    task = sent(console, inbox(console), prompt="#mock:webhook-conflicting")
    page = console.open("console/webhooks")

    rows(page).first.click()
    expect(page.get_by_role("link", name=f"task {task}")).to_be_visible()
    page.reload()

    differing = page.get_by_role("table", name="Where the webhook differs from a poll")
    row = differing.get_by_role("row").filter(has_text="data.status")
    expect(row.get_by_role("cell")).to_have_text(['"FAILURE"', '"SUCCESS"'])


def test_a_webhook_is_sent_again(console: Console) -> None:
    """And the new attempt is in the list."""
    sent(console, inbox(console))
    page = console.open("console/webhooks", attempt="1")

    page.get_by_role("button", name="Resend").click()

    expect(rows(page)).to_have_count(2)
    expect(rows(page).first).to_contain_text("sent again")
    expect(page.locator("#sent")).to_contain_text("/__mock/deliveries/1/resend")
    assert console.sandbox.control.inbox("app")["received"] == 2


def test_attempts_are_filtered(console: Console) -> None:
    """By outcome, receiver and text; the address has the filter, and it can be cleared."""
    task = sent(console, inbox(console))
    console.sandbox.settings(webhook_tries=1)
    sent(console, REFUSED)
    page = console.open("console/webhooks")

    page.get_by_label("Outcome").select_option("failed")
    expect(rows(page)).to_have_count(1)
    page.reload()
    expect(rows(page)).to_contain_text(["connection-refused"])
    page.get_by_label("Outcome").select_option("")
    page.get_by_label("Text").fill(task)
    expect(rows(page)).to_contain_text(["200 delivered"])
    page.get_by_label("Text").fill("nothing has this")
    page.get_by_role("button", name="Clear the filter").click()
    expect(rows(page)).to_have_count(2)
    page.get_by_role("button", name=REFUSED).click()

    expect(rows(page)).to_contain_text(["connection-refused"])


def test_an_attempt_that_is_gone_is_explained(console: Console) -> None:
    """Its address was shared before a reset."""
    page = console.open("console/webhooks", attempt="77")

    expect(page.get_by_text("It is not in the journal of this sandbox")).to_be_visible()


def test_a_thousand_attempts_make_few_elements(console: Console) -> None:
    """What cannot be seen is not there."""
    for _ in range(40):
        console.submit(callBackUrl=REFUSED)
    console.sandbox.settings(webhook_tries=25, webhook_backoff=0)
    console.sandbox.wait_until_idle()

    page = console.open("console/webhooks")

    expect(page.get_by_text("1000 attempts")).to_be_visible()
    assert rows(page).count() < 60


# -- receivers of the mock -----------------------------------------------------------------------


def test_the_response_of_a_receiver_is_chosen(console: Console) -> None:
    """For the next webhooks; it is shown as a program, too."""
    page = console.open("console/webhooks")
    page.get_by_label("Name").fill("mine")
    page.get_by_label("Respond with").select_option("503")
    page.get_by_label("When").select_option("1")
    page.get_by_label("To", exact=True).select_option("2")

    page.get_by_role("button", name="Set the response").click()

    expect(page.locator(".inbox-item")).to_contain_text("responds 503 after 1 s, 2 more times")
    page.locator("#sent").get_by_role("button", name="Python").click()
    expect(page.locator("#sent")).to_contain_text(
        'control.set_inbox("mine", status=503, delay=1, times=2)'
    )
    response = console.sandbox.control.inbox("mine")["response"]
    assert response == {"status": 503, "delay": 1, "times": 2}


def test_what_came_to_a_receiver_appears(console: Console) -> None:
    """With its body and headers."""
    page = console.open("console/webhooks")
    expect(page.get_by_text(inbox(console), exact=True)).to_be_visible()

    task = sent(console, inbox(console))

    received = page.locator(".received")
    expect(received).to_contain_text("POST responded 200 SUCCESS")
    received.locator("summary").first.click()
    expect(received.get_by_role("link", name=f"task {task}")).to_be_visible()
    expect(received).to_contain_text("code: 0")


def test_a_receiver_is_forgotten(console: Console) -> None:
    """With all that came to it."""
    requests.post(inbox(console), data=b"1", timeout=5)
    page = console.open("console/webhooks")

    page.get_by_role("button", name="Forget app").click()

    expect(page.get_by_text("Nothing came to any of them yet")).to_be_visible()
    assert console.sandbox.control.inbox("app")["received"] == 0


def test_a_wrong_name_is_explained(console: Console) -> None:
    """By the browser, before anything is sent."""
    page = console.open("console/webhooks")
    page.get_by_label("Name").fill("a b")

    page.get_by_role("button", name="Set the response").click()

    assert page.locator("#inbox-name:invalid").count() == 1
    assert requests.get(f"{console.mock.url}/__mock/inbox", timeout=5).json() == {"inboxes": []}


# -- whom it is for ------------------------------------------------------------------------------


def test_hostile_texts_are_texts(console: Console) -> None:
    """URLs of receivers, bodies and headers of whatever comes."""
    console.sandbox.settings(webhook_tries=1)
    sent(console, f"http://127.0.0.1:9/{HOSTILE}?{HOSTILE}")
    sent(console, f"{inbox(console)}?q={HOSTILE}")
    headers = {"X-Own": HOSTILE}
    requests.post(inbox(console), data=HOSTILE.encode(), headers=headers, timeout=5)
    page = console.open("console/webhooks", attempt="1")

    for one in page.locator(".received > summary").all():
        one.click()

    expect(page.locator(".received").first).to_contain_text(HOSTILE)
    expect(page.locator(".webhook-detail")).to_contain_text(HOSTILE)
    assert page.locator("main script").count() == 0
    assert page.title().startswith("Webhooks")


def test_works_by_keyboard(console: Console) -> None:
    """The arrow keys open attempts, Escape closes, and what happened is said."""
    console.sandbox.settings(webhook_tries=2)
    sent(console, REFUSED)
    page = console.open("console/webhooks")
    page.get_by_label("Attempts; the arrow keys open them").focus()

    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("heading", name="Attempt 2")).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("heading", name="Attempt 1")).to_be_visible()
    expect(page.locator("#said")).to_contain_text(f"Attempt 1 to {REFUSED}")
    page.keyboard.press("Escape")

    expect(page.locator(".webhook-detail")).to_be_empty()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_is_accessible_and_fits_a_narrow_screen(console: Console, scheme: str) -> None:
    """Empty, and with attempts, differences and what came."""
    page = console.open("console/webhooks")
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    empty = console.axe(page)
    sent(console, REFUSED)
    sent(console, inbox(console), prompt="#mock:webhook-conflicting")
    expect(rows(page).first).to_contain_text("200 delivered")
    rows(page).first.click()
    page.locator(".received > summary").click()
    wide = console.axe(page)

    page.set_viewport_size({"width": 360, "height": 700})

    assert empty == wide == []
    assert console.axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
