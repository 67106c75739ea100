"""`maxapi-mock run`: a command with a mock of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from urllib.parse import urlsplit

import pytest
import requests

pytestmark = pytest.mark.slow

RUN = (sys.executable, "-m", "mockserver", "run")
PYTHON = (sys.executable, "-c")
NOTHING = (
    "maxapi-mock run: 0 requests, 0 webhook attempts, 1 contract warning; "
    "live it would have cost $0.00\n  contract warnings:\n"
    "       1 x no request came at all: does the command read MAXAPI_BASE_URL?\n"
)
SUBMIT = """
import json, os, sys, urllib.request
request = urllib.request.Request(
    os.environ["MAXAPI_BASE_URL"] + "/api/v1/task/submit",
    json.dumps({"model": "gpt-image-2/text-to-image", "input": {"prompt": "a cat", **%s}}).encode(),
    {"Authorization": "Bearer " + os.environ["MAXAPI_API_KEY"], "Content-Type": "application/json"},
)
with urllib.request.urlopen(request) as answer:
    task = json.load(answer)["data"]["taskId"]
with urllib.request.urlopen(urllib.request.Request(
    os.environ["MAXAPI_BASE_URL"] + "/api/v1/task/" + task, None, request.headers
)) as answer:
    print(json.load(answer)["data"]["status"])
sys.exit(int(os.environ.get("STATUS", "0")))
"""
"""An app that submits a task with some more fields, and polls it once."""
HANDLE = """
import os, queue, signal, sys
arrived = queue.SimpleQueue()
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, lambda number, frame: arrived.put(number))
print("ready", os.getppid(), flush=True)
for _ in range(int(sys.argv[1])):
    print(signal.Signals(arrived.get(timeout=20)).name, flush=True)
sys.exit(5)
"""
"""An app that takes so many signals in its own way: it says which came, and ends with 5."""
LEAVE = r"""
import os, signal, socket, sys
from urllib.parse import urlsplit
reader, writer = os.pipe()
left = os.fork()
if not left:
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1), os.dup2(null, 2)
    url = urlsplit(os.environ["MAXAPI_BASE_URL"])
    mock = socket.create_connection((url.hostname, url.port))
    mock.sendall(b"POST /api/v1/task/submit HTTP/1.1\r\nContent-Length: 10\r\n\r\n")
    os.write(writer, b"x")
    signal.alarm(30)
    signal.pause()
os.read(reader, 1)
print(left)
sys.exit(4)
"""
"""An app that ends and leaves a process, which is still sending a request."""


def outside(folder: Path, **more: str) -> dict[str, str]:
    """Return an environment without what points to other mocks and proxies, and with *more*."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not re.search("MAXAPI|proxy|_CA_|SSL_CERT|NODE_", name, re.IGNORECASE)
    }
    return {**kept, "TMPDIR": str(folder), **more}


def execute(
    folder: Path, words: Sequence[str], text: str = "", **more: str
) -> subprocess.CompletedProcess[str]:
    """Run anything in *folder*, which is the one of temporary files as well."""
    return subprocess.run(
        words,
        cwd=folder,
        env=outside(folder, **more),
        input=text,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def run(
    folder: Path, options: Sequence[str], command: Sequence[str], **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a command with a mock."""
    return execute(folder, [*RUN, *options, "--", *command], **more)


def _heed_signals() -> None:
    """Undo what a parent like `nohup` leaves to all its children."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


@contextmanager
def running(
    folder: Path, words: Sequence[str], stdin: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[str]]:
    """Run anything next to the test; it has half a minute."""
    process = subprocess.Popen(
        words,
        cwd=folder,
        env=outside(folder),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_heed_signals,  # noqa: PLW1509 - the child starts no threads before its exec
    )
    deadline = Timer(30, process.kill)
    deadline.start()
    with process:
        try:
            yield process
        finally:
            deadline.cancel()
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    """Await the next line that the command prints."""
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


def test_the_command_finds_the_mock_by_its_environment(tmp_path: Path) -> None:
    """The mock responds before the command starts, and no longer when it has ended."""
    names = ("MAXAPI_BASE_URL", "MAXAPI_MOCK_URL", "MAXAPI_API_KEY")
    show = f"import os\nfor name in {names}: print(os.environ[name])"

    done = run(tmp_path, [], [*PYTHON, f"{SUBMIT % {}}".replace("sys.exit", f"{show}\nsys.exit")])

    status, base, mock, key = done.stdout.split()
    assert (done.returncode, status) == (0, "PENDING")
    assert base == mock
    assert key == "maxapi-mock-run"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", urlsplit(base).port or 0), 5)


def test_nothing_but_the_summary_is_added(tmp_path: Path) -> None:
    """Standard output is the command's alone, byte for byte, and it reads the standard input."""
    backwards = "import sys; sys.stdout.write(sys.stdin.read()[::-1])"

    done = execute(tmp_path, [*RUN, "--", *PYTHON, backwards], "reviled")

    assert (done.stdout, done.stderr) == ("deliver", NOTHING)


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("exit 3", 3),
        ("exit 255", 255),
        ("kill -TERM $$", 128 + signal.SIGTERM),
        ("kill -KILL $$", 128 + signal.SIGKILL),
    ],
)
def test_ends_with_the_commands_status(tmp_path: Path, command: str, status: int) -> None:
    """As a shell would: 128 more than the number of the signal that ended it."""
    assert run(tmp_path, [], ["sh", "-c", command]).returncode == status


