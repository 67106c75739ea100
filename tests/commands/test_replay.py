"""From the proxy's recording to a mock that replays it, as a user does it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import urllib3
from PIL import Image

from mockserver.testing.mocks import running_mock
from tests.commands.test_proxy import KEY, SUBMIT, running

MODEL = "gpt-image-2/text-to-image"
HISTORY: list[tuple[dict[str, Any], str]] = [
    ({"prompt": "a cat", "n": 2}, ""),
    ({"prompt": "a cat", "n": 2}, "failure"),
    ({"prompt": "a cat", "n": 2}, "rate-limited=3"),
    ({"prompt": "a dog"}, "content-moderation"),
    ({"prompt": "a dog", "ratio": "7:5"}, ""),
    ({"prompt": "a cow"}, "moderated=violence"),
    ({"prompt": "a fox"}, "timeout"),
]


def lived(base: str, control: Any, *, scenarios: bool) -> list[Any]:
    """Submit all of it, let it end, and return what came: answers and files."""
    seen: list[Any] = []
    key = {"Authorization": f"Bearer {KEY}"}
    with urllib3.PoolManager(retries=False, timeout=10) as http:
        for submitted, scenario in HISTORY:
            headers = key | ({"X-Mock-Scenario": scenario} if scenario and scenarios else {})
            document = {"model": MODEL, "input": submitted}
            answer = http.request("POST", f"{base}{SUBMIT}", json=document, headers=headers)
            seen.append((answer.status, answer.headers.get("Retry-After"), answer.json()))
            task_id = answer.json().get("data", {}).get("taskId")
            if task_id is None:
                continue
            control.advance("1h")
            task = http.request("GET", f"{base}/api/v1/task/{task_id}", headers=key).json()["data"]
            urls = (task["result"] or {}).get("urls", [])
            files = [http.request("GET", url) for url in urls]
            seen.append((task["status"], task["failure_reason"], len(urls)))
            seen += [(one.data, one.headers["Content-Type"]) for one in files]
    return seen


@pytest.mark.slow
def test_what_the_proxy_recorded_is_served_again(tmp_path: Path) -> None:
    """Outcomes, reasons, rejections and the bytes of the result files, without the live API."""
    options = ("--record", str(tmp_path), "--record-files")
    with running_mock(seed="live") as live:
        sandbox = live.sandbox(KEY)
        with running(tmp_path, live.url, *options) as proxy:
            recorded = lived(proxy.url, sandbox.clock, scenarios=True)
            proxy.ends()
        sandbox.close()

    (tmp_path / "own").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "own" / "black.png")

    with running_mock(replay=tmp_path, result_files=tmp_path / "own") as mock:
        sandbox = mock.sandbox(KEY)
        replayed = lived(mock.url, sandbox.clock, scenarios=False)
        sandbox.close()

    assert replayed == recorded
    assert "to replay  7 submissions, 2 result files\n" in proxy.printed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("serve", "--replay", "nowhere"), "replay: nowhere/recordings: No such file or directory"),
        (
            ("serve", "--result-files", "nowhere"),
            "result-files: nowhere: No such file or directory",
        ),
        (("proxy", "--record-files"), "--record-files: is for --record; use both"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    """Before anything is served, with the exit status of a wrong usage."""
    command = [sys.executable, "-m", "mockserver", *options]

    ended = subprocess.run(
        command, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=60
    )

    assert (ended.returncode, ended.stdout) == (2, "")
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr
