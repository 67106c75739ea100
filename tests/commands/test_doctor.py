"""`maxapi-mock doctor`: what a report of a problem needs."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from mockserver.cli import main
from mockserver.settings import SETTINGS
from mockserver.testing import running_mock
from mockserver.version import __version__

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def healthy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """An environment without settings and proxies, in which no mock runs."""
    for name in os.environ:
        if name.startswith("MAXAPI_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    with socket.socket() as free:  # bound, but it does not listen
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MAXAPI_MOCK_URL", f"http://127.0.0.1:{free.getsockname()[1]}")
        yield


def diagnosed(capsys: Capture, status: int) -> Any:
    """Run the command as programs do; return what it found."""
    assert main(["doctor", "--json"]) == status
    return json.loads(capsys.readouterr().out)


def test_all_is_well(capsys: Capture) -> None:
    """It says what runs where, with every setting and its origin, and ends with 0."""
    found = diagnosed(capsys, 0)

    assert found["problems"] == []
    assert found["system"]["version"] == __version__
    assert found["system"]["python"].startswith("CPython 3.")
    assert found["packages"]["click"] == metadata.version("click")
    assert found["extras"].items() >= {"mcp": [], "verify": []}.items()
    assert not found["extras"].keys() & {"bench", "dev", "docs"}
    assert len(found["settings"]) == len(SETTINGS)
    assert found["mock"]["state"] == "no mock runs"
    assert set(found["ports"]) == {"serve", "listen", "proxy"}


def test_people_read_what_is_set_and_wrong(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not all defaults; each problem is a line of its own at the end."""
    (tmp_path / "maxapi-mock.toml").write_text('duration = "90s"\n')
    monkeypatch.setenv("MAXAPI_MOCK_DURATOIN", "90s")

    status = main(["doctor"])

    lines = capsys.readouterr().out.splitlines()
    place = lines.index("settings:")
    assert status == 1
    assert lines[place + 1].split() == ["duration", "90s", f"({tmp_path / 'maxapi-mock.toml'})"]
    assert lines[place + 2 : place + 4] == [
        "config files:",
        f"  {tmp_path / 'maxapi-mock.toml'}  is read",
    ]
    assert lines[-2:] == [
        "problems:",
        "  MAXAPI_MOCK_DURATOIN: no such setting, ignored; did you mean MAXAPI_MOCK_DURATION?",
    ]


def test_nothing_private_is_printed(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither keys nor passwords nor the user's home, wherever they are written."""
    secrets = ("sk-live-0123456789", "hush-0123", "pass-0123", "token-0123456")
    monkeypatch.setenv("MAXAPI_MOCK_API_KEY", secrets[0])
    monkeypatch.setenv("MAXAPI_MOCK_WEBHOOK_SECRET", secrets[1])
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:{secrets[2]}@proxy.test:8080")
    monkeypatch.setenv("SOME_TOKEN", secrets[3])
    monkeypatch.setenv("MAXAPI_MOCK_WEBHOOK_SECRET_HEADER", secrets[3])
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MAXAPI_MOCK_CONFIG", str(tmp_path / "own.toml"))
    (tmp_path / "own.toml").write_text("seed = 1\n")

    assert main(["doctor"]) == 0
    text = capsys.readouterr().out + str(diagnosed(capsys, 0))

    assert not [one for one in (*secrets, str(tmp_path)) if one in text]
    assert "~/own.toml  is read" in text
    assert "http://[redacted]@proxy.test:8080" in text


def test_a_mock_that_runs_is_found(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its version, also with a certificate of its own; its port is in use."""
    for tls in (False, True):
        with running_mock(tls=tls) as mock:
            monkeypatch.setenv("MAXAPI_MOCK_URL", mock.url)

            found = diagnosed(capsys, 0)

        assert found["mock"] == {
            "url": mock.url,
            "version": __version__,
            "state": f"runs, version {__version__}",
        }
        assert found["ports"]["serve"].endswith(" is in use")


def test_a_mock_is_looked_for_where_the_settings_say(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless MAXAPI_MOCK_URL names it; another machine is not asked."""
    monkeypatch.setenv("MAXAPI_MOCK_URL", "http://mock.test:6290")
    elsewhere = diagnosed(capsys, 0)["mock"]
    monkeypatch.delenv("MAXAPI_MOCK_URL")
    monkeypatch.setenv("MAXAPI_MOCK_PORT", "9")
    monkeypatch.setenv("MAXAPI_MOCK_TLS", "true")

    own = diagnosed(capsys, 0)["mock"]

    assert elsewhere["state"] == "not asked: not on this machine"
    assert own["url"] == "https://127.0.0.1:9"


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        ('{"version": "0.0.9"}', 200, f"is version 0.0.9, and this is {__version__}"),
        ("<html>", 200, "is not a mock (no JSON: JSONDecodeError); stop it, or use --port"),
        ('{"code": 404}', 404, "is not a mock (HTTP status 404)"),
        ("[]", 200, "is not a mock (HTTP status 200)"),
    ],
)
def test_what_is_not_this_mock_is_a_problem(
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    httpserver: HTTPServer,
    text: str,
    status: int,
    said: str,
) -> None:
    """An app would talk to something else."""
    httpserver.expect_request("/__mock/version").respond_with_data(text, status)
    monkeypatch.setenv("MAXAPI_MOCK_URL", httpserver.url_for("").rstrip("/"))

    [problem] = diagnosed(capsys, 1)["problems"]

    assert said in problem