def test_a_command_that_cannot_be_run_is_said_in_one_line(tmp_path: Path) -> None:
    """127 if there is none, 126 if it is not a program; nothing ran, so there is no summary."""
    (tmp_path / "text").write_text("no program")

    missing = run(tmp_path, [], ["no-such-command"])
    text = run(tmp_path, [], [str(tmp_path / "text")])

    said = "maxapi-mock run: no-such-command: No such file or directory\n"
    assert (missing.returncode, missing.stderr) == (127, said)
    said = f"maxapi-mock run: {tmp_path}/text: Permission denied\n"
    assert (text.returncode, text.stderr) == (126, said)


def test_the_commands_words_are_left_as_they_are(tmp_path: Path) -> None:
    """Also those that look like options of the mock; the dashes in front may be left out."""
    words = ["--", "--pace", "--help", "", "two words"]
    show = [*PYTHON, "import json, sys; print(json.dumps(sys.argv[1:]))", *words]

    done = run(tmp_path, [], show)
    without_dashes = execute(tmp_path, [*RUN, *show])

    assert json.loads(done.stdout) == json.loads(without_dashes.stdout) == words


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "maxapi-mock run: no command; use maxapi-mock run [options] -- COMMAND"),
        (["--"], "maxapi-mock run: no command; use maxapi-mock run [options] -- COMMAND"),
        (["--allow-others", "--", "./x"], "maxapi-mock run: --allow-others: is for --intercept"),
        (
            ["--base-url-suffix", "api/v1", "--", "./x"],
            "'api/v1' is not accepted; use a path, for example",
        ),
        (
            ["--base-url-suffix", "/a b", "--", "./x"],
            "use a path, for example /api/v1, without query",
        ),
        (
            ["--base-url-suffix", "/a?b", "--", "./x"],
            "use a path, for example /api/v1, without query",
        ),
        (["--summary-file", "a/b.md", "--", "./x"], "/a is not a folder; use one that exists"),
        (
            ["--pace", "fast", "--", "./x"],
            "maxapi-mock run: pace: 'fast' is not accepted; use one of",
        ),
        (["--pase", "instant", "--", "./x"], "no such option: --pase, did you mean --pace?"),
        (["--host", "192.0.2.1", "--", "./x"], "maxapi-mock run: cannot listen on 192.0.2.1:0: "),
    ],
)
def test_wrong_usage_ends_with_2_and_one_line(
    tmp_path: Path, words: Sequence[str], said: str
) -> None:
    """The command is not run."""
    (tmp_path / "x").write_text("#!/bin/sh\necho ran\n")
    (tmp_path / "x").chmod(0o755)

    done = execute(tmp_path, [*RUN, *words])

    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_settings_come_from_options_environment_and_config_file(tmp_path: Path) -> None:
    """The command is told what it needs of them; the port in a file may be taken by others."""
    (tmp_path / "maxapi-mock.toml").write_text('port = 1\ncontrol-token = "let-me"\n')
    names = "$MAXAPI_API_KEY $MAXAPI_MOCK_CONTROL_TOKEN"
    script = f'"$@"; echo {names}'
    command = ["sh", "-c", script, "sh", *PYTHON, SUBMIT % {}]

    done = run(tmp_path, ["--pace", "instant"], command, MAXAPI_MOCK_API_KEY="b,a")

    assert done.stdout.split() == ["SUCCESS", "a", "let-me"]


