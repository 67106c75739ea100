"""Where generators are tried: their tools, and how these are called."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
_PYTHON = ("openapi-generator-cli", "openapi-python-client", "datamodel-code-generator[http]",
           "schemathesis", "urllib3", "python-dateutil", "pydantic", "ruff")  # fmt: skip
_NODE = ("@hey-api/openapi-ts", "openapi-typescript", "openapi-fetch", "@stoplight/prism-cli",
         "typescript@5", "tsx", "axios", "@types/node")  # fmt: skip
_MOST_SECONDS = 570
_VALIDATOR = Path("/usr/share/gocode/src/gopkg.in/validator.v2")
"""Where Debian's golang-gopkg-validator.v2-dev has what generated Go clients import."""
_JARS = ("jackson-databind-2.17.2", "jackson-core-2.17.2", "jackson-annotations-2.17.2",
         "jackson-datatype-jsr310-2.17.1", "jakarta.annotation-api-2.1.1")  # fmt: skip
"""What generated Java clients of the library `native` need."""


class StepFailedError(Exception):
    """A tool did not do what it was asked for."""


class ToolMissingError(Exception):
    """A tool cannot be installed here."""


class Place:
    """A folder with the document and, once they are asked for, the tools."""

    def __init__(self, folder: Path, document: str, url: str) -> None:
        self.folder = folder
        self.url = url
        """The mock's."""
        self.document = folder / "openapi.json"
        folder.mkdir(parents=True, exist_ok=True)
        self.document.write_text(document, "utf-8")

    def fresh(self, name: str) -> Path:
        """Make an empty folder."""
        made = self.folder / name
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir()
        return made

    def run(self, *words: str | Path, within: Path | None = None, more: Sequence[str] = ()) -> str:
        """Run a command, with environment variables `NAME=value` in *more*; return its output.

        Raises StepFailedError with the last line of its output.
        """
        variables = dict(one.split("=", 1) for one in (f"MOCK_URL={self.url}", *more))
        try:
            done = subprocess.run(
                list(map(str, words)),
                cwd=within or self.folder,
                env=os.environ | variables,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=_MOST_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise StepFailedError(f"took more than {_MOST_SECONDS} s") from None
        if done.returncode:
            (self.folder / "failed.log").write_text(done.stdout, "utf-8")
            lines = [line for line in done.stdout.splitlines() if line.strip()]
            raise StepFailedError(lines[-1].strip()[:100] if lines else "failed")
        return done.stdout

    def python(self, command: str = "python") -> Path:
        """Return a command of a virtual environment with the tools that are in Python."""
        made = self.folder / "python"
        if not (made / "bin" / "st").exists():
            venv.create(made, with_pip=True, clear=True)
            self._install(made / "bin" / "pip", "install", "-q", *_PYTHON)
        return made / "bin" / command

    def node(self, command: str) -> Path:
        """Return a command of a folder with the tools that are in JavaScript."""
        made = self.folder / "node_modules" / ".bin"
        if not made.is_dir():
            package = {"name": "generated", "private": True, "type": "module"}
            (self.folder / "package.json").write_text(json.dumps(package), "utf-8")
            self._install(found("npm"), "install", "--no-audit", "--no-fund", *_NODE)
        return made / command

    def _install(self, *words: str | Path) -> None:
        try:
            self.run(*words)
        except StepFailedError as error:
            raise ToolMissingError(f"cannot be installed: {error}") from None

    def jar(self) -> Path:
        """Return OpenAPI Generator, which the package on PyPI has inside."""
        found("java")
        [jar] = self.python().parents[1].rglob("openapi-generator.jar")
        return jar

    def version(self, package: str) -> str:
        """Return the version of an installed package of Python or JavaScript."""
        described = self.folder / "node_modules" / package / "package.json"
        if described.exists():
            return str(json.loads(described.read_text("utf-8"))["version"])
        asked = f"import importlib.metadata as m; print(m.version({package!r}))"
        return self.run(self.python(), "-c", asked).strip()

    def go_module(self, folder: Path) -> None:
        """Make a Go module around a generated client."""
        go = found("go")
        for one in ("client/go.mod", "client/go.sum"):
            (folder / one).unlink(missing_ok=True)
        shutil.rmtree(folder / "client" / "test", ignore_errors=True)
        self.run(go, "mod", "init", "generated", within=folder)
        module = "gopkg.in/validator.v2@v2.0.1"
        if not _VALIDATOR.is_dir():
            try:
                self.run(go, "get", module, within=folder)
            except StepFailedError:
                raise ToolMissingError(f"{module} cannot be downloaded") from None
            return
        copy = folder / "validator"
        shutil.copytree(_VALIDATOR, copy, ignore=shutil.ignore_patterns("*_test.go"))
        (copy / "go.mod").write_text("module gopkg.in/validator.v2\n", "utf-8")
        replaced = f"-replace=gopkg.in/validator.v2={copy}"
        self.run(go, "mod", "edit", f"-require={module}", replaced, within=folder)

    def jars(self) -> str:
        """Return a class path with what generated Java clients need."""
        repository = Path.home() / ".m2" / "repository"
        jars = [next(repository.rglob(f"{name}.jar"), None) for name in _JARS]
        if None in jars:
            missing = _JARS[jars.index(None)]
            raise ToolMissingError(f"{missing}.jar is not in Maven's local repository")
        return os.pathsep.join(map(str, jars))


def found(command: str) -> str:
    """Return the path of a command. Raises ToolMissingError."""
    path = shutil.which(command)
    if path is None:
        raise ToolMissingError(f"{command} is not installed")
    return path


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def log(text: str) -> None:
    """Tell whoever waits what is being done."""
    print(text, file=sys.stderr, flush=True)
