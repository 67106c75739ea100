"""The engine of a database: how it is opened, which URLs are accepted, what its errors mean."""

from __future__ import annotations

import os
import secrets
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from mockserver.domain.redaction import without_url_secrets
from mockserver.engine.keeping import Unavailable
from mockserver.errors import MaxapiMockError
from mockserver.state.codec import VERSION
from mockserver.state.tables import ABOUT, METADATA

APPLICATION = "maxapi-mock "
"""Begins the name by which PostgreSQL lists a connection; the rest is a token."""
_MOST_PORTS = 65536
_LIMITS = {
    "statement_timeout": 20,
    "lock_timeout": 10,
}
"""Seconds, of PostgreSQL."""
_PATIENCE = 5
"""Seconds in which a database must accept a connection, or give a lock."""


_PRAGMAS = ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = NORMAL")
"""One program has the file, and what is committed outlives it; a power failure can undo the last
commits, as to wait for the disk each time would cost most of the speed."""


_BUSY = ("40", "55P03", "57014")
"""PostgreSQL's codes of conflicts, and of locks and statements that took too long."""


class Busy(Unavailable):
    """Something else is at the same rows for too long; the connection is as it was."""


class StateError(MaxapiMockError):
    """State cannot be kept where it was asked for; the message says why, and what to do."""


def shown(url: str) -> str:
    """Return *url* without its user, and without passwords, which can be in its query as well."""
    return without_url_secrets(url)


