"""A target that takes everything for an order, and keeps its own account of what that costs."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, Self

from mockserver.contract import load_contract

MANNERS = (
    "accepts",
    "fails afterwards",
    "hangs up",
    "hides it",
    "says 2xx",
    "says 408",
    "rejects some",
)
"""How it responds to a submission that it has billed; the last bills only what it accepts."""


class Biller:
    """Listens on a free port, as a context manager."""

    def __init__(self, manner: str = "accepts") -> None:
        self.billed = Decimal()
        self.submissions = 0
        self.cancelled: set[str] = set()
        self._manner = manner
        self._lock = Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def submit(self, body: bytes) -> tuple[int, Any] | None:
        """Bill a submission; return status and document, or None to hang up."""
        with self._lock:
            self.submissions += 1
            if self._manner == "rejects some" and self.submissions % 2:
                return 400, {"code": 400, "msg": "no"}
            self.billed += price(body)
        accepted = {"code": 0, "msg": "ok", "data": {"taskId": str(uuid.uuid4())}}
        return {
            "fails afterwards": (500, {"code": 500, "msg": "internal server error"}),
            "hangs up": None,
            "hides it": (200, {"code": 400, "msg": "bad request"}),
            "says 2xx": (202, accepted),
            "says 408": (408, {"code": 408, "msg": "request timeout"}),
        }.get(self._manner, (200, accepted))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        biller = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.path.endswith("/cancel"):
                    biller.cancelled.add(self.path.split("/")[-2])
                    self._respond(200, {"code": 0, "msg": "ok"})
                elif (reply := biller.submit(body)) is None:
                    self.close_connection = True
                else:
                    self._respond(*reply)

            def do_GET(self) -> None:
                task = {"taskId": self.path.split("/")[-1], "status": "PENDING", "input": {}}
                self._respond(200, {"code": 0, "msg": "ok", "data": task})

            def do_DELETE(self) -> None:
                self._respond(405, {"code": 405, "msg": "no"})

            def _respond(self, status: int, document: Any) -> None:
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def price(body: bytes) -> Decimal:
    """Say what the target itself thinks that a submission costs: as much as it can make of it."""
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    cards = load_contract().cards
    named = document.get("model") if isinstance(document, dict) else None
    submitted = document.get("input") if isinstance(document, dict) else None
    chosen = [cards[named]] if isinstance(named, str) and named in cards else list(cards.values())
    fields = submitted if isinstance(submitted, dict) else {}
    return max(_units(card, fields) * _unit(card, fields) for card in chosen)


def _unit(card: Any, fields: Mapping[str, Any]) -> Decimal:
    if not isinstance(card.prices, Mapping):
        return Decimal(card.prices or 0)
    asked = fields.get(card.price_by, card.value_of(card.price_by, {}))
    known = isinstance(asked, str) and asked in card.prices
    return Decimal(card.prices[asked] if known else max(card.prices.values()))


def _units(card: Any, fields: Mapping[str, Any]) -> Decimal:
    name = {"image": "n", "second": "duration"}.get(card.price_per, "")
    asked = fields.get(name, card.value_of(name, {}) or 1)
    if isinstance(asked, str) and asked.isdigit():
        asked = int(asked)
    number = isinstance(asked, int | float) and not isinstance(asked, bool)
    return Decimal(str(asked)).copy_abs() if number else Decimal(1)
