"""What all pages of the console have in common."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.console.conftest import Console


def test_shows_a_task_as_soon_as_it_is_submitted(console: Console) -> None:
    """Without a reload, by the stream of events."""
    page = console.open()

    task = console.submit()

    expect(page.get_by_text(task).first).to_be_visible()


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


def test_has_no_violations_that_axe_finds(console: Console) -> None:
    """In light and in dark."""
    page = console.open()
    light = console.axe(page)

    page.emulate_media(color_scheme="dark")

    assert light == []
    assert console.axe(page) == []
