"""The failure report: what a sandbox saw, in the report of a failed test."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
import requests

from mockserver.testing import ControlError, Intercepted, RunningMock, intercept, running_mock
from mockserver.testing.failure_report import failure_report
from mockserver.testing.names import ScenarioName
from tests.client import SUBMIT, seed

API = "https://api.maxapi.io"
HOOK = "https://app.example.com/hook"
DEAD = "http://127.0.0.1:9"
"""A receiver of this machine that is gone."""
TASK = "/api/v1/task"
needs_curl = pytest.mark.skipif(
    not (shutil.which("bash") and shutil.which("curl")), reason="no bash, or no curl"
)


class App:
    """A client of the API, and its sandbox."""

    def __init__(self, sandbox: Intercepted) -> None:
        self.sandbox = sandbox
        self.tasks: list[str] = []

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        """Send a request."""
        headers = {"Authorization": f"Bearer {self.sandbox.api_key}", **more.pop("headers", {})}
        return requests.request(method, API + path, headers=headers, timeout=5, **more)

    def submit(self, prompt: str = "a cat", *, more: Any = (), **fields: Any) -> str:
        """Submit a request, *more* and *fields* in it; give the task's id if there is one."""
        document = seed(prompt=prompt, **dict(more)) | fields
        data = self.call("POST", SUBMIT, json=document).json().get("data", {})
        self.tasks += [data["taskId"]] if data else []
        return str(data.get("taskId"))

    def poll(self, task: str, times: int = 1) -> None:
        """Poll a task."""
        for _ in range(times):
            self.call("GET", f"{TASK}/{task}")

    def cancel(self, task: str) -> None:
        """Cancel a task."""
        self.call("POST", f"{TASK}/{task}/cancel")

    def report(self, url: str | None = None) -> str:
        """Return the report, in which the tasks are called A, B, …."""
        text = failure_report(self.sandbox.control, self.sandbox.api_key, url)
        for name, task in zip("ABCDEFGH", self.tasks, strict=False):
            text = text.replace(task, name).replace(task[:8], name)
        return text

    def happened(self) -> list[str]:
        """Return the lines of the timeline without their times."""
        timeline = self.report().split("\n\n")[1]
        return [re.sub(r"^[\d:.]{15}  |^ {17}", "", line) for line in timeline.splitlines()]


@pytest.fixture
def app() -> Iterator[App]:
    """An app whose calls are intercepted in the process, and whose webhooks are accepted."""
    with intercept(on_webhook=lambda _: 200) as sandbox:
        yield App(sandbox)


# -- the timeline ----------------------------------------------------------------------------


def test_the_complete_report(app: App) -> None:
    """Requests, transitions and webhook attempts in order, with their outcomes."""
    answers = iter([500, 200])
    app.sandbox.on_webhook = lambda _: next(answers)
    app.sandbox.scenario("unavailable", times=1)

    app.submit()
    task = app.submit(more={"aspect_ratio": "3:4"}, callBackUrl=HOOK)
    app.poll(task, 3)
    app.sandbox.wait_for(task, "PROCESSING")
    app.poll(task)
    app.sandbox.wait_for(task)
    app.poll(task)
    app.sandbox.wait_until_idle()
    app.cancel(task)

    happened = app.happened()
    assert re.search(r"returned 500, not 2xx; again at \d\d:\d\d:\d\d\.\d{6}$", happened[10])
    assert [line.partition("; again")[0] for line in happened] == [
        f"POST {SUBMIT} -> 503 service unavailable  [unavailable]",
        'sent: {"model": "gpt-image-2/image-to-image", "input": {"prompt": "a cat", '
        '"imageUrls": ["https://example.com/source.jpg"], "ratio": "3:4", "n": 1}}',
        f"POST {SUBMIT} -> 200 task A",
        "warning: input.aspect_ratio: unknown, did you mean 'ratio'?",
        "  task A PENDING",
        f"GET {TASK}/A -> 200 PENDING (3 times)",
        "  task A PROCESSING",
        f"GET {TASK}/A -> 200 PROCESSING",
        "  task A SUBMITTED",
        "  task A SUCCESS",
        f"  webhook of A, attempt 1, to {HOOK}: NOT delivered: returned 500, not 2xx",
        f"GET {TASK}/A -> 200 SUCCESS",
        f"  webhook of A, attempt 2, to {HOOK}: delivered (200)",
        f"POST {TASK}/A/cancel -> 400 task A is SUCCESS and cannot be cancelled; only PENDING can",
    ]


