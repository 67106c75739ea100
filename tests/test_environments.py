"""Every command, and pytest, in every environment that a machine may have for them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.no_cover]

ROOT = Path(__file__).parents[1]

COMMANDS: Mapping[str, tuple[int, str, str]] = {
    "scenarios": (0, "moderated", ""),
    "openapi": (0, '"openapi": "3.1.0"', ""),
    f"validate {ROOT}/fixtures/error/valid/unauthorized.json": (0, "error: conforms", ""),
    "verify --url nowhere": (2, "^$", "maxapi-mock verify: --url: 'nowhere' is not accepted"),
    "serve --show-settings": (0, "port", ""),
    "serve --port 0": (0, "maxapi-mock .* serves http://127.0.0.1:", ""),
    "listen --port 0": (0, "give your app the callBackUrl http://127.0.0.1:", ""),
    "proxy --port 0": (0, "passes everything to https://api.maxapi.io", ""),
    "run -- true": (0, "^$", "maxapi-mock run: 0 requests"),
    "run --intercept -- true": (0, "^$", "maxapi-mock run: 0 requests"),
    "run --no-such-option -- true": (2, "^$", "no such option: --no-such-option"),
    "pytest": (0, "1 passed", ""),
}
"""Each command, its exit status, and what is on its output and on standard error."""

SILENT = ("scenarios", "listen --port 0", "run --no-such-option -- true", "pytest")
"""Those that do not come as far as to read settings, or have nowhere to say what is odd."""

DRIVER = """
import io, json, os, signal, sys
import pytest
from mockserver.cli import main
done = {}
for command in sys.argv[1:]:
    words, streams = command.split(), []
    for old in (sys.stdout, sys.stderr):
        made = io.TextIOWrapper(io.BytesIO(), encoding=old.encoding, errors=old.errors)
        streams.append(made)
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = streams
    if words[0] in ("serve", "listen", "proxy"):  # the signal that ends it waits for it already
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        os.kill(os.getpid(), signal.SIGTERM)
    try:
        if words[0] == "pytest":
            plain = ("-q", "-p", "no:cacheprovider", "-p", "no:asyncio", os.environ["SUITE"])
            status = int(pytest.main(list(plain)))
        else:
            status = main(words)
    except SystemExit as stop:
        status = stop.code
    printed = [one.buffer.getvalue().decode() if not one.flush() else "" for one in streams]
    sys.stdout, sys.stderr = before
    done[command] = [status, *printed]
