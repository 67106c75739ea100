"""The page of results."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.console.conftest import Console

HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=1</script>'
TIMES = "\N{MULTIPLICATION SIGN}"


def cards(page: Page) -> Locator:
    """Return the tasks that are shown."""
    return page.get_by_role("article")


def succeeded(console: Console, **changes: object) -> str:
    """Let a task succeed; return its id."""
    task = console.submit(**changes)
    console.sandbox.wait_for(task)
    return task


def test_results_appear_as_tasks_succeed(console: Console) -> None:
    """The latest first, each with its pixels, ratio, resolution, cost and expiry."""
    page = console.open("console/gallery")
    expect(page.get_by_text("No task of this sandbox has succeeded yet")).to_be_visible()

    succeeded(console, prompt="first")
    latest = succeeded(console, prompt="second", ratio="16:9", resolution="2k", n=2)

    expect(cards(page)).to_have_count(2)
    card = cards(page).first
    expect(card).to_have_attribute("data-task", latest)
    expect(card.get_by_role("img")).to_have_count(2)
    expect(card.locator(".pixels")).to_have_text([f"2048 {TIMES} 1152"] * 2)
    for text in ("second", "gpt-image-2/image-to-image", "16:9 at 2k", "$0.08", "until 2026-02-17"):
        expect(card).to_contain_text(text)


def test_a_video_is_a_video(console: Console) -> None:
    """With its true pixels, too, and its length."""
    control = console.sandbox.control
    task = control.submit("veo3", {"prompt": "a film", "ratio": "16:9", "duration": 4})
    console.sandbox.wait_for(task)
    page = console.open("console/gallery")

    card = cards(page).first

    expect(card.locator("video")).to_be_visible()
    expect(card.locator(".pixels")).to_have_text(f"1280 {TIMES} 720")
    expect(card).to_contain_text("4 s")


def test_a_wrong_size_and_an_expired_result_are_marked(console: Console) -> None:
    """At once, when it happens."""
    task = succeeded(console, prompt="#mock:result-wrong-size")
    page = console.open("console/gallery")
    expect(cards(page)).to_contain_text(f"not 768 {TIMES} 1024")

    console.sandbox.control.expire(task)

    expect(cards(page)).to_contain_text("expired")


def test_many_results_of_a_task_are_not_all_shown(console: Console) -> None:
    """Its page has the others."""
    task = succeeded(console, n=10)
    page = console.open("console/gallery")

    expect(cards(page).get_by_role("img")).to_have_count(4)
    cards(page).get_by_role("link", name="and 6 more").click()

    expect(page).to_have_url(re.compile(task))
    expect(page.get_by_role("heading", name="10 pictures")).to_be_visible()


def test_models_are_filtered(console: Console) -> None:
    """By the names that occur."""
    succeeded(console)
    task = console.sandbox.control.submit("nano-banana", {"prompt": "a cat", "ratio": "16:9"})
    console.sandbox.wait_for(task)
    page = console.open("console/gallery")
    expect(cards(page)).to_have_count(2)

    page.get_by_label("Model").select_option("nano-banana")

    expect(cards(page)).to_have_count(1)
    expect(cards(page)).to_have_attribute("data-task", task)


def test_many_tasks_make_few_elements_and_older_ones_follow(console: Console) -> None:
    """What cannot be seen is not there; scrolling reads on."""
    tasks = [console.submit(prompt=str(number)) for number in range(230)]
    console.sandbox.wait_until_idle()
    page = console.open("console/gallery")
    expect(page.get_by_text("the latest 200 of 230 tasks with results")).to_be_visible()
    assert cards(page).count() < 60
    rows = page.get_by_label("Results, the latest first")

    rows.evaluate("node => { node.scrollTop = node.scrollHeight; }")
    expect(page.get_by_text("230 tasks with results", exact=True)).to_be_visible()
    rows.evaluate("node => { node.scrollTop = node.scrollHeight; }")

    expect(page.locator(f"article[data-task='{tasks[0]}']")).to_be_visible()
    assert cards(page).count() < 60


def test_a_new_result_does_not_load_the_others_again(console: Console) -> None:
    """Their pictures are moved as they are."""
    task = succeeded(console)
    page = console.open("console/gallery")
    picture = page.locator(f"article[data-task='{task}'] img")
    picture.evaluate("node => { node.dataset.same = 'yes'; }")

    succeeded(console)
    expect(cards(page)).to_have_count(2)

    expect(picture).to_have_attribute("data-same", "yes")


def test_hostile_prompts_are_texts(console: Console) -> None:
    """Also in titles."""
    succeeded(console, prompt=HOSTILE)
    page = console.open("console/gallery")

    expect(cards(page)).to_contain_text(HOSTILE)
    assert page.locator("main script, main img[src='x']").count() == 0
    assert page.title().startswith("Gallery")


def test_works_by_keyboard(console: Console) -> None:
    """A task is reached and opened."""
    task = succeeded(console, prompt="a cat")
    page = console.open("console/gallery")

    page.get_by_role("link", name="a cat").focus()
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(task))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_is_accessible_and_fits_a_narrow_screen(console: Console, scheme: str) -> None:
    """Empty, and with results."""
    page = console.open("console/gallery")
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    empty = console.axe(page)
    expired = succeeded(console, prompt="#mock:result-wrong-size")
    console.sandbox.control.expire(expired)
    succeeded(console, n=3)
    expect(cards(page)).to_have_count(2)
    wide = console.axe(page)

    page.set_viewport_size({"width": 360, "height": 700})

    assert empty == wide == []
    assert console.axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
