"""Measures what the mock costs a test suite, and a command that runs with its own mock."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean, median

from processes import COMMAND, own_environment
from table import QUICK, ROUNDS, BenchError, Row
from traffic import PATIENCE

TESTS = 50 if QUICK else 200
"""Tests in a suite."""
FILE = "durations.json"
_TRUE = "true"

_CONFTEST = f"""
import json, pathlib, pytest, requests
taken = {{}}

def pytest_runtest_logreport(report):  # of setup, call and teardown
    taken[report.nodeid] = taken.get(report.nodeid, 0) + report.duration

def pytest_sessionfinish():
    pathlib.Path("{FILE}").write_text(json.dumps(list(taken.values())))

@pytest.fixture(scope="session")
def http():
    with requests.Session() as session:
        session.trust_env = False  # no proxy: this machine only
        yield session

@pytest.fixture(params=range({TESTS}))
def number(request):
    return request.param

@pytest.fixture
def check(http, number):
    def check(sandbox, callback, received):
        task, key = f"{{sandbox.base_url}}/api/v1/task", "Bearer " + sandbox.api_key
        http.headers["Authorization"] = key
        draw = {{"prompt": f"cat {{number}}", "ratio": "3:4"}}
        document = {{"model": "gpt-image-2/text-to-image", "callBackUrl": callback, "input": draw}}
        task_id = http.post(f"{{task}}/submit", json=document).json()["data"]["taskId"]
        assert http.get(f"{{task}}/{{task_id}}").json()["data"]["status"] == "PENDING"
        sandbox.wait_for(task_id)
        polled = http.get(f"{{task}}/{{task_id}}").json()["data"]
        assert polled["status"] == "SUCCESS"
        [webhook] = received()
        assert webhook.task == polled
        assert http.get(polled["result"]["urls"][0]).content.startswith(b"\\x89PNG")
    return check
"""
_SOCKETS = """
def test_with_sockets(maxapi, maxapi_inbox, check):
    check(maxapi, maxapi_inbox.url, maxapi_inbox.wait)
"""
_IN_PROCESS = """
def test_in_process(maxapi_intercepted, check):
    received = []
    maxapi_intercepted.on_webhook = received.append
    check(maxapi_intercepted, "https://app.example.com/webhook", lambda: received)
"""
_EMPTY = """
def test_empty(number):
    pass
"""


def suites() -> Iterator[Row]:
    """Measure tests with a mock that submit, poll to success, and take a webhook and an image."""
    sources = (_SOCKETS, _IN_PROCESS, _EMPTY)
    rounds = [[_run_pytest(source) for source in sources] for _ in range(ROUNDS)]
    means = [
        [mean(taken[1:-1]) for taken in one] for one in rounds
    ]  # the last one tears everything down
    starts = [[taken[0] - mean(taken[1:-1]) for taken in one] for one in rounds]
    *figures, empty = [median(kind) * 1000 for kind in zip(*means, strict=True)]
    *begun, _ = [median(kind) * 1000 for kind in zip(*starts, strict=True)]
    for kind, figure, start in zip(("with sockets", "in the process"), figures, begun, strict=True):
        yield Row(f"a test {kind}, submit to image", figure, "ms", "an empty test", empty)
        yield Row(f"the first test {kind}, more", start, "ms")


def _run_pytest(source: str) -> Sequence[float]:
    """Run a suite; return the seconds that each of its tests took."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pytest.ini").write_text("[pytest]\n")  # so that pytest looks for no other
        (folder / "conftest.py").write_text(_CONFTEST)
        (folder / "test_suite.py").write_text(source)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
            cwd=folder,
            env=own_environment(),
            capture_output=True,
            text=True,
            timeout=10 * PATIENCE,
            check=False,
        )
        if f"{TESTS} passed" not in done.stdout:
            raise BenchError(f"not every test passed:\n{done.stdout[-2000:]}{done.stderr}")
        taken: list[float] = json.loads((folder / FILE).read_text())
        return taken


def wrapping() -> Iterator[Row]:
    """Measure what it costs to run a command with a mock of its own."""
    python = f"import subprocess; subprocess.run(['{_TRUE}'])"
    commands = ([str(COMMAND), "run", "--", _TRUE], [sys.executable, "-c", python])
    rounds = [[_seconds_of(command) for command in commands] for _ in range(ROUNDS + 2)]
    ours, others = [median(kind) * 1000 for kind in zip(*rounds, strict=True)]
    yield Row("maxapi-mock run -- true", ours, "ms", "python that runs true", others)


def _seconds_of(command: Sequence[str]) -> float:
    begun = time.perf_counter()
    subprocess.run(
        command,
        cwd=Path(__file__).parent,  # it has no config file
        env=own_environment(),
        stderr=subprocess.DEVNULL,
        timeout=PATIENCE,
        check=True,
    )
    return time.perf_counter() - begun
