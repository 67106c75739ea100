"""What `maxapi-mock serve` says while it serves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from mockserver.commands.warning_log import WarningLog
from mockserver.contract import Contract
from mockserver.engine.clock import Clock
from mockserver.engine.service import Service
from mockserver.settings import make_settings
from tests.client import Client, seed


def test_what_is_not_sent_is_said_once(
    contract: Contract, capsys: pytest.CaptureFixture[str]
) -> None:
    """For each host: those who wait for a webhook look at the terminal first."""
    service = Service(
        contract,
        make_settings(contract, webhook_tries=1),
        make_clock=lambda: Clock(speed=0),
        watch=WarningLog(),
    )
    client = Client(service)

    for host in ("app.example.com", "app.example.com", "a.example", "127.0.0.1:9"):
        client.submitted(seed() | {"callBackUrl": f"http://{host}/hook"})
        client.control("clock", "POST", json={"advance_until": "idle"})
    service.close()

    lines = capsys.readouterr().err.splitlines()
    said = [line for line in lines if "warning: " not in line]
    hint = "is not this machine; --callback-allow names others"
    assert said == [
        f"maxapi-mock serve: webhook not sent: {host} {hint}"
        for host in ("app.example.com", "a.example")
    ]


def test_events_for_programs_are_all_that_standard_output_has() -> None:
    """Where the mock is goes to standard error, so that each line is JSON."""
    command = [sys.executable, "-m", "mockserver", "serve", "--port", "0", "--log", "json"]

    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        url = process.stderr.readline().strip().rpartition(" ")[2]
        requests.get(f"{url}/api/v1/task/none", timeout=5)
        first = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()

    assert first["data"]["path"] == "/api/v1/task/none"
    assert rest == ""


@pytest.mark.parametrize("has_browser", [True, False])
def test_opens_the_console(tmp_path: Path, *, has_browser: bool) -> None:
    """In the user's browser or, if there is none, it says what to open."""
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "shown $1"\nexit {int(not has_browser)}\n')
    browser.chmod(0o700)
    command = [sys.executable, "-m", "mockserver", "serve", "--port", "0", "--open"]
    environment = os.environ | {"BROWSER": f"{browser} %s", "PATH": "/usr/bin/nothing"}
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        environment.pop(name, None)

    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(3 if has_browser else 4)]
        process.send_signal(signal.SIGTERM)

    url = lines[0].rpartition(" ")[2] + "/__mock/"
    assert lines[1] == f"see it live: {url}"
    assert lines[2:] == [f"shown {url}", f"no browser was found; open {url}"][: len(lines) - 2]
