"""What the host of the repository reads: workflows, and forms for issues."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from mockserver.commands.overview import COMMANDS

ROOT = Path(__file__).parents[1]
HOST = ROOT / ".github"
WORKFLOWS = sorted((HOST / "workflows").glob("*.yml"))
FORMS = sorted(set((HOST / "ISSUE_TEMPLATE").glob("*.yml")) - {HOST / "ISSUE_TEMPLATE/config.yml"})
PAGES = [*FORMS, ROOT / "SECURITY.md", ROOT / "CODE_OF_CONDUCT.md"]


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("github-workflows", WORKFLOWS),
        ("github-issue-forms", FORMS),
        ("github-issue-config", [HOST / "ISSUE_TEMPLATE" / "config.yml"]),
    ],
)
def test_files_are_what_their_schemas_say(schema: str, files: list[Path]) -> None:
    """Those that the linter brings, so that nothing is downloaded."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "check_jsonschema",
            "--builtin-schema",
            f"vendor.{schema}",
            *map(str, files),
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert files
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_do_no_more_than_it_has_to(path: Path) -> None:
    """Reading is the default, actions have a fixed version, and every job ends."""
    workflow = yaml.safe_load(path.read_text("utf-8"))

    actions = re.findall(r"uses: (\S+)", path.read_text("utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    assert all(re.fullmatch(r"[\w/-]+@(v\d+(\.\d+)*|[0-9a-f]{40})", one) for one in actions)
    assert all(job["timeout-minutes"] <= 60 for job in workflow["jobs"].values())
    assert "secrets." not in path.read_text("utf-8")


def test_only_the_job_that_publishes_may_prove_who_it_is() -> None:
    """It runs no code of the repository: it gets files from the job that builds."""
    workflow = yaml.safe_load((HOST / "workflows" / "release.yml").read_text("utf-8"))
    jobs: dict[str, Any] = workflow["jobs"]

    allowed = {name for name, job in jobs.items() if "id-token" in job.get("permissions", {})}

    assert allowed == {"publish"}
    assert jobs["publish"]["environment"] == "pypi"
    assert all("run" not in step for step in jobs["publish"]["steps"])


def test_ci_runs_what_contributors_run() -> None:
    """One script, which exists."""
    workflow = yaml.safe_load((HOST / "workflows" / "ci.yml").read_text("utf-8"))

    commands = [step["run"] for step in workflow["jobs"]["run"]["steps"] if "run" in step]

    assert commands == [".ci/run"]
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o100


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_commands_that_reporters_are_asked_for_exist(path: Path) -> None:
    """Each is one of ours; a report of a fault cannot be sent without what the doctor prints."""
    text = path.read_text("utf-8")

    assert set(re.findall(r"`maxapi-mock (\w+)", text)) <= set(COMMANDS)
    if path.name == "bug.yml":
        fields = {one.get("id"): one for one in yaml.safe_load(text)["body"]}
        assert "maxapi-mock doctor" in fields["doctor"]["attributes"]["label"]
        assert fields["doctor"]["validations"] == {"required": True}
