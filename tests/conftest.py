"""Fixtures: the contract, and services with a clock and a transport of the test's own."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime, timedelta
from queue import Queue
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, settings

from mockserver.contract import Contract, load_contract
from mockserver.engine.clock import Clock
from mockserver.engine.service import Service
from mockserver.engine.webhooks.attempt import AttemptResult, WebhookRequest
from mockserver.settings import make_settings
from tests.client import Client

START = datetime(2026, 2, 10, 21, 54, 46, 686768, UTC)
"""What the clock of every test shows at first."""

settings.register_profile(
    "suite",
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
settings.register_profile("quick", settings.get_profile("suite"), max_examples=10)
settings.load_profile("suite")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Let `no_cover` hold for the processes that a test starts, too.

    It is for what would take twice as long and covers what others cover.
    """
    if item.get_closest_marker("no_cover") is None:
        return (yield)
    with patch.dict(os.environ):
        for name in [name for name in os.environ if name.startswith("COV")]:
            del os.environ[name]
        return (yield)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Have one worker run all of `contract_tests`, which look at one run; others are free.

    The mark `xdist_group` would say the same, but no longer works with pytest 9.2.
    """
    if config.getvalue("dist") != "load":
        return None
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

    class Scheduling(LoadScopeScheduling):  # type: ignore[misc, unused-ignore]
        def _split_scope(self, nodeid: str) -> str:
            return "contract_tests" if nodeid.startswith("contract_tests/") else nodeid

    return Scheduling(config, log)


class Receiver:
    """A transport that notes every callback and answers as told."""

    def __init__(self) -> None:
        self.calls: Queue[WebhookRequest] = Queue()
        self.outcomes: list[AttemptResult] = []
        """The next answers; after them, every callback is delivered."""

    def __call__(self, callback: WebhookRequest) -> AttemptResult:
        outcome = self.outcomes.pop(0) if self.outcomes else AttemptResult(204, None, 0.001)
        self.calls.put(callback)
        return outcome

    def next(self) -> WebhookRequest:
        """Await the next callback."""
        return self.calls.get(timeout=5)


@pytest.fixture(scope="session")
def contract() -> Contract:
    """The contract, read once."""
    return load_contract()


@pytest.fixture
def receiver() -> Receiver:
    """The webhook receiver of the services of a test."""
    return Receiver()


@pytest.fixture
def printed_as_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let sessions of pytest that a test starts print the same here, in CI and in any terminal."""
    for name in ("CI", "BUILD_NUMBER", "COLUMNS", "LINES", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)


MakeClient = Callable[..., Client]


@pytest.fixture
def make_client(contract: Contract, receiver: Receiver) -> Iterator[MakeClient]:
    """Make a client of a new service whose clocks stand still; takes settings by name."""
    services: list[Service] = []

    def make(**changes: Any) -> Client:
        chosen = changes.pop("contract", contract)
        service = Service(
            chosen,
            make_settings(chosen, **changes),
            make_clock=lambda: Clock(START, speed=0),
            transport=receiver,
        )
        services.append(service)
        return Client(service)

    yield make
    for service in services:
        service.close()


@pytest.fixture
def client(make_client: MakeClient) -> Client:
    """A client of a service with default settings."""
    return make_client()


def seconds(count: float) -> timedelta:
    """Give a duration."""
    return timedelta(seconds=count)
