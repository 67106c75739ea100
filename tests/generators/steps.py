"""What can be tried with a tool: each step raises an error that says why it does not work."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT, Popen
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.generators import programs
from tests.generators.place import Place, StepFailedError, ToolMissingError, found, free_port

Step = Callable[[Place, Path], object]
_TSC = (
    "--strict", "--noEmit", "--target", "es2022", "--module", "esnext", "--skipLibCheck",
    "--moduleResolution", "bundler", "--lib", "es2022,dom,dom.iterable", "--types", "node",
)  # fmt: skip


def generated(generator: str, *options: str) -> Step:
    """Generate a client with OpenAPI Generator."""

    def step(place: Place, folder: Path) -> None:
        output: tuple[str | Path, ...] = ("-g", generator, "-o", folder / "client", *options)
        place.run(
            found("java"), "-jar", place.jar(), "generate", "-i", place.document, *output,
            within=folder,
        )  # fmt: skip

    return step


def made(tool: Callable[[Place], Path], *words: str) -> Step:
    """Call a tool with words in which `{document}` stands for the document."""

    def step(place: Place, folder: Path) -> None:
        filled = [word.format(document=place.document) for word in words]
        command = tool(place)
        path = f"PATH={command.parent}{os.pathsep}{os.environ['PATH']}"  # some call ruff
        place.run(command, *filled, within=folder, more=(path,))

    return step


def _finished(output: str) -> None:
    if output.split()[-1:] != ["SUCCESS"]:
        raise StepFailedError(f"ended with {output.strip()[-60:]!r}")


def python(code: str, package: str) -> tuple[Step, Step]:
    """Compile and use a package for Python."""

    def compiles(place: Place, folder: Path) -> None:
        place.run(place.python(), "-m", "compileall", "-q", folder / package)

    def talks(place: Place, folder: Path) -> None:
        (folder / "program.py").write_text(code, "utf-8")
        where = f"PYTHONPATH={folder / package}"
        _finished(place.run(place.python(), "program.py", within=folder, more=(where,)))

    return compiles, talks


def typescript(code: str) -> tuple[Step, Step]:
    """Check the types of a program that uses a client, and run it."""

    def compiles(place: Place, folder: Path) -> None:
        (folder / "program.ts").write_text(code, "utf-8")
        place.run(place.node("tsc"), *_TSC, "program.ts", within=folder)

    def talks(place: Place, folder: Path) -> None:
        _finished(place.run(place.node("tsx"), "program.ts", within=folder))

    return compiles, talks


def go_compiles(place: Place, folder: Path) -> None:
    """Build a program that uses the client."""
    place.go_module(folder)
    (folder / "main.go").write_text(programs.GO, "utf-8")
    place.run(found("go"), "build", "-mod=mod", "-o", "main", ".", within=folder)


def go_talks(place: Place, folder: Path) -> None:
    """Run it."""
    _finished(place.run(folder / "main"))


def java_compiles(place: Place, folder: Path) -> None:
    """Compile a client and a program that uses it."""
    (folder / "Main.java").write_text(programs.JAVA, "utf-8")
    sources = [*(folder / "client" / "src" / "main").rglob("*.java"), folder / "Main.java"]
    (folder / "sources").write_text("\n".join(map(str, sources)), "utf-8")
    place.run(
        found("javac"), "-nowarn", "-d", "out", "-cp", place.jars(), "@sources", within=folder
    )


def java_talks(place: Place, folder: Path) -> None:
    """Run it."""
    classes = f"{folder / 'out'}:{place.jars()}"
    _finished(place.run(found("java"), "-cp", classes, "Main"))


def cargo(place: Place, folder: Path) -> None:
    """Check a crate."""
    try:
        place.run(found("cargo"), "fetch", within=folder / "client")
    except StepFailedError:
        raise ToolMissingError("crates cannot be downloaded") from None
    place.run(found("cargo"), "check", within=folder / "client")


def dotnet(place: Place, folder: Path) -> None:
    """Build a project for .NET."""
    place.run(found("dotnet"), "build", within=folder / "client")


@contextmanager
def _prism(place: Place, *words: str) -> Iterator[str]:
    """Run Prism on a free port; yield its URL."""
    port = str(free_port())
    command = [str(place.node("prism")), *words, "-p", port]
    with Popen(command, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, text=True) as process:
        try:
            output = process.stdout
            if output is None or not any("listening" in line for line in output):
                raise StepFailedError("does not start")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _call(url: str, body: object = None) -> tuple[int, object]:
    headers = {"Authorization": "Bearer generated", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    try:
        with urlopen(Request(url, data, headers), timeout=60) as response:  # noqa: S310
            return response.status, json.load(response)
    except HTTPError as error:
        return error.code, None


def through(*words: str) -> Step:
    """Submit and poll through Prism, which rejects what the document does."""

    def step(place: Place, _folder: Path) -> None:
        filled = [word.format(document=place.document, mock=place.url) for word in words]
        with _prism(place, *filled) as url:
            wanted = {"model": "veo3", "input": {"prompt": "a fox"}}
            status, submitted = _call(f"{url}/api/v1/task/submit", wanted)
            task_id = dict(submitted)["data"]["taskId"] if status == 200 else ""  # type: ignore[call-overload]
            polled, _ = _call(f"{url}/api/v1/task/{task_id}")
            wanted["input"] = {"prompt": "a fox", "duration": 5}
            rejected, _ = _call(f"{url}/api/v1/task/submit", wanted)
        if (status, polled, rejected // 100) != (200, 200, 4):
            raise StepFailedError(f"responds {status}, {polled} and {rejected}")

    return step


def fuzzed(place: Place, folder: Path) -> None:
    """Run all checks of Schemathesis against the mock."""
    (folder / "schemathesis.toml").write_text(
        '[[operations]]\ninclude-operation-id = "cancel"\n'
        "checks.positive_data_acceptance.expected-statuses = [200, 400, 404]\n",
        "utf-8",
    )
    place.run(
        place.python("st"), "run", place.document, "--url", place.url, "--max-examples", "20",
        "-H", "Authorization: Bearer generated", "--include-tag", "task", "--no-color",
        within=folder,
    )  # fmt: skip