def test_a_task_is_cancelled_by_the_request(app: App) -> None:
    """The request comes before CANCELLED, although both have the same time."""
    app.cancel(app.submit())

    assert app.happened() == [
        f"POST {SUBMIT} -> 200 task A",
        "  task A PENDING",
        f"POST {TASK}/A/cancel -> 200",
        "  task A CANCELLED",
    ]


def test_a_task_is_cancelled_after_it_was_polled(app: App) -> None:
    """The polls come first, then the request, CANCELLED and the webhook."""
    task = app.submit(callBackUrl=HOOK)
    app.poll(task)
    app.cancel(task)
    app.sandbox.wait_until_idle()

    assert app.happened()[1:] == [
        "  task A PENDING",
        f"GET {TASK}/A -> 200 PENDING",
        f"POST {TASK}/A/cancel -> 200",
        "  task A CANCELLED",
        f"  webhook of A, attempt 1, to {HOOK}: delivered (200)",
    ]


@pytest.mark.parametrize("between", [App.submit, lambda app: app.poll("none")])
def test_a_task_is_cancelled_after_another_request(
    app: App, between: Callable[[App], object]
) -> None:
    """A request that is not about the task does not move its end."""
    task = app.submit()
    between(app)
    app.cancel(task)

    assert app.happened()[-2:] == [f"POST {TASK}/A/cancel -> 200", "  task A CANCELLED"]


def test_a_task_is_ended_by_the_test(app: App) -> None:
    """A poll that showed PENDING comes before that."""
    task = app.submit()
    app.poll(task)
    app.sandbox.control.finish(task)
    app.poll(task)

    assert app.happened()[1:] == [
        "  task A PENDING",
        f"GET {TASK}/A -> 200 PENDING",
        "  task A SUCCESS",
        f"GET {TASK}/A -> 200 SUCCESS",
    ]


def test_polls_that_move_a_task_on(app: App) -> None:
    """No poll shows a status that the task has left by then."""
    app.sandbox.settings(pace="per-poll")
    app.poll(app.submit(), 3)

    at = app.happened().index
    assert at(f"GET {TASK}/A -> 200 PENDING") < at("  task A PROCESSING")
    assert at(f"GET {TASK}/A -> 200 PROCESSING") < at("  task A SUBMITTED")


def test_two_tasks_of_the_same_time(app: App) -> None:
    """Each begins with its own request, even if it ends at once."""
    app.sandbox.settings(pace="instant")
    for _ in range(2):
        app.submit(callBackUrl=HOOK)
        app.sandbox.wait_until_idle()  # its webhook is sent in another thread

    assert [line for line in app.happened() if "PRO" not in line and "SUBM" not in line] == [
        f"POST {SUBMIT} -> 200 task A",
        "  task A PENDING",
        "  task A SUCCESS",
        f"  webhook of A, attempt 1, to {HOOK}: delivered (200)",
        f"POST {SUBMIT} -> 200 task B",
        "  task B PENDING",
        "  task B SUCCESS",
        f"  webhook of B, attempt 1, to {HOOK}: delivered (200)",
    ]


def test_why_a_task_failed(app: App) -> None:
    """The transition shows its reason."""
    app.sandbox.wait_for(app.submit("a cat #mock:content-moderation"), "FAILURE")

    assert app.happened()[-1] == "  task A FAILURE, failure_reason CONTENT_MODERATION"


@pytest.mark.parametrize(
    ("scenario", "line"),
    [
        ("bad-gateway", "GET /api/v1/task/x -> 502  [bad-gateway]"),
        ("garbled", "GET /api/v1/task/x -> 200  [garbled]"),
        ("truncated", "GET /api/v1/task/x -> 404 task 'x' not found  [truncated]"),
    ],
)
def test_responses_that_are_not_json(app: App, scenario: ScenarioName, line: str) -> None:
    """They are shown by their status and their scenario."""
    app.sandbox.scenario(scenario)

    with suppress(requests.RequestException):
        app.poll("x")

    assert app.happened() == [line]


