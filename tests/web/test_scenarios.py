"""Every scenario as an ordinary client meets it: through real HTTP, with requests."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import pytest
import requests
from PIL import Image, UnidentifiedImageError
from requests.exceptions import ChunkedEncodingError, JSONDecodeError, ReadTimeout

from mockserver.contract import Contract
from mockserver.domain.durations import stamp
from mockserver.domain.scenario import SCENARIOS
from mockserver.engine.clock import Clock, real_seconds
from mockserver.engine.messages import Request, Response
from mockserver.engine.service import Service
from mockserver.settings import RateLimit, make_settings
from mockserver.testing import ControlClient, ControlError, Moved, ScenarioText
from mockserver.web.server import Server
from tests.client import SUBMIT, seed
from tests.conftest import START

CUT = (ChunkedEncodingError, requests.ConnectionError)
SHOWN: set[str] = set()
"""The scenarios that a test of this file or of test_vendors.py shows."""


def shows(*scenarios: str) -> pytest.MarkDecorator:
    """Run a test with each of these scenarios, and count them as shown."""
    SHOWN.update(usage.partition("=")[0] for usage in scenarios)
    return pytest.mark.parametrize("scenario", scenarios)


def shows_each(table: Mapping[str, Any]) -> pytest.MarkDecorator:
    """Run a test with each of these scenarios and what is expected of it."""
    SHOWN.update(usage.partition("=")[0] for usage in table)
    return pytest.mark.parametrize(("scenario", "expected"), table.items())


class Hook:
    """A webhook receiver on the loopback interface; returns 200, or first the given statuses."""

    def __init__(self) -> None:
        self.got: list[tuple[str, bytes]] = []
        """Method and body of each webhook, in the order of arrival."""
        self.headers: list[dict[str, str]] = []
        """Their headers, by lower-case name."""
        self.answers: list[int] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                hook.got.append((self.command, body))
                hook.headers.append({name.lower(): text for name, text in self.headers.items()})
                self.send_response(hook.answers.pop(0) if hook.answers else 200)
                self.end_headers()

            do_GET = do_POST  # noqa: N815 - the library's own name

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def tasks(self) -> list[dict[str, Any]]:
        """Return the tasks that the webhooks spoke of."""
        return [json.loads(body)["data"] for _, body in self.got]

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


@dataclass
class App:
    """A user of the API with a key of its own, whose clock stands still."""

    url: str
    key: str
    hook: Hook
    http: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.http.headers["Authorization"] = f"Bearer {self.key}"
        self.control = ControlClient(self.url, self.key)

    def submit(
        self, *scenarios: str, header: str = "", call_back: bool = False, timeout: float = 5
    ) -> requests.Response:
        """Submit the seed's request with scenarios as markers, or in the header."""
        marked = " ".join(["a cat", *(f"#mock:{one}" for one in scenarios)])
        document = seed(prompt=marked) | ({"callBackUrl": self.hook.url} if call_back else {})
        headers = {"X-Mock-Scenario": header} if header else {}
        return self.http.post(self.url + SUBMIT, json=document, headers=headers, timeout=timeout)

    def submitted(self, *scenarios: str, call_back: bool = False) -> str:
        """Submit a request that is accepted; return the task's id."""
        answer = self.submit(*scenarios, call_back=call_back)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["data"]["taskId"])

    def ask(self, task_id: str) -> requests.Response:
        """Poll a task."""
        return self.http.get(f"{self.url}/api/v1/task/{task_id}", timeout=5)

    def poll(self, task_id: str) -> dict[str, Any]:
        """Poll a task that exists; return the task."""
        return dict(self.ask(task_id).json()["data"])

    def fetch(self, task_id: str) -> requests.Response:
        """Fetch the result of a task that succeeded."""
        return requests.get(self.poll(task_id)["result"]["urls"][0], timeout=5)

    def close(self) -> None:
        """Close the connections."""
        self.http.close()
        self.control.close()


def serve(contract: Contract, **settings: Any) -> Server:
    """Make a server on a free port whose clocks stand still."""
    chosen = make_settings(contract, port=0, **settings)
    return Server(Service(contract, chosen, make_clock=lambda: Clock(START, speed=0)))


@pytest.fixture(scope="module")
def server(contract: Contract) -> Iterator[Server]:
    """One server for all tests; each has a sandbox of its own."""
    with serve(contract) as server:
        yield server


