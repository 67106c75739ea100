"""What the tests of a user share: their app, and a record of how long each test took."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from app import App

_taken: dict[str, float] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up what setup, call and teardown of a test take."""
    _taken[report.nodeid] = _taken.get(report.nodeid, 0) + report.duration


def pytest_sessionfinish() -> None:
    """Write the seconds that each test took, in order."""
    Path(os.environ["BENCH_FILE"]).write_text(json.dumps(list(_taken.values())), "utf-8")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make many tests of each."""
    metafunc.parametrize("number", range(int(os.environ["BENCH_TESTS"])))


@pytest.fixture(scope="session")
def _session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False  # no proxy: this machine only
        yield session


@pytest.fixture
def app(_session: requests.Session, number: int) -> App:
    """Return the app under test."""
    return App(_session, f"cat {number}")
