"""The README and the pages of `docs/` say what is true."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
import requests

from mockserver.cli import main
from mockserver.commands.group import MAIN
from mockserver.contract import Contract
from mockserver.engine.service import Service
from mockserver.settings import make_settings
from mockserver.web.server import Server
from tests.conftest import seconds
from tests.readme import EXAMPLES, PARTS, README, ROOT, pages, renewed
from tests.shells import SHELLS, paste, snippets

MOCK = "http://127.0.0.1:6290"
BY_PAGE = {page.stem: page.read_text("utf-8") for page in pages()}
TASKS = BY_PAGE["tasks"]
_FILE = re.compile(r"(?:#|//) (\S+\.\w+)\n")


def blocks(text: str, language: str) -> list[str]:
    """Return the blocks of a page in a language."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


def file_of(block: str) -> str:
    """Return the name of a file that a block shows as its first line, without folders; or ''."""
    found = _FILE.match(block)
    return Path(found[1]).name if found else ""


def python_files(folder: Path) -> list[Path]:
    """Write each Python snippet of the pages to a file; return those that pytest is to run."""
    files = []
    for name, text in BY_PAGE.items():
        for number, block in enumerate(blocks(text, "python")):
            file = folder / name / (file_of(block) or f"snippet_{number}.py")
            file.parent.mkdir(exist_ok=True)
            file.write_text(block, "utf-8")
            files.append(file)
    return files