@pytest.fixture
def hook() -> Iterator[Hook]:
    """The receiver of a test's webhooks."""
    hook = Hook()
    yield hook
    hook.close()


@pytest.fixture
def app(server: Server, hook: Hook, request: pytest.FixtureRequest) -> Iterator[App]:
    """An app with a fresh sandbox."""
    app = App(server.url, request.node.name.encode("ascii", "replace").decode(), hook)
    yield app
    app.close()


def webhooks(moved: Moved) -> list[tuple[float, Any, Any]]:
    """List the webhooks of an advance: seconds since the start, attempt, returned status."""
    moments = {stamp(START + timedelta(milliseconds=ms)): ms / 1000 for ms in range(0, 20_000, 500)}
    found = [event for event in moved.happened if event["event"] == "webhook"]
    return [(moments.get(one["at"], -1.0), one["attempt"], one["answer"]) for one in found]


@shows_each(
    {
        "success": ("SUCCESS", None),
        "failure": ("FAILURE", None),
        "content-moderation": ("FAILURE", "CONTENT_MODERATION"),
        "invalid-parameters": ("FAILURE", "INVALID_PARAMETERS"),
        "insufficient-points": ("FAILURE", "INSUFFICIENT_POINTS"),
        "timeout": ("TIMEOUT", None),
    }
)
def test_outcomes(app: App, scenario: str, expected: tuple[str, str | None]) -> None:
    """The task runs, and ends as the scenario says."""
    task_id = app.submitted(scenario)
    first = app.poll(task_id)

    app.control.advance("2s")

    last = app.poll(task_id)
    assert first["status"] == "PENDING"
    assert (last["status"], last["failure_reason"]) == expected
    assert (last["result"] is not None) == (scenario == "success")


@shows("stuck")
def test_stuck_never_ends(app: App, scenario: str) -> None:
    """Not in seven days; waiting for its end is an error."""
    task_id = app.submitted(scenario)

    app.control.advance("7d")

    assert app.poll(task_id)["status"] == "SUBMITTED"
    with pytest.raises(ControlError, match="never becomes 'SUCCESS'") as rejected:
        app.control.advance_until(task_id, "SUCCESS")
    assert rejected.value.status == 400


@shows("slow=5m")
def test_slow_takes_as_long_as_it_says(app: App, scenario: str) -> None:
    """To the moment."""
    task_id = app.submitted(scenario)

    app.control.advance("299s")
    before = app.poll(task_id)
    app.control.advance("1s")

    assert (before["status"], app.poll(task_id)["status"]) == ("SUBMITTED", "SUCCESS")


@shows("instant")
def test_instant_has_ended_at_the_first_poll(app: App, scenario: str) -> None:
    """Without any time."""
    assert app.poll(app.submitted(scenario))["status"] == "SUCCESS"


@shows_each(
    {
        "unauthorized": (401, None),
        "rate-limited": (429, "1"),
        "rate-limited=7": (429, "7"),
        "server-error": (500, None),
        "unavailable": (503, None),
        "gateway-timeout": (504, None),
    }
)
def test_rejected_submissions(app: App, scenario: str, expected: tuple[int, str | None]) -> None:
    """The documented envelope, the header where there is one, and no task."""
    answer = app.submit(scenario)

    assert (answer.status_code, answer.headers.get("Retry-After")) == expected
    assert answer.json()["code"] == expected[0]
    with pytest.raises(requests.HTTPError):
        answer.raise_for_status()
    assert app.control.tasks() == []


@shows("bad-gateway")
def test_bad_gateway_is_a_web_page(app: App, scenario: str) -> None:
    """A client that reads JSON before the status meets the decoder's exception."""
    answer = app.submit(scenario)

    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html")
    with pytest.raises(JSONDecodeError):
        answer.json()


@shows_each(
    {"moderated": {"harassment"}, "moderated=violence,harassment": {"violence", "harassment"}}
)
def test_moderated_flags_categories(app: App, scenario: str, expected: set[str]) -> None:
    """The documented 400 with all thirteen categories, of which the named ones are flagged."""
    answer = app.submit(scenario)

    data = answer.json()["data"]
    flagged = {name for name, is_flagged in data["categories"].items() if is_flagged}
    assert (answer.status_code, data["flagged"], len(data["categories"])) == (400, True, 13)
    assert flagged == expected