def test_an_app_that_polls_none(app: App) -> None:
    """The path is shown as it was sent: it is the mistake."""
    app.poll("None")

    assert app.happened() == [f"GET {TASK}/None -> 404 task 'None' not found"]


def test_the_first_line_counts(app: App) -> None:
    """It also says how the clock moves."""
    app.submit(callBackUrl=HOOK)
    still = app.report().splitlines()[0]
    app.submit()
    app.sandbox.wait_until_idle()
    app.sandbox.clock.run(speed=0.5)
    running = app.report().splitlines()[0]

    moment = r"the clock shows 2\S+T\S+Z"
    assert re.fullmatch(f"1 request, 1 task, 0 webhook .*; {moment} and stands still", still)
    assert re.fullmatch(
        f"2 requests, 2 tasks, 1 webhook .*; {moment} and runs at speed 0.5", running
    )


def test_what_is_to_come(app: App) -> None:
    """Transitions and webhooks with their times, as far as they are known."""
    app.sandbox.wait_for(app.submit(callBackUrl=HOOK), "SUBMITTED")
    app.sandbox.settings(pace="per-poll")
    app.submit(callBackUrl=HOOK)

    to_come = app.report().split("\n\n")[2]

    assert re.sub(r"[\d:.]{15}", "<moment>", to_come).splitlines() == [
        "to come:",
        "  task A SUCCESS at <moment>",
        "  task A webhook, attempt 1 at <moment>",
        "  task B PROCESSING when it is polled",
        "  task B SUBMITTED when it is polled",
        "  task B SUCCESS when it is polled",
        "  task B webhook, attempt 1 when it is polled",
    ]


def test_what_is_still_held(app: App) -> None:
    """The app's request has come, although it is not recorded before its response is sent."""
    app.sandbox.scenario("held", "mine", times=1)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(app.submit)
        app.sandbox.wait_until_held("mine")

        report = app.report()
        app.sandbox.release("mine")

    assert "still held:\n  mine: response to POST /api/v1/task/submit" in report
    assert "No request" not in report


def test_a_held_response_comes_after_what_overtook_it(app: App) -> None:
    """The order is that in which the app and its receiver saw it."""
    app.sandbox.scenario("held", times=1)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(app.submit, callBackUrl=HOOK)
        app.sandbox.wait_until_held()
        app.sandbox.wait_until_idle()
        app.sandbox.release()

    happened = app.happened()

    assert happened[:2] == [
        "  task A PENDING",
        "  response to POST /api/v1/task/submit is held as 'held'",
    ]
    assert [line.split()[0] for line in happened[-2:]] == ["webhook", "POST"]


def test_nothing_happened(app: App) -> None:
    """Most likely the app uses another key, or another URL."""
    assert app.report().splitlines()[1:] == [f"No request came with the key {app.sandbox.api_key}"]


def test_a_long_report_is_cut(app: App) -> None:
    """Its end is shown, and its beginning can be repeated."""
    for number in range(80):
        app.poll(str(number))

    lines = app.report().splitlines()

    assert lines[2] == "... 20 earlier lines"
    assert lines[3].endswith(f"GET {TASK}/20 -> 404 task '20' not found")
    assert len([line for line in lines if " -> 404" in line]) == 60
    assert len([line for line in lines if line.startswith("  curl") and TASK in line]) == 12
    assert lines[-1] == "  : and 68 more"


def test_without_a_mock_there_is_no_report() -> None:
    """The caller gets an error."""
    with running_mock() as mock:
        sandbox = mock.sandbox()

    with pytest.raises(ControlError, match="no mock answers"):
        failure_report(sandbox.control, sandbox.api_key, None)


# -- secrets ---------------------------------------------------------------------------------


def test_tokens_of_other_headers_are_not_shown(app: App) -> None:
    """Whatever the app sends besides its key."""
    names = ("Cookie", "X-Api-Key", "Proxy-Authorization", "X-Auth-Token")

    app.call("POST", SUBMIT, json={}, headers=dict.fromkeys(names, "hush"))

    assert "hush" not in app.report()