def test_a_port_that_is_asked_for_is_taken(tmp_path: Path) -> None:
    """For apps whose base URL cannot be changed for a test."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])

    done = run(tmp_path, ["--port", port], ["sh", "-c", "echo $MAXAPI_BASE_URL"])

    assert done.stdout == f"http://127.0.0.1:{port}\n"


def test_a_run_can_run_in_a_run(tmp_path: Path) -> None:
    """What the outer one tells its command does not disturb the inner one."""
    options = ["--control-token", "let-me"]

    done = run(tmp_path, options, [*RUN, "--", *PYTHON, SUBMIT % {}])

    inner, outer = [text for text in done.stderr.splitlines() if "maxapi-mock run: " in text]
    assert (done.returncode, done.stdout) == (0, "PENDING\n")
    assert inner.startswith("maxapi-mock run: 2 requests")
    assert outer.startswith("maxapi-mock run: 0 requests")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_reaches_the_command_and_it_decides(
    tmp_path: Path, number: signal.Signals
) -> None:
    """Its status is that of the run, after the summary; no temporary folder is left."""
    with running(tmp_path, [*RUN, "--tls", "--", *PYTHON, HANDLE, "1"]) as process:
        assert line(process).startswith("ready")
        while_it_runs = list(tmp_path.iterdir())

        process.send_signal(number)
        out, err = process.communicate(timeout=20)

    assert (process.returncode, out, err) == (5, f"{number.name}\n", NOTHING)
    assert len(while_it_runs) == 1
    assert list(tmp_path.iterdir()) == []


def test_the_terminals_interrupt_is_not_passed_on(tmp_path: Path) -> None:
    """The terminal sends it to the command too, where it would look like a second Ctrl-C.

    A command that has left the terminal gets only what the run passes on.
    """
    code = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
    command = [*PYTHON, f"import os; os.setsid(){HANDLE}", "1"]
    with running(tmp_path, [*PYTHON, code, *RUN, "--", *command], subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        run_id = int(line(process).split()[1])

        process.stdin.write("\x03")
        process.stdin.flush()
        echoed = process.stdout.read(2)
        os.kill(run_id, signal.SIGTERM)
        out, _ = process.communicate(timeout=20)

    assert echoed == "^C"
    assert out.split("\n")[0] == "SIGTERM"
    assert process.returncode == 5


def test_a_signal_that_ends_the_command_ends_the_run(tmp_path: Path) -> None:
    """With 128 more than its number; no process of the command is left."""
    code = "import os, signal; print(os.getpid(), flush=True); signal.pause()"
    with running(tmp_path, [*RUN, "--", *PYTHON, code]) as process:
        child = int(line(process))

        process.terminate()
        _, err = process.communicate(timeout=20)

    assert (process.returncode, err) == (128 + signal.SIGTERM, NOTHING)
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_a_signal_before_the_command_starts_ends_the_run(tmp_path: Path) -> None:
    """The command is not run at all, and the mock stops."""
    code = (
        "import os, signal\n"
        "from mockserver.cli import main\n"
        "from mockserver.web.server import Server\n"
        "start = Server.start\n"
        "Server.start = lambda self: (start(self), os.kill(os.getpid(), signal.SIGTERM))\n"
        "raise SystemExit(main(['run', '--', 'echo', 'ran']))\n"
    )

    done = execute(tmp_path, [*PYTHON, code])

    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.SIGTERM, "", NOTHING)


def test_a_signal_that_is_ignored_stays_ignored(tmp_path: Path) -> None:
    """Below `nohup` the command outlives its terminal, as it would without the mock."""
    code = "import signal; print(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN)"
    script = 'trap "" HUP; exec "$@"'

    done = execute(tmp_path, ["sh", "-c", script, "sh", *RUN, "--", *PYTHON, code])

    assert done.stdout == "True\n"


@pytest.mark.parametrize("command", ["exit 0", "exit 3", "kill -KILL $$", "exec no-such-command"])
def test_no_temporary_folder_is_left(tmp_path: Path, command: str) -> None:
    """The one with the certificates is there while the command runs, and only then."""
    show = f"ls {tmp_path}; {command}"

    done = run(tmp_path, ["--intercept"], ["sh", "-c", show])

    assert done.stdout.startswith("maxapi-mock-")
    assert list(tmp_path.iterdir()) == []


def test_a_port_in_use_leaves_no_temporary_folder(tmp_path: Path) -> None:
    """It holds a private key."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        done = run(tmp_path, ["--tls", "--port", port], ["true"])

    assert done.returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_is_left_does_not_keep_the_run(tmp_path: Path) -> None:
    """The run ends with the command, though a child of it is still sending a request."""
    done = run(tmp_path, [], [*PYTHON, LEAVE])

    os.kill(int(done.stdout), signal.SIGKILL)
    assert (done.returncode, done.stderr) == (4, NOTHING)