class Database:
    """A database by its URL, which is `sqlite:///FILE` or `postgresql://...`."""

    def __init__(self, url: str) -> None:
        self.shown = shown(url)
        """The URL without its password."""
        self.token = secrets.token_hex(8)
        """Begins the ids of this process's replicas; by it, others find its connections."""
        self._url = _parsed(url)
        self.is_shared = self._url.get_backend_name() == "postgresql"
        """Whether several replicas can use it."""
        self._engine = self._sqlite() if not self.is_shared else self._postgresql()
        self._lock: AbstractContextManager[object] = nullcontext() if self.is_shared else Lock()
        """One connection serves SQLite, as no other one gets in."""
        self.secret = ""
        """By which replicas know each other; known once it is open."""

    def open(self) -> None:
        """Make or check the tables. Raises StateError, or Unavailable if it may work later."""
        with self.transaction() as connection:
            if self.is_shared:  # two replicas may start at the same moment
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(6290)")
            if not inspect(connection).has_table(ABOUT.name):
                METADATA.create_all(connection)
                rows = {"version": str(VERSION), "secret": secrets.token_hex(32)}
                values = [{"name": name, "value": value} for name, value in rows.items()]
                connection.execute(insert(ABOUT), values)
            found = connection.execute(select(ABOUT.c.name, ABOUT.c.value))
            about = {str(row.name): str(row.value) for row in found}
        if about.get("version") != str(VERSION):
            raise StateError(
                f"{self.shown}: kept by another version of maxapi-mock (format "
                f"{about.get('version', '?')}, this one has {VERSION}); export it with that "
                "version ('maxapi-mock state export'), or use an empty database"
            )
        self.secret = about["secret"]

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Do something as a whole or not at all. Raises StateError and Unavailable."""
        try:
            with self._lock, self._engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            raise self._meaning(error) from None
        except sqlite3.Error as error:
            raise self._sqlite_meaning(_first_line(error)) from None
        except SQLAlchemyError as error:
            raise Unavailable(f"{self.shown}: {_first_line(error)}") from None

    def own_address(self) -> str:
        """Return the address of this machine from which it reaches the database."""
        host, port = self._url.host or "localhost", self._url.port or 5432
        try:
            family, kind, _, _, target = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
            with socket.socket(family, kind) as probe:  # a datagram's socket sends nothing yet
                probe.connect(target)
                return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostbyname(socket.gethostname())

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _sqlite(self) -> Engine:
        with suppress(OSError):  # then the first transaction says so; secrets may be in it
            os.close(os.open(str(self._url.database), os.O_CREAT | os.O_WRONLY, 0o600))
        engine = create_engine(
            self._url,
            poolclass=StaticPool,
            connect_args={"timeout": _PATIENCE, "check_same_thread": False},
        )

        def prepare(connection: sqlite3.Connection, _record: Any) -> None:
            connection.isolation_level = None
            for pragma in (
                "locking_mode = EXCLUSIVE",
                "journal_mode = WAL",
                "synchronous = NORMAL",
            ):
                connection.execute(f"PRAGMA {pragma}")

        event.listen(engine, "connect", prepare)
        event.listen(engine, "begin", lambda one: one.exec_driver_sql("BEGIN IMMEDIATE"))
        return engine

    def _postgresql(self) -> Engine:
        arguments = {
            "connect_timeout": _PATIENCE,
            "application_name": f"{APPLICATION}{self.token}",
            "options": " ".join(f"-c {name}={seconds}s" for name, seconds in _LIMITS.items()),
        }
        return create_engine(self._url, pool_size=4, max_overflow=4, connect_args=arguments)

    def _meaning(self, error: DBAPIError) -> StateError | Unavailable:
        """Return what an error of the driver means: wrong for good, or only now."""
        line = _first_line(error.orig)
        if not self.is_shared:
            return self._sqlite_meaning(line)
        code = getattr(error.orig, "sqlstate", None) or ""
        if "invalid connection option" in line:
            return StateError(f"{self.shown}: {line}")
        if not code and ("password authentication failed" in line or "no password" in line):
            code = "28P01"
        if not code and "does not exist" in line:
            code = "28000" if 'role "' in line else "3D000"
        may_not = "; the user may not do that: grant it CREATE on the schema"
        advice = {
            "28": "; check user and password",
            "3D": "; create it: createdb NAME",
            "42501": may_not,
            "3F": may_not,
        }
        for start, text in advice.items():
            if code.startswith(start):
                return StateError(f"{self.shown}: {line}{text}")
        kind = Busy if code.startswith(_BUSY) else Unavailable
        return kind(f"{self.shown}: {line}")

    def _sqlite_meaning(self, line: str) -> StateError | Unavailable:
        if "not a database" in line or "malformed" in line:
            return StateError(f"{self.shown}: {line}; use another file, or a backup of this one")
        advice = {
            "locked": "another program uses the file; each server needs one of its own, and "
            "several that share state need PostgreSQL",
            "readonly": "the file, or its folder, cannot be written",
            "unable to open": "its folder must exist, and be writable",
            "full": "the disk is full",
        }
        text = next((text for part, text in advice.items() if part in line), "")
        return Unavailable(f"{self.shown}: {line}" + (f" ({text})" if text else ""))


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """Use a database meanwhile, without a server. Raises StateError."""
    database = Database(url)
    try:
        database.open()
        yield database
    except Unavailable as problem:
        raise StateError(str(problem)) from None
    finally:
        database.close()


def _parsed(url: str) -> URL:
    """Read a URL. Raises StateError."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StateError(_accepted("it is not a URL")) from None
    name = parsed.drivername
    if name == "sqlite":
        if parsed.database in (None, "", ":memory:"):
            raise StateError(_accepted("sqlite needs a file"))
        folder = Path(str(parsed.database)).absolute().parent
        if not folder.is_dir():
            raise StateError(f"{shown(url)}: the folder {folder} does not exist; create it")
        return parsed
    if name in ("postgresql", "postgres", "postgresql+psycopg"):
        if "@" in (parsed.host or ""):
            raise StateError(_accepted("user and password contain an '@', which is written %40"))
        if parsed.port is not None and not 0 < parsed.port < _MOST_PORTS:
            raise StateError(_accepted(f"there is no port {parsed.port}"))
        return parsed.set(drivername="postgresql+psycopg")
    raise StateError(_accepted(f"{name!r} is not supported"))


def _accepted(problem: str) -> str:
    return (
        f"state: {problem}; use memory, sqlite:///FILE (sqlite:////FILE for an absolute path), or "
        "postgresql://HOST/DATABASE"
    )


def _first_line(error: object) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
