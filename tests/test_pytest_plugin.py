"""The pytest plugin, in sessions of its own."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from mockserver.testing import InboxServer, RunningMock, intercept, running_mock

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.usefixtures("printed_as_anywhere")

OTHERS = ("cacheprovider", "asyncio", "hypothesispytest", "rerunfailures")
QUIET = (
    *(part for name in OTHERS for part in ("-p", f"no:{name}")),
    "--strict-markers",
    "-W",
    "error",
)
APP = """
import os
import requests

def call(sandbox, method, path, key=None, **more):
    headers = {"Authorization": f"Bearer {key or sandbox.api_key}", **more.pop("headers", {})}
    return requests.request(method, sandbox.base_url + path, headers=headers, timeout=5, **more)

def submit(sandbox, prompt="a cat", **more):
    document = {"model": "gpt-image-2/text-to-image", "input": {"prompt": prompt}, **more}
    response = call(sandbox, "POST", "/api/v1/task/submit", json=document)
    response.raise_for_status()
    return response.json()["data"]["taskId"]

def poll(sandbox, task):
    return call(sandbox, "GET", f"/api/v1/task/{task}").json()["data"]
"""
"""What the tests inside call the API with."""

Run = Callable[..., pytest.RunResult]


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    """A mock that was started before any session."""
    with intercept():  # imports what must not be imported twice into one process
        pass
    with running_mock() as mock:
        yield mock


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, mock: RunningMock) -> Run:
    """Run a test file in this process; what *mock* has imported need not be imported again."""
    assert mock.url
    monkeypatch.delenv("MAXAPI_MOCK_URL", raising=False)

    def run(test: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(app=APP, test_it=f"import pytest\nfrom app import *\n{dedent(test)}")
        return pytester.runpytest_inprocess(*QUIET, *options)

    return run


@pytest.fixture
def run_apart(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a test file in a process of its own, without measuring coverage."""
    for name in [name for name in os.environ if "COV" in name or name == "MAXAPI_MOCK_URL"]:
        monkeypatch.delenv(name)

    def run(test: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(app=APP, test_it=f"import pytest\nfrom app import *\n{dedent(test)}")
        return pytester.runpytest_subprocess(*QUIET, *options, timeout=120)

    return run


def complaint(result: pytest.RunResult) -> str:
    """Return the one line of a session's only error; there must be no traceback."""
    result.assert_outcomes(errors=1)
    [header] = [n for n, line in enumerate(result.outlines) if "ERROR at setup of" in line]
    line, after = result.outlines[header + 1 : header + 3]
    assert line.startswith("maxapi: "), line
    assert re.match(r"(-|=){10}", after), after
    return line


# -- what there is ---------------------------------------------------------------------------


def test_installing_is_enough_and_costs_nothing(run_apart: Run) -> None:
    """Until a fixture is used, only the plugin's module is imported, and nothing is started."""
    result = run_apart(
        """
        import sys, threading
        def test_it():
            ours = {name for name in sys.modules if name.startswith("mockserver.")}
            assert ours == set()
            assert not {"flask", "httptools", "responses", "trustme"} & set(sys.modules)
            assert threading.enumerate() == [threading.main_thread()]
        """
    )

    result.assert_outcomes(passed=1)


def test_the_example_of_a_race(run: Run) -> None:
    """The page about races shows a test that passes."""
    page = Path(__file__).parents[1] / "docs" / "races.md"
    [example] = re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)

    run(example).assert_outcomes(passed=1)


def test_pytest_lists_it(run: Run) -> None:
    """`--markers`, `--fixtures` and `--help` list what there is."""
    said = [run("", option).stdout.str() for option in ("--markers", "--fixtures", "--help")]

    assert "@pytest.mark.maxapi(scenario=..., pace=..., balance=..., api_key=...)" in said[0]
    for name in ("maxapi", "maxapi_env", "maxapi_inbox", "maxapi_intercepted"):
        assert re.search(rf"^{name} -- ", said[1], re.MULTILINE)
    assert "--maxapi-url=URL" in said[2]


