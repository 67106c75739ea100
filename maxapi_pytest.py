"""The pytest plugin: a sandbox for each test, and a report of what it saw when the test fails.

The module is outside the package, as other distributions have a `mockserver` too, and imports
nothing from it before a test asks for one of the fixtures.
"""

from __future__ import annotations

import gc
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

_SANDBOXES = pytest.StashKey[list[tuple["MaxapiSandbox", str | None]]]()
"""The sandboxes of the current run of a test, and each mock's URL if it outlives the session."""
_SUFFIX = "maxapi_base_url_suffix"
_STRICT = "maxapi_strict_rules"
_MARKER = (
    "maxapi(scenario=..., pace=..., balance=..., api_key=...): how the mock of this test behaves; "
    "takes any setting of a sandbox, as on the command line; also base_url_suffix, "
    "strict_rules, and allow_others for maxapi_intercepted"
)

_OWN = frozenset(("api_key", "base_url_suffix", "allow_others", "strict_rules"))
"""What markers take besides settings."""


@dataclass(frozen=True, slots=True)
class _Options:
    """What the markers of a test ask for."""

    key: str | None
    suffix: str | None
    allow_others: bool
    strict_rules: bool | None
    settings: dict[str, Any]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and ini settings."""
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
    suffix = "what to append to MAXAPI_BASE_URL, for example /api/v1, for clients that expect it"
    group.addoption("--maxapi-base-url-suffix", metavar="PATH", help=suffix)
    parser.addini(_SUFFIX, suffix, default="")
    parser.addini(_STRICT, "fail a test if one of its rules never fired", "bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", _MARKER)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Forget the sandboxes of an earlier run of the same test."""
    item.stash[_SANDBOXES] = []


def _import(name: str) -> Any:
    """Import a module of the package. Fails with one line if another `mockserver` hides it."""
    try:
        with _uncollected():
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
def _uncollected() -> Iterator[None]:
    """Let the garbage collector rest while much is made that stays, which it would search often."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def _as_one_line(place: str = "") -> Iterator[None]:
    """Let errors that the user can fix fail the test with their message, without a traceback."""
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


@pytest.fixture(scope="session")
def maxapi_server(request: pytest.FixtureRequest) -> Iterator[RunningMock]:
    """Return the mock of this session, or the one that `--maxapi-url` names."""
    testing = _import("testing")
    url = request.config.getoption("--maxapi-url")
    if url:
        yield testing.RunningMock(url.rstrip("/"), os.environ.get("MAXAPI_MOCK_CONTROL_TOKEN"))
        return
    with ExitStack() as stack:
        with _as_one_line(), _uncollected():
            mock = stack.enter_context(testing.running_mock(request.config.rootpath))
        yield mock


@pytest.fixture
def maxapi(request: pytest.FixtureRequest, maxapi_server: RunningMock) -> Iterator[MaxapiSandbox]:
    """Return a sandbox of the test's own, whose clock stands still."""
    options = _options_of(request.node)
    with _as_one_line(f"{maxapi_server.url}: "):
        sandbox = maxapi_server.sandbox(options.key, label=request.node.name)
    url = maxapi_server.url if request.config.getoption("--maxapi-url") else None
    request.node.stash[_SANDBOXES].append((sandbox, url))
    try:
        _configure(sandbox, options)
        yield sandbox
    finally:
        sandbox.close()


@pytest.fixture
def maxapi_env(
    request: pytest.FixtureRequest, maxapi: MaxapiSandbox, monkeypatch: pytest.MonkeyPatch
) -> MaxapiSandbox:
    """Return the sandbox of the test, and set MAXAPI_API_KEY and MAXAPI_BASE_URL to it.

    NO_PROXY is extended, so that calls to the mock bypass a proxy of the user's.
    """
    suffix = _suffix(request) or ""
    variables = {"MAXAPI_API_KEY": maxapi.api_key, "MAXAPI_BASE_URL": maxapi.base_url + suffix}
    variables |= _import("network.proxy_environment").past_proxies(os.environ, maxapi.base_url)
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
    """Return a webhook receiver at a URL that only this test knows."""
    inbox = _maxapi_inboxes.inbox()
    yield inbox
    _maxapi_inboxes.close(inbox)


