"""A browser for the tests of the console, and the mock that it shows."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlencode, urlsplit

import pytest
import requests
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)

from mockserver.engine.clock import Clock
from mockserver.engine.service import Service
from mockserver.testing import MaxapiSandbox, RunningMock, running_mock
from tests.client import SUBMIT, seed
from tests.conftest import START

ROOT = Path(__file__).parents[2]
NEEDED = "MAXAPI_NEEDS_BROWSER"
"""Set where these tests may not be skipped."""
TOOLS = ROOT / ".venv" / "console" / "node_modules"
PATIENCE = 20_000
"""Milliseconds: against what hangs, not for pace."""
_TELL_CSP = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`);
});
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests of this folder: what they cover is JavaScript."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker("slow")
            item.add_marker("no_cover")


def missing(what: str) -> NoReturn:
    """Skip the test for want of something or, where it is needed, fail."""
    reason = f"{what} is not installed; `make browser` installs it"
    if os.environ.get(NEEDED):
        pytest.fail(reason)
    pytest.skip(reason)


@dataclass
class Console:
    """The console of a mock in a browser; the clock of its sandbox stands still."""

    mock: RunningMock
    sandbox: MaxapiSandbox
    context: BrowserContext
    problems: list[str] = field(default_factory=list)
    """What no page may do: errors, requests to other machines, what its policy forbids."""
    expected: list[str] = field(default_factory=list)
    """Texts in problems that the test provokes."""

    @property
    def id(self) -> str:
        """The id of the sandbox."""
        headers = {"Authorization": f"Bearer {self.sandbox.api_key}"}
        url = f"{self.mock.url}/__mock/events?limit=1"
        found = requests.get(url, headers=headers, timeout=5).json()
        return str(found["events"][0]["sandbox"])

    def open(self, path: str = "", sandbox: str | None = None, **query: str) -> Page:
        """Open a page by its path below `/__mock/`, and await that it is filled."""
        page = self.new_page()
        asked = urlencode({"sandbox": sandbox or self.id, **query})
        page.goto(f"{self.mock.url}/__mock/{path}?{asked}")
        expect(page.locator("main[data-ready=true]")).to_be_visible()
        expect(page.locator("#stream")).to_have_text("live")
        return page

    def new_page(self) -> Page:
        """Open an empty tab."""
        page = self.context.new_page()
        page.set_default_timeout(PATIENCE)
        page.add_init_script(_TELL_CSP)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        page.on("request", self._requested)
        return page

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.problems.append(f"console: {message.text} {message.location['url']}")

    def _requested(self, request: Request) -> None:
        if urlsplit(request.url).hostname not in ("127.0.0.1", None):
            self.problems.append(f"request: {request.url}")

    def submit(self, **changes: Any) -> str:
        """Submit the seed's request with changes to its input; return the task's id.

        `callBackUrl` and `headers` are no part of the input.
        """
        headers = {"Authorization": f"Bearer {self.sandbox.api_key}", **changes.pop("headers", {})}
        url = changes.pop("callBackUrl", None)
        document = seed(**changes) | ({} if url is None else {"callBackUrl": url})
        response = requests.post(self.mock.url + SUBMIT, json=document, headers=headers, timeout=5)
        assert response.status_code == 200, response.text
        return str(response.json()["data"]["taskId"])

    @staticmethod
    def axe(page: Page) -> list[str]:
        """Return what axe finds wrong with a page for people who see or hear it differently."""
        source = TOOLS / "axe-core" / "axe.min.js"
        if not source.exists():
            missing("axe-core")
        page.evaluate(source.read_text())
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{one['id']}: {one['help']}: {json.dumps([node['html'] for node in one['nodes']][:5])}"
            for one in found["violations"]
        ]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The system's Chromium; it ends with these tests, as it keeps an event loop running.

    Its shell without windows takes a third of the time that the whole browser takes.
    """
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    path = next((found for name in names if (found := shutil.which(name))), None)
    if path is None:
        missing("Chromium")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def console_settings() -> dict[str, Any]:
    """The settings of the mock; a test can override them."""
    return {"seed": "console"}


@pytest.fixture
def console(browser: Browser, console_settings: dict[str, Any]) -> Iterator[Console]:
    """The console of a mock of the test's own; a problem in any of its pages fails the test."""
    service = partial(Service, make_clock=lambda: Clock(START, speed=0))
    with running_mock(service=service, **console_settings) as mock:
        context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
        console = Console(mock, mock.sandbox("test-console"), context)
        yield console
        context.close()
        found = [one for one in console.problems if not any(e in one for e in console.expected)]
        assert found == []