@pytest.mark.parametrize("backwards", [False, True])
def test_a_sandbox_for_each_test(run: Run, pytester: pytest.Pytester, *, backwards: bool) -> None:
    """One server, and an isolated sandbox for each test, whatever their order."""
    if backwards:
        pytester.makeconftest("def pytest_collection_modifyitems(items): items.reverse()")

    result = run(
        """
        SEEN = []

        @pytest.mark.parametrize("number", range(3))
        def test_it(maxapi, maxapi_server, number):
            assert (maxapi.tasks, maxapi.requests, maxapi.rules) == ([], [], [])
            assert maxapi.settings()["pace"] == "realtime"
            task = submit(maxapi)
            maxapi.scenario("unavailable")
            maxapi.settings(pace="per-poll")
            assert maxapi.base_url == maxapi_server.url
            for url, key, other in SEEN:
                assert (maxapi.base_url, maxapi.api_key != key) == (url, True)
                assert call(maxapi, "GET", f"/api/v1/task/{other}").status_code == 503
                assert call(maxapi, "GET", f"/api/v1/task/{task}", key).status_code == 404
            SEEN.append((maxapi.base_url, maxapi.api_key, task))
        """
    )

    result.assert_outcomes(passed=3)


def test_the_clock_stands_still_unless_the_test_lets_it_run(run: Run) -> None:
    """Nothing happens until the test starts the clock."""
    result = run(
        """
        def test_it(maxapi, maxapi_inbox):
            assert maxapi.clock.frozen
            before = maxapi.clock.now
            task = submit(maxapi, callBackUrl=maxapi_inbox.url)
            assert poll(maxapi, task)["status"] == "PENDING"
            assert maxapi.clock.now == before
            maxapi.clock.run(speed=1000)
            [webhook] = maxapi_inbox.wait()
            assert webhook.task == poll(maxapi, task)
        """
    )

    result.assert_outcomes(passed=1)


