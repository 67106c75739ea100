"""The README says what is."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest

from mockserver.contract import Contract
from mockserver.engine.service import Service
from mockserver.settings import make_settings
from mockserver.web.server import Server
from tests.conftest import seconds
from tests.readme import README, renewed

TEXT = README.read_text("utf-8")


def test_its_tables_are_current() -> None:
    """Settings, scenarios and the example as they are; `python -m tests.readme` renews them."""
    assert renewed(TEXT) == TEXT


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_its_curl_lines_do_what_it_says(contract: Contract) -> None:
    """Every curl line, in the README's order, against a server."""
    blocks = [
        block for block in re.findall(r"```bash\n(.*?)```", TEXT, re.DOTALL) if "curl" in block
    ]
    settings = make_settings(contract, port=0, duration=seconds(3600))

    with Server(Service(contract, settings)) as server:
        script = "\n".join(blocks).replace("http://127.0.0.1:6290", server.url)
        separated = re.sub(r"^ *(curl|submit '|clock ')", r"echo; \1", script, flags=re.MULTILINE)
        done = subprocess.run(
            ["bash", "-euc", separated], capture_output=True, text=True, timeout=30, check=True
        )

    answers = [json.loads(line) for line in done.stdout.splitlines() if line.strip()]
    api, control = answers[:8], answers[8:]
    statuses = [
        answer["data"]["status"] if "status" in answer.get("data", {}) else answer["code"]
        for answer in api
    ]
    assert statuses == [0, "PENDING", 0, "CANCELLED", 401, 400, 400, 404]
    assert json.dumps(api[5], ensure_ascii=False) in TEXT
    assert api[6]["data"]["categories"]["violence"] is True
    assert [control[0]["times"], control[1]["frozen"]] == [2, True]
    assert [event["status"] for event in control[3]["happened"]][-1] == "SUCCESS"