@shows("latency=50ms")
def test_latency_delays_the_response(app: App, scenario: str) -> None:
    """A correct response, late."""
    answer = app.submit(scenario)

    assert answer.status_code == 200
    assert answer.elapsed >= timedelta(milliseconds=50)


@shows("held=mine", "held")
def test_a_held_response(app: App, scenario: str) -> None:
    """The task is there, and the response comes when it is released by its name."""
    name = scenario.partition("=")[2] or scenario
    with ThreadPoolExecutor(1) as pool:
        response = pool.submit(app.submit, scenario)
        app.control.wait_until_held(name)
        [task] = app.control.tasks()
        is_there_early = response.done()
        app.control.release(name)

    assert not is_there_early
    assert response.result().json()["data"]["taskId"] == task["taskId"]


@shows_each(
    {
        "hang": ReadTimeout,
        "truncated": CUT,
        "connection-closed": requests.ConnectionError,
        "connection-reset": requests.ConnectionError,
        "malformed-chunk": CUT,
        "garbage-then-close": requests.ConnectionError,
    }
)
def test_broken_connections(app: App, scenario: str, expected: Any) -> None:
    """The client's library raises; yet the task was submitted, as on a bad day."""
    with pytest.raises(expected):
        app.submit(scenario, timeout=0.2)

    assert len(app.control.tasks()) == 1


@shows("half-headers")
def test_headers_that_end_early(app: App, scenario: str) -> None:
    """To requests, what has arrived is a response, whose body is empty."""
    answer = app.submit(scenario)

    assert (answer.status_code, answer.content) == (200, b"")
    assert "Content-Length" not in answer.headers
    assert len(app.control.tasks()) == 1


@shows("drip=20/10ms")
def test_a_response_that_drips(app: App, scenario: str) -> None:
    """A correct response that takes its time."""
    began = real_seconds()

    answer = app.submit(scenario)

    assert answer.json()["code"] == 0
    assert real_seconds() - began >= len(answer.content) // 20 * 0.010


@shows("keep-alive-broken")
def test_a_connection_that_breaks_between_two_requests(app: App, scenario: str) -> None:
    """The response is correct, and the next request on its connection is lost."""
    answer = app.submit(scenario)

    with pytest.raises(requests.ConnectionError):
        app.submit()

    assert answer.status_code == 200
    assert len(app.control.tasks()) == 1


@shows("garbled", "empty")
def test_broken_bodies(app: App, scenario: str) -> None:
    """A 200 whose body cannot be decoded."""
    answer = app.submit(scenario)

    assert (answer.status_code, answer.content == b"") == (200, scenario == "empty")
    with pytest.raises(JSONDecodeError):
        answer.json()


@shows_each({"flaky-poll=2": [200, 500, 200, 500], "unknown-at-first=2": [404, 404, 200, 200]})
def test_unreliable_polls(app: App, scenario: str, expected: list[int]) -> None:
    """The submission is accepted, and polls return these statuses in order."""
    task_id = app.submitted(scenario)

    assert [app.ask(task_id).status_code for _ in range(4)] == expected


@shows("stale-poll=3s")
def test_stale_polls_lag_behind_the_webhook(app: App, scenario: str) -> None:
    """The webhook says SUCCESS while the poll still says PENDING."""
    task_id = app.submitted(scenario, call_back=True)

    app.control.advance("2s")
    stale = app.poll(task_id)
    app.control.advance("3s")

    assert [task["status"] for task in app.hook.tasks()] == ["SUCCESS"]
    assert (stale["status"], app.poll(task_id)["status"]) == ("PENDING", "SUCCESS")


def test_attempts_of_an_ordinary_webhook(app: App) -> None:
    """Tried again after one and two seconds, each time with what the poll shows."""
    app.hook.answers = [500, 503]
    task_id = app.submitted(call_back=True)

    moved = app.control.advance("1h")

    assert webhooks(moved) == [(2, 1, 500), (3, 2, 503), (5, 3, 200)]
    assert app.hook.got == [("POST", app.ask(task_id).content)] * 3


@shows("webhook-lost")
def test_a_lost_webhook(app: App, scenario: str) -> None:
    """Nothing arrives, the mock knows why, and nobody tries again; a poll helps."""
    task_id = app.submitted(scenario, call_back=True)

    moved = app.control.advance("1h")

    assert webhooks(moved) == [(2, 1, None)]
    assert "lost" in moved.happened[-1]["error"]
    assert app.hook.got == []
    assert app.poll(task_id)["status"] == "SUCCESS"


