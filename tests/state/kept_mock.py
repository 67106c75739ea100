"""A mock in this process whose state is kept, and which can die at any moment."""

from __future__ import annotations

import json
from dataclasses import replace
from threading import Event
from typing import Any

from mockserver.contract import load_contract
from mockserver.engine.clock import Clock, real_seconds
from mockserver.engine.keeping import MEMORY, Unavailable
from mockserver.engine.messages import Request
from mockserver.engine.sandbox import Sandbox
from mockserver.engine.service import Service
from mockserver.engine.webhooks.attempt import AttemptResult, WebhookRequest
from mockserver.settings import make_settings
from mockserver.state.replica import Replica
from mockserver.web.gateway import Gateway
from mockserver.web.kept import Home, Homes
from tests.conftest import START

_PATIENCE = 20.0
"""Real seconds: against what hangs, not for pace."""
_pause = Event()
Shown = tuple[int, Any]
"""The status and the JSON of a response."""


class Mock:
    """A mock by the URL of its state, None for memory; its clock stands still at first."""

    def __init__(self, url: str | None) -> None:
        self.webhooks: list[tuple[str, bytes]] = []
        self.outcomes: list[AttemptResult] = []
        """What the next webhooks meet; the others are delivered."""
        self._url = url
        self._start()

    def _start(self) -> None:
        contract = load_contract()
        changes: dict[str, Any] = {"seed": "one", "journal_entries": 30, "max_tasks": 40}
        self.replica = None if self._url is None else Replica(self._url)
        self.service = Service(
            contract,
            make_settings(contract, state=self._url, **changes),
            make_clock=lambda: Clock(START, speed=0),
            transport=self._send,
            keeper=MEMORY if self.replica is None else self.replica.keeper,
        )
        self._gateway = Gateway(self.service)
        if self.replica is not None:
            assert self.replica.start(self.service, "") is None
            self._homes = Homes(self.service, self.replica.keeper)

    def _send(self, webhook: WebhookRequest) -> AttemptResult:
        self.webhooks.append((webhook.url, webhook.body))
        return self.outcomes.pop(0) if self.outcomes else AttemptResult(200, None, 0.001)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        key: str = "key-a",
        *,
        is_committed: bool = True,
    ) -> Shown:
        """Respond to a request, once what it shows is kept, unless it is not *is_committed*."""
        headers = {"authorization": f"Bearer {key}", "host": "127.0.0.1"}
        text = b""
        if body is not None:
            headers["content-type"] = "application/json"
            text = json.dumps(body).encode()
        path, _, query = path.partition("?")
        request = Request(method, path, headers, text, query)
        if self.replica is not None:
            home = self._homes.of(request)
            if isinstance(home, Home):
                assert self.replica.keeper.enter(home.id, home.masked_key) is None
        response = self._gateway.respond(request)
        if self.replica is not None and is_committed:
            self.replica.keeper.commit()
        return response.status, json.loads(response.body or b"null")

    def settle(self) -> None:
        """Return once everything that is due has been sent. Raises TimeoutError."""
        deadline = real_seconds() + _PATIENCE
        while any(map(self._is_busy, self.service.sandboxes)):
            if real_seconds() > deadline:
                raise TimeoutError
            _pause.wait(0.002)
        if self.replica is not None:
            self.replica.keeper.commit()

    def _is_busy(self, sandbox: Sandbox) -> bool:
        dispatcher = self.service.dispatcher
        return dispatcher.next_due(sandbox) == 0 or dispatcher.is_busy(sandbox)

    def die(self) -> None:
        """Die as by SIGKILL, and start again once the lease is over."""
        assert self.replica is not None
        self.replica.store.renew(-1.0)
        self.replica.keeper.fail(Unavailable("killed"))
        self.replica.stop()
        self._start()

    def stop(self) -> None:
        """Stop as `serve` does."""
        self.service.close()
        if self.replica is not None:
            self.replica.stop()

    def restart(self) -> None:
        """Stop, and start again."""
        self.stop()
        self._start()


def comparable(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out of events what differs between two mocks, of which one has died.

    These are numbers, real times, and contract warnings: what the app did before is not kept.
    """
    left_out = ("number", "real_at")
    return [
        {name: _without_warnings(one[name]) for name in one if name not in left_out}
        for one in events
        if one["kind"] != "warning"
    ]


def _without_warnings(value: Any) -> Any:
    return {**value, "warnings": []} if isinstance(value, dict) else value


def refused() -> AttemptResult:
    """Return what a receiver does that is down."""
    return replace(AttemptResult.of_status(503, 0.001))
