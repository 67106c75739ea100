"""The Dockerfile, the compose file and the CI jobs use the command correctly."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import socket
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import click
import pytest

from mockserver.cli import main
from mockserver.commands.group import MAIN
from mockserver.commands.options import given_settings, resolve
from mockserver.contract import Contract
from mockserver.engine.service import Service
from mockserver.interception.certificates import Authority, api_hosts
from mockserver.settings import make_settings
from mockserver.web.server import Server
from tests.examples.conftest import HERE, RunWithMock

ROOT = HERE.parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", "")


def load(name: str | Path) -> Any:
    """Read a YAML file of the examples, or another one by its full path."""
    yaml = pytest.importorskip("yaml")
    return yaml.safe_load((HERE / name).read_text("utf-8"))


def words_of(instruction: str) -> list[str]:
    """Read the words of an instruction in the Dockerfile that is written as JSON."""
    found = re.search(rf"^{instruction}\b.*?(\[.*\])$", DOCKERFILE, re.MULTILINE)
    assert found
    return list(json.loads(found[1]))


def called(words: list[str]) -> click.Context:
    """Return what a command line means, without running the command."""
    command = MAIN.get_command(click.Context(MAIN), words[0])
    assert command is not None
    return command.make_context(words[0], words[1:])


def is_healthy(code: str) -> bool:
    """Run a health check; return whether it passes."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, check=False, capture_output=True, timeout=20).returncode == 0


@pytest.mark.parametrize(
    ("file", "summary"),
    [("ci/github.yml", "$GITHUB_STEP_SUMMARY"), ("ci/gitlab.yml", "maxapi-mock.json")],
)
def test_ci_jobs_use_the_command_as_it_is(file: str, summary: str) -> None:
    """Both run the tests with a summary, and are strict."""
    lines = re.findall(r"maxapi-mock run .*", (HERE / file).read_text("utf-8"))

    [options] = [called(shlex.split(line)[1:]).params for line in lines]

    assert options["arguments"] == ("npm", "test")
    assert options["summary_file"] == Path(summary)
    assert options["fail_on_warnings"] is True


def test_ci_jobs_are_in_order() -> None:
    """What a step needs is installed before it."""
    github = [step.get("run") for step in load("ci/github.yml")["jobs"]["test"]["steps"]]
    gitlab = load("ci/gitlab.yml")["test"]

    for steps in (github, gitlab["before_script"] + gitlab["script"]):
        assert steps.index("pip install vendor/maxapi_mockserver-*.whl") == len(steps) - 3
        assert steps[-1].startswith("maxapi-mock run ")
    assert gitlab["artifacts"] == {"when": "always", "paths": ["maxapi-mock.json"]}


