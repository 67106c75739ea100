"""One task from submission to image, shown as it happens."""

from __future__ import annotations

import json
import struct
import tempfile
import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import urllib3

from mockserver.contract import Contract, load_contract
from mockserver.domain.price import cost_of, money
from mockserver.domain.size import size_of
from mockserver.engine.service import Service
from mockserver.settings import make_settings
from mockserver.testing.inbox import Inbox, InboxServer
from mockserver.web.server import Server, ServerError

_DEADLINE = 10.0
"""Real seconds that the demo waits for the end of its task, or for its webhook."""

_HEADERS = {"Authorization": "Bearer demo", "Content-Type": "application/json"}


def run_demo() -> bool:
    """Play the demo on a free port and print what happens; return whether all was as promised."""
    contract = load_contract()
    settings = make_settings(contract, port=0, duration=timedelta(seconds=1.2))
    try:
        with Server(Service(contract, settings)) as server, InboxServer() as inboxes:
            return _play(server.url, inboxes.inbox(), contract)
    except (OSError, AssertionError, ServerError) as error:
        _line("failed", str(error))
        return False


def _play(base: str, inbox: Inbox, contract: Contract) -> bool:
    _line("mock", base)
    example = contract.document("submit-request")["examples"][0]
    request = {**example, "callBackUrl": inbox.url}
    task_id = _submit(base, request)
    polled = _watch(f"{base}/api/v1/task/{task_id}", contract)
    webhook = inbox.wait(timeout=_DEADLINE)[0].json
    equal = "yes" if webhook == polled else "NO"
    _line("webhook", f"{webhook['data']['status']}, equal to the poll: {equal}")
    right = _fetch(polled["data"]["result"]["urls"][0], request, contract)
    cost = cost_of(contract.cards[request["model"]], request["input"], Decimal())
    _line("price", f"${money(cost)}")
    return webhook == polled and right


def _line(label: str, text: str) -> None:
    print(f"{label:<9}  {text}", flush=True)


def _json(response: urllib3.BaseHTTPResponse) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(response.data))


def _submit(base: str, request: dict[str, Any]) -> str:
    url = f"{base}/api/v1/task/submit"
    response = urllib3.request("POST", url, json=request, headers=_HEADERS)
    task_id = str(_json(response)["data"]["taskId"])
    _line("submit", f"{request['model']}: {response.status}, task {task_id}")
    return task_id


def _watch(url: str, contract: Contract) -> dict[str, Any]:
    """Poll until the task has ended, and print each state once."""
    started, seen = time.monotonic(), ""
    while time.monotonic() - started < _DEADLINE:
        response = _json(urllib3.request("GET", url, headers=_HEADERS))
        if response["data"]["status"] != seen:
            seen = response["data"]["status"]
            _line(f"{time.monotonic() - started:6.2f} s", seen)
        if seen in contract.lifecycle.terminal:
            return response
        time.sleep(0.02)
    raise TimeoutError(f"the task did not end within {_DEADLINE:g} s")


def _fetch(url: str, request: dict[str, Any], contract: Contract) -> bool:
    """Download the image; return whether it is a PNG of the size that the request asked for."""
    data = urllib3.request("GET", url).data
    width, height = struct.unpack(">II", data[16:24])
    path = Path(tempfile.mkdtemp(prefix="maxapi-demo-")) / urlsplit(url).path.rpartition("/")[2]
    path.write_bytes(data)
    kind = "PNG" if data.startswith(b"\x89PNG") else "NOT A PNG"
    _line("image", f"{path}, {kind}, {width}x{height} pixels")
    ratio = contract.fact("results.default_ratio")
    size = size_of(contract.cards[request["model"]], request["input"], ratio)
    return kind == "PNG" and (width, height) == (size.width, size.height)
