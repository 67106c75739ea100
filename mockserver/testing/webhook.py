"""A webhook as its receiver sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mockserver.contract import NotJson, load_contract, parse_json


@dataclass(frozen=True, slots=True)
class Webhook:
    """A request that came to a webhook receiver.

    >>> from mockserver.testing import Webhook
    >>> webhook = Webhook("POST", "http://127.0.0.1/hook", {}, b'{"data": {"status": "SUCCESS"}}')
    >>> webhook.task["status"]
    'SUCCESS'
    >>> webhook.violations == []  # the contract asks for more than this
    False
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    """By lower-case name. They can hold a secret, so `repr` does not show them."""
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed as JSON. Raises ValueError if it is not JSON."""
        return parse_json(self.body)

    @property
    def task(self) -> dict[str, Any]:
        """The task in it, as a poll returns it. Raises ValueError if there is none."""
        document = self.json
        if not isinstance(document, dict) or not isinstance(document.get("data"), dict):
            raise ValueError(f"a webhook without data: {self.body[:200]!r}")  # noqa: TRY004
        return dict(document["data"])

    @property
    def violations(self) -> list[str]:
        """How it differs from the contract, one text for each; empty if it conforms."""
        if self.method != "POST":
            return [f"method: {self.method} is not POST"]
        try:
            document = self.json
        except NotJson as error:
            return [f"body: not valid JSON: {error}"]
        return [str(one) for one in load_contract().violations("webhook", document)]


OnWebhook = Callable[[Webhook], int | None]
"""Called with each webhook; returns the HTTP status to respond with, or None for 200."""