@shows("webhook-twice")
def test_a_repeated_webhook(app: App, scenario: str) -> None:
    """Two equal ones arrive at the same moment."""
    task_id = app.submitted(scenario, call_back=True)

    moved = app.control.advance("1h")

    assert webhooks(moved) == [(2, 1, 200), (2, 1, 200)]
    assert app.hook.got == [("POST", app.ask(task_id).content)] * 2


@shows("webhook-late=10s")
def test_a_late_webhook(app: App, scenario: str) -> None:
    """It arrives as long after the end as the scenario says, and not before."""
    task_id = app.submitted(scenario, call_back=True)

    before = app.control.advance("11s")
    after = app.control.advance("1h")

    assert (webhooks(before), webhooks(after)) == ([], [(12, 1, 200)])
    assert app.hook.got == [("POST", app.ask(task_id).content)]


@shows("webhook-held=mine", "webhook-held")
def test_a_held_webhook(app: App, scenario: str) -> None:
    """It is due at the end of its task, and arrives when it is released by its name."""
    name = scenario.partition("=")[2] or scenario
    task_id = app.submitted(scenario, call_back=True)

    moved, got = app.control.advance("1h"), list(app.hook.got)
    app.control.release(name)

    assert moved.happened[-1]["event"] == "held"
    assert (webhooks(moved), got) == ([], [])
    assert app.hook.got == [("POST", app.ask(task_id).content)]


@shows("webhook-early")
def test_an_early_webhook(app: App, scenario: str) -> None:
    """When the submit's response is there, so is the webhook, for an id not known before."""
    task_id = app.submitted(scenario, call_back=True)

    assert app.hook.got == [("POST", app.ask(task_id).content)]
    assert app.poll(task_id)["status"] == "SUCCESS"
    assert webhooks(app.control.advance("1h")) == []


@shows("webhook-reordered")
def test_reordered_webhooks(app: App, scenario: str) -> None:
    """The first to end is heard of last; one without a partner is only late."""
    first = app.submitted(scenario, "slow=1s", call_back=True)
    second = app.submitted(scenario, "slow=3s", call_back=True)
    alone = app.submitted(scenario, "slow=5s", call_back=True)

    moved = app.control.advance("1h")

    assert [task["taskId"] for task in app.hook.tasks()] == [second, first, alone]
    assert webhooks(moved) == [(3, 1, 200), (3, 1, 200), (15, 1, 200)]


def test_a_reordered_webhook_that_fails_is_tried_again(app: App) -> None:
    """Being held back for a second webhook costs it none of its attempts."""
    app.hook.answers += [500]
    app.submitted("webhook-reordered", "slow=5s", call_back=True)

    moved = app.control.advance("1h")

    assert webhooks(moved) == [(15, 1, 500), (16, 2, 200)]


@shows("webhook-conflicting")
def test_a_conflicting_webhook(app: App, scenario: str) -> None:
    """It says FAILURE, and the poll says SUCCESS."""
    task_id = app.submitted(scenario, call_back=True)

    moved = app.control.advance("1h")

    assert webhooks(moved) == [(2, 1, 200)]
    assert [(task["status"], task["result"]) for task in app.hook.tasks()] == [("FAILURE", None)]
    assert app.poll(task_id)["status"] == "SUCCESS"


