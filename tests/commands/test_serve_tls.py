"""`maxapi-mock serve --tls`: HTTPS under the API's own names."""

from __future__ import annotations

import json
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import which

import pytest

from tests.commands.test_run import PYTHON, execute, line, running

pytestmark = pytest.mark.slow

SERVE = (sys.executable, "-m", "mockserver", "serve", "--tls", "--log", "off")
NAMES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
SERVED = ("api.maxapi.io", "cdn.maxapi.io", "localhost", "127.0.0.1")
ASK = "/api/v1/task/none"
ANSWER = {"code": 401, "msg": "unauthorized"}


class Serving:
    """A server that runs, and what it printed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        first = line(process)
        self.url = first.split()[-1]
        self.port = int(self.url.rpartition(":")[2])
        self.exports = [line(process) for _ in NAMES]
        assert line(process).startswith("see it live: ")


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[Serving]:
    """Serve on a free port until the test is done; it has to end well then."""
    with running(folder, [*SERVE, "--port", "0", *options]) as process:
        yield Serving(process)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
        noted = (
            "maxapi-mock serve: warning: query returned 401: unauthorized\n"  # what some tests ask
        )
        assert (process.returncode, out, err.removeprefix(noted)) == (0, "", "")


def in_shell(folder: Path, exports: Sequence[str], *command: str) -> str:
    """Run a command in a shell that was told what the server printed; give what it prints."""
    script = "\n".join([*exports, 'exec "$@"'])
    done = execute(folder, ["sh", "-c", script, "sh", *command])
    assert done.returncode == 0, done.stderr
    return done.stdout


def curl(port: int) -> list[str]:
    """Ask the server by each of its names."""
    if which("curl") is None:
        pytest.skip("no curl on this machine")
    known = [word for name in SERVED for word in ("--resolve", f"{name}:{port}:127.0.0.1")]
    return ["curl", "-sS", "-w", "\\n", *known, *(f"https://{name}:{port}{ASK}" for name in SERVED)]


def with_requests(port: int) -> list[str]:
    """Ask the server by each of its names, with requests, which is told where they are."""
    code = (
        "import socket, sys, requests\n"
        "look_up = socket.getaddrinfo\n"
        "socket.getaddrinfo = lambda host, *more, **by: look_up('127.0.0.1', *more, **by)\n"
        "for url in sys.argv[1:]: print(requests.get(url, timeout=10).text)\n"
    )
    return [*PYTHON, code, *(f"https://{name}:{port}{ASK}" for name in SERVED)]


def node(port: int) -> list[str]:
    """Ask the server by a name that Node knows."""
    if which("node") is None:
        pytest.skip("no Node on this machine")
    code = f"fetch('https://localhost:{port}{ASK}').then((r) => r.text()).then(console.log)"
    return ["node", "-e", code]


@pytest.mark.parametrize(("client", "answers"), [(curl, 4), (with_requests, 4), (node, 1)])
def test_what_is_printed_makes_clients_trust_the_server(
    tmp_path: Path, client: Callable[[int], list[str]], answers: int
) -> None:
    """In a shell, as the lines are printed."""
    with serving(tmp_path) as served:
        out = in_shell(tmp_path, served.exports, *client(served.port))

    assert [json.loads(text) for text in out.splitlines()] == [ANSWER] * answers
    assert served.url == f"https://127.0.0.1:{served.port}"
    assert [text.partition("=")[0] for text in served.exports] == [
        f"export {name}" for name in NAMES
    ]


def test_clients_that_were_told_nothing_do_not_trust_it(tmp_path: Path) -> None:
    """So it is what is printed that makes them."""
    with serving(tmp_path) as served:
        done = execute(tmp_path, curl(served.port))

    assert done.returncode == 60


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_certificates_are_gone_at_the_end(tmp_path: Path, number: signal.Signals) -> None:
    """They are in a temporary folder, unless one is named."""
    with running(tmp_path, [*SERVE, "--port", "0"]) as process:
        Serving(process)
        [folder] = tmp_path.iterdir()
        mode = stat.S_IMODE((folder / "server.key").stat().st_mode)

        process.send_signal(number)
        process.communicate(timeout=20)

    assert (mode, process.returncode) == (0o600, 0)
    assert list(tmp_path.iterdir()) == []


def test_certificates_in_a_named_folder_stay(tmp_path: Path) -> None:
    """For clients that are set up once; the setting can come from wherever settings do."""
    folder = tmp_path / "certificates"
    (tmp_path / "maxapi-mock.toml").write_text(f'tls-folder = "{folder}"\n')

    with serving(tmp_path) as served:
        assert f"export CURL_CA_BUNDLE={folder}/bundle.pem" in served.exports

    assert stat.S_IMODE((folder / "server.key").stat().st_mode) == 0o600
    assert len(list(folder.iterdir())) == 4


@pytest.mark.parametrize(
    "folder",
    [
        "plain",
        ("two words"),
        ("$HOME;'\""),
    ],
)
def test_a_folder_can_have_any_name(tmp_path: Path, folder: str) -> None:
    """A shell reads what is printed as it is meant."""
    with serving(tmp_path, "--tls-folder", str(tmp_path / folder)) as served:
        out = in_shell(tmp_path, served.exports, "printenv", *NAMES[:1])

    assert out == f"{tmp_path / folder}/bundle.pem\n"


def test_what_is_printed_holds_in_every_folder(tmp_path: Path) -> None:
    """A client may well run in another one than the server."""
    (tmp_path / "elsewhere").mkdir()

    with serving(tmp_path, "--tls-folder", "certificates") as served:
        out = in_shell(tmp_path / "elsewhere", served.exports, "sh", "-c", "cat $SSL_CERT_FILE")

    assert "BEGIN CERTIFICATE" in out


@pytest.mark.parametrize("below", ["file", "file/folder"])
def test_a_folder_that_cannot_be_written_is_said_in_one_line(tmp_path: Path, below: str) -> None:
    """With status 2, and without a traceback."""
    (tmp_path / "file").touch()

    done = execute(tmp_path, [*SERVE, "--port", "0", "--tls-folder", str(tmp_path / below)])

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"maxapi-mock serve: tls-folder: {tmp_path / below}: ")
    assert done.stderr.endswith("; use a writable folder\n")
    assert done.stderr.count("\n") == 1


def test_a_port_in_use_leaves_no_certificates(tmp_path: Path) -> None:
    """A private key would lie about."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        done = execute(tmp_path, [*SERVE, "--port", port])

    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert list(tmp_path.iterdir()) == []
