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
from mockserver.settings.declared import GROUPS
from mockserver.version import __version__

ROOT = Path(__file__).parents[1]
COMMANDS = (
    *("serve", "run", "listen", "verify", "proxy", "validate"),
    *("models", "card", "demo", "scenarios", "openapi", "mcp", "doctor"),
)


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


def test_validate_notes_unknown_fields_next_to_violations(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A misspelt field is often the reason for the violation."""
    path = tmp_path / "request.json"
    path.write_text(json.dumps({"model": "veo3_lite", "input": {"promt": "a"}}))

    status, out, _ = run(capsys, "validate", "--as", "submit-request", str(path))

    assert status == 1
    assert out.startswith(f"{path}: submit-request: 1 violation\n")
    assert out.endswith("  note: input.promt: unknown, did you mean 'prompt'?\n")


@pytest.mark.parametrize(
    "request_", [[], {"model": []}, {"model": "veo3_lite"}, {"model": "veo9", "input": {}}]
)
def test_validate_notes_nothing_of_what_it_cannot_read(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, request_: object
) -> None:
    """Only the violations are printed."""
    path = tmp_path / "request.json"
    path.write_text(json.dumps(request_))

    status, out, _ = run(capsys, "validate", "--as", "submit-request", str(path))

    assert status == 1
    assert "note: " not in out


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


def test_validate_names_no_source_of_a_form_of_our_own(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """No page says what a card is."""
    path = tmp_path / "card.json"
    path.write_text('{"model": "paint-9"}')

    status, out, _ = run(capsys, "validate", "--as", "model-card", str(path))

    assert status == 1
    assert "    required in model-card.json#/required\n" in out
    assert "no source" not in out


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
        (b"[]", 1, "does not look like any document of the contract; say which with --as KIND"),
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
        ([], "maxapi-mock: no command; use one of serve, run, listen"),
        (["sreve"], "no such command: 'sreve', did you mean serve?"),
        (["poem"], "no such command: 'poem'; use one of serve, run, listen"),
        (
            ["serve", "--prot", "1"],
            "maxapi-mock serve: no such option: --prot, did you mean --port?",
        ),
        (["serve", "--apikey", "sk-hush"], "no such option: --apikey, did you mean --api-key?"),
        (["serve", "--api-key", "sk-hush", "sk-hush"], "unrecognized arguments: sk-..."),
        (["serve", "--public-url", "ftp://u:hush@a"], "'ftp://[redacted]@a' is not accepted"),
        (["serve", "--port", "x"], "port: 'x' is not accepted; use an integer from 0 to 65535"),
        (["serve", "--model-cards", "/none"], "model-cards: /none is not a folder"),
        (["serve", "--host", "192.0.2.1", "--port", "0"], "cannot listen on 192.0.2.1:0"),
        (["serve", "--show-settings", "--seed", "--tls"], "--seed: a value is missing"),
        (["serve", "--seed"], "maxapi-mock serve: --seed: a value is missing"),
        (["serve", "--show-settings", "--seed", "--help"], "--seed: a value is missing"),
        (["run", "--seed", "--", "true"], "maxapi-mock run: --seed: a value is missing"),
        (["run", "--tls", "--seed", "-x", "true"], "--seed: a value is missing"),
        (["serve", "--show-settings=true"], "maxapi-mock serve: option '--show-settings' does not"),
        (
            ["listen", "--port", "-1"],
            "--port: '-1' is not accepted; use an integer from 0 to 65535",
        ),
        (["verify", "--examples", "1_0"], "'1_0' is not accepted; use an integer from 1 to 10000"),
        (["verify", "--models", ""], "--models: '' is not a model; use one of"),
        (["validate"], "maxapi-mock validate: FILE...: is missing"),
        (["card"], "maxapi-mock card: NAME: is missing"),
        (["validate", "--as", "poem", "x"], "--as: 'poem' is not one of 'submit-request', "),
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


def test_every_setting_is_in_one_group_of_the_help() -> None:
    """None is missing, and none is listed twice."""
    listed = [name for names in GROUPS.values() for name in names]

    assert sorted(listed) == sorted(SETTINGS)


def test_help_groups_options_and_shows_what_they_accept(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The usage is one line, and choices are listed."""
    _, out, _ = run(capsys, "serve", "-h")

    lines = out.splitlines()
    titles = [line[:-1] for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert lines[:2] == ["Usage: maxapi-mock serve [OPTIONS]", ""]
    assert titles == [*GROUPS, "Options"]
    assert "--null reject|omit" in out
    assert "--tls [true|false]" in out


def test_help_of_run_names_its_own_default_port(capsys: pytest.CaptureFixture[str]) -> None:
    """It takes a free one, where `serve` takes 6290."""
    _, out, _ = run(capsys, "run", "--help")

    assert out.startswith("Usage: maxapi-mock run [OPTIONS] -- COMMAND [ARGUMENT...]\n")
    assert "(default: a free one)" in re.sub(r"\s+", " ", out)
    assert "6290" not in out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(capsys: pytest.CaptureFixture[str], command: str) -> None:
    """It begins with the usage and what the list of commands says of it."""
    _, listed, _ = run(capsys, "--help")

    status, out, err = run(capsys, command, "--help")

    sentence = out.splitlines()[2].strip().removesuffix(".")
    assert (status, err) == (0, "")
    assert out.startswith(f"Usage: maxapi-mock {command} [OPTIONS]")
    assert f"{sentence[0].lower()}{sentence[1:]}" in re.sub(r"\s+", " ", listed)


@pytest.mark.parametrize("columns", ["20", "60", "80", "100", "300", "none"])
def test_the_help_is_the_same_with_and_without_the_library(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    """It has the width of the terminal, within limits, as the help of a command has."""
    monkeypatch.setenv("COLUMNS", columns)

    _, quick, _ = run(capsys, "--help")
    _, parsed, _ = run(capsys, "--help", "serve")
    _, of_serve, _ = run(capsys, "serve", "--help")

    assert quick == parsed
    listed = quick.partition("  To complete")[0]
    widest = max(map(len, listed.splitlines()))
    assert widest <= max(map(len, of_serve.splitlines())) + 2
    assert set(COMMANDS) <= {line.split()[0] for line in listed.splitlines() if line}


@pytest.mark.parametrize(
    ("terminal", "variables", "is_bold"),
    [
        (True, {"TERM": "xterm"}, True),
        (True, {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (True, {"TERM": "dumb"}, False),
        (False, {"TERM": "xterm"}, False),
    ],
)
def test_help_is_styled_on_terminals_that_want_it(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    *,
    terminal: bool,
    is_bold: bool,
) -> None:
    """Not in a pipe, and not with NO_COLOR."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)

    _, out, _ = run(capsys, "--help")

    assert ("\x1b[1mCommands:\x1b[0m" in out) is is_bold
    assert ("\x1b" in out) is is_bold


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("maxapi-mock ser", "serve"),
        ("maxapi-mock serve --null o", "omit"),
        ("maxapi-mock serve --webhook-sec", "--webhook-secret"),
        ("maxapi-mock card veo3_l", "veo3_lite"),
        ("maxapi-mock validate --as web", "webhook"),
        ("maxapi-mock serve --scenario fail", "failure"),
        ("maxapi-mock trigger veo3 --scenario webhook-tw", "webhook-twice"),
        ("maxapi-mock trigger veo3_l", "veo3_lite"),
        ("maxapi-mock run --scenario slow=3s,webhook-l", "slow=3s,webhook-lost"),
        ("maxapi-mock verify --models veo3,nano-banana-p", "veo3,nano-banana-pro"),
    ],
)
def test_a_shell_completes_words(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: str,
    completed: str,
) -> None:
    """Commands, options and what they accept, once the line of the help is in its startup file."""
    monkeypatch.setenv("_MAXAPI_MOCK_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))

    status, out, err = run(capsys)

    assert (status, err) == (0, "")
    assert out.splitlines()[0] == f"plain,{completed}"


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


@pytest.mark.parametrize("value", ["-2s", "-", "-.5"])
def test_a_value_can_begin_with_a_dash(capsys: pytest.CaptureFixture[str], value: str) -> None:
    """What looks like a number, and the dash itself, are values; so is all after `=`."""
    for arguments in (["--seed", value], ["--seed=--tls"]):
        status, out, _ = run(capsys, "serve", "--show-settings", *arguments)

        assert status == 0
        assert arguments[-1].removeprefix("--seed=") in out


@pytest.mark.parametrize("asked", ["zsh_complete", "nosuch"])
def test_a_completion_that_no_shell_asks_for_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    """The line names the variable, and what it may be."""
    monkeypatch.setenv("_MAXAPI_MOCK_COMPLETE", asked)

    status, out, err = run(capsys)

    assert (status, out) == (2, "")
    assert err.endswith("use bash_source, zsh_source or fish_source\n")
