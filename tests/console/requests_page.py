"""What the tests of the page Requests share."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import redirect_stdout
from http.client import HTTPConnection
from io import StringIO
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import Page

from tests.client import SUBMIT, seed
from tests.console.conftest import Console

PAGE = "console/requests"
LANGUAGES = ("curl", "requests", "fetch", "pytest test")
HOSTILE = (
    "<img src=x onerror='window.hacked=1'><script>window.hacked=1</script>\"'`${window.hacked=1}"
)
"""A text that is harmless as long as it is only text."""


def call(console: Console, method: str, path: str, **options: Any) -> requests.Response:
    """Send a request as the app."""
    headers = {"Authorization": f"Bearer {console.sandbox.api_key}", **options.pop("headers", {})}
    return requests.request(method, console.mock.url + path, headers=headers, timeout=5, **options)


def poll_often(console: Console, times: int) -> None:
    """Poll an unknown task, quickly."""
    connection = HTTPConnection(str(urlsplit(console.mock.url).netloc), timeout=5)
    headers = {"Authorization": f"Bearer {console.sandbox.api_key}"}
    for _ in range(times):
        connection.request("GET", "/api/v1/task/none", headers=headers)
        connection.getresponse().read()
    connection.close()


def wrong(console: Console, **headers: str) -> None:
    """Submit a request with two mistakes."""
    document = seed(ratio="9:1", n=0)
    assert call(console, "POST", SUBMIT, json=document, headers=headers).status_code == 400


def code(page: Page, language: str) -> str:
    """Return the request that is open as code."""
    page.get_by_role("button", name=language, exact=True).click()
    return page.locator(".code-text").inner_text()


def run(language: str, text: str, console: Console) -> str:
    """Run code as its reader would; return what it prints."""
    environment = {**os.environ, "MAXAPI_API_KEY": console.sandbox.api_key}
    if language == "requests":
        printed = StringIO()
        with patch.dict(os.environ, environment), redirect_stdout(printed):
            exec(text, {})  # noqa: S102 - it is what the page offers
        return printed.getvalue()
    commands = {
        "curl": ["bash", "-c", f"{text} -s -o /dev/null -w '%{{http_code}}'"],
        "fetch": ["node", "--input-type=module", "-e", text],
    }
    command = commands[language]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