def test_the_image_serves_others(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """At the exposed port, unless it is told otherwise."""
    monkeypatch.chdir(tmp_path)
    program, *arguments = words_of("ENTRYPOINT") + words_of("CMD")

    status = main([*arguments, "--show-settings"])

    rows = dict(line.split()[:2] for line in capsys.readouterr().out.splitlines())
    assert (program, status) == ("maxapi-mock", 0)
    assert (rows["host"], f"EXPOSE {rows['port']}" in DOCKERFILE) == ("0.0.0.0", True)


def test_the_health_check_of_the_image(contract: Contract) -> None:
    """It passes while the mock responds, and fails once there is none."""
    program, option, code = words_of("HEALTHCHECK")

    with Server(Service(contract, make_settings(contract, port=0))) as server:
        code = code.replace("6290", str(server.port))
        alive = is_healthy(code)

    assert (program, option, alive, is_healthy(code)) == ("python", "-c", True, False)


def test_the_image_is_built_from_what_the_package_needs(tmp_path: Path) -> None:
    """What the Dockerfile copies, and `.dockerignore` keeps, makes the complete wheel."""
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    for *sources, target in map(str.split, re.findall(r"^COPY (.*)$", DOCKERFILE, re.MULTILINE)):
        for source in sources:
            assert f"!{source}" in ignored
            to = tmp_path / target.strip("/")
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, to, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                to.mkdir(exist_ok=True)
                shutil.copy(ROOT / source, to)

    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=tmp_path / "src", check=True, capture_output=True, timeout=60)

    [wheel] = tmp_path.glob("maxapi_mockserver-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    wanted = {str(path.relative_to(ROOT)) for path in (ROOT / "mockserver").rglob("*.py")}
    assert names >= wanted | {
        "mockserver/schemas/service.json",
        "mockserver/interception/preload.cjs",
    }


def test_the_composed_mock_is_the_api(contract: Contract, tmp_path: Path) -> None:
    """Under the API's names, at HTTPS's port, trusted by containers with the shared folder."""
    services = load("compose/compose.yaml")["services"]
    mock, app = services["mock"], services["app"]

    settings = resolve(given_settings(called(mock["command"]))).settings

    assert mock["networks"]["default"]["aliases"] == list(api_hosts(contract))
    assert (settings.tls, settings.port) == (True, 443)
    assert settings.public_url == contract.fact("cdn_url")
    assert (mock["volumes"], settings.tls_folder) == (["certs:/certs"], Path("/certs"))
    assert "certs:/certs:ro" in app["volumes"]
    trusted = Authority(["localhost"], tmp_path).environment.items()
    for name, path in trusted:
        assert app["environment"][name] == path.replace(str(tmp_path), "/certs")


def test_the_composed_mock_can_be_controlled_and_calls_the_app() -> None:
    """With the token; and it calls no other host."""
    services = load("compose/compose.yaml")["services"]
    mock, app = services["mock"], services["app"]
    token = "MAXAPI_MOCK_CONTROL_TOKEN"

    settings = resolve(given_settings(called(mock["command"]))).settings

    assert settings.is_public
    assert settings.callback_allow == frozenset({"app"})
    assert app["environment"]["WEBHOOK_URL"].startswith("http://app:")
    assert mock["environment"][token] == app["environment"][token] != ""


def test_the_health_check_of_the_composed_mock(tmp_path: Path) -> None:
    """It passes when the certificates exist and the mock responds with them."""
    mock = load("compose/compose.yaml")["services"]["mock"]
    *program, code = mock["healthcheck"]["test"]
    code = code.replace("/certs", str(tmp_path))
    own = {"host": "127.0.0.1", "port": "0", "tls_folder": str(tmp_path)}
    resolved = resolve(given_settings(called(mock["command"])), **own)

    early = is_healthy(code)
    with Server(Service(resolved.contract, resolved.settings)) as server:
        ready = is_healthy(code.replace("443", str(server.port)))

    assert (program, early, ready) == (["CMD", "python", "-c"], False, True)


@pytest.mark.parametrize(
    ("option", "url"),
    [("--intercept", r"https://\S+"), ("--expect-requests", r"http://127\.0\.0\.1:\S+")],
)
def test_the_composed_app_works(option: str, url: str, run_with_mock: RunWithMock) -> None:
    """With the mock in the API's place, or as its base URL: it gets its webhook and its image."""
    with socket.create_server(("127.0.0.1", 0)) as placeholder:
        webhook_url = f"http://127.0.0.1:{placeholder.getsockname()[1]}/webhook"
    command = ("--", sys.executable, HERE / "compose/app.py")

    done = run_with_mock(option, "--duration", "0", *command, WEBHOOK_URL=webhook_url)

    assert done.returncode == 0, done.stderr
    assert re.fullmatch(rf"SUCCESS: {url} has 1536 x 864 pixels\n", done.stdout)


def test_the_composed_base_url_is_that_of_the_mock() -> None:
    """It is served for the app, which receives webhooks and may control it; nobody else may."""
    services = load("compose/base-url.yaml")["services"]
    mock, app = services["mock"], services["app"]
    token = "MAXAPI_MOCK_CONTROL_TOKEN"

    settings = resolve(given_settings(called(mock["command"]))).settings

    assert settings.callback_allow == frozenset({"app"})
    assert app["environment"]["WEBHOOK_URL"].startswith("http://app:")
    assert app["environment"]["MAXAPI_BASE_URL"] == f"http://mock:{settings.port}"
    assert mock["ports"] == [f"127.0.0.1:{settings.port}:{settings.port}"]
    assert mock["environment"][token] == app["environment"][token] != ""


def test_the_composed_replicas_fit_their_neighbours() -> None:
    """Each reaches the others by the names, ports and passwords that these have."""
    services = load("compose/replicas/compose.yaml")["services"]
    database, mock, nginx = services["db"]["environment"], services["mock"], services["nginx"]
    configuration = (HERE / "compose/replicas/nginx.conf").read_text("utf-8")
    user, name = database["POSTGRES_USER"], database["POSTGRES_DB"]

    settings = resolve(given_settings(called(mock["command"]))).settings

    assert settings.is_public
    assert settings.state == f"postgresql://{user}@db/{name}"
    assert mock["environment"]["PGPASSWORD"] == database["POSTGRES_PASSWORD"]
    assert re.fullmatch(r"\$\{\w+:\?.+\}", database["POSTGRES_PASSWORD"])
    assert re.fullmatch(r"\$\{\w+:\?.+\}", mock["environment"]["MAXAPI_MOCK_CONTROL_TOKEN"])
    assert f"server mock:{settings.port} " in configuration
    [port] = re.findall(r"listen (\d+);", configuration)
    assert nginx["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert f":{port}/__mock/health" in nginx["healthcheck"]["test"][-1]


def test_the_image_can_keep_state() -> None:
    """It has what `--state` needs."""
    assert re.search(r"^RUN pip install .*'/src\[state\]'$", DOCKERFILE, re.MULTILINE)


def test_the_dev_container_has_a_mock() -> None:
    """It is started with the container, at the URL that apps read."""
    text = (HERE / "devcontainer/devcontainer.json").read_text("utf-8")
    container = json.loads(text)

    *detached, program, command = shlex.split(container["postStartCommand"].partition(" >")[0])
    settings = resolve(given_settings(called([command]))).settings

    assert (detached, program) == (["setsid", "--fork"], "maxapi-mock")
    assert container["forwardPorts"] == [settings.port]
    assert container["containerEnv"]["MAXAPI_BASE_URL"] == f"http://127.0.0.1:{settings.port}"
