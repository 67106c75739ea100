"""Made-up traffic, as a proxy would report it."""

from __future__ import annotations

import json
from typing import Any

from contract_tests.checks import PASSIVE
from mockserver.conformance.model import Finding
from mockserver.conformance.traffic.monitor import Monitor
from mockserver.contract import Contract, load_contract
from mockserver.proxy.observer import ObservedExchange

KEY = "Bearer the-key-of-the-app"
TASK = "a1b2c3d4-e5f6-7890-abcd-ef1234567890"
DRAW: dict[str, Any] = {"model": "gpt-image-2/text-to-image", "input": {"prompt": "a cat"}}
LATER = "2026-02-10T21:55:00.000000Z"
JSON = ("content-type", "application/json")


def task(status: str = "PENDING", /, **changes: Any) -> dict[str, Any]:
    """Make what a poll returns; the later the state, the later its last change."""
    states = ("PENDING", "PROCESSING", "SUBMITTED")
    second = 46 + (states.index(status) if status in states else len(states))
    done = {"type": "image", "urls": ["https://cdn.example/image-0.png"]}
    shown = {
        "taskId": TASK,
        "status": status,
        "input": {"model": DRAW["model"], **DRAW["input"]},
        "result": done if status == "SUCCESS" else None,
        "failure_reason": None,
        "created_at": "2026-02-10T21:54:46.686768Z",
        "updated_at": f"2026-02-10T21:54:{second}.686768Z",
    }
    return {"code": 0, "msg": "ok", "data": {**shown, **changes}}


class Traffic:
    """Lets exchanges pass by a watch, each a second after the one before."""

    def __init__(self, **options: Any) -> None:
        self.contract: Contract = load_contract()
        self.findings: list[Finding] = []
        self.notices: list[str] = []
        self.now = 1000.0
        self.watch = Monitor(
            self.contract,
            "https://api.example",
            PASSIVE,
            found=self.findings.append,
            notice=self.notices.append,
            **options,
        )

    @property
    def reported(self) -> list[tuple[str, str]]:
        """The findings so far: severity and check."""
        return [(one.severity, one.check) for one in self.findings]

    def passes(
        self,
        method: str,
        target: str,
        body: bytes,
        response_body: Any,
        status: int | None,
        **more: Any,
    ) -> None:
        """Let any exchange pass."""
        self.now += 1
        options = {"began": self.now, "ended": self.now + 0.1, "sent": True} | more
        passed = ObservedExchange(
            method=method,
            target=target,
            headers=options.pop("headers", [("Authorization", KEY), JSON]),
            status=status,
            body=bytearray(body),
            response_body=bytearray(
                response_body
                if isinstance(response_body, bytes)
                else json.dumps(response_body).encode()
            ),
            response_headers=options.pop("response_headers", [JSON]),
            **options,
        )
        self.watch.see(passed)

    def submits(
        self,
        document: Any = None,
        *,
        response_body: Any = None,
        status: int | None = 200,
        **more: Any,
    ) -> None:
        """Let a submission pass, by default one that is accepted."""
        body = document if isinstance(document, bytes) else json.dumps(document or DRAW).encode()
        accepted = {"code": 0, "msg": "ok", "data": {"taskId": TASK}}
        self.passes("POST", "/api/v1/task/submit", body, response_body or accepted, status, **more)

    def polls(self, response_body: Any, status: int | None = 200, **more: Any) -> None:
        """Let a poll pass."""
        self.passes("GET", f"/api/v1/task/{TASK}", b"", response_body, status, **more)

    def cancels(self, status: int | None = 200, **more: Any) -> None:
        """Let a cancellation pass."""
        accepted = {"code": 0, "msg": "ok"}
        response_body = accepted if status == 200 else {"code": status, "msg": "no"}
        self.passes("POST", f"/api/v1/task/{TASK}/cancel", b"", response_body, status, **more)

    def delivers(self, document: Any, **more: Any) -> None:
        """Let a webhook pass."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        options = {"webhook_url": "https://app.example/hook", "headers": [JSON]} | more
        status = options.pop("status", 200)
        self.passes("POST", "/__mock/webhook/x", body, b"", status, **options)