@pytest.mark.parametrize(
    ("variables", "is_problem"),
    [
        ({"HTTP_PROXY": "http://proxy.test:1"}, True),
        ({"all_proxy": "http://proxy.test:1", "NO_PROXY": "intra.test"}, True),
        ({"HTTP_PROXY": "http://proxy.test:1", "NO_PROXY": "localhost,127.0.0.1"}, False),
        ({"HTTP_PROXY": "http://proxy.test:1", "no_proxy": "*"}, False),
        ({"HTTPS_PROXY": "http://proxy.test:1"}, False),
    ],
)
def test_a_proxy_in_the_way_is_a_problem(
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    *,
    is_problem: bool,
) -> None:
    """With the variable that lets calls to the mock bypass it."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    found = diagnosed(capsys, int(is_problem))

    assert found["proxies"]
    assert ["set NO_PROXY=localhost,127.0.0.1,::1" in one for one in found["problems"]] == (
        [True] if is_problem else []
    )


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"maxapi-mock.toml": "duration = 'soon'"}, "duration: 'soon' is not "),
        ({"maxapi-mock.toml": "duration ="}, "use a readable TOML file"),
        (
            {"maxapi-mock.toml": "seed = 1", "pyproject.toml": "[tool.maxapi-mock]\nseed = 2\n"},
            "maxapi-mock.toml is read, so ",
        ),
    ],
)
def test_a_config_file_that_does_not_work_is_a_problem(
    capsys: Capture, tmp_path: Path, files: dict[str, str], said: str
) -> None:
    """Because it is wrong, or because another one is read instead."""
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    [problem] = diagnosed(capsys, 1)["problems"]

    assert said in problem


def test_a_folder_that_has_gone_is_a_problem(capsys: Capture, tmp_path: Path) -> None:
    """As after a branch was changed in another terminal."""
    tmp_path.rmdir()

    [problem] = diagnosed(capsys, 1)["problems"]

    assert problem == "the current folder cannot be read: No such file or directory"


def test_packages_that_are_missing_or_too_old_are_problems(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that are needed; of an extra, what is missing is only listed."""
    versions, usual = {"click": "7.1.2", "mcp": "3.0", "flask": None}, metadata.version

    def version(name: str) -> str:
        found = versions.get(name, usual(name)) if name != "hypothesis" else None
        if found is None:
            raise metadata.PackageNotFoundError(name)
        return found

    monkeypatch.setattr(metadata, "version", version)

    found = diagnosed(capsys, 1)

    assert found["problems"] == [
        "click 7.1.2 is installed, but click>=8.1 is needed",
        "flask is not installed; install maxapi-mockserver anew",
        "mcp 3.0 is installed, but mcp<3,>=2.3 is needed",
    ]
    assert found["extras"]["verify"] == ["hypothesis"]


def test_a_package_that_was_only_copied_is_a_problem(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its metadata, nobody knows what it needs."""

    def requires(name: str) -> list[str]:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", requires)

    [problem] = diagnosed(capsys, 1)["problems"]

    assert problem.startswith("maxapi-mockserver is not installed here")
