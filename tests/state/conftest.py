"""A PostgreSQL for the tests of state."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.state.postgres import Postgres, programs, running_postgres

NEEDED = "MAXAPI_NEEDS_DATABASE"
"""Set where these tests may not be skipped."""


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL of this worker's own."""
    found = programs()
    if found is None:
        reason = "PostgreSQL is not installed; `make database` installs it"
        if os.environ.get(NEEDED):
            pytest.fail(reason)
        pytest.skip(reason)
    with running_postgres(found) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def state_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'mock.db'}"
    url: str = request.getfixturevalue("postgres").new_database()
    return url