@pytest.mark.parametrize(
    "prompt",
    [
        "a cat",
        "",
    ],
)
def test_the_password_of_a_receiver_is_not_shown(app: App, prompt: str) -> None:
    """The same as in the lists of tasks and deliveries, whether the request was accepted or not."""
    app.submit(prompt, callBackUrl="https://me:hush@app.example.com/hook")
    app.sandbox.wait_until_idle()

    assert "hush" not in app.report()


@pytest.mark.parametrize("key", ["sk-own-0123456789", "o#n"])
def test_a_key_of_the_users_own_is_not_shown(key: str) -> None:
    """The recipe takes it from the environment; no part of it is shown either."""
    with intercept(api_key=key) as sandbox:
        app = App(sandbox)
        silence = app.report()
        long = key if len(key) > 5 else "x"
        for number in range(240, 300):
            app.submit("", user_id=f"{'x' * number}{long}", callBackUrl=f"https://a/{long}")
        app.call("GET", f"{TASK}/{long}", headers={"X-Echo": key})

        text = app.report()

    assert "No request came with the key $MAXAPI_API_KEY\n" in silence
    assert "KEY=$MAXAPI_API_KEY\n" in text
    assert key[:9] not in f"{text}{silence}"


def test_a_secret_of_a_receivers_query_is_not_shown(app: App) -> None:
    """It is recognized by the name of its parameter."""
    app.submit(callBackUrl="https://app.example.com/hook?id=7&token=hush")
    app.sandbox.wait_until_idle()

    text = app.report()

    assert "hook?id=7&token=[redacted]" in text
    assert "hush" not in text


# -- the curl lines --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    """A mock to repeat the requests with."""
    with running_mock() as mock:
        yield mock


def every_kind(app: App) -> None:
    """Make requests of every kind, accepted and rejected."""
    task = app.submit('it\'s a "cat" \\ `date` $HOME $(date) äöü\n!!', callBackUrl=HOOK)
    app.poll(task, 3)
    app.cancel(app.submit("another"))
    app.poll(task)
    app.submit("x", more={"n": 11})
    app.call("POST", SUBMIT, data="{", headers={"Content-Type": "application/json"})
    app.call("POST", SUBMIT, data="no type")
    app.call("PUT", SUBMIT)
    app.call("GET", f"{TASK}/none")


def scenarios(app: App) -> None:
    """Ask for scenarios in the prompt, in the header, and by a rule."""
    app.submit("a cat #mock:failure")
    app.call("POST", SUBMIT, json=seed(), headers={"X-Mock-Scenario": "slow=90s, webhook-lost"})
    app.sandbox.scenario("unavailable", times=1)
    app.submit()


def dead_receivers(app: App) -> None:
    """Name receivers of the test, which end with it."""
    prompt = 'it\'s "callBackUrl": "$HOOK" `date`'
    app.submit(prompt, callBackUrl=f"{DEAD}/an/inbox?of=the&test")
    app.submit(callBackUrl=DEAD)


def a_file(app: App) -> None:
    """Download a result."""
    task = app.submit("a cat #mock:instant")
    [url] = app.sandbox.control.task(task)["result"]["urls"]
    app.call("GET", url.removeprefix("https://cdn.maxapi.io"))


def body(text: str) -> Callable[[App], object]:
    """Make a function that sends *text* as a body."""
    return lambda app: app.call("POST", SUBMIT, data=text, headers={"Content-Type": "text/plain"})


def repeated(app: App, mock: RunningMock) -> tuple[list[Any], list[Any], str]:
    """Run the curl lines against *mock*; return the requests, the repeated ones, and errors."""
    head, lines = app.report().split("\n\n")[-1].split(":\n", 1)
    assert head.startswith("to repeat it by hand, against a mock of its own (maxapi-mock serve)")
    again = mock.sandbox(app.sandbox.api_key)
    script = lines.replace("http://127.0.0.1:6290", mock.url)
    script = script.replace("HOOK=http://127.0.0.1:6291", f"HOOK={DEAD}")
    environment = {**os.environ, "NO_PROXY": "*", "MAXAPI_API_KEY": app.sandbox.api_key}
    done = subprocess.run(
        ["bash"],
        input=script.encode(),
        capture_output=True,
        timeout=20,
        check=False,
        env=environment,
    )
    asked, repeated = (list(map(shown, one.requests)) for one in (app.sandbox, again))
    again.close()
    once = [request for request, _ in itertools.groupby(asked)]  # as runs have one line
    return once, repeated, done.stderr.decode()