@pytest.fixture(scope="session")
def _maxapi_in_process(request: pytest.FixtureRequest) -> Iterator[InProcessMock]:
    with _as_one_line(), _uncollected():
        mock = _import("testing.intercept").mock_of_the_api(request.config.rootpath)
    yield mock
    mock.close()


@pytest.fixture
def maxapi_intercepted(
    request: pytest.FixtureRequest,
    _maxapi_in_process: InProcessMock,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Intercepted]:
    """Return a sandbox that gets the calls to the API's own URLs, whatever client makes them.

    Sets MAXAPI_API_KEY, and MAXAPI_BASE_URL only if a suffix for it is configured.
    """
    options, suffix = _options_of(request.node), _suffix(request)
    with ExitStack() as stack:
        with _as_one_line():
            sandbox = stack.enter_context(
                _import("testing.intercept").intercept_with(
                    _maxapi_in_process, options.key, allow_others=options.allow_others
                )
            )
        request.node.stash[_SANDBOXES].append((sandbox, None))
        monkeypatch.setenv("MAXAPI_API_KEY", sandbox.api_key)
        if suffix is not None:
            monkeypatch.setenv("MAXAPI_BASE_URL", sandbox.base_url + suffix)
        _configure(sandbox, options)
        try:
            yield sandbox
        finally:
            sandbox.on_webhook = None


def _options_of(item: Any) -> _Options:
    """Read a test's markers; the nearest takes precedence."""
    given: dict[str, Any] = {}
    for marker in item.iter_markers("maxapi"):
        if marker.args:
            raise _failed(f"marker: use keyword arguments, as in {_MARKER.partition(':')[0]}")
        given = {**marker.kwargs, **given}
    from difflib import get_close_matches

    for name in given.keys() - _OWN:
        if near := get_close_matches(name, _OWN, 1, 0.85):  # settings have their own message
            raise _failed(f"marker: {name}: is unknown, did you mean {near[0]}?")
    key = given.pop("api_key", None)
    if not isinstance(key, str | None):
        raise _failed(f"marker: api_key: a text is needed, not {type(key).__name__}")
    return _Options(
        key,
        given.pop("base_url_suffix", None),
        bool(given.pop("allow_others", False)),
        given.pop("strict_rules", None),
        given,
    )


def _suffix(request: pytest.FixtureRequest) -> str | None:
    """Return what to append to the base URL, with one slash before it; None if nothing."""
    asked = (
        _options_of(request.node).suffix,
        request.config.getoption("--maxapi-base-url-suffix"),
        request.config.getini(_SUFFIX) or None,
    )
    given = next((one for one in asked if one is not None), None)
    return None if given is None else str(_import("settings.environment").as_suffix(given))


def _configure(sandbox: MaxapiSandbox, options: _Options) -> None:
    if options.settings:
        with _as_one_line("marker: "):
            sandbox.settings(**options.settings)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Fail a test that passes but has rules that never fired, if it is to be strict."""
    result = yield
    sandboxes = item.stash[_SANDBOXES]
    if sandboxes:
        own = _options_of(item).strict_rules
        if item.config.getini(_STRICT) if own is None else own:
            for sandbox, _ in sandboxes:
                try:
                    sandbox.assert_all_rules_used()
                except AssertionError as error:
                    raise _failed(f"strict_rules: {error}") from None
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, Any]:
    """Add to the report of a failed test what its sandboxes saw."""
    report = yield
    sandboxes = item.stash.get(_SANDBOXES, [])
    if report.failed and report.when != "teardown":
        for sandbox, url in sandboxes:
            place = sandbox.control.shown(sandbox.base_url)
            seen = _failure_report(sandbox, url, report.longreprtext)
            report.sections.append((f"maxapi: what {place} saw", seen))
    for sandbox, _ in sandboxes:  # a traceback shows the user's own key if a marker names it
        _import("testing.reports").hide(report, sandbox.control.without_keys)
    return report


def _failure_report(sandbox: MaxapiSandbox, url: str | None, said: str) -> str:
    try:
        module = _import("testing.failure_report")
        return str(module.failure_report(sandbox.control, sandbox.api_key, url, said))
    except Exception as error:  # the report of the failure itself must not suffer
        return f"the mock cannot be asked: {type(error).__name__}: {error}"
