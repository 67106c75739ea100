"""What starts a mock elsewhere is valid by its own schema, and does what it says."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.examples.conftest import HERE, clean_environment
from tests.examples.test_documents import ROOT, load
from tests.examples.test_projects import PLUGINS, run

MAXAPI_MOCK = Path(sys.executable).with_name("maxapi-mock")
SCHEMAS = {
    "github-actions": [ROOT / "action.yml"],
    "github-workflows": sorted((HERE / "ci").glob("github*.yml")),
    "gitlab-ci": sorted((HERE / "ci").glob("gitlab*.yml")),
    "compose-spec": sorted((HERE / "compose").rglob("*.yaml")),
}
"""The files of each kind, by the name that check-jsonschema gives their schema."""

NOT_SHOWN = ("__pycache__", "downstream", "fakes")
"""Folders of the examples that are for these tests only."""

_PYTHON = """#!/bin/sh
case $1 in
-c) exec {python} -c "import sys; sys.version_info = {version}
$2" ;;
-m)
    mkdir -p "$3/bin"
    ln -s {command} "$3/bin/maxapi-mock"
    printf '#!/bin/sh\\necho "$@" >>{calls}\\n' >"$3/bin/python"
    chmod +x "$3/bin/python"
    ;;
esac
"""
"""A Python whose environments have a mock, and only note what is to be installed."""


def offer_python(folder: Path, version: tuple[int, int] = (3, 12)) -> dict[str, str]:
    """Make a `python3` whose installations are noted in the file `calls`; return its PATH."""
    (folder / "python").mkdir()
    program = folder / "python" / "python3"
    places = {"python": sys.executable, "command": MAXAPI_MOCK, "calls": folder / "calls"}
    program.write_text(_PYTHON.format(version=version, **places))
    program.chmod(0o755)
    return {"PATH": f"{program.parent}:/usr/bin:/bin"}


class Job:
    """A job of GitHub that consists of the action, with inputs."""

    def __init__(self, folder: Path, **inputs: str) -> None:
        self.folder = folder
        action = load(ROOT / "action.yml")
        given = {name: str(one.get("default", "")) for name, one in action["inputs"].items()}
        self.inputs = given | inputs
        self.steps: dict[str, dict[str, Any]] = {
            one["name"]: one for one in action["runs"]["steps"]
        }
        self.outputs = action["outputs"]

    def environment(self) -> dict[str, str]:
        """Return what the runner sets, and what earlier steps have added to the path."""
        names = ("ENV", "OUTPUT", "PATH", "STEP_SUMMARY")
        files = {f"GITHUB_{name}": str(self.folder / name) for name in names}
        more = {"RUNNER_TEMP": str(self.folder / "temp"), "GITHUB_ACTION_PATH": str(ROOT)}
        (self.folder / "temp").mkdir(exist_ok=True)
        return clean_environment() | files | more

    def run(self, name: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a step as the runner does."""
        step = self.steps[name]
        assert self.is_due(step)
        given = {key: self.filled(text) for key, text in step.get("env", {}).items()}
        added = self.folder / "PATH"
        environment = self.environment() | given
        if added.exists():
            environment["PATH"] = f"{added.read_text().strip()}:/usr/bin:/bin"
        script = self.folder / "step.sh"
        script.write_text(step["run"])
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self.folder / self.filled(step.get("working-directory", ".")),
            env=environment | variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def filled(self, text: str) -> str:
        """Put the inputs into a text."""
        return re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: self.inputs[found[1]], text)

    def is_due(self, step: dict[str, Any]) -> bool:
        """Return whether a step is to be run with these inputs."""
        condition = step.get("if", "inputs.command == inputs.command")
        found = re.fullmatch(r"inputs\.command (==|!=) (''|inputs\.command)", condition)
        assert found
        return (self.inputs["command"] == "" or found[2] != "''") is (found[1] == "==")

    def told(self, name: str) -> dict[str, str]:
        """Read a file that steps write names and values to."""
        lines = (self.folder / name).read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_files_are_valid(schema: str) -> None:
    """By the schemas that their tools publish."""
    files = map(str, SCHEMAS[schema])
    command = ["check-jsonschema", "--builtin-schema", f"vendor.{schema}", *files]

    done = subprocess.run(
        command, env=clean_environment(), capture_output=True, text=True, timeout=60, check=False
    )

    assert len(SCHEMAS[schema]) >= 1
    assert done.returncode == 0, done.stdout


def test_the_action_installs_the_command_only(tmp_path: Path) -> None:
    """From its own folder, into an environment of its own, whose Python is not on the path."""
    job = Job(tmp_path)

    done = job.run("Install the mock", **offer_python(tmp_path))

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "calls").read_text() == f"-m pip install --quiet {ROOT}\n"
    [folder] = (tmp_path / "PATH").read_text().splitlines()
    assert [path.resolve() for path in Path(folder).iterdir()] == [MAXAPI_MOCK.resolve()]


def test_the_action_needs_a_python_that_is_new_enough(tmp_path: Path) -> None:
    """It says so where the runner shows it."""
    done = Job(tmp_path).run("Install the mock", **offer_python(tmp_path, (3, 10)))

    assert done.returncode == 1
    assert done.stdout.startswith("::error::python3 has to be 3.11 or newer")


