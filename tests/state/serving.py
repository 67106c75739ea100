"""Servers of the mock as processes: started, killed, paused, started again."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from threading import Condition, Thread
from typing import Any, Self

import requests

from mockserver.testing import ControlClient
from tests.client import SUBMIT, seed

DEADLINE = 60.0
"""Real seconds: against what hangs, not for pace."""
_SERVES = re.compile(r"serves (http://\S+)")


def eventually(is_true: Callable[[], bool]) -> bool:
    """Ask until something *is_true*, at most until the deadline; return whether it is."""
    deadline = time.monotonic() + DEADLINE
    while not is_true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


class Mock:
    """One server; its port stays the same when it is started again."""

    def __init__(self, url: str, options: tuple[str, ...]) -> None:
        self._state = url
        self._options = options
        self._process: subprocess.Popen[str]
        self._said: list[str] = []
        self._saying = Condition()
        self.url = ""
        self.crashes = 0
        self.start()

    # -- the process -------------------------------------------------------------------------

    def start(self) -> None:
        """Start it, and return once it serves."""
        port = self.url.rpartition(":")[2] or "0"
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "mockserver", "serve", "--port", port, "--log", "off"),
                *("--state", self._state, *self._options),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._said = []
        Thread(target=self._listen, args=(self._process, self._said), daemon=True).start()
        said = self.wait_until_it_says("serves ")
        found = _SERVES.search(said)
        assert found is not None, said
        self.url = found[1]

    def _listen(self, process: subprocess.Popen[str], said: list[str]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                with self._saying:
                    said.append(line)
                    self._saying.notify_all()
        with self._saying:
            said.append("")
            self._saying.notify_all()

    @property
    def said(self) -> str:
        """What it has printed since it was started."""
        with self._saying:
            return "".join(self._said)

    def wait_until_it_says(self, text: str) -> str:
        """Wait until it has printed a text, or has ended; return all that it has printed."""

        def has_said() -> bool:
            return any(text in line or not line for line in self._said)

        with self._saying:
            self._saying.wait_for(has_said, DEADLINE)
            said = "".join(self._said)
        assert text in said, said
        return said

    def kill(self) -> None:
        """End it as a crash does."""
        self.crashes += 1
        self._process.kill()
        self._process.wait(DEADLINE)

    def stop(self) -> int:
        """End it as Ctrl-C does; return the exit status."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        return self._process.wait(DEADLINE)

    def pause(self) -> None:
        """Let it stand still, and return once it does."""
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED)

    def resume(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """End it in whatever state it is."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(DEADLINE)

    # -- what a client does ------------------------------------------------------------------

    def control(self, key: str) -> ControlClient:
        """Control the sandbox of a key by this server."""
        return ControlClient(self.url, key)

    def request(
        self, method: str, path: str, key: str | None = None, **options: Any
    ) -> requests.Response:
        """Send a request."""
        headers = options.pop("headers", {})
        if key is not None:
            headers = {"Authorization": f"Bearer {key}", **headers}
        return requests.request(
            method, self.url + path, headers=headers, timeout=DEADLINE, **options
        )

    def submit(self, key: str, callback: str | None = None, **changes: Any) -> requests.Response:
        """Submit the seed's request with changes to its input."""
        document = seed(**changes) | ({} if callback is None else {"callBackUrl": callback})
        return self.request("POST", SUBMIT, key, json=document)

    def submitted(self, key: str, callback: str | None = None, **changes: Any) -> str:
        """Do so until it is accepted; return the task's id."""
        accepted: list[requests.Response] = []

        def is_accepted() -> bool:
            accepted[:] = [self.submit(key, callback, **changes)]
            return accepted[0].status_code != 503

        assert eventually(is_accepted)
        assert accepted[0].status_code == 200, accepted[0].text
        return str(accepted[0].json()["data"]["taskId"])

    def poll(self, key: str, task_id: str) -> requests.Response:
        """Poll a task."""
        return self.request("GET", f"/api/v1/task/{task_id}", key)

    def polled(self, key: str, task_id: str) -> Any:
        """Poll a task until its sandbox is there; return the document."""
        responses: list[requests.Response] = []

        def is_there() -> bool:
            responses[:] = [self.poll(key, task_id)]
            return responses[0].status_code != 503

        assert eventually(is_there)
        assert responses[0].status_code == 200, responses[0].text
        return responses[0].json()


class Serving:
    """Starts servers; at the end, none is left."""

    def __init__(self) -> None:
        self._started: list[Mock] = []

    def __call__(self, url: str, *options: str) -> Mock:
        """Start a server that keeps its state in the database of *url*."""
        mock = Mock(url, options)
        self._started.append(mock)
        return mock

    def replicas(self, url: str, *options: str, number: int = 3) -> list[Mock]:
        """Start several servers on one database."""
        return [self(url, *options) for _ in range(number)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for mock in self._started:
            mock.end()