print("DONE" + json.dumps(done))
"""
"""Runs all commands in one process; the text of each stream is as a file would get it."""

SUITE = """
import os, urllib.request
def test_it(maxapi_env):
    request = urllib.request.Request(
        os.environ["MAXAPI_BASE_URL"] + "/api/v1/task/submit",
        b'{"model": "gpt-image-2/text-to-image", "input": {"prompt": "a cat"}}',
        {"Authorization": "Bearer " + os.environ["MAXAPI_API_KEY"],
         "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
"""

KUBERNETES = {
    f"MAXAPI_MOCK_{name}": value
    for service in ("", "CONTROL_")
    for name, value in {
        f"{service}SERVICE_HOST": "10.0.0.1",
        f"{service}SERVICE_PORT": "6290",
        f"{service}SERVICE_PORT_HTTP": "6290",
        f"{service}PORT": "tcp://10.0.0.1:6290",
        f"{service}PORT_6290_TCP": "tcp://10.0.0.1:6290",
        f"{service}PORT_6290_TCP_PROTO": "tcp",
        f"{service}PORT_6290_TCP_PORT": "6290",
        f"{service}PORT_6290_TCP_ADDR": "10.0.0.1",
    }.items()
}
_NOWHERE = "http://127.0.0.1:9"
PROXIES = {
    cased: _NOWHERE
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    for cased in (name, name.lower())
}


@dataclass(frozen=True)
class Row:
    """An environment: what is set, what is not, where the command stands, and what is said."""

    set: Mapping[str, str] = field(default_factory=dict)
    unset: tuple[str, ...] = ()
    folder: str = ""
    warning: str = ""
    """What each command that reads settings says once on standard error, after its name."""


ROWS = {
    "plain": Row(),
    "a Kubernetes service named like the tool": Row(KUBERNETES),
    "an unknown variable": Row(
        {"MAXAPI_MOCK_PROT": "1"},
        warning="MAXAPI_MOCK_PROT: no such setting, ignored; did you mean MAXAPI_MOCK_PORT?\n",
    ),
    "empty variables": Row(
        {f"MAXAPI_MOCK_{name}": "" for name in ("PORT", "SEED", "TLS", "CONFIG", "URL")}
    ),
    "another tool's variables": Row({"PORT": "x", "HOST": "x", "FLASK_DEBUG": "1", "DEBUG": "x"}),
    "ASCII": Row({"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}),
    "no coercion": Row({"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    "a locale that is not there": Row({"LC_ALL": "xx_XX.KOI8-R", "LANG": "xx"}),
    "time zones": Row({"TZ": "Asia/Kolkata"}),
    "a time zone that is not there": Row({"TZ": "Nowhere/At_All"}),
    "PYTHONSAFEPATH": Row({"PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": "1"}),
    "PYTHONDEVMODE": Row({"PYTHONDEVMODE": "1"}),
    "PYTHONWARNINGS": Row({"PYTHONWARNINGS": "error"}),
    "PYTHONOPTIMIZE": Row({"PYTHONOPTIMIZE": "2", "PYTHONUNBUFFERED": "1"}),
    "no home": Row(unset=("HOME", "USER", "LOGNAME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")),
    "a home that is not there": Row({"HOME": "/nonexistent", "XDG_CACHE_HOME": "/nonexistent"}),
    "a folder that cannot be written": Row({"HOME": "/proc"}, folder="/proc"),
    "no temporary folder": Row({"TMPDIR": "/nonexistent"}),
    "no colours": Row({"NO_COLOR": "1", "TERM": "dumb"}),
    "colours": Row({"FORCE_COLOR": "1", "CLICOLOR_FORCE": "1", "COLUMNS": "1"}),
    "no terminal": Row({"COLUMNS": "x", "LINES": ""}, unset=("TERM",)),
    "proxies": Row(PROXIES),
    "proxies that are none": Row(dict.fromkeys(PROXIES, "no url")),
    "certificates that are not there": Row(
        dict.fromkeys(("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"), "/nonexistent")
    ),
}


def _variables(row: Row, folder: Path) -> dict[str, str]:
    suite = folder / "test_suite.py"
    suite.write_text(SUITE)
    theirs = re.compile("MAXAPI|proxy|_CA_|SSL_CERT|^PYTEST", re.IGNORECASE)
    kept = {name: text for name, text in os.environ.items() if not theirs.search(name)}
    kept |= {"SUITE": str(suite), "TMPDIR": str(folder), **row.set}
    return {name: text for name, text in kept.items() if name not in row.unset}


@pytest.mark.parametrize("name", ROWS)
def test_every_command_works_in_it(name: str, tmp_path: Path) -> None:
    """With the same status and output, and nothing on standard error but what the row says."""
    row = ROWS[name]
    if row.folder and not Path(row.folder).is_dir():
        pytest.skip(f"{row.folder} is not there")

    done = subprocess.run(
        [sys.executable, "-c", DRIVER, *COMMANDS],
        cwd=row.folder or tmp_path,
        env=_variables(row, tmp_path),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    _, found, told = done.stdout.partition("DONE")
    assert found, done.stderr
    assert "Traceback" not in done.stderr
    for command, seen in json.loads(told).items():
        status, out, err = COMMANDS[command]
        is_warned = row.warning and command not in SILENT
        warning = f"maxapi-mock {command.split()[0]}: {row.warning}" if is_warned else ""
        assert seen[0] == status, (command, seen)
        assert re.search(out, seen[1]), (command, seen)
        said = re.sub("Executing <.* seconds\n", "", seen[2])  # Python's own, of a slow machine
        assert said.startswith(warning), (command, seen)
        assert (err in said) if err else (said == warning), (command, seen)