def shown(request: dict[str, Any]) -> Any:
    """Return what a repeated request must have in common with the first."""
    path = re.sub(r"[0-9a-f-]{36}", "<task>", request["path"])
    kind = request["headers"].get("content-type")
    return request["method"], path, kind, request["body"], request["status"], request["scenarios"]


@needs_curl
@pytest.mark.parametrize(
    "act",
    [
        every_kind,
        scenarios,
        dead_receivers,
        a_file,
        lambda app: app.poll("a%20b"),
        lambda app: app.poll("$(date)"),
        lambda app: app.poll("[1-3]"),
        body("@x"),
    ],
)
def test_the_curl_lines_repeat_the_requests(
    app: App, mock: RunningMock, act: Callable[[App], object]
) -> None:
    """Run as they are, they make the same requests, with the same responses."""
    act(app)

    asked, again, errors = repeated(app, mock)

    assert again == asked
    assert errors == ""


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"{DEAD}/x?y", "'$HOOK'/x?y"),
        ("http://localhost:3000", "'$HOOK'"),
        (HOOK, HOOK),
    ],
)
def test_webhooks_are_repeated_to_a_listener(app: App, url: str, shown: str) -> None:
    """The receivers of this machine usually end with the test; others are left alone."""
    app.submit(callBackUrl=url)

    head, lines = app.report().split("\n\n")[-1].split(":\n", 1)

    is_local = url != HOOK
    assert head.endswith(" and with maxapi-mock listen for its webhooks") == is_local
    assert ("HOOK=http://127.0.0.1:6291\n" in lines) == is_local
    assert f'"callBackUrl": "{shown}"' in lines


@needs_curl
def test_a_body_that_is_too_long_to_be_shown(app: App, mock: RunningMock) -> None:
    """It does not keep the other lines from running."""
    app.submit("x" * 5000)
    app.poll("none")

    asked, again, _ = repeated(app, mock)

    assert again[-1:] == asked[-1:]


@needs_curl
def test_the_curl_lines_work_with_any_key(mock: RunningMock) -> None:
    """A key of the app's own can be any text; it is taken from the environment."""
    with intercept(api_key="it's $my key") as sandbox:
        app = App(sandbox)
        app.poll("none")

        asked, again, _ = repeated(app, mock)

    assert again == asked


def test_head_is_curls_own_option(app: App) -> None:
    """Otherwise curl would wait for a body."""
    app.call("HEAD", f"{TASK}/none")

    assert "-X HEAD" not in app.report()


def test_a_mock_that_is_still_there_is_named(app: App) -> None:
    """The lines are for that mock then."""
    app.poll("none")

    last = app.report("http://127.0.0.1:1234").split("\n\n")[-1].splitlines()

    assert last[:2] == [
        "to repeat it by hand:",
        f"  MOCK=http://127.0.0.1:1234 KEY={app.sandbox.api_key}",
    ]


def test_another_day_is_named(app: App) -> None:
    """The time alone would look the same."""
    app.poll("none")
    app.sandbox.clock.advance("2d")
    app.poll("another")

    lines = app.report().splitlines()

    [day] = [number for number, line in enumerate(lines) if line.startswith("-- ")]
    assert lines[day] == f"-- {app.sandbox.clock.now:%Y-%m-%d}"
    assert "/another" in lines[day + 1]


# -- what the test or the app may have meant -------------------------------------------------


def test_requests_with_another_key_are_counted(app: App) -> None:
    """How many there were since the last reset, without their keys."""
    submit = f"{app.sandbox.base_url}{SUBMIT}"
    requests.post(submit, json=seed(), headers={"Authorization": "Bearer sk-early"}, timeout=5)
    app.sandbox.reset()
    for key in ("sk-other", "sk-other", "sk-third"):
        requests.post(submit, json=seed(), headers={"Authorization": f"Bearer {key}"}, timeout=5)
    requests.post(submit, json=seed(), timeout=5)

    report = app.report()

    said = "3 requests came with another key, 1 request came without an accepted key: give the app"
    assert said in report
    assert "sk-" not in report


