"""The pytest plugin: a sandbox for each test, and its story when the test fails.

It has a name of its own, as other distributions have a `mockserver` too, and imports nothing of
ours before a test asks for one of the fixtures.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mockserver.testing import Inbox, Intercepted, MaxapiSandbox, RunningMock
    from mockserver.testing.inbox import InboxServer
    from mockserver.testing.mocks import InProcessMock

_HELD = pytest.StashKey[list[tuple["MaxapiSandbox", str | None]]]()
"""The sandboxes of this attempt at a test, and each mock's URL if it outlives the session."""
_SUFFIX = "maxapi_base_url_suffix"
_STRICT = "maxapi_strict_rules"
_MARKER = (
    "maxapi(scenario=..., pace=..., balance=..., api_key=...): how the mock of this test behaves; "
    "any setting of a sandbox can be given, as on the command line; also base_url_suffix, "
    "strict_rules, and allow_others for maxapi_intercepted"
)


@dataclass(frozen=True, slots=True)
class _Marked:
    """What the markers of a test say."""

    key: str | None
    suffix: str | None
    allow_others: bool
    strict_rules: bool | None
    settings: dict[str, Any]


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
    said = "what MAXAPI_BASE_URL has at its end, such as /api/v1, for clients that want it there"
    group.addoption("--maxapi-base-url-suffix", metavar="PATH", help=said)
    parser.addini(_SUFFIX, said, default="")
    parser.addini(_STRICT, "fail a test if one of its rules never fired", "bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", _MARKER)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Forget what an earlier attempt at the same test had."""
    item.stash[_HELD] = []


def _import(name: str) -> Any:
    """Import a module of ours. Fails with one line where another `mockserver` hides it."""
    try:
        return import_module(f"mockserver.{name}")
    except ImportError as error:
        if not (error.name or "").startswith("mockserver"):
            raise
        other = sys.modules.get("mockserver")
        file = getattr(other, "__file__", None) or next(iter(getattr(other, "__path__", ["?"])))
        raise _failed(
            f"the name mockserver is taken by {file}, which hides the package of that name in "
            f"{Path(__file__).parent}, of maxapi-mockserver: rename it, or keep its folder out of "
            "sys.path"
        ) from None


@contextmanager
def _as_one_line(place: str = "") -> Iterator[None]:
    """Let a mistake of the user's fail with the message that our exceptions have for it."""
    kinds = (
        ("contract", "ContractError"),
        ("settings", "SettingError"),
        ("testing", "ControlError"),
        ("web.server", "ServerError"),
    )
    expected = tuple(getattr(_import(module), name) for module, name in kinds)
    try:
        yield
    except expected as error:
        hide = _import("domain.redaction").without_url_secrets
        raise _failed(hide(f"{place}{error}")) from None


def _failed(message: str) -> BaseException:
    return pytest.fail.Exception(f"maxapi: {message}", pytrace=False)


# -- the fixtures ----------------------------------------------------------------------------


@pytest.fixture(scope="session")
def maxapi_server(request: pytest.FixtureRequest) -> Iterator[RunningMock]:
    """Give the mock of this session, or the one that `--maxapi-url` names."""
    testing = _import("testing")
    url = request.config.getoption("--maxapi-url")
    if url:
        yield testing.RunningMock(url.rstrip("/"), os.environ.get("MAXAPI_MOCK_CONTROL_TOKEN"))
        return
    with ExitStack() as stack:
        with _as_one_line():
            mock = stack.enter_context(testing.running_mock(request.config.rootpath))
        yield mock


@pytest.fixture
def maxapi(request: pytest.FixtureRequest, maxapi_server: RunningMock) -> Iterator[MaxapiSandbox]:
    """Give the test a sandbox of its own, whose clock stands still."""
    marked = _marked(request.node)
    with _as_one_line(f"{maxapi_server.url}: "):
        sandbox = maxapi_server.sandbox(marked.key)
    survives = bool(request.config.getoption("--maxapi-url"))
    _hold(request.node, sandbox, maxapi_server.url if survives else None)
    try:
        _configure(sandbox, marked)
        yield sandbox
    finally:
        sandbox.close()


