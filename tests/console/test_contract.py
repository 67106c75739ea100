"""The page Contract: the models' cards, a form that submits a task, and contract warnings."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from mockserver.contract import Contract
from tests.client import SUBMIT, seed
from tests.console.conftest import Console

PAGE = "console/contract"
MODEL = "gpt-image-2/image-to-image"
HOSTILE = "<img src=x onerror='window.hacked=1'><script>window.hacked=1</script>"


def call(console: Console, method: str, path: str, **options: Any) -> requests.Response:
    """Send a request as the app."""
    headers = {"Authorization": f"Bearer {console.sandbox.api_key}"}
    return requests.request(method, console.mock.url + path, headers=headers, timeout=5, **options)


def form(console: Console, model: str = MODEL) -> Page:
    """Open the form of a model, in the sandbox of the app."""
    call(console, "GET", "/api/v1/task/none")
    return console.open(f"{PAGE}/{model}")


def submitted(page: Page) -> str:
    """Submit the form; return the id of the new task."""
    page.get_by_role("button", name="Submit").click()
    link = page.locator(".outcome a")
    expect(link).to_be_visible()
    return link.inner_text().removeprefix("task ")


# -- cards ---------------------------------------------------------------------------------------


def test_lists_every_model(console: Console, contract: Contract) -> None:
    """With price, usual time, confidence and page; each leads to its card."""
    console.submit()
    page = console.open(PAGE)
    rows = page.locator("table tbody tr")
    expect(rows).to_have_count(len(contract.cards))
    expect(rows.first).to_contain_text("1k: $0.02 · 2k: $0.04 · 4k: $0.06 per image, by resolution")
    expect(rows.first.locator(".source")).to_have_text("seedgpt-image-2/image-to-image")

    page.get_by_role("link", name="seedance-2.0", exact=True).click()

    expect(page.get_by_role("heading", level=1)).to_have_text("seedance-2.0")
    expect(page.get_by_role("region", name="Table of fields")).to_contain_text(
        "an integer from 4 to 15"
    )


def test_shows_a_card_with_the_source_of_each_clause(console: Console) -> None:
    """Fields, domains, defaults, rules, pixels, and keywords of which it is less sure."""
    page = form(console)
    fields = page.get_by_role("region", name="Table of fields").locator("tbody tr")

    images, n = fields.nth(1), fields.nth(4)
    expect(images).to_contain_text("an array from 1 to 16, each an http or https URL")
    expect(images).to_contain_text("maxItems: corroborated")
    expect(n).to_contain_text("if left out: 1")
    expect(page.locator(".rules")).to_contain_text("Only six ratios exist at 4k")
    pixels = page.get_by_role("region", name="Table of pixels").locator("tbody tr")
    expect(pixels.first).to_have_text(re.compile("1:1.*1024 . 1024.*2048 . 2048"))


def test_another_model_is_chosen(console: Console) -> None:
    """By its name, in the sandbox that is shown."""
    page = form(console)

    page.get_by_label("Model").select_option("veo3")

    expect(page.get_by_role("heading", level=1)).to_have_text("veo3")
    assert f"sandbox={console.id}" in page.url


def test_an_unknown_model_leads_to_the_others(console: Console) -> None:
    """The message names similar ones."""
    console.expected.append("404")

    page = form(console, "nano-bananas")

    expect(page.locator("main")).to_contain_text("did you mean")
    expect(page.get_by_role("link", name="All models")).to_be_visible()


# -- the form ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model", [MODEL, "grok-imagine/text-to-image-lite", "seedream-4", "seedance-2.0", "veo3_lite"]
)
def test_a_form_is_accepted_as_it_is(console: Console, model: str) -> None:
    """It has a value for each field that is required."""
    page = form(console, model)

    task = submitted(page)

    expect(page.locator('[aria-invalid="true"]')).to_have_count(0)
    assert console.sandbox.control.task(task)["model"] == model


def test_submits_what_was_filled_in(console: Console) -> None:
    """In the sandbox that is chosen; what was left out is not sent."""
    page = form(console)
    page.get_by_label("prompt required").fill("a harbour\nat night")
    urls = ["https://a.example/1.png", "https://a.example/2.png"]
    page.get_by_label("imageUrls required").fill("\n\n".join(urls) + " ")
    page.get_by_label("ratio").select_option(label="16:9")
    page.get_by_label("n", exact=True).fill("2")
    page.get_by_label("callBackUrl").fill("https://example.com/hook")
    page.get_by_label("user_id").fill("ann")

    task = submitted(page)

    sent = console.sandbox.requests[-1]["body"]
    assert sent == {
        "model": MODEL,
        "input": {
            "prompt": "a harbour\nat night",
            "imageUrls": urls,
            "ratio": "16:9",
            "n": 2,
        },
        "callBackUrl": "https://example.com/hook",
        "user_id": "ann",
    }
    assert console.sandbox.control.task(task)["status"] == "PENDING"


def test_a_submission_is_shown_as_curl_and_as_python(console: Console) -> None:
    """Which submits the same."""
    page = form(console)
    page.get_by_label("Scenario").fill("failure")
    submitted(page)
    sent = page.locator("#sent")
    expect(sent).to_contain_text(f"curl -X POST {console.mock.url}/__mock/tasks")

    sent.get_by_role("button", name="Python").click()
    line = sent.locator("code").inner_text().splitlines()[-1]
    control = console.sandbox.control
    task = eval(line.removeprefix("control."), {"submit": control.submit})  # noqa: S307

    first, again = console.sandbox.requests[-2:]
    assert first["body"] == again["body"]
    assert again["taskId"] == task
    assert control.tasks()[-1]["taskId"] == task
    assert again["scenarios"] == ["failure"]


def test_a_message_is_shown_at_the_field_that_it_names(console: Console) -> None:
    """While it is typed, with the clause; it goes when the mistake does, and nothing is sent."""
    page = form(console)
    n, images = page.get_by_label("n", exact=True), page.get_by_label("imageUrls required")

    n.fill("99")
    images.fill("ftp://x")
    page.get_by_label("callBackUrl").fill("nope")

    problem = page.locator("#f-input-n-problem")
    expect(problem).to_contain_text("input.n: 99 is more than 10; use an integer from 1 to 10")
    expect(problem).to_contain_text("maximum in models/gpt-image-2--image-to-image.json#/input")
    expect(problem).to_contain_text("seed")
    expect(page.locator("#f-input-imageUrls-problem")).to_contain_text(
        "input.imageUrls[0]: 'ftp://x'"
    )
    expect(page.locator("#f-callBackUrl-problem")).to_contain_text("is not an http or https URL")
    expect(n).to_have_attribute("aria-invalid", "true")
    n.fill("3")
    expect(problem).to_be_empty()
    expect(n).not_to_have_attribute("aria-invalid", "true")
    assert console.sandbox.tasks == []


def test_a_rejection_is_shown(console: Console) -> None:
    """As the API says it; the journal has it too."""
    console.expected.append("400")
    page = form(console)
    page.get_by_label("prompt required").fill("")

    page.get_by_role("button", name="Submit").click()

    expect(page.locator(".outcome")).to_contain_text("Rejected. 400: input.prompt: missing")
    expect(page.locator("#f-input-prompt-problem")).to_contain_text("missing")
    assert console.sandbox.requests[-1]["status"] == 400


def test_what_was_mended_is_not_complained_about(console: Console) -> None:
    """Also when the form is submitted at once after the last key."""
    page = form(console)
    n = page.get_by_label("n", exact=True)
    n.fill("99")
    expect(n).to_have_attribute("aria-invalid", "true")

    n.fill("3")
    submitted(page)

    expect(page.locator("#f-input-n-problem")).to_be_empty()
    expect(n).not_to_have_attribute("aria-invalid", "true")


def test_a_submission_can_be_as_wrong_as_its_user_likes(console: Console) -> None:
    """By hand: unknown fields, and what is not JSON."""
    page = form(console)
    page.locator(".as-json summary").click()
    page.get_by_label("Edit it by hand").check()
    text = page.get_by_label("The submission as JSON")
    expect(page.get_by_label("prompt required")).to_be_disabled()

    text.fill("{")
    expect(page.locator(".form-problems")).to_contain_text("Not JSON")
    text.fill(json.dumps({**seed(aspect="1:1"), "extra": 1}))
    expect(page.locator(".form-problems")).to_contain_text("No effect: input.aspect: unknown")
    submitted(page)

    assert console.sandbox.requests[-1]["body"]["extra"] == 1


def test_a_submission_without_any_sandbox_makes_one(console: Console) -> None:
    """A new user who has no key yet sees a task, and where it is."""
    known = requests.get(f"{console.mock.url}/__mock/sandboxes", timeout=5).json()["sandboxes"]
    [nobody] = [one["id"] for one in known if one["key"] is None]
    page = console.open(f"{PAGE}/{MODEL}", sandbox=nobody)
    expect(page.locator(".submit-form")).to_contain_text("the sandbox of the key console")

    task = submitted(page)

    control = console.mock.sandbox("console").control
    assert [one["taskId"] for one in control.tasks()] == [task]
    known = requests.get(f"{console.mock.url}/__mock/sandboxes", timeout=5).json()["sandboxes"]
    [made] = [one["id"] for one in known if one["label"] == "console"]
    address = str(page.locator(".outcome a").get_attribute("href"))
    assert address.endswith(f"{task}?sandbox={made}")


# -- contract warnings ---------------------------------------------------------------------------


def test_shows_contract_warnings_as_they_come(console: Console) -> None:
    """By kind, with their number, and the requests that caused them."""
    console.submit()
    page = console.open(PAGE)
    warnings = page.locator("section", has=page.locator("#warnings-title")).first
    expect(warnings).to_contain_text("None: so far")

    for _ in range(2):
        call(console, "POST", SUBMIT, json=seed(n=0))
    call(console, "POST", SUBMIT, json=seed(aspect="1:1"))
    expect(warnings).to_contain_text("2\u00d7 submit returned 400: input.n: 0 is less than 1")
    expect(warnings).to_contain_text("unknown-field")
    warnings.get_by_role("link", name="Show the requests").first.click()

    expect(page.locator(".request-row")).to_have_count(2)
    expect(page.get_by_label("Contract warning")).to_have_value("rejected")


# -- everybody -----------------------------------------------------------------------------------


def test_every_text_of_an_app_is_text(console: Console) -> None:
    """In warnings, in what is filled in, and in the address."""
    console.expected += ["400", "404"]
    call(console, "GET", f"/api/v1/{HOSTILE}")
    page = console.open(PAGE)
    expect(page.locator("main")).to_contain_text("<img src=x onerror")
    page.goto(f"{console.mock.url}/__mock/{PAGE}/{HOSTILE}?sandbox={console.id}")
    expect(page.locator("main[data-ready=true]")).to_be_visible()
    page = form(console)

    page.get_by_label("prompt required").fill(HOSTILE)
    page.get_by_label("callBackUrl").fill(HOSTILE)
    page.get_by_label("Scenario").fill(HOSTILE)
    page.get_by_role("button", name="Submit").click()
    expect(page.locator(".outcome")).to_contain_text("Rejected")

    assert page.evaluate("window.hacked") is None
    assert page.locator("main img, main script").count() == 0


def test_works_by_keyboard(console: Console) -> None:
    """From the first field, Enter submits."""
    page = form(console)
    page.get_by_label("user_id").focus()
    page.keyboard.type("ann")

    page.keyboard.press("Enter")

    expect(page.locator(".outcome a")).to_be_visible()
    assert [one["user_id"] for one in console.sandbox.tasks] == ["ann"]


@pytest.mark.parametrize("path", ["", f"/{MODEL}", "/seedance-2.0"])
def test_fits_a_narrow_screen_and_passes_axe(console: Console, path: str) -> None:
    """In light and in dark, with mistakes in the form."""
    call(console, "POST", SUBMIT, json=seed(n=0))
    page = console.open(PAGE + path)
    if path:
        page.get_by_label("callBackUrl").fill("nope")
        expect(page.locator("#f-callBackUrl-problem")).to_contain_text("is not an http")
    found = console.axe(page)
    page.emulate_media(color_scheme="dark")
    found += console.axe(page)
    page.set_viewport_size({"width": 360, "height": 640})

    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert found + console.axe(page) == []
