"""The pytest plugin: a sandbox for each test, and its story when the test fails.

Nothing of the mock is imported before a test asks for one of the fixtures.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mockserver.testing import Inbox, Intercepted, MaxapiSandbox, RunningMock
    from mockserver.testing.inbox import InboxServer
    from mockserver.testing.mocks import InProcessMock

_HELD = pytest.StashKey[list[tuple["MaxapiSandbox", str | None]]]()
"""The sandboxes of a test, and the URL of each one's mock if it outlives the session."""
_MARKER = (
    "maxapi(scenario=..., pace=..., balance=..., api_key=...): how the mock of this test behaves; "
    "any setting of a sandbox can be given, as on the command line"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("maxapi", "MaxAPI mock")
    group.addoption(
        "--maxapi-url",
        metavar="URL",
        default=os.environ.get("MAXAPI_MOCK_URL", ""),
        help="use the mock that runs at URL (default: $MAXAPI_MOCK_URL, else one is started)",
    )
    group.addoption(
        "--maxapi-inbox-host",
        metavar="HOST",
        default="127.0.0.1",
        help="address at which maxapi_inbox listens and the mock reaches it (default: 127.0.0.1)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", _MARKER)


@pytest.fixture(scope="session")
def maxapi_server(request: pytest.FixtureRequest) -> Iterator[RunningMock]:
    """Give the mock of this session, or the one that `--maxapi-url` names."""
    from mockserver.contract import ContractError
    from mockserver.settings import SettingError
    from mockserver.testing import RunningMock, running_mock

    url = request.config.getoption("--maxapi-url")
    if url:
        yield RunningMock(url.rstrip("/"), os.environ.get("MAXAPI_MOCK_CONTROL_TOKEN"))
        return
    with ExitStack() as stack:
        try:
            mock = stack.enter_context(running_mock(request.config.rootpath))
        except (SettingError, ContractError) as error:
            raise _failed(str(error)) from None
        yield mock


@pytest.fixture
def maxapi(request: pytest.FixtureRequest, maxapi_server: RunningMock) -> Iterator[MaxapiSandbox]:
    """Give the test a sandbox of its own, whose clock stands still."""
    from mockserver.testing import ControlError

    key, settings, _ = _marked(request.node)
    try:
        sandbox = maxapi_server.sandbox(key)
    except ControlError as error:
        raise _failed(f"{maxapi_server.url}: {error}") from None
    survives = bool(request.config.getoption("--maxapi-url"))
    _hold(request.node, sandbox, maxapi_server.url if survives else None)
    try:
        _configure(sandbox, settings)
        yield sandbox
    finally:
        sandbox.close()


@pytest.fixture
def maxapi_env(maxapi: MaxapiSandbox, monkeypatch: pytest.MonkeyPatch) -> MaxapiSandbox:
    """Set MAXAPI_API_KEY and MAXAPI_BASE_URL for the test; give the sandbox that they name."""
    _set_environment(maxapi, monkeypatch)
    return maxapi


@pytest.fixture(scope="session")
def _maxapi_inboxes(request: pytest.FixtureRequest) -> Iterator[InboxServer]:
    from mockserver.testing import InboxServer

    host = request.config.getoption("--maxapi-inbox-host")
    try:
        server = InboxServer(host)
    except OSError as error:
        raise _failed(f"--maxapi-inbox-host: {host}: {error.strerror or error}") from None
    with server:
        yield server


@pytest.fixture
def maxapi_inbox(_maxapi_inboxes: InboxServer) -> Iterator[Inbox]:
    """Give a webhook receiver at a URL that only this test knows."""
    inbox = _maxapi_inboxes.inbox()
    yield inbox
    _maxapi_inboxes.close(inbox)


@pytest.fixture(scope="session")
def _maxapi_in_process(request: pytest.FixtureRequest) -> Iterator[InProcessMock]:
    from mockserver.contract import ContractError
    from mockserver.settings import SettingError
    from mockserver.testing.intercept import mock_of_the_api

    try:
        mock = mock_of_the_api(request.config.rootpath)
    except (SettingError, ContractError) as error:
        raise _failed(str(error)) from None
    yield mock
    mock.close()


@pytest.fixture
def maxapi_intercepted(
    request: pytest.FixtureRequest,
    _maxapi_in_process: InProcessMock,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Intercepted]:
    """Answer the `requests` calls of the test to the API in the process, without sockets.

    Sets MAXAPI_API_KEY and MAXAPI_BASE_URL as `maxapi_env` does.
    """
    from mockserver.testing.intercept import intercept_with

    key, settings, allow_others = _marked(request.node)
    with intercept_with(_maxapi_in_process, key, allow_others=allow_others) as sandbox:
        _hold(request.node, sandbox, None)
        _set_environment(sandbox, monkeypatch)
        _configure(sandbox, settings)
        try:
            yield sandbox
        finally:
            sandbox.on_webhook = None


def _marked(item: Any) -> tuple[str | None, dict[str, Any], bool]:
    """Give the key, the settings, and whether others may pass, as a test's markers say.

    The nearest marker wins.
    """
    settings: dict[str, Any] = {}
    for marker in item.iter_markers("maxapi"):
        if marker.args:
            raise _failed(f"marker: use names, as in {_MARKER.partition(':')[0]}")
        settings = {**marker.kwargs, **settings}
    key, allow_others = settings.pop("api_key", None), settings.pop("allow_others", False)
    return key, settings, allow_others


def _configure(sandbox: MaxapiSandbox, settings: dict[str, Any]) -> None:
    from mockserver.testing import ControlError

    if not settings:
        return
    try:
        sandbox.settings(**settings)
    except ControlError as error:
        raise _failed(f"marker: {error}") from None


def _failed(message: str) -> BaseException:
    return pytest.fail.Exception(f"maxapi: {message}", pytrace=False)


def _set_environment(sandbox: MaxapiSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAXAPI_API_KEY", sandbox.api_key)
    monkeypatch.setenv("MAXAPI_BASE_URL", sandbox.base_url)


def _hold(item: Any, sandbox: MaxapiSandbox, url: str | None) -> None:
    item.stash.setdefault(_HELD, []).append((sandbox, url))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, Any]:
    """Add to the report of a failed test what its sandboxes saw."""
    report = yield
    held = item.stash.get(_HELD, [])
    if report.failed and report.when != "teardown":
        for sandbox, url in held:
            report.sections.append((f"maxapi: what {sandbox.base_url} saw", _story(sandbox, url)))
    for sandbox, _ in held:
        _hide(report, sandbox)
    return report


def _hide(report: pytest.TestReport, sandbox: MaxapiSandbox) -> None:
    """Take the user's own key out of *report*: a traceback has it where a marker names it."""
    from mockserver.testing.reports import hide

    hide(report, sandbox.control.without_keys)


def _story(sandbox: MaxapiSandbox, url: str | None) -> str:
    from mockserver.testing.story import tell

    try:
        return tell(sandbox.control, sandbox.api_key, url)
    except Exception as error:  # the report of the failure itself must not suffer
        return f"the mock does not tell: {type(error).__name__}: {error}"