@pytest.fixture
def maxapi_env(
    request: pytest.FixtureRequest, maxapi: MaxapiSandbox, monkeypatch: pytest.MonkeyPatch
) -> MaxapiSandbox:
    """Set MAXAPI_API_KEY and MAXAPI_BASE_URL for the test; give the sandbox that they name.

    A proxy of the user's is left out for the mock.
    """
    suffix = _suffix(request) or ""
    variables = {"MAXAPI_API_KEY": maxapi.api_key, "MAXAPI_BASE_URL": maxapi.base_url + suffix}
    variables |= _import("settings.proxies").past_proxies(os.environ, maxapi.base_url)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return maxapi


@pytest.fixture(scope="session")
def _maxapi_inboxes(request: pytest.FixtureRequest) -> Iterator[InboxServer]:
    host = request.config.getoption("--maxapi-inbox-host")
    try:
        server = _import("testing").InboxServer(host)
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
    with _as_one_line():
        mock = _import("testing.intercept").mock_of_the_api(request.config.rootpath)
    yield mock
    mock.close()


@pytest.fixture
def maxapi_intercepted(
    request: pytest.FixtureRequest,
    _maxapi_in_process: InProcessMock,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Intercepted]:
    """Answer the calls of the test to the API's own URLs, whatever client makes them.

    Sets MAXAPI_API_KEY, and MAXAPI_BASE_URL only where a suffix for it is asked for.
    """
    marked, suffix = _marked(request.node), _suffix(request)
    with ExitStack() as stack:
        with _as_one_line():
            sandbox = stack.enter_context(
                _import("testing.intercept").intercept_with(
                    _maxapi_in_process, marked.key, allow_others=marked.allow_others
                )
            )
        _hold(request.node, sandbox, None)
        monkeypatch.setenv("MAXAPI_API_KEY", sandbox.api_key)
        if suffix is not None:
            monkeypatch.setenv("MAXAPI_BASE_URL", sandbox.base_url + suffix)
        _configure(sandbox, marked)
        try:
            yield sandbox
        finally:
            sandbox.on_webhook = None


def _marked(item: Any) -> _Marked:
    """Read a test's markers; the nearest wins."""
    given: dict[str, Any] = {}
    for marker in item.iter_markers("maxapi"):
        if marker.args:
            raise _failed(f"marker: use names, as in {_MARKER.partition(':')[0]}")
        given = {**marker.kwargs, **given}
    key = given.pop("api_key", None)
    if not isinstance(key, str | None):
        raise _failed(f"marker: api_key: a text is needed, not {type(key).__name__}")
    return _Marked(
        key,
        given.pop("base_url_suffix", None),
        bool(given.pop("allow_others", False)),
        given.pop("strict_rules", None),
        given,
    )


def _suffix(request: pytest.FixtureRequest) -> str | None:
    """Give what the base URL is to have at its end, with one slash before it; None if nothing."""
    asked = (
        _marked(request.node).suffix,
        request.config.getoption("--maxapi-base-url-suffix"),
        request.config.getini(_SUFFIX) or None,
    )
    given = next((one for one in asked if one is not None), None)
    return None if given is None else str(_import("settings.environment").as_suffix(given))


def _configure(sandbox: MaxapiSandbox, marked: _Marked) -> None:
    if marked.settings:
        with _as_one_line("marker: "):
            sandbox.settings(**marked.settings)


def _hold(item: Any, sandbox: MaxapiSandbox, url: str | None) -> None:
    item.stash[_HELD].append((sandbox, url))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Fail a test that passes, but has rules that never fired, if that is asked for."""
    result = yield
    held = item.stash[_HELD]
    if held:
        own = _marked(item).strict_rules
        if item.config.getini(_STRICT) if own is None else own:
            for sandbox, _ in held:
                sandbox.assert_all_rules_used()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, Any]:
    """Add to the report of a failed test what its sandboxes saw."""
    report = yield
    held = item.stash.get(_HELD, [])
    if report.failed and report.when != "teardown":
        for sandbox, url in held:
            place = sandbox.control.shown(sandbox.base_url)
            report.sections.append((f"maxapi: what {place} saw", _story(sandbox, url)))
    for sandbox, _ in held:
        _hide(report, sandbox)
    return report


def _hide(report: pytest.TestReport, sandbox: MaxapiSandbox) -> None:
    """Take the user's own key out of *report*: a traceback has it where a marker names it."""
    _import("testing.reports").hide(report, sandbox.control.without_keys)


def _story(sandbox: MaxapiSandbox, url: str | None) -> str:
    try:
        return str(_import("testing.story").tell(sandbox.control, sandbox.api_key, url))
    except Exception as error:  # the report of the failure itself must not suffer
        return f"the mock does not tell: {type(error).__name__}: {error}"