def test_warnings_are_shown(app: App) -> None:
    """Those that no request shows, with how often each occurred."""
    for _ in range(3):
        app.submit("a cat")
    app.submit("a dog", more={"n": 11})

    report = app.report()

    [section] = [one for one in report.split("\n\n") if one.startswith("contract warnings:")]
    assert section.count("\n") == 1
    assert "  submitted again, although it was accepted" in section
    assert section.endswith("(2 times)")


def test_rules_that_never_fired_are_shown(app: App) -> None:
    """With the request that came nearest, or why none could fire."""
    app.sandbox.scenario("unavailable", path="*/submitt")
    app.sandbox.scenario("failure", prompt="cat")
    app.sandbox.scenario("timeout", prompt="cat")
    app.submit("a cat")

    [section] = [one for one in app.report().split("\n\n") if one.startswith("rules that never")]

    assert section.splitlines() == [
        "rules that never fired:",
        "  unavailable for path='*/submitt'",
        "    nearest: POST /api/v1/task/submit",
        "             path: '/api/v1/task/submit' does not match '*/submitt'",
        "  timeout for prompt='cat'",
        "    1 matched, but an earlier rule or the request's own scenario applied",
    ]


def test_rules_that_the_failure_names_are_not_repeated(app: App) -> None:
    """Nor are those of `assert_all_rules_used`, which the test itself may call."""
    app.sandbox.scenario("unavailable", path="*/submitt")
    app.submit("a cat")
    with pytest.raises(AssertionError) as failure:
        app.sandbox.assert_all_rules_used()

    report = failure_report(app.sandbox.control, app.sandbox.api_key, None, str(failure.value))

    assert "rules that never fired" not in report


def test_long_arrays_are_counted(app: App) -> None:
    """A body with ten URLs is shown as one readable line."""
    urls = [f"https://example.com/{number}.png" for number in range(10)]
    app.submit("a cat", more={"imageUrls": urls, "n": 11})

    [sent] = [line for line in app.report().splitlines() if "sent: " in line]

    assert '"imageUrls": "[10 items]"' in sent


def test_the_recipe_sets_up_the_sandbox(app: App) -> None:
    """Its settings, its balance and the movements of its clock, but no secret."""
    app.sandbox.settings(pace="per-poll", balance="0.10", webhook_secret="hush")
    task = app.submit()
    app.sandbox.clock.advance("90s")
    app.poll(task, 2)
    app.sandbox.clock.advance("8d")

    lines = [line.strip() for line in app.report().splitlines()]

    settings = next(line for line in lines if "/__mock/settings" in line)
    clock = [line.rpartition("-d ")[2] for line in lines if "/__mock/clock" in line]
    assert settings.endswith("""-d '{"pace": "per-poll", "balance": "0.10"}'""")
    assert "# not shown: webhook-secret" in lines
    assert clock == ["""'{"freeze": true}'""", """'{"advance": 90}'""", """'{"advance": 691200}'"""]
    assert len([line for line in lines if f"{TASK}/$TASK_1" in line]) == 2


@needs_curl
def test_the_recipe_moves_the_clock(app: App, mock: RunningMock) -> None:
    """Run as it is, it ends at the same status and time after the first request."""
    app.sandbox.settings(duration="1h")
    app.poll(app.submit())
    app.sandbox.clock.advance("1h")
    app.poll(app.sandbox.tasks[0]["taskId"])
    script = (
        app.report().split("\n\n")[-1].split(":\n", 1)[1].replace("http://127.0.0.1:6290", mock.url)
    )
    again = mock.sandbox(app.sandbox.api_key)

    done = subprocess.run(
        ["bash"], input=script.encode(), capture_output=True, timeout=20, check=False
    )

    shown = [one["response_body"]["data"].get("status") for one in again.requests]
    again.close()
    assert (done.returncode, shown) == (0, [None, "PENDING", "SUCCESS"])
