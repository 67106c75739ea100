"""The page of a task."""

from __future__ import annotations

import json
import re

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.console.conftest import Console

HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=1</script> {{7*7}} "\'`'
INBOX = "/__mock/inbox/app"
TIMES = "\N{MULTIPLICATION SIGN}"


def opened(console: Console, task: str) -> Page:
    """Open the page of a task."""
    return console.open(f"console/tasks/{task}")


def status(console: Console, task: str) -> str:
    """Return the status that a poll of a task shows."""
    return str(console.sandbox.control.task(task)["status"])


def poll(console: Console, task: str, times: int = 1) -> None:
    """Poll a task as the app."""
    headers = {"Authorization": f"Bearer {console.sandbox.api_key}"}
    for _ in range(times):
        requests.get(f"{console.mock.url}/api/v1/task/{task}", headers=headers, timeout=5)


# -- what it shows -------------------------------------------------------------------------------


def test_shows_the_story_past_and_to_come(console: Console) -> None:
    """In the order in which it happened; a run of equal polls is one line."""
    task = console.submit(headers={"X-Mock-Scenario": "slow=10s"}, extra="x")
    poll(console, task, 3)
    console.sandbox.clock.advance(2)
    poll(console, task)
    page = opened(console, task)

    lines = page.get_by_role("list", name="What has happened, and what is to come").locator("li")

    expect(lines).to_contain_text(
        [
            "Submitted: 200",
            "PENDING",
            f"Polled: 200 PENDING {TIMES} 3",
            "PROCESSING",
            "Polled: 200 PROCESSING",
            "Now: the clock stands still",
            "SUBMITTED",
            "SUCCESS",
            "The results expire",
        ]
    )
    expect(lines.first).to_contain_text("slow=10s")
    expect(lines.first).to_contain_text("input.extra")
    expect(page.get_by_text("ends in 8 s")).to_be_visible()


def test_what_happens_appears_at_once(console: Console) -> None:
    """Polls, states, webhooks and results, without a reload."""
    task = console.submit(callBackUrl=console.mock.url + INBOX)
    page = opened(console, task)
    expect(page.get_by_text("Attempt 1 is due at")).to_be_visible()

    poll(console, task)
    expect(page.get_by_text("Polled: 200 PENDING")).to_be_visible()
    console.sandbox.wait_until_idle()

    expect(page.get_by_text("Webhook, attempt 1: 200 delivered")).to_be_visible()
    expect(page.locator(".task-facts")).to_contain_text("SUCCESS")
    expect(page.get_by_role("img", name="Result 1 of 1")).to_be_visible()
    expect(page.locator("figcaption")).to_contain_text(f"768 {TIMES} 1024")


def test_shows_the_webhook_beside_the_poll(console: Console) -> None:
    """What differs is marked, for eyes and for ears, and what is equal can be unfolded."""
    task = console.submit(prompt="#mock:webhook-conflicting", callBackUrl=console.mock.url + INBOX)
    console.sandbox.wait_until_idle()
    page = opened(console, task)
    table = page.get_by_role("table", name="Where the webhook differs from a poll")

    row = table.get_by_role("row").filter(has_text="data.status")

    expect(row.get_by_role("rowheader")).to_have_text("≠ differs: data.status")
    expect(row.get_by_role("cell")).to_have_text(['"FAILURE"', '"SUCCESS"'])
    page.get_by_text("fields equal to the poll").click()
    equal = page.get_by_role("table", name="Equal fields")
    expect(equal.get_by_role("row").filter(has_text="data.taskId")).to_contain_text(task)


def test_shows_the_true_pixels_of_pictures(console: Console) -> None:
    """As the browser measures them; a wrong size is marked."""
    task = console.submit(prompt="#mock:result-wrong-size", n=2)
    console.sandbox.wait_for(task)
    page = opened(console, task)

    captions = page.locator("figcaption")

    expect(page.get_by_role("heading", name="2 pictures")).to_be_visible()
    measured = f"384 {TIMES} 512not 768 {TIMES} 1024"
    expect(captions).to_have_text([f"1 of 2{measured}", f"2 of 2{measured}"])