@shows("webhook-truncated")
def test_a_truncated_webhook(app: App, scenario: str) -> None:
    """Half of what the poll shows, which is not JSON; it is sent again if it is rejected."""
    app.hook.answers = [400]
    task_id = app.submitted(scenario, call_back=True)

    moved = app.control.advance("1h")

    whole = app.ask(task_id).content
    assert webhooks(moved) == [(2, 1, 400), (3, 2, 200)]
    assert app.hook.got == [("POST", whole[: len(whole) // 2])] * 2


@shows("webhook-redirected")
def test_a_redirected_webhook(app: App, scenario: str) -> None:
    """A GET without a body."""
    app.submitted(scenario, call_back=True)

    moved = app.control.advance("1h")

    assert webhooks(moved) == [(2, 1, 200)]
    assert app.hook.got == [("GET", b"")]


@shows_each({"result-missing": 404, "result-expired": 410})
def test_results_that_are_not_there(app: App, scenario: str, expected: int) -> None:
    """The task promises a URL, but the URL returns an error."""
    assert app.fetch(app.submitted("instant", scenario)).status_code == expected


@shows("result-truncated", "result-connection-reset")
def test_a_broken_download(app: App, scenario: str) -> None:
    """The download breaks."""
    task_id = app.submitted("instant", scenario)

    with pytest.raises(CUT):
        app.fetch(task_id)


@shows("result-html")
def test_a_result_that_is_a_web_page(app: App, scenario: str) -> None:
    """A 200 that no image library can open."""
    answer = app.fetch(app.submitted("instant", scenario))

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html")
    with pytest.raises(UnidentifiedImageError):
        Image.open(io.BytesIO(answer.content))


@shows("result-drip=1000/1ms")
def test_a_result_that_drips(app: App, scenario: str) -> None:
    """The right file, slowly."""
    began = real_seconds()

    answer = app.fetch(app.submitted("instant", scenario))

    Image.open(io.BytesIO(answer.content)).load()
    assert real_seconds() - began >= len(answer.content) // 1000 * 0.001


@shows("result-slow=50ms")
def test_a_slow_result(app: App, scenario: str) -> None:
    """The right file, late."""
    answer = app.fetch(app.submitted("instant", scenario))

    assert answer.content.startswith(b"\x89PNG")
    assert answer.elapsed >= timedelta(milliseconds=50)


@shows("result-wrong-size")
def test_a_result_of_the_wrong_size(app: App, scenario: str) -> None:
    """Half as wide and as high as the same request's file otherwise is."""
    files = [app.fetch(app.submitted("instant", *more)).content for more in ((), (scenario,))]

    promised, made = (Image.open(io.BytesIO(file)).size for file in files)
    assert made == (promised[0] // 2 // 2 * 2, promised[1] // 2 // 2 * 2)


# -- which scenario is in force ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("marker", "header", "rule", "default", "expected"),
    [
        ("server-error", "", "unavailable", "gateway-timeout", 500),
        ("", "server-error", "unavailable", "gateway-timeout", 500),
        ("", "", "unavailable", "gateway-timeout", 503),
        ("", "", "", "gateway-timeout", 504),
        ("", "success", "unavailable", "gateway-timeout", 200),
        ("", "", "success", "gateway-timeout", 200),
        ("", "", "", "", 200),
    ],
)
def test_the_first_that_speaks_wins(
    app: App, marker: str, header: str, rule: ScenarioText, default: ScenarioText, expected: int
) -> None:
    """The request itself, then a rule, then the sandbox's default."""
    if rule:
        app.control.add_rule(rule)
    if default:
        app.control.change_settings(scenario=default)

    answer = app.submit(*filter(None, [marker]), header=header)

    assert answer.status_code == expected


def test_several_compose(app: App) -> None:
    """In the prompt, in the header, and both; the response and the journal name them."""
    app.submitted("content-moderation", "webhook-twice", call_back=True)
    answer = app.submit("slow=4s", header="webhook-late=1s, failure", call_back=True)

    moved = app.control.advance("1h")

    assert answer.headers["X-Mock-Scenario"] == "slow=4s, webhook-late=1s, failure"
    assert webhooks(moved) == [(2, 1, 200), (2, 1, 200), (5, 1, 200)]
    assert [task["failure_reason"] for task in app.hook.tasks()] == ["CONTENT_MODERATION"] * 2 + [
        None
    ]
    assert [entry["scenarios"] for entry in app.control.requests()] == [
        ["content-moderation", "webhook-twice"],
        ["slow=4s", "webhook-late=1s", "failure"],
    ]


@pytest.mark.parametrize(
    ("scenario", "message"),
    [
        ("webhook-twise", "did you mean 'webhook-twice'? use one that "),
        ("slow=soon", "slow=<duration>: 'soon' is not a duration; use seconds or 250ms, "),
        ("slow", "'slow' needs a value; use slow=<duration>"),
        ("stuck=1", "'stuck' takes no value; use it without '=1'"),
        ("flaky-poll=0", "'0' is not a count; use an integer from 1"),
        ("moderated=rude", "'rude' is not a category; use some of harassment, "),
    ],
)
def test_unknown_names_and_values_are_rejected(
    app: App, scenario: ScenarioText, message: str
) -> None:
    """Wherever they are given; the message lists what is known."""
    rejected = [app.submit(scenario), app.submit(header=scenario)]
    ways: list[Callable[[], object]] = [
        lambda: app.control.add_rule(scenario),
        lambda: app.control.change_settings(scenario=scenario),
    ]

    for way in ways:
        with pytest.raises(ControlError) as error:
            way()
        assert error.value.status == 400
        assert message in str(error.value)
    assert [answer.status_code for answer in rejected] == [400, 400]
    assert all(message in answer.json()["msg"] for answer in rejected)


def test_the_first_two_submits_fail_and_the_third_works(app: App) -> None:
    """One rule, with `times`; it counts how often it has spoken."""
    app.control.add_rule("unavailable", times=2, method="POST", path=SUBMIT)

    statuses = [app.submit().status_code for _ in range(4)]

    assert statuses == [503, 503, 200, 200]
    assert [(rule["fired"], rule["times"]) for rule in app.control.rules()] == [(2, 2)]


def test_only_the_nth_request_that_matches(app: App) -> None:
    """Requests that do not match are not counted."""
    task_id = app.submitted()
    app.control.add_rule("server-error", nth=2, method="GET", path="/api/v1/task/*")

    statuses = [app.ask(task_id).status_code]
    app.submitted()
    statuses += [app.ask(task_id).status_code for _ in range(3)]

    assert statuses == [200, 500, 200, 200]


# -- keeping others out of it --------------------------------------------------------------------


def test_a_hanging_request_holds_up_nobody(contract: Contract, hook: Hook) -> None:
    """Neither other sandboxes nor its own, nor the server's end, at which it breaks."""
    server, hanging = serve(contract), Event()
    answer = server.service.respond

    def noting(request: Request) -> Response:
        response = answer(request)
        hanging.set()
        return response

    server.service.respond = noting  # type: ignore[method-assign]
    with ThreadPoolExecutor(1) as pool, server:
        app, other = App(server.url, "own", hook), App(server.url, "other", hook)
        hung = pool.submit(app.submit, "hang", timeout=30)
        assert hanging.wait(5)

        statuses = [app.submit().status_code, other.submit().status_code]
        for one in (app, other):
            one.control.close()
        server.stop()

        assert isinstance(hung.exception(timeout=5), CUT)
        assert statuses == [200, 200]
        app.close()
        other.close()


# -- chance and limits ---------------------------------------------------------------------------


@contextmanager
def _served(contract: Contract, hook: Hook, **settings: Any) -> Iterator[App]:
    with serve(contract, **settings) as server:
        app = App(server.url, "chaos", hook)
        yield app
        app.close()


def _day(contract: Contract, hook: Hook, seed: str) -> list[Any]:
    """Run a day with random faults; return what the journal says of it."""
    with _served(contract, hook, seed=seed, chaos=0.4) as app:
        for _ in range(12):
            try:
                app.submit(call_back=True)
            except CUT:
                continue
        app.control.advance("1h")
        entries = app.control.requests() + app.control.deliveries()
    shown = ("number", "at", "taskId", "status", "scenarios", "attempt", "error", "next_at")
    return [{name: entry.get(name) for name in shown} for entry in entries]


def test_chaos_repeats_with_its_seed(contract: Contract, hook: Hook) -> None:
    """The same seed and requests produce the same journal, which names each fault."""
    first, again, another = (_day(contract, hook, seed) for seed in ("one", "one", "two"))

    named = {name for entry in first for name in entry["scenarios"]}
    assert first == again != another
    assert named <= {name for name, row in SCENARIOS.items() if row.chaos}
    assert any(name.startswith("webhook-") for name in named)
    assert any(not name.startswith("webhook-") for name in named)
    assert all(entry["scenarios"] for entry in first if entry["status"] in (429, 500, 502, 503))


def test_the_rate_limit_goes_by_the_clock_of_the_sandbox(contract: Contract, hook: Hook) -> None:
    """Two in ten seconds; Retry-After is true, and another sandbox has a limit of its own."""
    limit = RateLimit(2, timedelta(seconds=10))
    with _served(contract, hook, rate_limit=limit) as app:
        other = App(app.url, "other", hook)
        statuses = [app.submit().status_code]
        app.control.advance("4s")
        statuses += [app.submit().status_code for _ in range(2)]
        rejected = app.submit()
        unaffected = other.submit().status_code
        app.control.advance(rejected.headers["Retry-After"])
        statuses.append(app.submit().status_code)
        other.close()

    assert statuses == [200, 200, 429, 200]
    assert (rejected.status_code, rejected.headers["Retry-After"], unaffected) == (429, "6", 200)
