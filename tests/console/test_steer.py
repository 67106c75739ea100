"""The page Steer: what each control does to the sandbox."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.conftest import START, seconds
from tests.console.conftest import Console

STEER = "console/steer"
TIMES = "\N{MULTIPLICATION SIGN}"


def section(page: Page, name: str) -> Locator:
    """A section of the page, by its heading."""
    return page.get_by_role("region", name=name, exact=True)


def sent(page: Page) -> Locator:
    """The bar that says how to do the same without the console."""
    return page.get_by_role("region", name="The same by curl and by Python")


# -- the clock -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "length"),
    [
        ("+1 s", 1),
        ("+10 s", 10),
        ("+1 min", 60),
        ("+10 min", 600),
        ("+1 h", 3600),
        ("+1 d", 86400),
        ("+7 d", 7 * 86400),
    ],
)
def test_moves_the_clock(console: Console, name: str, length: float) -> None:
    """By what the button says; the page shows the new time."""
    page = console.open(STEER)
    clock = section(page, "Clock")

    clock.get_by_role("button", name=name, exact=True).click()

    moved = START + seconds(length)
    expect(clock.get_by_label("Time of the sandbox")).to_have_text(f"{moved:%Y-%m-%d %H:%M:%S}")
    assert console.sandbox.clock.now == moved
    expect(clock).to_contain_text("Nothing was due.")


def test_runs_and_stops_the_clock(console: Console) -> None:
    """The button of its course is pressed."""
    page = console.open(STEER)
    clock = section(page, "Clock")

    clock.get_by_role("button", name=f"Run {TIMES}10", exact=True).click()
    expect(clock).to_contain_text(f"runs {TIMES}10")
    expect(clock.get_by_role("button", name=f"Run {TIMES}10", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    assert console.sandbox.control.clock()["speed"] == 10
    clock.get_by_role("button", name="Stop").click()

    expect(clock).to_contain_text("stands still")
    assert console.sandbox.clock.frozen


def test_tells_what_happened_meanwhile(console: Console) -> None:
    """States with links to their tasks, and webhooks with why they failed."""
    task = console.submit(callBackUrl="http://127.0.0.1:9/<b>hook</b>")
    page = console.open(STEER)
    clock = section(page, "Clock")

    clock.get_by_role("button", name="Until idle").click()

    happened = clock.get_by_role("list")
    expect(happened).to_contain_text("SUCCESS")
    expect(happened.get_by_role("listitem").last).to_contain_text("webhook failed: ")
    link = happened.get_by_role("link", name=task[:8]).first
    expect(link).to_have_attribute("href", re.compile(rf"/console/tasks/{task}\?sandbox="))
    expect(sent(page)).to_contain_text('{"advance_until":"idle"}')


def test_advances_to_the_end_of_a_task(console: Console) -> None:
    """Of those that have not ended; a task that ends meanwhile is no choice any more."""
    console.submit(prompt="a cat", headers={"X-Mock-Scenario": "slow=90s"})
    page = console.open(STEER)
    clock = section(page, "Clock")

    clock.get_by_label("Until the end of").select_option("a cat: SUCCESS in 1 min 30 s")
    clock.get_by_role("button", name="Advance to its end").click()

    expect(clock.get_by_label("Until the end of")).to_have_text("no task is to end")
    assert console.sandbox.clock.now == START + seconds(90)


def test_a_length_of_time_that_is_none_is_explained(console: Console) -> None:
    """In the words of the control plane; one that is accepted moves the clock."""
    console.expected.append("status of 400")
    page = console.open(STEER)
    clock = section(page, "Clock")

    clock.get_by_label("Advance by").fill("soon")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("advance: 'soon'")
    clock.get_by_label("Advance by").fill("90s")
    page.keyboard.press("Enter")

    expect(clock.get_by_label("Time of the sandbox")).to_have_text("2026-02-10 21:56:16")


# -- scenarios and rules -------------------------------------------------------------------------


def test_a_click_applies_a_scenario_to_the_next_submits(console: Console) -> None:
    """As often as the number says; it is shown as curl and as Python, and used up."""
    page = console.open(STEER)
    scenarios = section(page, "Scenarios")
    scenarios.get_by_label("The next").fill("2")
    scenarios.get_by_label("Search the catalogue").fill("503 envelope")

    scenarios.get_by_role("button", name="Apply unavailable").click()

    expect(scenarios.get_by_role("row", name="unavailable")).to_contain_text("0 of 2")
    sent(page).get_by_role("button", name="Python").click()
    call = 'control.add_rule("unavailable", times=2, method="POST", path="*/submit")'
    expect(sent(page)).to_contain_text(call)
    for _ in range(2):
        with pytest.raises(AssertionError, match="503"):
            console.submit()
    console.submit()
    expect(scenarios.get_by_role("row", name="unavailable")).to_contain_text("2 of 2, used up")


def test_a_scenario_with_a_value_is_prepared(console: Console) -> None:
    """With an example that is marked, so that typing replaces it."""
    page = console.open(STEER)
    scenarios = section(page, "Scenarios")
    scenarios.get_by_label("of", exact=True).select_option("gpt-image-2/image-to-image")
    scenarios.get_by_label("with").fill("cat")

    scenarios.get_by_role("button", name="Set a value slow", exact=True).click()
    page.keyboard.type("5m")
    scenarios.get_by_role("button", name="Add the rule").click()

    expect(scenarios.get_by_role("row", name="slow=5m")).to_contain_text("0 of 1")
    [rule] = console.sandbox.rules
    assert rule["match"] == {
        "method": "POST",
        "path": "*/submit",
        "model": "gpt-image-2/image-to-image",
        "prompt": "cat",
    }


def test_rules_are_deleted(console: Console) -> None:
    """One, or all; those of a test are seen as they are added, with their texts as texts."""
    page = console.open(STEER)
    scenarios = section(page, "Scenarios")
    console.sandbox.scenario("timeout", prompt="<script>console.error('run')</script>")
    console.sandbox.scenario("stuck")
    console.sandbox.scenario("instant")
    expect(scenarios.get_by_role("row", name="timeout")).to_contain_text("<script>")

    scenarios.get_by_role("button", name="Delete timeout").click()
    expect(scenarios.get_by_role("row", name="timeout")).to_have_count(0)
    assert [rule["scenario"] for rule in console.sandbox.rules] == ["stuck", "instant"]
    scenarios.get_by_role("button", name="Delete all rules").click()

    expect(scenarios).to_contain_text("No rules")
    assert console.sandbox.rules == []


def test_a_search_without_a_result_says_what_to_try(console: Console) -> None:
    """And every scenario is in the catalogue."""
    page = console.open(STEER)
    catalogue = section(page, "Catalogue of scenarios")
    expect(catalogue.get_by_role("listitem")).to_have_count(
        len(console.sandbox.control.scenarios())
    )

    section(page, "Scenarios").get_by_label("Search the catalogue").fill("nothing of the sort")

    expect(catalogue).to_contain_text("Try a status")


# -- settings ------------------------------------------------------------------------------------


def test_sliders_set_chaos_and_rate_limit(console: Console) -> None:
    """By the keyboard, too; each says what it means."""
    page = console.open(STEER)
    limits = section(page, "Chaos, limits, balance")

    limits.get_by_label("Chaos").fill("30")
    expect(limits).to_contain_text("30 % of exchanges")
    limits.get_by_label("Rate limit:").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(limits).to_contain_text("2 requests per second")
    expect(sent(page)).to_contain_text('{"rate-limit":"2/1s"}')
    limits.get_by_label("Period of the rate limit").select_option("per minute")

    expect(limits).to_contain_text("2 requests per minute")
    expect(sent(page)).to_contain_text('{"rate-limit":"2/1m"}')
    assert console.sandbox.settings()["chaos"] == "0.3"
    assert console.sandbox.settings()["rate-limit"].startswith("2/")


def test_sets_the_balance(console: Console) -> None:
    """To an amount, to nothing, and to no limit."""
    page = console.open(STEER)
    limits = section(page, "Chaos, limits, balance")

    limits.get_by_label("Balance, US$").fill("5.50")
    limits.get_by_role("button", name="Set", exact=True).click()
    expect(limits).to_contain_text("$5.50 left")
    limits.get_by_role("button", name="Empty").click()
    expect(limits).to_contain_text("$0.00 left")
    assert console.sandbox.control.balance()["balance_usd"] == "0.00"
    limits.get_by_role("button", name="Unlimited").click()

    expect(limits).to_contain_text("Unlimited balance")
    assert console.sandbox.control.balance()["balance_usd"] is None


def test_changes_any_setting(console: Console) -> None:
    """A value that is not accepted is explained, and the old one stays."""
    console.expected.append("status of 400")
    page = console.open(STEER)
    limits = section(page, "Chaos, limits, balance")
    limits.get_by_text("All settings of this sandbox").click()

    limits.get_by_label("duration", exact=True).fill("soon")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("duration")
    limits.get_by_label("duration", exact=True).fill("5m")
    page.keyboard.press("Enter")

    expect(sent(page)).to_contain_text('{"duration":"5m"}')
    assert console.sandbox.settings()["duration"] == "5m"


# -- held, and the reset -------------------------------------------------------------------------


def test_releases_what_is_held(console: Console) -> None:
    """The response arrives when the button is clicked, and not before."""
    page = console.open(STEER)
    held = section(page, "Held")
    expect(held).to_contain_text("Nothing.")
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(console.submit, headers={"X-Mock-Scenario": "held=mine"})
        expect(held).to_contain_text("response to POST /api/v1/task/submit")
        assert not waiting.done()

        held.get_by_role("button", name="Release the first of mine").click()

        assert waiting.result(20)
    expect(held).to_contain_text("Nothing.")
    expect(sent(page)).to_contain_text("/__mock/held/mine/release")


@pytest.mark.parametrize("keeps_clock", [True, False])
def test_resets_after_a_second_click(console: Console, *, keeps_clock: bool) -> None:
    """The first asks; the clock can be kept."""
    console.submit()
    console.sandbox.clock.advance("1h")
    page = console.open(STEER)
    reset = section(page, "Reset")
    reset.get_by_label("Keep the clock").set_checked(keeps_clock)

    reset.get_by_role("button", name="Reset this sandbox").click()
    reset.get_by_role("button", name="Cancel").click()
    assert len(console.sandbox.tasks) == 1
    reset.get_by_role("button", name="Reset this sandbox").click()
    reset.get_by_role("button", name="Yes: reset this sandbox").click()

    expect(reset.get_by_role("button", name="Reset this sandbox")).to_be_visible()
    assert console.sandbox.tasks == []
    assert (console.sandbox.clock.now == START + seconds(3600)) is keeps_clock


def test_resets_all_sandboxes(console: Console) -> None:
    """Also those of other keys."""
    other = console.mock.sandbox("another-key")
    console.submit(headers={"Authorization": f"Bearer {other.api_key}"})
    page = console.open(STEER)
    reset = section(page, "Reset")

    reset.get_by_role("button", name="Reset all sandboxes").click()
    reset.get_by_role("button", name="Yes: reset all sandboxes").click()

    expect(page.locator("#said")).to_contain_text("Forgotten: 1 task.")
    assert other.tasks == []


def test_what_others_change_is_seen_at_once(console: Console) -> None:
    """A test that moves the clock and changes settings, while somebody looks."""
    page = console.open(STEER)

    console.sandbox.clock.advance("1h")
    console.sandbox.settings(chaos=0.2)
    console.sandbox.control.set_balance("3")

    expect(section(page, "Clock")).to_contain_text("22:54:46")
    limits = section(page, "Chaos, limits, balance")
    expect(limits).to_contain_text("20 % of exchanges")
    expect(limits).to_contain_text("$3.00 left")


@pytest.mark.parametrize("size", [(360, 740), (1280, 800)])
def test_fits_and_axe_finds_no_violations(console: Console, size: tuple[int, int]) -> None:
    """With rules, with what has happened, with all settings open, in light and in dark."""
    console.submit(prompt="a cat " * 30)
    console.sandbox.scenario("slow", "90s", prompt="cat " * 30)
    page = console.open(STEER)
    dimensions: Any = {"width": size[0], "height": size[1]}
    page.set_viewport_size(dimensions)
    section(page, "Clock").get_by_role("button", name="Until idle").click()
    expect(section(page, "Clock")).to_contain_text("SUCCESS")
    page.get_by_text("All settings of this sandbox").click()
    section(page, "Reset").get_by_role("button", name="Reset this sandbox").click()

    wide = page.evaluate("document.documentElement.scrollWidth")
    found = console.axe(page)
    page.emulate_media(color_scheme="dark")

    assert wide == size[0]
    assert found == []
    assert console.axe(page) == []