def test_the_action_runs_a_command(tmp_path: Path) -> None:
    """With options of the mock, in a folder; the job's summary shows what the mock received."""
    (tmp_path / "app").mkdir()
    command = 'pwd >where && curl --silent --fail "$MAXAPI_BASE_URL/api/v1/task/x" | cat'
    inputs = {
        "command": command,
        "options": "--api-key a,b  --expect 401",
        "working-directory": "app",
    }
    job = Job(tmp_path, **inputs)

    done = job.run("Run the command")

    assert done.returncode == 22, done.stderr  # curl's, although it is not the last of the pipe
    assert (tmp_path / "app" / "where").read_text().strip() == str(tmp_path / "app")
    assert "401" in (tmp_path / "STEP_SUMMARY").read_text()
    assert not job.is_due(job.steps["Start the mock"])


def test_the_action_starts_a_mock(tmp_path: Path) -> None:
    """For the steps that follow: they know its URL, and what it prints is in a file."""
    job = Job(tmp_path, options="--seed 7")

    done = job.run("Start the mock")
    told, variables = job.told("OUTPUT"), job.told("ENV")
    process = os.pidfd_open(int(told["pid"]))
    try:
        with urllib.request.urlopen(f"{told['url']}/__mock/health") as response:  # noqa: S310
            health = json.load(response)
    finally:
        signal.pidfd_send_signal(process, signal.SIGTERM)
        ended, _, _ = select.select([process], [], [], 20)
        os.close(process)

    assert (done.returncode, health, bool(ended)) == (0, {"status": "ok"}, True)
    assert variables["MAXAPI_BASE_URL"] == variables["MAXAPI_MOCK_URL"] == told["url"]
    assert variables["MAXAPI_API_KEY"] == "maxapi-mock-action"
    assert f"serves {told['url']}" in Path(told["log"]).read_text()
    wanted = {name: f"${{{{ steps.serve.outputs.{name} }}}}" for name in told}
    assert {name: one["value"] for name, one in job.outputs.items()} == wanted
    assert not job.is_due(job.steps["Run the command"])


def test_the_action_says_why_a_mock_does_not_start(tmp_path: Path) -> None:
    """And the job fails."""
    done = Job(tmp_path, options="--pace slow").run("Start the mock")

    assert done.returncode == 1
    assert done.stdout.startswith("::error::the mock did not start\n")
    assert "realtime" in done.stdout


def test_the_job_for_gitlab_runs_a_command(tmp_path: Path) -> None:
    """With the exit status of the command, and a summary as an artifact."""
    job = load("ci/gitlab-include.yml")[".maxapi-mock"]
    variables = job["variables"] | {"CI_BUILDS_DIR": str(tmp_path), "MOCK_COMMAND": "exit 7"}
    path = offer_python(tmp_path)

    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", "\n".join(job["before_script"] + job["script"])],
        cwd=tmp_path,
        env=clean_environment(**variables) | path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 7, done.stderr
    assert (
        tmp_path / "calls"
    ).read_text() == f"-m pip install --quiet {variables['MOCK_SOURCE']}\n"
    [artifact] = job["artifacts"]["paths"]
    assert json.loads((tmp_path / artifact).read_text("utf-8"))["requests"] == {}


def test_the_hook_checks_documents(tmp_path: Path) -> None:
    """Those that are about the API; pre-commit itself accepts and runs it."""
    [hook] = load(ROOT / ".pre-commit-hooks.yaml")
    local = {"repo": "local", "hooks": [hook | {"language": "system"}]}  # nothing to install
    (tmp_path / ".pre-commit-config.yaml").write_text(json.dumps({"repos": [local]}))
    (tmp_path / "maxapi").mkdir()
    shutil.copy(ROOT / "fixtures/error/valid/unauthorized.json", tmp_path / "maxapi")
    (tmp_path / "maxapi" / "wrong.json").write_text('{"model": "veo3", "input": {}}')
    (tmp_path / "other.json").write_text("{}")
    start = "git init --quiet . && git add . && pre-commit validate-manifest"

    printed = run(
        f"{start} {ROOT}/.pre-commit-hooks.yaml && pre-commit run --all-files || echo failed",
        tmp_path,
        PRE_COMMIT_HOME=str(tmp_path / "home"),
    )

    assert "maxapi/unauthorized.json: error: conforms" in printed
    assert "maxapi/wrong.json: submit-request: 1 violation" in printed
    assert "other.json" not in printed
    assert "\nfailed\n" in printed


@pytest.mark.slow
def test_testcontainers_in_python(tmp_path: Path) -> None:
    """All fixtures use the container."""
    folder = shutil.copytree(HERE / "testcontainers", tmp_path / "project")
    path = str(HERE / "fakes" / "python")

    printed = run("python -m pytest -c /dev/null --rootdir .", folder, **PLUGINS, PYTHONPATH=path)

    assert "1 passed" in printed


def test_testcontainers_in_node(tmp_path: Path) -> None:
    """The control client uses the container."""
    modules = tmp_path / "node_modules"
    shutil.copytree(HERE / "fakes" / "node", modules)
    shutil.copytree(HERE / "node" / "maxapi-mock", modules / "maxapi-mock")
    shutil.copy(HERE / "testcontainers" / "container.test.mjs", tmp_path)

    printed = run("node --test container.test.mjs", tmp_path)

    assert re.search(r"pass 1$", printed, re.MULTILINE), printed


def test_the_page_lists_all_examples() -> None:
    """In 550 words at most; every folder has a link to a file in it, which exists."""
    page = ROOT / "docs" / "examples.md"
    text = page.read_text("utf-8")
    folders = {path for path in HERE.iterdir() if path.is_dir() and path.name not in NOT_SHOWN}

    linked = {(page.parent / link).resolve() for link in re.findall(r"\]\(([^)]+)\)", text)}
    shown = {folder for file in linked for folder in file.parents}

    assert len(text.split()) <= 550
    assert [path for path in linked if not path.is_file()] == []
    assert folders | {path.parent for path in HERE.glob("projects/*/README.md")} <= shown
