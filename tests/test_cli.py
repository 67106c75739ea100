"""The command `maxapi-mock`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mockserver.cli import main
from mockserver.settings import SETTINGS
from mockserver.version import __version__

ROOT = Path(__file__).parents[1]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run the command in this process; give status, output and errors."""
    try:
        status = main(arguments)
    except SystemExit as stop:
        status = int(stop.code or 0)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_validate_says_that_a_document_conforms(capsys: pytest.CaptureFixture[str]) -> None:
    """Each file gets its line, with the kind that was recognised."""
    files = [
        str(ROOT / f"fixtures/{kind}/valid/seed.json")
        for kind in ("submit-request", "task-response")
    ]

    status, out, _ = run(capsys, "validate", *files)

    assert status == 0
    assert out.splitlines() == [
        f"{files[0]}: submit-request: conforms",
        f"{files[1]}: task-response: conforms",
    ]


def test_validate_notes_what_is_in_vain(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Unknown fields, and values that a rule of the card overrules, as `serve` warns of them."""
    path = tmp_path / "request.json"
    submitted = {"prompt": "a", "resolutoin": "4k", "resolution": "4k"}
    path.write_text(json.dumps({"model": "veo3_lite", "input": submitted}))

    status, out, _ = run(capsys, "validate", str(path))

    assert status == 0
    assert out.splitlines() == [
        f"{path}: submit-request: conforms",
        "  note: input.resolutoin: unknown, did you mean 'resolution'?",
        "  note: input.resolution has no effect: this model makes 720p only",
    ]


def test_validate_lists_every_violation(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """With JSON path, rule, clause, confidence and page."""
    path = tmp_path / "request.json"
    model = "gpt-image-2/image-to-image"
    request = {"model": model, "input": {"prompt": "", "imageUrls": ["http://a"], "n": 11}}
    path.write_text(json.dumps(request))

    status, out, _ = run(capsys, "validate", str(path))

    assert status == 1
    assert out == (
        f"{path}: submit-request: 2 violations\n"
        "  $.input.prompt: '' is empty; use a non-empty string\n"
        "    minLength in common.json#/$defs/prompt/minLength "
        "(assumed: no page says what becomes of an empty prompt)\n"
        "  $.input.n: 11 is more than 10; use an integer from 1 to 10\n"
        "    maximum in models/gpt-image-2--image-to-image.json#/input/properties/n/maximum "
        "(seed: gpt-image-2/image-to-image)\n"
    )


def test_validate_takes_the_kind_that_it_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """A webhook looks like a task response, but has to be terminal."""
    path = str(ROOT / "fixtures/webhook/invalid/not-terminal.json")

    recognised = run(capsys, "validate", path)
    told = run(capsys, "validate", "--as", "webhook", path)

    assert (recognised[0], told[0]) == (0, 1)
    assert "$.data.status: 'PENDING' is not accepted" in told[1]


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        (b"{", 1, "not valid JSON: Expecting property name"),
        (b'{"code": NaN}', 1, "not valid JSON: NaN is not JSON"),
        (b"[]", 1, "is like no document of the contract; say which with --as KIND"),
        (None, 2, "No such file or directory; use a readable file"),
    ],
)
def test_validate_says_what_it_cannot_judge(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes, status: int, said: str
) -> None:
    """In one line that names the file."""
    path = tmp_path / "x.json"
    if content is not None:
        path.write_bytes(content)

    found, out, err = run(capsys, "validate", str(path))

    assert found == status
    assert f"{path}: {said}" in (out + err).splitlines()[0]


def test_validate_reads_standard_input() -> None:
    """As `-`, so that it fits behind a pipe."""
    done = subprocess.run(
        [sys.executable, "-m", "mockserver", "validate", "-"],
        input=b'{"code": 401, "msg": "unauthorized"}',
        capture_output=True,
        timeout=20,
        check=True,
    )

    assert done.stdout == b"-: error: conforms\n"


def test_openapi_prints_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    """As JSON."""
    status, out, _ = run(capsys, "openapi")

    assert status == 0
    assert json.loads(out)["openapi"] == "3.1.0"


def test_show_settings_prints_each_with_its_origin(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And ends without serving."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MAXAPI_MOCK_DURATION", "90s")

    status, out, _ = run(
        capsys, "serve", "--show-settings", "--api-key", "b", "--api-key", "a", "--strict-callbacks"
    )

    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines()}
    assert status == 0
    assert rows.keys() == {name.replace("_", "-") for name in SETTINGS}
    assert rows["duration"] == ["90s", "MAXAPI_MOCK_DURATION"]
    assert rows["api-key"] == ["[hidden]", "--api-key"]
    assert rows["strict-callbacks"] == ["true", "--strict-callbacks"]
    assert rows["result-expiry"] == ["7d", "default"]
    assert rows["seed"] == ["-", "default"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["sreve"], "invalid choice: 'sreve'"),
        (["serve", "--prot", "1"], "unrecognized arguments: --prot"),
        (["serve", "--apikey", "sk-hush"], "unrecognized arguments: --apikey sk-..., did you"),
        (["serve", "--api-key", "sk-hush", "sk-hush"], "unrecognized arguments: sk-..."),
        (["serve", "--public-url", "ftp://u:hush@a"], "'ftp://[redacted]@a' is not accepted"),
        (["serve", "--port", "x"], "port: 'x' is not accepted; use an integer from 0 to 65535"),
        (["serve", "--model-cards", "/none"], "model-cards: /none is not a folder"),
        (["serve", "--host", "192.0.2.1", "--port", "0"], "cannot listen on 192.0.2.1:0"),
        (["validate", "--as", "poem", "x"], "invalid choice: 'poem'"),
    ],
)
def test_wrong_usage_ends_with_2_and_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """It says what is wrong, and there is no traceback."""
    status, out, err = run(capsys, *arguments)

    assert status == 2
    assert out == ""
    assert said in err
    assert err.count("\n") == 1
    assert "hush" not in err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The command says which one it is."""
    assert run(capsys, "--version")[1] == f"maxapi-mock {__version__}\n"


def test_help_names_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    """With its default."""
    _, out, _ = run(capsys, "serve", "--help")

    assert all(f"--{name.replace('_', '-')}" in out for name in SETTINGS)
    assert "(default 6290)" in re.sub(r"\s+", " ", out)


def test_demo_shows_the_whole_way(capsys: pytest.CaptureFixture[str]) -> None:
    """States, webhook equal to the poll, image of the promised size, price."""
    status, out, _ = run(capsys, "demo")

    labels = [line[:9].strip() for line in out.splitlines()]
    assert status == 0
    assert [line.split()[-1] for line in out.splitlines() if " s " in line[:12]] == [
        "PENDING",
        "PROCESSING",
        "SUBMITTED",
        "SUCCESS",
    ]
    assert [label for label in labels if label[:1].isalpha()] == [
        "mock",
        "submit",
        "webhook",
        "image",
        "price",
    ]
    assert "webhook    SUCCESS, equal to the poll: yes" in out
    assert "PNG, 768x1024 pixels" in out
    assert out.rstrip().endswith("$0.02")
