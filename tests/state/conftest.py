"""A PostgreSQL for the tests of kept state, servers of the mock, and a receiver of webhooks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.state.postgres import Postgres, programs, running_postgres
from tests.state.receiver import Receiver
from tests.state.serving import Serving

NEEDED = "MAXAPI_NEEDS_DATABASE"
"""Set where these tests may not be skipped."""


def missing(what: str) -> NoReturn:
    """Skip the test for want of something or, where it is needed, fail."""
    reason = f"{what} is not installed; `make database` installs it"
    if os.environ.get(NEEDED):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL for all tests of one worker; a test that stops it starts it again."""
    found = programs()
    if found is None:
        missing("PostgreSQL")
    with running_postgres(found) as server:
        yield server


@pytest.fixture
def database_url(postgres: Postgres) -> str:
    """The URL of an empty database of the test's own."""
    return postgres.new_database()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a file of the test's own, which does not exist yet."""
    return f"sqlite:///{tmp_path / 'mock.db'}"


@pytest.fixture
def serving() -> Iterator[Serving]:
    """Start servers, and end what is left of them after the test."""
    with Serving() as started:
        yield started


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Receive webhooks."""
    with Receiver() as started:
        yield started


@pytest.fixture(params=["sqlite", "postgresql"])
def state_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database, of each kind."""
    url: str = request.getfixturevalue(f"{request.param.replace('postgresql', 'database')}_url")
    return url