def test_the_environment_names_the_sandbox(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the test that asks for it, and for no other."""
    monkeypatch.setenv("MAXAPI_API_KEY", "before")
    monkeypatch.delenv("MAXAPI_BASE_URL", raising=False)

    result = run(
        """
        def of_environment():
            return os.environ.get("MAXAPI_BASE_URL"), os.environ.get("MAXAPI_API_KEY")
        def test_running(maxapi_env, maxapi):
            assert of_environment() == (maxapi.base_url, maxapi.api_key)
            assert maxapi_env is maxapi
        def test_in_the_process(maxapi_intercepted):
            assert of_environment() == (None, maxapi_intercepted.api_key)
        def test_neither(maxapi):
            assert of_environment() == (None, "before")
        """
    )

    result.assert_outcomes(passed=3)


def test_the_marker_sets_the_sandbox_up(run: Run) -> None:
    """Any setting of a sandbox, and the key; the nearest marker takes precedence."""
    result = run(
        """
        pytestmark = pytest.mark.maxapi(pace="instant", scenario="failure")

        @pytest.mark.maxapi(scenario="success", balance="0.10", webhook_tries=1, api_key="app's")
        class TestIt:
            @pytest.mark.maxapi(api_key="mine")
            def test_near(self, maxapi):
                assert maxapi.api_key == "mine"
            def test_far(self, maxapi, maxapi_inbox):
                maxapi_inbox.respond(500)
                task = submit(maxapi, callBackUrl=maxapi_inbox.url)
                assert poll(maxapi, task)["status"] == "SUCCESS"
                maxapi.wait_until_idle()
                assert len(maxapi.deliveries) == 1
                assert maxapi.api_key == "app's"
                assert maxapi.control.balance() == {"balance_usd": "0.08", "spent_usd": "0.02"}
            def test_in_the_process(self, maxapi_intercepted):
                assert maxapi_intercepted.api_key == "app's"
                assert poll(maxapi_intercepted, submit(maxapi_intercepted))["status"] == "SUCCESS"
        def test_farthest(maxapi):
            assert poll(maxapi, submit(maxapi))["status"] == "FAILURE"
        """
    )

    result.assert_outcomes(passed=4)


@pytest.mark.parametrize("fixture", ["maxapi", "maxapi_intercepted"])
@pytest.mark.parametrize(
    ("marker", "said"),
    [
        (
            "paec='instant'",
            "maxapi: marker: paec: no such setting of a sandbox, did you mean",
        ),
        ("pace='fast'", "maxapi: marker: pace: 'fast' is not accepted; use one of [a-z, -]*$"),
        (
            "strict_rule=True",
            "maxapi: marker: strict_rule: is unknown, did you mean strict_rules",
        ),
        ("scenario='failed'", "maxapi: marker: scenario: 'failed' is not a scenario"),
        ("balance=-1", "maxapi: marker: balance: '-1'"),
        ("pace=None", "maxapi: marker: pace: null is not"),
        (
            "port=1",
            "maxapi: marker: port: belongs to the whole mock, not to a sandbox; set it",
        ),
        (
            "'instant'",
            r"maxapi: marker: use keyword arguments, as in maxapi\(scenario=..., pace=...",
        ),
        ("pace={'fast'}", "maxapi: marker: pace: .*fast.* is not accepted"),
        ("pace=b'instant'", "maxapi: marker: pace: "),
    ],
)
def test_a_wrong_marker_is_one_clear_line(run: Run, fixture: str, marker: str, said: str) -> None:
    """It names the value and what is accepted, without a traceback."""
    result = run(f"@pytest.mark.maxapi({marker})\ndef test_it({fixture}): ...")

    assert re.match(said, complaint(result))


@pytest.mark.parametrize("key", ["a\\nb", "\u20ac"])
def test_a_key_that_fits_no_header_is_one_clear_line(run: Run, key: str) -> None:
    """The app could not send it either."""
    result = run(f"@pytest.mark.maxapi(api_key='{key}')\ndef test_it(maxapi): ...")

    assert complaint(result)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("pace = 'fast'", r"pace: 'fast' .*maxapi-mock\.toml"),
        ("paec = 'instant'", "paec: no such setting .*did you mean pace"),
        ("model-cards = 'none'", "model-cards: none is not a folder"),
    ],
)
@pytest.mark.parametrize("fixture", ["maxapi", "maxapi_intercepted"])
def test_a_wrong_setting_of_the_mock_is_one_clear_line(
    run: Run, fixture: str, setting: str, said: str
) -> None:
    """The project's own configuration is read, and its errors are named."""
    Path("maxapi-mock.toml").write_text(setting)

    result = run(f"def test_it({fixture}): ...")

    assert re.match(f"maxapi: {said}", complaint(result))


def test_a_wrong_host_of_the_inbox_is_one_clear_line(run: Run) -> None:
    """It names the address, which is not one of this machine."""
    result = run("def test_it(maxapi_inbox): ...", "--maxapi-inbox-host", "192.0.2.1")

    assert "192.0.2.1" in complaint(result)


def test_the_inbox_responds_as_told_and_checks_what_comes(run: Run) -> None:
    """Two errors, three attempts; a webhook that violates the contract fails the test."""
    result = run(
        """
        def test_retries(maxapi, maxapi_inbox):
            maxapi_inbox.respond(500, 500, 200)
            task = submit(maxapi, callBackUrl=maxapi_inbox.url)
            maxapi.wait_until_idle()
            assert [one.task["taskId"] for one in maxapi_inbox.wait(3)] == [task] * 3
            assert [one["status"] for one in maxapi.deliveries] == [500, 500, 200]
        @pytest.mark.maxapi(scenario="webhook-truncated", webhook_tries=1)
        def test_broken(maxapi, maxapi_inbox):
            submit(maxapi, callBackUrl=maxapi_inbox.url)
            maxapi.wait_until_idle()
            maxapi_inbox.wait()
        """
    )

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["E *AssertionError: webhook 1: body: not valid JSON*"])


def test_asynchronous_clients(run: Run) -> None:
    """Ten requests at once, from an event loop of the test."""
    result = run(
        """
        import asyncio, httpx
        def test_it(maxapi):
            document = {"model": "gpt-image-2/text-to-image", "input": {"prompt": "a cat"}}
            async def submit_ten():
                headers = {"Authorization": f"Bearer {maxapi.api_key}"}
                async with httpx.AsyncClient(base_url=maxapi.base_url, headers=headers) as client:
                    calls = (client.post("/api/v1/task/submit", json=document) for _ in range(10))
                    responses = await asyncio.gather(*calls)
                return {response.json()["data"]["taskId"] for response in responses}
            tasks = asyncio.run(submit_ten())
            assert len(tasks) == 10
            assert {one["taskId"] for one in maxapi.tasks} == tasks
            assert {maxapi.wait_for(task)["status"] for task in tasks} == {"SUCCESS"}
        """
    )

    result.assert_outcomes(passed=1)