def run_pytest(folder: Path, *files: Path) -> str:
    """Run pytest on files as a user does; return what it prints."""
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    kept = {name: value for name, value in os.environ.items() if "MAXAPI" not in name}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--import-mode=importlib", "-q", "-p", "no:cacheprovider"]
        + [str(file) for file in files],
        cwd=folder,
        env=kept | {"PYTHONPATH": str(ROOT), "COLUMNS": "80"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("page", BY_PAGE)
def test_its_generated_parts_are_current(page: str) -> None:
    """`python -m tests.readme` renews them."""
    assert renewed(BY_PAGE[page]) == BY_PAGE[page]


def test_each_generated_part_is_on_one_page() -> None:
    """None is lost, and none is repeated."""
    text = "\n".join(BY_PAGE.values())

    assert {name: text.count(f"<!-- {name} -->") for name in PARTS} == dict.fromkeys(PARTS, 1)


def test_the_readme_is_short() -> None:
    """Details have pages of their own."""
    assert len(README.read_text("utf-8").split()) < 800


_CURL = """#!/bin/sh
response=$({curl} "$@") || exit
printf '%s\\n' "$response" >>{responses}
printf '%s\\n' "$response"
"""
OUTCOMES = {"tasks": [0, "PENDING", 0, "CANCELLED", 401, 400, 400, 404]}
"""What the responses of a page's curl lines are, where not all succeed."""
WITH_CURL = [
    name
    for name, text in BY_PAGE.items()
    if any("curl " in block and (MOCK in block or "$MOCK" in block) for block in snippets(text))
]


def responses(shell: str, page: str, url: str, folder: Path) -> list[dict[str, object]]:
    """Paste the curl lines of a page into a shell; return the responses."""
    noted, curl = folder / "responses", folder / "curl"
    curl.write_text(_CURL.format(curl=shutil.which("curl"), responses=noted))
    curl.chmod(0o755)
    pasted = [block.replace(MOCK, url) for block in snippets(BY_PAGE[page]) if "curl" in block]
    paste(shell, pasted, {"PATH": f"{folder}:{os.environ['PATH']}"}, folder)
    return [json.loads(line) for line in noted.read_text("utf-8").splitlines()]


def outcome(body: dict[str, object]) -> object:
    """Return the status of the task in a response, or else the response's code."""
    data = body.get("data")
    return data["status"] if isinstance(data, dict) and "status" in data else body.get("code", 0)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("page", WITH_CURL)
def test_its_curl_lines_do_what_it_says(
    contract: Contract, page: str, shell: str, tmp_path: Path
) -> None:
    """Every curl line, in the page's order, pasted into a shell, against a server with a task."""
    document = {"model": "gpt-image-2/text-to-image", "input": {"prompt": "a cat"}}
    settings = make_settings(contract, port=0, duration=seconds(3600))

    with Server(Service(contract, settings)) as server:
        requests.post(
            f"{server.url}/api/v1/task/submit",
            json=document,
            headers={"Authorization": "Bearer any-token"},
            timeout=10,
        )
        found = responses(shell, page, server.url, tmp_path)

    assert [outcome(body) for body in found] == OUTCOMES.get(page, [0] * len(found))
    match page:
        case "tasks":
            assert json.dumps(found[5], ensure_ascii=False) in TASKS
            assert found[6]["data"]["categories"]["violence"] is True  # type: ignore[index]
        case "quickstart":
            [shown] = blocks(BY_PAGE[page], "json")
            assert _normal(json.dumps(found[0])) == _normal(shown.strip())
        case "scenarios" | "README":
            assert found[0]["times"] == 2
        case "clock":
            assert found[0]["frozen"] is True
            assert [one["status"] for one in found[2]["happened"]][-1] == "SUCCESS"  # type: ignore[attr-defined]


def test_its_curl_lines_are_found() -> None:
    """The test above has them all."""
    assert set(WITH_CURL) >= {"README", "quickstart", "tasks", "scenarios", "clock", "warnings"}


@pytest.mark.slow
def test_its_python_tests_pass(tmp_path: Path) -> None:
    """Every file with tests, as it is; one is shown because it fails."""
    files = [
        file
        for file in python_files(tmp_path)
        if "\ndef test_" in file.read_text("utf-8") or "    def test_" in file.read_text("utf-8")
    ]

    said = run_pytest(tmp_path, *files)

    assert [file for file in files if not file.name.startswith("test_")] == []
    assert re.findall(r"^FAILED (\S+)", said, re.MULTILINE) == [
        "pytest/test_that_fails.py::test_the_webhook_is_sent_again"
    ], said
    assert int(re.findall(r"(\d+) passed", said)[0]) >= 12


def test_its_python_scripts_run(contract: Contract, tmp_path: Path) -> None:
    """As they are, against a server; they assert for themselves what happened."""
    texts = [file.read_text("utf-8") for file in python_files(tmp_path)]
    scripts = [text for text in texts if "def test_" not in text]

    for script in scripts:
        with Server(Service(contract, make_settings(contract, port=0))) as server:
            exec(script.replace(MOCK, server.url), {})  # noqa: S102

    assert any("ControlClient(" in script for script in scripts)


_VARYING = (
    (r"[0-9a-f]{8}-[0-9a-f-]{27}", "<id>"),
    (r"\d{4}-\d\d-\d\dT", "<date>"),
    (r"\d\d:\d\d:\d\d\.\d+Z?", "<time>"),
    (r"127\.0\.0\.1:(?!629)\d+", "<port>"),
    (r"\b[0-9a-f]{16}\b", "<key>"),
    (r"\b(task|of) [0-9a-f]{8}\b", "<task>"),
    (r"-{5,}", "<line>"),
)


def _normal(text: str) -> str:
    """Return a text without what differs from run to run."""
    for pattern, name in _VARYING:
        text = re.sub(pattern, name, text)
    return text


@pytest.mark.slow
def test_the_failure_report_is_the_one_shown(tmp_path: Path) -> None:
    """Except for times, ports and ids."""
    [file] = [file for file in python_files(tmp_path) if file.name == "test_that_fails.py"]
    [shown] = blocks(BY_PAGE["pytest"], "text")

    said = run_pytest(tmp_path, file)

    assert _normal(shown) in _normal(said)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")
@pytest.mark.parametrize("page", ["quickstart", "any-language"])
def test_its_javascript_runs(page: str, tmp_path: Path) -> None:
    """By the command that the page shows; where it shows the summary, that is the one."""
    text = BY_PAGE[page]
    for block in blocks(text, "js"):
        (tmp_path / file_of(block)).write_text(block, "utf-8")
    [command] = [
        line
        for line in "\n".join(snippets(text)).splitlines()
        if any(f" {file.name}" in line for file in tmp_path.iterdir())
    ]

    done = subprocess.run(
        command.split(),
        cwd=tmp_path,
        env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert done.stderr in (*blocks(text, "text"), done.stderr * (not blocks(text, "text")))


@pytest.mark.parametrize("page", [name for name, text in BY_PAGE.items() if blocks(text, "json")])
def test_its_json_is_json(page: str) -> None:
    """So that it can be copied."""
    assert all(json.loads(block) for block in blocks(BY_PAGE[page], "json"))


def test_the_facts_that_replace_others_are_accepted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The file for `--service`, as the page shows it."""
    monkeypatch.chdir(tmp_path)
    [facts] = blocks(BY_PAGE["contract-and-sources"], "json")
    (tmp_path / "service.json").write_text(facts, "utf-8")

    status = main(["serve", "--service", "service.json", "--show-settings"])

    assert (status, "service.json" in capsys.readouterr().out) == (0, True)


def test_the_lists_of_names_are_complete(contract: Contract) -> None:
    """States, failure reasons and moderation's categories."""
    task, error = contract.document("task"), contract.document("moderation-error")
    categories = error["properties"]["data"]["properties"]["categories"]["required"]
    reasons = [one or "null" for one in task["properties"]["failure_reason"]["enum"]]
    rows = re.findall(r"^\| `([A-Z_]+|null)` \|", TASKS, re.MULTILINE)
    [listed] = re.findall(r"^(`harassment`.*)\.$", TASKS, re.MULTILINE)

    assert rows[:7] == task["properties"]["status"]["enum"]
    assert rows[7:] == reasons
    assert re.findall(r"`(.+?)`", listed) == categories


def test_every_option_that_a_page_names_exists() -> None:
    """In a command of ours, or in pytest."""
    reference = "".join(BY_PAGE[name] for name in ("commands", "settings", "pytest"))
    known = set(re.findall(r"(?<![\w-])--[a-z][\w-]+", reference))
    text = "".join(BY_PAGE.values())

    named = set(re.findall(r"`(?:maxapi-mock [a-z]+ )?(--[a-z][\w-]+)", text))
    named -= {"--no-daemon"}  # Gradle's

    assert named - known == set()


def test_the_nightly_job_uses_the_command_as_it_is() -> None:
    """It asks for the live API, without money, and posts a file that the report has."""
    text = (EXAMPLES / "ci" / "drift.yml").read_text("utf-8")
    [line] = re.findall(r"maxapi-mock (verify(?:.*\\\n)*.*)$", text, re.MULTILINE)
    words = shlex.split(line.replace("\\\n", " "))
    command = MAIN.get_command(click.Context(MAIN), words[0])
    assert command is not None

    options = command.make_context(words[0], words[1:]).params

    assert (options["live"], options["max_cost"]) == (True, None)
    assert options["report"] == Path("report")
    assert set(re.findall(r"report/(\S+)", text)) <= {"report.json", "report.md"}
    assert f"secrets.{options['token_env']}" in text
