"""Makes the pictures of the console for the documentation (`make screenshots`)."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from mockserver.engine.clock import Clock
from mockserver.engine.service import Service
from mockserver.testing import (
    ControlClient,
    ControlError,
    MaxapiSandbox,
    RunningMock,
    ScenarioText,
    running_mock,
)
from tests.conftest import START

IMAGES = Path(__file__).parents[2] / "docs" / "images"
WIDTH, HEIGHT = 1200, 560
IMAGE, VIDEO = "gpt-image-2/text-to-image", "veo3_fast"
PROMPTS = (
    "a red fox in the snow",
    "a lighthouse at dawn",
    "an astronaut on a bicycle",
    "a bowl of ramen, steaming",
)


@contextmanager
def _mock() -> Iterator[tuple[RunningMock, MaxapiSandbox]]:
    """Run a mock in which the same has always happened at the same moments."""

    def stopped(*arguments: object, **more: object) -> Service:
        return Service(*arguments, make_clock=lambda: Clock(START, speed=0), **more)  # type: ignore[arg-type]

    with running_mock(service=stopped, seed="screenshots", duration="24s") as mock:
        yield mock, mock.sandbox("sk-demo-0000-0000-0000", label="checkout tests")


def _happen(mock: RunningMock, sandbox: MaxapiSandbox) -> str:
    """Let an app do this and that; return the id of the task that failed."""
    control, hook = sandbox.control, f"{mock.url}/__mock/inbox/app"
    failed = _submit(
        control, VIDEO, "waves under a pier", "http://127.0.0.1:9/hook", "content-moderation"
    )
    for prompt in PROMPTS:
        control.advance(6)
        _submit(control, IMAGE, prompt, hook)
    sandbox.scenario("unavailable", times=1)
    with suppress(ControlError):  # as the rule says
        _submit(control, IMAGE, "a paper boat", hook)
    control.advance(5)
    _submit(control, IMAGE, "a paper boat", hook)
    control.advance(4)
    return failed


def _submit(control: ControlClient, model: str, prompt: str, hook: str, scenario: str = "") -> str:
    return control.submit(
        model,
        {"prompt": prompt},
        callback_url=hook,
        scenario=ScenarioText(scenario) if scenario else None,
    )


def _pages(mock: RunningMock, sandbox: MaxapiSandbox, failed: str) -> dict[str, str]:
    """Return the address of each picture."""
    id_ = next(one["id"] for one in sandbox.control.sandboxes() if one["label"])
    names = {
        "now": "",
        "task": f"console/tasks/{failed}",
        "steer": "console/steer",
    }
    return {name: f"{mock.url}/__mock/{path}?sandbox={id_}" for name, path in names.items()}


def _take(page: Page, address: str, file: Path) -> None:
    page.goto(address)
    expect(page.locator("main[data-ready=true]")).to_be_visible()
    expect(page.locator("#stream")).to_have_text("live")
    page.screenshot(path=file)


def main() -> None:
    """Write the pictures."""
    browser_path = shutil.which("chromium") or sys.exit("Chromium is missing; see make browser")
    IMAGES.mkdir(exist_ok=True)
    with _mock() as (mock, sandbox), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = browser.new_page(
            viewport={"width": WIDTH, "height": HEIGHT}, reduced_motion="reduce"
        )
        for name, address in _pages(mock, sandbox, _happen(mock, sandbox)).items():
            _take(page, address, IMAGES / f"console-{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