def test_looking_leaves_no_trace_in_the_journal(console: Console) -> None:
    """Neither of the page nor of the pictures: the app did not fetch them."""
    task = console.submit()
    console.sandbox.wait_for(task)
    before = len(console.sandbox.requests)

    page = opened(console, task)
    expect(page.locator("figcaption")).to_contain_text(f"768 {TIMES} 1024")

    assert len(console.sandbox.requests) == before


def test_offers_curl_lines_that_need_only_the_key(console: Console) -> None:
    """The key is a variable, and the body is that of the app."""
    task = console.submit(prompt="a cat")
    page = opened(console, task)

    again = page.get_by_label("Submit the same again")

    expect(again).to_contain_text("$MAXAPI_API_KEY")
    expect(again).to_contain_text('"prompt": "a cat"')
    expect(page.get_by_label("Poll it")).to_contain_text(task)
    assert console.sandbox.api_key not in page.locator("main").inner_text()


def test_a_task_that_never_ends_says_so(console: Console) -> None:
    """So that nobody waits for it; it can still be ended by hand."""
    page = opened(console, console.submit(prompt="#mock:stuck"))

    expect(page.get_by_text("never ends by itself")).to_be_visible()
    expect(page.get_by_role("button", name="Clock to its end")).to_be_disabled()
    expect(page.get_by_role("button", name="Finish")).to_be_enabled()


def test_a_reset_leaves_no_task(console: Console) -> None:
    """The page says what has become of it."""
    console.expected.append("404")
    page = opened(console, console.submit())

    console.sandbox.reset()

    expect(page.get_by_text("There is no task")).to_be_visible()


def test_an_unknown_task_is_explained(console: Console) -> None:
    """With what may have become of it."""
    console.expected.append("404")

    page = opened(console, "00000000-0000-0000-0000-000000000000")

    expect(page.get_by_text("There is no task")).to_be_visible()
    expect(page.get_by_role("link", name="all tasks of this one")).to_be_visible()


def test_a_task_without_a_webhook_says_how_to_get_one(console: Console) -> None:
    """By the receiver of this mock."""
    page = opened(console, console.submit())

    expect(page.get_by_text("submitted without a callBackUrl")).to_be_visible()
    expect(page.get_by_text(f"{console.mock.url}/__mock/inbox/app")).to_be_visible()


# -- what it does --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("button", "end"),
    [("Finish", "SUCCESS"), ("Time out", "TIMEOUT"), ("Cancel", "CANCELLED"), ("Fail", "FAILURE")],
)
def test_a_button_ends_the_task(console: Console, button: str, end: str) -> None:
    """At once; then no button can end it again, and the same is shown as curl."""
    task = console.submit()
    page = opened(console, task)

    page.get_by_role("button", name=button, exact=True).click()

    expect(page.locator(".task-facts")).to_contain_text(end)
    expect(page.get_by_role("button", name="Finish", exact=True)).to_be_disabled()
    expect(page.locator("#sent")).to_contain_text(f"/__mock/tasks/{task}/")
    expect(page.locator("#said")).to_have_text(f"The task is {end}")
    assert status(console, task) == end


@pytest.mark.parametrize(
    ("chosen", "reason"),
    [("INVALID_PARAMETERS", "INVALID_PARAMETERS"), ("", None)],
)
def test_a_task_fails_with_the_chosen_reason(
    console: Console, chosen: str, reason: str | None
) -> None:
    """Or with none, as after a transient error."""
    task = console.submit()
    page = opened(console, task)

    page.get_by_label("failure_reason").select_option(chosen)
    page.get_by_role("button", name="Fail", exact=True).click()

    expect(page.locator(".task-facts")).to_contain_text("FAILURE")
    assert console.sandbox.control.task(task)["failure_reason"] == reason


