"""State that cannot be kept where it was asked for: one line says why, and nothing is damaged."""

from __future__ import annotations

import os
import re
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.state.postgres import Postgres
from tests.state.serving import DEADLINE, Serving, eventually

KEY = "key"
PASSWORD = "geheim"


def refused(url: str, limit: Callable[[], object] | None = None) -> str:
    """Start a server that must end; return the one line that it says."""
    done = subprocess.run(
        [sys.executable, "-m", "mockserver", "serve", "--port", "0", "--state", url],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
        preexec_fn=limit,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert PASSWORD not in line
    return line


@pytest.mark.slow
@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (lambda path: path.write_text("no database, " * 500), "file is not a database"),
        (lambda path: path.write_text("short"), "file is not a database"),
        (lambda path: path.mkdir(), "unable to open database file"),
    ],
)
def test_a_file_that_is_something_else_is_left_alone(
    tmp_path: Path, prepare: Callable[[Path], object], said: str
) -> None:
    """It is said what the file is, and not one byte of it changes."""
    path = tmp_path / "mock.db"
    prepare(path)
    before = path.is_file() and path.read_bytes()

    line = refused(f"sqlite:///{path}")

    assert re.search(said, line)
    assert (path.is_file() and path.read_bytes()) == before


@pytest.mark.slow
def test_what_another_version_has_kept_is_left_alone(tmp_path: Path) -> None:
    """It is said which one, and what to do."""
    path = tmp_path / "mock.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE maxapi_mock (name TEXT PRIMARY KEY, value TEXT)")
        connection.execute("INSERT INTO maxapi_mock VALUES ('version', '99'), ('secret', '')")
        before = list(connection.iterdump())

    line = refused(f"sqlite:///{path}")

    assert "another version of maxapi-mock (format 99" in line
    assert "maxapi-mock state export" in line
    with closing(sqlite3.connect(path)) as connection:
        assert list(connection.iterdump()) == before


@pytest.mark.slow
def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    """It is not made: a wrong path would be noticed too late."""
    folder = tmp_path / "none"

    line = refused(f"sqlite:///{folder}/mock.db")

    assert f"the folder {folder} does not exist; create it" in line
    assert not folder.exists()


@pytest.mark.slow
def test_a_file_has_one_server(serving: Serving, sqlite_url: str) -> None:
    """The second one is told so, and the first one goes on."""
    first = serving(sqlite_url)
    task_id = first.submitted(KEY)

    line = refused(sqlite_url)

    assert "another program uses the file" in line
    assert "PostgreSQL" in line
    assert first.poll(KEY, task_id).status_code == 200


@pytest.mark.slow
def test_a_new_file_on_a_full_disk_is_said(sqlite_url: str) -> None:
    """Where not even the tables fit, the server does not start."""
    line = refused(sqlite_url, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000)))

    assert re.search("disk I/O error|disk is full", line)


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """A file system of 2 MB, where the tests may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a file system can only be mounted by root")
    return folder


@pytest.mark.slow
def test_a_disk_that_becomes_full_loses_nothing(small_disk: Path) -> None:
    """What cannot be kept is answered 503; once there is space, all that was accepted is there."""
    filler = small_disk / "filler"
    try:
        with Serving() as serving:
            mock = serving(f"sqlite:///{small_disk / 'mock.db'}")
            accepted = [mock.submitted(KEY)]
            filler.write_bytes(bytes(1_200_000))
            full = mock.submit(KEY)
            while full.status_code == 200:
                accepted.append(full.json()["data"]["taskId"])
                full = mock.submit(KEY, prompt="a cat " * 2000)
            why = mock.request("GET", "/__mock/clock", KEY)
            filler.unlink()
            accepted.append(mock.submitted(KEY))
            mock.kill()
            mock.start()

            assert full.status_code == 503
            assert full.json()["code"] == 503
            assert full.headers["Retry-After"]
            assert "full" in why.json()["msg"]
            assert eventually(lambda: mock.poll(KEY, accepted[0]).status_code != 503)
            assert all(mock.poll(KEY, task_id).status_code == 200 for task_id in accepted)
    finally:
        subprocess.run(["umount", "-l", str(small_disk)], check=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://mock:{password}@{at}/nosuch", "database .nosuch. does not exist; create it"),
        ("postgresql://guarded:{password}@{at}/postgres", "authentication failed.*check user"),
        ("postgresql://guarded@{at}/postgres", "no password supplied; check user"),
        ("postgresql://nobody:{password}@{at}/postgres", "role .nobody. does not exist; check"),
        ("postgresql://timid:{password}@{at}/closed", "grant it CREATE on the schema"),
        ("postgresql://mock:{password}@{at}/postgres?nonsense=1", 'option "nonsense"'),
        ("postgresql://mock:{password}@127.0.0.1:99999/postgres", "there is no port 99999"),
        ("postgresql://mock:x@{password}@{at}/postgres", "written %40"),
        ("mysql://mock:{password}@{at}/postgres", "'mysql' is not accepted"),
    ],
)
def test_a_wrong_url_is_said_without_its_password(guarded: Postgres, url: str, said: str) -> None:
    """What will not work later either ends the server."""
    line = refused(url.format(password=PASSWORD, at=f"127.0.0.1:{guarded.port}"))

    assert re.search(said, line)


@pytest.fixture(scope="module")
def guarded(postgres: Postgres) -> Postgres:
    """A PostgreSQL with a role that needs a password, and one that may do nothing."""
    postgres.allow("host all guarded 127.0.0.1/32 scram-sha-256")
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE ROLE guarded LOGIN PASSWORD 'right'")
        connection.execute("CREATE ROLE timid LOGIN")
        connection.execute("CREATE DATABASE closed")
    with psycopg.connect(postgres.url("closed"), autocommit=True) as connection:
        connection.execute("REVOKE ALL ON SCHEMA public FROM public")
    return postgres


@pytest.mark.slow
@pytest.mark.parametrize("url", ["{user}@{at}", "{at}?password={password}"])
def test_a_password_is_shown_nowhere(serving: Serving, url: str) -> None:
    """Neither while the database is awaited nor in what requests are told."""
    shown = url.format(user=f"mock:{PASSWORD}", password=PASSWORD, at="127.0.0.1:1/mock")
    mock = serving(f"postgresql://{shown}")

    why = mock.request("GET", "/__mock/clock", KEY)
    said = mock.wait_until_it_says("see it live")

    assert why.status_code == 503
    assert "refused" in why.json()["msg"]
    assert "waiting for the database" in said
    assert PASSWORD not in said + why.text
