"""The example with three replicas behind nginx works, started without containers."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Condition, Thread
from typing import Any

import pytest
import requests

from mockserver.network.listening import listen_on
from mockserver.testing import ControlClient
from tests.client import SUBMIT, seed
from tests.examples.test_documents import load
from tests.state.conftest import missing
from tests.state.postgres import Postgres
from tests.state.receiver import Receiver
from tests.state.serving import DEADLINE, Mock, Serving

HERE = Path(__file__).parents[1] / "examples" / "compose" / "replicas"
SERVICES = load(HERE / "compose.yaml")["services"]
GIVEN = {"POSTGRES_PASSWORD": "a-password", "MAXAPI_MOCK_CONTROL_TOKEN": "a-token"}
"""What a user exports."""
TOKEN = {"X-Mock-Control-Token": GIVEN["MAXAPI_MOCK_CONTROL_TOKEN"]}
WRITTEN = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
"""What nginx may write, each kind to a folder of its own."""
KEYS = tuple(f"key-{number}" for number in range(5))

pytestmark = pytest.mark.slow


def filled(text: str) -> str:
    """Put in what a user exports, as Compose does."""
    return re.sub(r"\$\{(\w+):\?[^}]*\}", lambda found: GIVEN[found[1]], text)


class Balancer:
    """nginx with the configuration of the example, in front of replicas."""

    def __init__(self, program: str, folder: Path, replicas: list[Mock]) -> None:
        self.replicas = replicas
        self._program = program
        self._folder = folder
        with listen_on("127.0.0.1", 0) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        (folder / "nginx.conf").write_text(self._configuration(port))

    def _configuration(self, port: int) -> str:
        """Return the example's, with other addresses and folders."""
        text = (HERE / "nginx.conf").read_text("utf-8")
        [(line, options)] = re.findall(r"(server mock:6290( .+)?;)", text)
        servers = [f"server {one.url.partition('://')[2]}{options};" for one in self.replicas]
        folders = [f"{kind}_temp_path {self._folder / kind};" for kind in WRITTEN]
        text = text.replace("http {", "\n".join(["http {", *folders]), 1)
        text = text.replace("listen 8080;", f"listen 127.0.0.1:{port};")
        return text.replace(line, "\n".join(servers))

    def run(self, *more: str) -> None:
        """Start it, which returns once it listens; or tell it something."""
        user = "user root; " if os.getuid() == 0 else ""
        files = ["-p", str(self._folder), "-c", str(self._folder / "nginx.conf")]
        subprocess.run(
            [self._program, *files, "-g", f"{user}pid {self._folder / 'pid'};", *more],
            check=True,
            timeout=DEADLINE,
        )

    def get(self, path: str, key: str | None = None, **options: Any) -> requests.Response:
        """Send a GET by it."""
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return requests.get(
            self.url + path,
            headers=headers | options.pop("headers", {}),
            timeout=DEADLINE,
            **options,
        )

    def control(self, key: str) -> ControlClient:
        """Control a sandbox by it."""
        return ControlClient(self.url, key, control_token=GIVEN["MAXAPI_MOCK_CONTROL_TOKEN"])

    def submit(self, key: str, callback: str) -> str:
        """Submit a task by it; return its id."""
        response = requests.post(
            self.url + SUBMIT,
            json=seed() | {"callBackUrl": callback},
            headers={"Authorization": f"Bearer {key}"},
            timeout=DEADLINE,
        )
        assert response.status_code == 200, response.text
        return str(response.json()["data"]["taskId"])

    def polls(self, key: str, task_id: str) -> list[dict[str, Any]]:
        """Poll a task as often as there are replicas, which take turns; return what they show."""
        return [self.get(f"/api/v1/task/{task_id}", key).json()["data"] for _ in self.replicas]


@pytest.fixture(scope="module")
def balancer(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Balancer]:
    """Run as many replicas as the example has, with its options and environment, and nginx."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        missing("nginx")
    mock, folder = SERVICES["mock"], tmp_path_factory.mktemp("nginx")
    _, *options = [one.replace("*.internal", "127.0.0.1") for one in mock["command"]]
    assert options.pop().startswith("--state=postgresql://")
    with pytest.MonkeyPatch.context() as patch, Serving() as serving:
        for name, value in mock["environment"].items():
            patch.setenv(name, filled(value))
        number = mock["deploy"]["replicas"]
        replicas = serving.replicas(postgres.new_database(), *options, number=number)
        balancer = Balancer(program, folder, replicas)
        balancer.run()
        yield balancer
        balancer.run("-s", "stop")


def test_any_replica_answers_anything(balancer: Balancer, receiver: Receiver) -> None:
    """Submissions, polls, an advance, webhooks and files, whichever nginx chooses."""
    for key in KEYS:
        balancer.control(key).freeze()
    tasks = {key: balancer.submit(key, receiver.url) for key in KEYS}
    pending = {key: balancer.polls(key, task_id) for key, task_id in tasks.items()}

    for key in KEYS:
        balancer.control(key).advance("10m")

    for key, task_id in tasks.items():
        assert [task["status"] for task in pending[key]] == ["PENDING"] * 3
        [webhook] = receiver.of(task_id)
        assert balancer.polls(key, task_id) == [webhook["data"]] * 3
        [url] = webhook["data"]["result"]["urls"]
        assert url.startswith(f"{balancer.url}/")
        path = url.removeprefix(balancer.url)
        files = {balancer.get(path).content for _ in balancer.replicas}
        assert [content[:4] for content in files] == [b"\x89PNG"]


def test_events_of_all_replicas_come_as_they_happen(balancer: Balancer, receiver: Receiver) -> None:
    """In one stream, which nginx does not keep back."""
    seen, came = set[str](), Condition()
    asked = {"Accept": "text/event-stream", **TOKEN}
    stream = balancer.get("/__mock/events?all=true", headers=asked, stream=True)

    def read() -> None:
        with suppress(requests.RequestException):  # the end of the replicas
            for line in stream.iter_lines():
                with came:
                    seen.update(re.findall(r'"taskId": ?"([^"]+)"', line.decode()))
                    came.notify()

    Thread(target=read, daemon=True).start()
    tasks = {balancer.submit(key, receiver.url) for key in KEYS}

    with came:
        assert came.wait_for(lambda: tasks <= seen, DEADLINE)


def test_a_browser_that_was_let_in_is_known_to_all(balancer: Balancer) -> None:
    """The console needs its token once."""
    with requests.Session() as browser:
        browser.post(f"{balancer.url}/__mock/session", headers=TOKEN, timeout=DEADLINE)
        urls = [f"{balancer.url}/__mock/{path}" for path in ("sandboxes", "tasks", "") * 3]

        statuses = {browser.get(url, timeout=DEADLINE).status_code for url in urls}

    assert statuses == {200}


def test_a_replica_may_leave(balancer: Balancer, receiver: Receiver) -> None:
    """The others go on with what it had, without waiting for the end of its lease."""
    tasks = {key: balancer.submit(key, receiver.url) for key in KEYS}
    leaving = balancer.replicas[0]

    status = leaving.stop()

    left = [one for one in balancer.replicas if one is not leaving]
    found = {one.poll(key, task_id).status_code for one in left for key, task_id in tasks.items()}
    leaving.start()
    assert (status, found) == (0, {200})