def test_interception_ends_with_the_test(run: Run) -> None:
    """Tests share a mock, but no sandbox; afterwards `requests` is as before."""
    result = run(
        """
        @pytest.mark.parametrize("number", range(2))
        def test_it(maxapi_intercepted, number):
            assert maxapi_intercepted.on_webhook is None
            assert maxapi_intercepted.tasks == []
            seen = []
            maxapi_intercepted.on_webhook = seen.append
            task = submit(maxapi_intercepted, callBackUrl="https://app.example.com/hook")
            maxapi_intercepted.wait_for(task)
            assert [one.task for one in seen] == [poll(maxapi_intercepted, task)]
        def test_others(maxapi_intercepted, maxapi):
            with pytest.raises(requests.ConnectionError, match="only the API can be called"):
                requests.get("https://other.example.com", timeout=5)
            assert submit(maxapi)
        @pytest.mark.maxapi(allow_others=True)
        def test_others_allowed(maxapi_intercepted, maxapi_server):
            assert requests.get(f"{maxapi_server.url}/__mock/health", timeout=5).ok
        def test_none():
            from mockserver.interception import redirection
            assert not redirection._in_force
        """
    )

    result.assert_outcomes(passed=5)


def test_both_mocks_in_one_test(run: Run) -> None:
    """The marker is for both; options of one do not affect the other."""
    result = run(
        """
        @pytest.mark.maxapi(allow_others=True, pace="instant")
        def test_it(maxapi, maxapi_intercepted):
            for sandbox in (maxapi, maxapi_intercepted):
                assert poll(sandbox, submit(sandbox))["status"] == "SUCCESS"
        """
    )

    result.assert_outcomes(passed=1)


@pytest.mark.slow
@pytest.mark.parametrize("fixture", ["maxapi", "maxapi_inbox", "maxapi_intercepted"])
@pytest.mark.parametrize("path", ["mockserver.py", "mockserver/__init__.py"])
def test_a_module_that_hides_ours_is_one_clear_line(
    run_apart: Run, pytester: pytest.Pytester, fixture: str, path: str
) -> None:
    """A project may have a `mockserver` of its own; only tests that use a fixture fail."""
    file = pytester.path / path
    file.parent.mkdir(exist_ok=True)
    file.write_text("")

    result = run_apart(f"import mockserver\ndef test_it({fixture}): ...")

    said = complaint(result)
    assert said.startswith(f"maxapi: the name mockserver is taken by {file}, which hides the")


@pytest.mark.parametrize("fixture", ["maxapi_env", "maxapi_intercepted"])
@pytest.mark.parametrize("how", ["marker", "option", "ini"])
def test_a_base_url_with_a_suffix(
    run: Run, pytester: pytest.Pytester, fixture: str, how: str
) -> None:
    """For clients that append only /task/submit: from the marker, the option or the ini file."""
    if how == "ini":
        pytester.makeini("[pytest]\nmaxapi_base_url_suffix = api/v1/")
    marker = "@pytest.mark.maxapi(base_url_suffix='/api/v1')" if how == "marker" else ""

    result = run(
        f"""
        {marker}
        def test_it({fixture}):
            assert os.environ["MAXAPI_BASE_URL"] == {fixture}.base_url + "/api/v1"
        """,
        *(["--maxapi-base-url-suffix", "/api/v1"] if how == "option" else []),
    )

    result.assert_outcomes(passed=1)


def test_a_proxy_of_the_users_is_bypassed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls to the mock bypass it, and the user's own exceptions stay."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "internal.example.com")
    monkeypatch.delenv("no_proxy", raising=False)

    result = run(
        """
        def test_it(maxapi_env):
            assert submit(maxapi_env)
            assert "internal.example.com" in os.environ["NO_PROXY"]
        """
    )

    result.assert_outcomes(passed=1)


