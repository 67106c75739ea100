"""What `maxapi-mock serve` says while it serves."""

from __future__ import annotations

import pytest

from mockserver.commands.warning_log import WarningLog
from mockserver.contract import Contract
from mockserver.engine.clock import Clock
from mockserver.engine.service import Service
from mockserver.settings import make_settings
from tests.client import Client, seed


def test_what_is_not_sent_is_said_once(
    contract: Contract, capsys: pytest.CaptureFixture[str]
) -> None:
    """For each host: those who wait for a webhook look at the terminal first."""
    service = Service(
        contract,
        make_settings(contract, webhook_tries=1),
        make_clock=lambda: Clock(speed=0),
        watch=WarningLog(),
    )
    client = Client(service)

    for host in ("app.example.com", "app.example.com", "a.example", "127.0.0.1:9"):
        client.submitted(seed() | {"callBackUrl": f"http://{host}/hook"})
        client.control("clock", "POST", json={"advance_until": "idle"})
    service.close()

    lines = capsys.readouterr().err.splitlines()
    said = [line for line in lines if "warning: " not in line]
    hint = "is not this machine; --callback-allow names others"
    assert said == [
        f"maxapi-mock serve: webhook not sent: {host} {hint}"
        for host in ("app.example.com", "a.example")
    ]
