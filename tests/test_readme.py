"""The README says what is true."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from mockserver.contract import Contract
from mockserver.engine.service import Service
from mockserver.settings import make_settings
from mockserver.web.server import Server
from tests.conftest import seconds
from tests.readme import README, renewed
from tests.shells import SHELLS, paste, snippets

TEXT = README.read_text("utf-8")


def test_its_tables_are_current() -> None:
    """`python -m tests.readme` renews settings, scenarios and examples."""
    assert renewed(TEXT) == TEXT


_CURL = """#!/bin/sh
response=$({curl} "$@") || exit
printf '%s\\n' "$response" >>{responses}
printf '%s\\n' "$response"
"""


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("shell", SHELLS)
def test_its_curl_lines_do_what_it_says(contract: Contract, shell: str, tmp_path: Path) -> None:
    """Every curl line, in the README's order, pasted into a shell, against a server."""
    blocks = [block for block in snippets(TEXT) if "curl" in block]
    settings = make_settings(contract, port=0, duration=seconds(3600))
    noted, curl = tmp_path / "responses", tmp_path / "curl"
    curl.write_text(_CURL.format(curl=shutil.which("curl"), responses=noted))
    curl.chmod(0o755)

    with Server(Service(contract, settings)) as server:
        blocks = [block.replace("http://127.0.0.1:6290", server.url) for block in blocks]
        paste(shell, blocks, {"PATH": f"{tmp_path}:{os.environ['PATH']}"}, tmp_path)

    responses = [json.loads(line) for line in noted.read_text("utf-8").splitlines()]
    api, control = responses[:9], responses[9:]
    statuses = [
        body["data"]["status"] if "status" in (body.get("data") or {}) else body["code"]
        for body in api
    ]
    assert statuses == [0, 0, "PENDING", 0, "CANCELLED", 401, 400, 400, 404]
    assert json.dumps(api[6], ensure_ascii=False) in TEXT
    assert api[7]["data"]["categories"]["violence"] is True
    assert [control[0]["times"], control[1]["frozen"]] == [2, True]
    assert [event["status"] for event in control[3]["happened"]][-1] == "SUCCESS"


def test_its_python_snippet_runs(contract: Contract) -> None:
    """As it is, against a server; it asserts for itself what happened."""
    [snippet] = [
        block
        for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
        if "ControlClient(" in block
    ]

    with Server(Service(contract, make_settings(contract, port=0))) as server:
        exec(snippet.replace("http://127.0.0.1:6290", server.url), {})  # noqa: S102