@pytest.mark.parametrize("how", ["marker", "ini"])
@pytest.mark.parametrize("fixture", ["maxapi", "maxapi_intercepted"])
def test_a_rule_that_never_fired_fails_a_strict_test(
    run: Run, pytester: pytest.Pytester, how: str, fixture: str
) -> None:
    """The failure names the nearest request; a marker can switch the check off."""
    if how == "ini":
        pytester.makeini("[pytest]\nmaxapi_strict_rules = true")
    marker = "@pytest.mark.maxapi(strict_rules=True)" if how == "marker" else ""

    result = run(
        f"""
        {marker}
        def test_unused({fixture}):
            {fixture}.scenario("unavailable", path="*/sumbit")
            submit({fixture})
        {marker}
        def test_used({fixture}):
            {fixture}.scenario("latency=1ms", path="*/submit")
            submit({fixture})
        @pytest.mark.maxapi(strict_rules=False)
        def test_excused({fixture}):
            {fixture}.scenario("unavailable", path="*/sumbit")
        """
    )

    result.assert_outcomes(passed=2, failed=1)
    text = result.stdout.str()
    assert "\nmaxapi: strict_rules: rules that never fired:\n" in text
    assert text.count("unavailable for path='*/sumbit'") == 1
    assert "maxapi_pytest.py" not in text


# -- the report of a failure -----------------------------------------------------------------


def test_a_failed_test_shows_what_the_mock_saw(run: Run) -> None:
    """Also for intercepted calls, and when a user's fixture fails; otherwise it adds nothing."""
    result = run(
        """
        def test_call(maxapi, maxapi_inbox):
            maxapi_inbox.respond(500)
            maxapi.scenario("unavailable", times=1)
            call(maxapi, "GET", "/api/v1/task/none")
            maxapi.wait_for(submit(maxapi, callBackUrl=maxapi_inbox.url))
            assert False
        def test_in_the_process(maxapi_intercepted):
            assert call(maxapi_intercepted, "GET", "/api/v1/task/none").ok
        @pytest.fixture
        def app(maxapi):
            assert call(maxapi, "GET", "/api/v1/task/none").ok
        def test_setup(app):
            pass
        def test_well(maxapi):
            submit(maxapi)
        """,
        "-rA",
    )

    result.assert_outcomes(passed=1, failed=2, errors=1)
    said = result.stdout.str()
    assert len(re.findall(r"-+ maxapi: what http://127\.0\.0\.1:\d+ saw -+", said)) == 2
    assert len(re.findall(r"-+ maxapi: what https://api\.maxapi\.io saw -+", said)) == 1
    result.stdout.fnmatch_lines(
        [
            "*_ test_call _*",
            "2 requests, 1 task, 1 webhook attempt; the clock shows *Z and stands still",
            "* GET /api/v1/task/none -> 503 service unavailable  [[]unavailable]",
            "* POST /api/v1/task/submit -> 200 task *",
            "* task * SUCCESS",
            "* webhook of *, attempt 1, to http://127*: NOT delivered: returned 500,*; again at *",
            "to come:",
            "  task * webhook, attempt 2 at *",
            "to repeat it by hand, against a mock of its own (maxapi-mock serve):",
            "  MOCK=http://127.0.0.1:6290 KEY=test-*",
            "  curl *",
        ]
    )


