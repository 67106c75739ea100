"""What type checkers know of scenarios, matches and settings is what there is."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args, get_type_hints

from mockserver.domain.scenario import SCENARIOS
from mockserver.engine.rules import Match
from mockserver.settings import SETTINGS
from mockserver.testing import RequestMatch, SandboxSettings, ScenarioName
from mockserver.testing.names import ScenarioWithValue, ServerSettings
from tests.readme import README

_HEAD = """
from mockserver.testing import MaxapiSandbox, ScenarioText, intercept, running_mock

def test(maxapi: MaxapiSandbox, known: ScenarioText) -> None:
"""
_RIGHT = """
maxapi.scenario("unavailable")
maxapi.scenario("unavailable", times=2, path="*/submit", method="POST", nth=1)
maxapi.scenario("slow", "90s")
maxapi.scenario("rate-limited", 7, times=1)
maxapi.scenario("rate-limited")
maxapi.scenario("moderated", "violence,sexual")
maxapi.scenario(ScenarioText(f"slow={1 + 1}s, webhook-lost"))
maxapi.scenario(known, times=2)
maxapi.settings(pace="per-poll", duration="5m", webhook_tries=5, scenario="failure")
maxapi.settings(scenario=ScenarioText("slow=3s"), balance="0.10", expired_status=404)
maxapi.assert_requested(times=2, prompt="a cat", model="gpt-*", user_id="x")
maxapi.control.add_rule("webhook-lost", times=1, path="*")
maxapi.control.count(method="POST")
running_mock(duration="5m", webhook_tries=5, api_key="mine", callback_allow="*.internal")
intercept(api_key="mine", pace="instant", seed=7)
"""
_WRONG = """
running_mock(duraton="5m")
intercept(pace="instnat")
maxapi.scenario("unavailible")
maxapi.scenario("unavailable", tmes=2)
maxapi.scenario("unavailable", times="2")
maxapi.scenario("unavailable", "2")
maxapi.scenario("slow")
maxapi.scenario("slow=90s")
maxapi.scenario("unavailable", path=2)
maxapi.settings(paec="instant")
maxapi.settings(pace="instnat")
maxapi.settings(scenario="failrue")
maxapi.settings(port=1)
maxapi.assert_requested(promt="a cat")
maxapi.control.add_rule("unavailible")
maxapi.control.count(nth="1")
maxapi.control.change_settings(answers="most")
"""


def errors(source: str, folder: Path) -> dict[int, str]:
    """Check a module as a user's project would; give what is wrong by its line."""
    (folder / "snippet.py").write_text(source, "utf-8")
    (folder / "mypy.ini").write_text("[mypy]\nstrict = True\n")
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--cache-dir",
            str(root / ".mypy_cache" / "snippets"),
            "snippet.py",
        ],
        cwd=folder,
        env={"MYPYPATH": str(root), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "Found" in done.stdout or "Success" in done.stdout, done.stdout + done.stderr
    found = re.findall(r"^snippet\.py:(\d+): error: (.*)$", done.stdout, re.MULTILINE)
    return {int(line): message for line, message in found}


def test_a_type_checker_finds_what_is_wrong_and_nothing_else(tmp_path: Path) -> None:
    """Misspelt names, values that are missing or too many, settings that are not a sandbox's."""
    right, wrong = _RIGHT.split("\n")[1:-1], _WRONG.split("\n")[1:-1]
    source = "\n".join(f"    {line}" for line in [*right, *wrong])

    found = errors(_HEAD + source, tmp_path)

    first_wrong = _HEAD.count("\n") + 1 + len(right)
    assert sorted(found) == list(range(first_wrong, first_wrong + len(wrong)))


def test_the_snippets_of_the_readme_are_clean(tmp_path: Path) -> None:
    """They show what a type checker takes."""
    blocks = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    names = r"\b(?:scenario|add_rule|count|settings|change_settings|assert_requested)\("
    calls = re.findall(rf"(?:maxapi|mock)\.{names}.*\)", "\n".join(blocks))
    lines = [re.sub(r"^mock\.", "maxapi.control.", call) for call in calls]
    bound = [re.sub(r"\(scenario\b", "(known", line) for line in lines]

    found = errors(_HEAD + "\n".join(f"    {line}" for line in bound), tmp_path)

    assert len(calls) >= 4
    assert found == {}


def test_the_names_of_scenarios_are_those_of_the_table() -> None:
    """With and without a value."""
    rows = SCENARIOS.values()

    bare = [one.name for one in rows if one.parse is None or one.default is not None]
    valued = [one.name for one in rows if one.parse is not None]

    assert list(get_args(ScenarioName)) == bare
    assert list(get_args(ScenarioWithValue)) == valued


def test_what_can_be_matched_is_what_rules_match() -> None:
    """By the same names."""
    assert set(get_type_hints(RequestMatch)) == {one.name for one in dataclasses.fields(Match)}


def test_the_settings_of_a_mock_are_all_but_its_facts() -> None:
    """Each has a type; `service` is another parameter there."""
    assert set(get_type_hints(ServerSettings)) == set(SETTINGS) - {"service"}


def test_the_settings_are_those_that_a_sandbox_can_have() -> None:
    """Each has a type; to be added in `mockserver/testing/names.py`."""
    own = [name for name, one in SETTINGS.items() if one.metadata["own"]]

    assert list(get_type_hints(SandboxSettings)) == own