def test_the_clock_moves_to_the_end_of_the_task(console: Console) -> None:
    """With everything that falls due on the way."""
    task = console.submit(headers={"X-Mock-Scenario": "slow=90s"})
    page = opened(console, task)

    page.get_by_role("button", name="Clock to its end").click()

    expect(page.locator(".task-facts")).to_contain_text("SUCCESS")
    assert status(console, task) == "SUCCESS"


def test_results_are_made_to_expire(console: Console) -> None:
    """The picture is still shown, as one that apps no longer get."""
    task = console.submit()
    console.sandbox.wait_for(task)
    page = opened(console, task)
    button = page.get_by_role("button", name="Expire results")

    button.click()

    expect(page.locator(".part-files")).to_contain_text("expired")
    expect(button).to_be_disabled()
    url = console.sandbox.control.task(task)["result"]["urls"][0]
    assert requests.get(url, timeout=5).status_code == 410


def test_a_webhook_is_sent_again(console: Console) -> None:
    """The receiver gets the same bytes, and the attempt appears."""
    console.sandbox.control.set_inbox("app", status=500)
    console.sandbox.settings(webhook_tries=1)
    task = console.submit(callBackUrl=console.mock.url + INBOX)
    console.sandbox.wait_until_idle()
    console.sandbox.control.set_inbox("app")
    page = opened(console, task)

    page.get_by_role("button", name="Resend").click()

    expect(page.get_by_text("Webhook, attempt 1, sent again: 200 delivered")).to_be_visible()
    bodies = [json.dumps(one["body"]) for one in console.sandbox.control.inbox("app")["webhooks"]]
    assert len(bodies) == 2
    assert bodies[0] == bodies[1]


def test_what_is_chosen_and_open_stays_so(console: Console) -> None:
    """When something else happens to the task."""
    task = console.submit(callBackUrl=console.mock.url + INBOX)
    page = opened(console, task)
    page.get_by_label("failure_reason").select_option("INSUFFICIENT_POINTS")
    page.get_by_role("button", name="Time out").focus()

    console.sandbox.clock.advance(1)
    expect(page.locator(".task-facts")).to_contain_text("SUBMITTED")

    expect(page.get_by_label("failure_reason")).to_have_value("INSUFFICIENT_POINTS")
    expect(page.get_by_role("button", name="Time out")).to_be_focused()


# -- whom it is for ------------------------------------------------------------------------------


def test_hostile_texts_are_texts(console: Console) -> None:
    """Wherever an app can put one: prompt, user_id, URL, field, header."""
    url = f"{console.mock.url}{INBOX}?<script>document.title=1</script>"
    task = console.submit(
        prompt=HOSTILE, callBackUrl=url, headers={"User-Agent": HOSTILE}, **{HOSTILE: HOSTILE}
    )
    console.sandbox.wait_until_idle()
    page = opened(console, task)
    page.get_by_text("Body: equal to a poll").click()

    expect(page.locator(".part-request")).to_contain_text(HOSTILE[:20])

    assert page.locator("main script, main img[src='x']").count() == 0
    expect(page).to_have_title(re.compile("Task"))


def test_works_by_keyboard(console: Console) -> None:
    """Everything that can be clicked is reached and pressed."""
    task = console.submit()
    page = opened(console, task)
    page.get_by_role("button", name="Copy", exact=True).first.focus()

    page.keyboard.press("Tab")  # the model
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Finish")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.locator(".task-facts")).to_contain_text("SUCCESS")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_is_accessible_and_fits_a_narrow_screen(console: Console, scheme: str) -> None:
    """With differences, errors and pictures on it."""
    console.sandbox.control.set_inbox("app", status=500, times=1)
    task = console.submit(prompt="#mock:webhook-conflicting", callBackUrl=console.mock.url + INBOX)
    poll(console, task, 12)
    console.sandbox.wait_until_idle()
    page = opened(console, task)
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")

    wide = console.axe(page)
    page.set_viewport_size({"width": 360, "height": 700})

    assert wide == []
    assert console.axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
