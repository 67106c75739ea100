"""A PostgreSQL of the tests' own, in a temporary folder, without a password."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from mockserver.network.listening import listen_on

_USUAL = ("max_connections=60", "listen_addresses=127.0.0.1")
_UNSAFE = ("fsync=off", "full_page_writes=off")
"""What makes it quick, and loses data if the machine stops."""


def programs() -> Path | None:
    """Return the folder of PostgreSQL's programs; None if it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    known = shutil.which("initdb")
    if found:
        return found[-1].parent
    return Path(known).parent if known else None


class Postgres:
    """A server that can be stopped, killed and started again."""

    def __init__(self, programs: Path, folder: Path, *, is_safe: bool = False) -> None:
        self._options = _USUAL if is_safe else (*_USUAL, *_UNSAFE)
        self._programs = programs
        self._data = folder / "data"
        with listen_on("127.0.0.1", 0) as free:
            self.port = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0
        self._as = {"user": "postgres", "group": "postgres"} if os.getuid() == 0 else {}
        if self._as:
            shutil.chown(folder, "postgres", "postgres")
        self._run("initdb", "-D", str(self._data), "-U", "mock", "--auth=trust", "--no-sync")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._programs / program, *arguments],
            check=True,
            capture_output=True,
            cwd="/",
            timeout=100,
            **self._as,  # type: ignore[call-overload]
        )

    def start(self) -> None:
        """Start, and return once it accepts connections."""
        options = " ".join(f"-c {one}" for one in (*self._options, f"port={self.port}"))
        sockets = f"-c unix_socket_directories={self._data}"
        self._run(
            "pg_ctl", "-D", str(self._data), "-w", "-l", str(self._data / "log"),
            "-o", f"{options} {sockets}", "start",
        )  # fmt: skip

    def run(self) -> None:
        """Start unless it runs already."""
        try:
            self._run("pg_ctl", "-D", str(self._data), "status")
        except subprocess.CalledProcessError:
            self.start()

    def stop(self, how: str = "fast") -> None:
        """Stop; *how* is one of pg_ctl's modes, and `immediate` is like a crash."""
        self._run("pg_ctl", "-D", str(self._data), "-w", "-m", how, "stop")

    def allow(self, rule: str) -> None:
        """Put a rule of `pg_hba.conf` before the others."""
        rules = self._data / "pg_hba.conf"
        rules.write_text(f"{rule}\n{rules.read_text()}")
        self._run("pg_ctl", "-D", str(self._data), "reload")

    def new_database(self) -> str:
        """Create a database; return its URL."""
        self._databases += 1
        name = f"mock{os.getpid()}_{self._databases}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return self.url(name)

    def url(self, database: str) -> str:
        """Return the URL of a database."""
        return f"postgresql://mock@127.0.0.1:{self.port}/{database}"


@contextmanager
def running_postgres(programs: Path, *, is_safe: bool = False) -> Iterator[Postgres]:
    """Run a PostgreSQL meanwhile; unless it *is_safe*, it does without what a crash needs."""
    folder = Path(tempfile.mkdtemp(prefix="maxapi-postgres-"))
    folder.chmod(0o755)
    server = Postgres(programs, folder, is_safe=is_safe)
    server.start()
    try:
        yield server
    finally:
        with_suppressed_stop(server)
        shutil.rmtree(folder, ignore_errors=True)


def with_suppressed_stop(server: Postgres) -> None:
    """Stop a server that may be stopped already."""
    try:
        server.stop("immediate")
    except subprocess.CalledProcessError:
        return