CALLS = """
import os
from mockserver.testing import ControlClient
control = ControlClient(os.environ["MAXAPI_MOCK_URL"], os.environ["MAXAPI_API_KEY"])
control.advance_until_idle()
for delivery in control.deliveries():
    print(delivery["failure"], delivery["error"])
sys.exit
"""
"""Let the webhooks go out, and print what came of them."""


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            [],
            "not-sent not sent: app.example.com is not this machine; --callback-allow names others",
        ),
        (["--strict-callbacks"], "not-sent not sent: app.example.com is not this machine; "),
        (
            ["--callback-allow", "a.example"],
            "not-sent not sent: app.example.com is not this machine; ",
        ),
    ],
)
def test_webhooks_of_a_run_stay_on_this_machine(
    tmp_path: Path, options: list[str], said: str
) -> None:
    """Unless their hosts are named; the submission is accepted in any case, and tried once."""
    app = SUBMIT.replace('"model"', '"callBackUrl": "https://app.example.com/hook", "model"') % {}

    done = run(tmp_path, options, [*PYTHON, app.replace("sys.exit", CALLS.strip())])

    assert done.stdout.startswith(f"PENDING\n{said}")
    assert done.stdout.count("\n") == 2


@pytest.mark.parametrize("options", [[], ["--intercept"]])
@pytest.mark.parametrize(
    ("flags", "status"),
    [([], 0), (["--expect-requests"], 1), (["--fail-on-warnings"], 1)],
)
def test_a_run_without_requests_can_fail(
    tmp_path: Path, options: list[str], flags: list[str], status: int
) -> None:
    """A client that goes past the mock would go unnoticed otherwise."""
    done = run(tmp_path, [*options, *flags], ["true"])

    assert "no request came at all" in done.stderr
    assert done.returncode == status
    assert all(f"failed by {flag}\n" in done.stderr for flag in flags)


def test_a_run_with_requests_is_as_expected(tmp_path: Path) -> None:
    """Also by a client that appends only the route's own part to its base URL."""
    app = SUBMIT.replace("/api/v1", "") % {}

    done = run(tmp_path, ["--base-url-suffix", "/api/v1", "--expect-requests"], [*PYTHON, app])

    assert (done.returncode, done.stdout) == (0, "PENDING\n")


def is_running(process: int) -> bool:
    """Return whether a process runs; one that has ended may still be listed."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{process}/stat")
    return not stat.exists() or stat.read_text("utf-8").rpartition(")")[2].split()[0] != "Z"


PARENT = """
import subprocess, sys
child = "import os, sys, signal\\n%s\\nprint(os.getpid(), flush=True); signal.pause()"
subprocess.Popen([sys.executable, "-c", child], start_new_session=False).wait()
"""
"""An app that starts another process, which does something before it waits for its end."""


@pytest.mark.parametrize("does", ["pass", "signal.signal(signal.SIGTERM, signal.SIG_IGN)"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_to_a_run_ends_grandchildren(
    tmp_path: Path, does: str, number: signal.Signals
) -> None:
    """Also one that does not heed the signal, if not as soon."""
    with running(tmp_path, [*RUN, "--", *PYTHON, PARENT % does]) as process:
        grandchild = int(line(process))

        process.send_signal(number)
        process.communicate(timeout=20)

    assert process.returncode == 128 + number
    assert not is_running(grandchild)


def test_grandchildren_in_a_terminal_end_as_well(tmp_path: Path) -> None:
    """There they stay in its foreground, and are found as what the command has started."""
    code = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
    middle = f"import os; print(os.getppid(), flush=True){PARENT % 'pass'}"
    command = [*PYTHON, code, *RUN, "--", *PYTHON, middle]
    with running(tmp_path, command, subprocess.PIPE) as process:
        run_id, grandchild = int(line(process)), int(line(process))

        os.kill(run_id, signal.SIGTERM)
        process.communicate(timeout=20)

    assert process.returncode == 128 + signal.SIGTERM
    assert not is_running(grandchild)


def test_a_mock_can_be_looked_at_after_the_command() -> None:
    """Until Ctrl-C; then the exit status is still the command's."""
    command = [*RUN, "--console", "--", *PYTHON, "import sys; sys.exit(7)"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        said = running.stderr.readline()
        url = re.search(r"http://\S+", said)
        assert url is not None, said
        page = requests.get(url[0].rstrip(";"), timeout=20).text
        running.send_signal(signal.SIGINT)
        summary = running.stderr.read()

    assert "<!doctype html>" in page.lower()
    assert summary.startswith("maxapi-mock run: 0 requests")
    assert running.returncode == 7