def test_secrets_are_not_shown(
    run: Run, mock: RunningMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither what the app sends in its headers, nor the control token."""
    monkeypatch.setenv("MAXAPI_MOCK_CONTROL_TOKEN", "hush-control")
    test = """
        def test_it(maxapi):
            headers = {"X-Api-Key": "hu" + "sh-key", "Cookie": "session=hu" + "sh-cookie"}
            call(maxapi, "GET", "/api/v1/task/none", headers=headers)
            assert False
        """

    result = run(test, "--maxapi-url", mock.url)

    result.assert_outcomes(failed=1)
    assert "GET /api/v1/task/none -> 404" in result.stdout.str()
    assert "hush" not in result.stdout.str()


OWN = """
    KEY = "sk-own-" + "0123456789"

    @pytest.mark.maxapi(api_key="sk-own-0123456789")
    def test_it(maxapi):
        key = maxapi.api_key
        submit(maxapi, f"a cat with {key}")
        print("printed:", key)
        logging.getLogger().warning("logged: %s", key)
        maxapi.assert_requested(prompt="a dog")
    @pytest.mark.maxapi(api_key="sk-own-0123456789")
    def test_another(maxapi):
        assert {"a": maxapi.api_key} == {"b": KEY}
    @pytest.mark.maxapi(api_key="sk-own-0123456789", scenario="none-such")
    def test_a_third(maxapi):
        pass
    """


@pytest.mark.parametrize("options", [(), ("-l",), ("--tb=short", "-rA"), ("-n", "1")])
def test_a_key_of_the_users_own_is_not_shown(
    run: Run, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """Neither in our report nor in pytest's: source, locals, output, logs, JUnit."""
    junit = tmp_path / "junit.xml"

    result = run(f"import logging\n{dedent(OWN)}", f"--junit-xml={junit}", *options)

    shown = result.stdout.str() + result.stderr.str() + junit.read_text("utf-8")
    assert "no request" not in shown
    assert "KEY=$MAXAPI_API_KEY" in shown
    assert "printed: $MAXAPI_API_KEY" in shown
    assert "sk-own-01" not in shown


DYING = """
    import contextlib
    from mockserver.testing import running_mock

    @pytest.fixture(scope="session")
    def stack():
        with contextlib.ExitStack() as stack:
            yield stack
    @pytest.fixture(scope="session")
    def maxapi_server(stack):
        return stack.enter_context(running_mock())
    def test_it(maxapi, stack):
        stack.close()
        assert "the test's own" == "failure"
    """


def test_a_mock_that_died_does_not_hide_the_failure(run: Run) -> None:
    """The report has the failure, and says why there is nothing from the mock."""
    result = run(DYING)

    assert result.parseoutcomes()["failed"] == 1
    result.stdout.fnmatch_lines(
        ['E *assert "the test\'s own" == *', "the mock cannot be asked: ControlError: no mock *"]
    )


def test_a_mock_that_died_adds_no_failure(run: Run) -> None:
    """There is nothing left to reset, so the sandbox is closed in silence."""
    result = run(DYING)

    result.assert_outcomes(failed=1)


# -- a mock that is there already ------------------------------------------------------------


@pytest.mark.parametrize("by_environment", [False, True])
def test_a_mock_that_runs_already(
    run: Run, mock: RunningMock, monkeypatch: pytest.MonkeyPatch, *, by_environment: bool
) -> None:
    """It is used, its sandbox is left empty, and the curl lines are for it."""
    options = [] if by_environment else ["--maxapi-url", f"{mock.url}/"]
    if by_environment:
        monkeypatch.setenv("MAXAPI_MOCK_URL", mock.url)
    test = """
        @pytest.mark.maxapi(api_key="visitor")
        def test_it(maxapi):
            assert not submit(maxapi)
        """

    result = run(test, *options)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [f"*maxapi: what {mock.url} saw*", "to repeat it by hand:", f"  MOCK={mock.url} KEY=*"]
    )
    visited = mock.sandbox("visitor")
    assert (visited.tasks, visited.requests) == ([], [])
    visited.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("{mock}/elsewhere", "no such route: POST /elsewhere/__mock/clock; did .*"),
        ("{inbox}", "{inbox}/__mock/ is not a mock: it returned ''"),
        (
            "{unused}",
            "no mock answers: connection refused at 127.0.0.1:.*; `maxapi-mock serve` starts one",
        ),
        ("ftp://127.0.0.1", "no mock answers: .*scheme ftp"),
        ("http://127.0.0.1:99999", "no mock answers: Failed to parse"),
        ("127.0.0.1:1", "no mock answers: an http or https URL is needed"),
    ],
)
def test_a_url_without_a_mock_is_one_clear_line(
    run: Run, mock: RunningMock, url: str, said: str
) -> None:
    """It names the URL, and what is there, also where warnings are errors, as here."""
    with socket.socket() as unused, InboxServer() as inbox:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        real = {"mock": mock.url, "inbox": inbox.url, "unused": f"http://127.0.0.1:{port}"}
        url, said = url.format(**real), said.format(**real)

        result = run("def test_it(maxapi): ...", "--maxapi-url", url)

    assert re.match(f"maxapi: {re.escape(url)}: {said}", complaint(result))


def test_a_password_in_the_url_is_not_shown(run: Run) -> None:
    """If there is no mock, the line names the URL without it."""
    result = run("def test_it(maxapi): ...", "--maxapi-url", "http://u:hush@127.0.0.1:1")

    assert complaint(result).startswith("maxapi: http://[redacted]@127.0.0.1:1: no mock")


