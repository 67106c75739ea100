"""The example for Node: its complete suite passes under `maxapi-mock run`."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.console.conftest import TOOLS, missing
from tests.examples.conftest import HERE, RunWithMock, clean_environment
from tests.examples.node_types import MODULE, NAMES, declarations, names

NODE = ("node", "--test", "--test-reporter=tap")
HARDCODED = ("--intercept", "--pace", "instant", "--base-url-suffix", "/api/v1")

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")


def counts(tap: str) -> dict[str, int]:
    """Read how many tests there were, and their outcomes."""
    names = "tests|pass|fail|cancelled|skipped|todo"
    return {name: int(n) for name, n in re.findall(rf"^# ({names}) (\d+)$", tap, re.MULTILINE)}


def all_passed(number: int) -> dict[str, int]:
    """Return what `counts` returns for a suite whose tests have all passed."""
    others = dict.fromkeys(("fail", "cancelled", "skipped", "todo"), 0)
    return {"tests": number, "pass": number, **others}


def bare(declarations: str) -> str:
    """Return a text without what differs from one version of TypeScript to the next."""
    return re.sub(r"/\*.*?\*/|\s+", "", declarations, flags=re.DOTALL)


def test_the_suite_passes(run_with_mock: RunWithMock, tmp_path: Path) -> None:
    """Every test of it; the summary shows the scenarios that it used."""
    summary = tmp_path / "summary.json"

    done = run_with_mock("--summary-file", summary, "--", *NODE, HERE / "node/app.test.mjs")

    assert (done.returncode, counts(done.stdout)) == (0, all_passed(15)), done.stdout
    told = json.loads(summary.read_text("utf-8"))
    assert told["requests"]["submit"].keys() == {"200", "400", "429", "500", "502", "503"}
    assert told["requests"]["result"] == {"200": 1, "410": 1}
    assert told["webhook_attempts"] == {"delivered": 4, "returned 400, not 2xx": 3}
    assert told["scenarios"].items() >= {"rate-limited=7": 2, "moderated=violence": 1}.items()
    assert "48 requests, 7 webhook attempts" in done.stderr


def test_the_suite_has_no_warnings(run_with_mock: RunWithMock, tmp_path: Path) -> None:
    """A request that comes seven days too late does not violate the contract."""
    suite, summary = HERE / "node/app.test.mjs", tmp_path / "summary.json"

    done = run_with_mock("--fail-on-warnings", "--summary-file", summary, "--", *NODE, suite)

    assert json.loads(summary.read_text("utf-8"))["warnings"] == {}
    assert done.returncode == 0


def test_a_hard_coded_host_is_redirected(run_with_mock: RunWithMock, tmp_path: Path) -> None:
    """Both hosts of the API are redirected, and no other is reached."""
    options = (*HARDCODED, "--expect-requests", "--summary-file", tmp_path / "summary.json")

    done = run_with_mock(*options, "--", *NODE, HERE / "node/hardcoded.test.mjs")

    assert (done.returncode, counts(done.stdout)) == (0, all_passed(3)), done.stdout
    told = json.loads((tmp_path / "summary.json").read_text("utf-8"))
    queries = {"200": 1, "404": 1}
    assert told["requests"] == {"submit": {"200": 1}, "query": queries, "result": {"200": 2}}


@pytest.mark.parametrize(
    ("options", "suite"),
    [((), "app.test.mjs"), (HARDCODED, "hardcoded.test.mjs")],
)
def test_nothing_leaves_the_machine(
    run_with_mock: RunWithMock, tmp_path: Path, options: tuple[str, ...], suite: str
) -> None:
    """No process of the suite resolves a name, or connects, beyond it."""
    watch = {"NODE_OPTIONS": f"--require {HERE / 'node/watch.cjs'}", "WATCH": str(tmp_path / "it")}

    done = run_with_mock(*options, "--", *NODE, HERE / "node" / suite, **watch)

    assert done.returncode == 0, done.stdout
    lines = (tmp_path / "it").read_text().splitlines()
    assert len(lines) >= 2
    assert set(lines) == {"watched "}


def test_a_suite_that_fails_has_its_exit_status(run_with_mock: RunWithMock) -> None:
    """The exit status is that of the suite; here, no key is accepted."""
    suite = HERE / "node/app.test.mjs"

    done = run_with_mock("--scenario", "unauthorized", "--", *NODE, suite)

    assert (done.returncode, counts(done.stdout)) == (1, all_passed(15) | {"pass": 8, "fail": 7})


@pytest.mark.slow
def test_the_module_keeps_its_promises(tmp_path: Path) -> None:
    """Its own suite passes, with mocks that it starts."""
    suites = sorted((MODULE / "test").glob("*.test.mjs"))

    done = subprocess.run(
        [*NODE, *suites],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert (done.returncode, counts(done.stdout)) == (0, all_passed(31)), done.stdout


def test_the_module_has_no_dependency() -> None:
    """It can be copied, or installed from a checkout; each file that it exports is there."""
    package = json.loads((MODULE / "package.json").read_text("utf-8"))

    exported = [file for one in package["exports"].values() for file in one.values()]

    assert not package.keys() & {"dependencies", "peerDependencies", "devDependencies", "scripts"}
    assert [file for file in exported if not (MODULE / file).exists()] == []
    for path in MODULE.glob("*.mjs"):
        imported = re.findall(r"^import .* from '(.*)';", path.read_text("utf-8"), re.MULTILINE)
        assert [name for name in imported if not name.startswith(("./", "node:"))] == []


def test_the_names_in_the_module_are_those_of_the_mock() -> None:
    """`python -m tests.readme` writes them."""
    assert NAMES.read_text("utf-8") == names()


def test_the_types_of_the_module_are_sound() -> None:
    """TypeScript finds nothing, strictly; what it declares is what is there, however it is set."""
    if not (TOOLS / ".bin" / "tsc").exists():
        missing("TypeScript")

    written = declarations()

    assert {name: bare(text) for name, text in written.items()} == {
        name: bare((MODULE / name).read_text("utf-8")) for name in written
    }


def test_the_types_of_the_module_reject_mistakes(tmp_path: Path) -> None:
    """A wrong scenario, match, setting or state; and they accept what is right."""
    if not (TOOLS / ".bin" / "tsc").exists():
        missing("TypeScript")
    shutil.copytree(MODULE, tmp_path / "maxapi-mock")
    (tmp_path / "node_modules").symlink_to(TOOLS)
    options = ["--strict", "--noEmit", "--module", "nodenext", "--target", "es2022"]

    done = subprocess.run(
        [TOOLS / ".bin" / "tsc", *options, tmp_path / "maxapi-mock" / "test" / "types.ts"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.stdout == ""