def test_an_empty_url_does_not_count(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CI sets such a variable; a mock is started then."""
    monkeypatch.setenv("MAXAPI_MOCK_URL", "")

    result = run("def test_it(maxapi): submit(maxapi)")

    result.assert_outcomes(passed=1)


# -- pytest-xdist ----------------------------------------------------------------------------


@pytest.mark.slow
def test_each_worker_has_a_mock_of_its_own(run_apart: Run) -> None:
    """The failure report comes with the worker's."""
    test = "def test_it(maxapi): assert call(maxapi, 'GET', '/api/v1/task/none').ok"

    result = run_apart(test, "-n", "2", "--dist", "each")

    result.assert_outcomes(failed=2)
    said = result.stdout.str()
    assert len(set(re.findall(r"-+ maxapi: what (\S+) saw -+", said))) == 2
    assert said.count("GET /api/v1/task/none -> 404 task 'none' not found") == 2


WATCHER = """
    import gc
    import os
    import socket
    import threading
    import pytest

    def sockets():
        "Return what listens or is connected."
        found = set()
        for number in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():
            try:
                if os.readlink(f"/proc/self/fd/{number}").startswith("socket:"):
                    found.add(socket.socket(fileno=os.dup(int(number))))
            except OSError:  # that of the listing itself
                pass
        internet = [one for one in found if one.family != socket.AF_UNIX]
        names = {one.getsockname() for one in internet if is_in_use(one)}
        for one in found:
            one.close()
        return names

    def is_in_use(one):
        try:
            one.getpeername()
        except OSError:
            return bool(one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
        return True

    def pytest_configure(config):
        config.before = set(threading.enumerate()), sockets()

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(session):
        threads, open_before = session.config.before
        late = set(threading.enumerate()) - threads
        for thread in late:
            thread.join(5)
        gc.collect()  # urllib3 leaves the socket of a connection that was reset in a cycle
        left = [one.name for one in late if one.is_alive()] + list(sockets() - open_before)
        name = getattr(session.config, "workerinput", {}).get("workerid")
        if name:
            session.config.rootpath.joinpath(f"left-by-{name}").write_text(str(left))
    """
MANY = """
    DOCUMENT = {"model": "gpt-image-2/text-to-image", "input": {"prompt": "a cat"}}
    LUCKLESS = [pytest.param(f"key-{n}", marks=pytest.mark.maxapi(api_key=f"key-{n}"))
                for n in range(200)]

    def ids(maxapi):
        return [one["taskId"] for one in maxapi.tasks]

    @pytest.mark.parametrize("number", range(400))
    def test_plain(maxapi, number):
        task = submit(maxapi)
        assert ids(maxapi) == [task]
        assert len(maxapi.requests) == 1

    @pytest.mark.maxapi(scenario="failure")
    @pytest.mark.parametrize("number", range(200))
    def test_failing(maxapi, maxapi_inbox, number):
        task = submit(maxapi, callBackUrl=maxapi_inbox.url)
        maxapi.wait_for(task, "FAILURE")
        assert [one.task["taskId"] for one in maxapi_inbox.wait()] == ids(maxapi) == [task]

    @pytest.mark.maxapi(chaos=0.5)
    @pytest.mark.parametrize("key", LUCKLESS)
    def test_chaos(maxapi, key):
        assert maxapi.api_key == key
        seen = set()
        for _ in range(3):
            try:
                response = call(maxapi, "POST", "/api/v1/task/submit", json=DOCUMENT)
                seen.add(response.json()["data"]["taskId"])
            except (requests.RequestException, KeyError):
                pass
        assert seen <= set(ids(maxapi))
        assert len(maxapi.requests) == 3
    """


@pytest.mark.slow
def test_four_workers_with_two_hundred_tests_each(
    run_apart: Run,
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """No test sees another's tasks; no thread, socket or temporary file is left behind."""
    temporary = tmp_path_factory.mktemp("temporary")
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setenv("MAXAPI_MOCK_SEED", "7")
    pytester.makeconftest(dedent(WATCHER))

    result = run_apart(MANY, "-n", "4")

    result.assert_outcomes(passed=800)
    left = {path.name: path.read_text() for path in pytester.path.glob("left-by-*")}
    assert left == dict.fromkeys((f"left-by-gw{number}" for number in range(4)), "[]")
    assert list(temporary.iterdir()) == []
