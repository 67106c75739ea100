"""A webhook as its receiver sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mockserver.contract import NotJson, load_contract, parse_json


@dataclass(frozen=True, slots=True)
class Webhook:
    """A request that came to a webhook receiver."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    """By lower-case name; one can hold a secret."""
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON. Raises ValueError if it is not."""
        return parse_json(self.body)

    @property
    def task(self) -> dict[str, Any]:
        """The task that it tells of, as a poll shows it. Raises ValueError if there is none."""
        document = self.json
        if not isinstance(document, dict) or not isinstance(document.get("data"), dict):
            raise ValueError(f"a webhook without data: {self.body[:200]!r}")  # noqa: TRY004
        return dict(document["data"])

    @property
    def violations(self) -> list[str]:
        """What the contract has against it; empty if it conforms."""
        if self.method != "POST":
            return [f"method: {self.method} is not POST"]
        try:
            document = self.json
        except NotJson as error:
            return [f"body: not valid JSON: {error}"]
        return [str(one) for one in load_contract().violations("webhook", document)]


OnWebhook = Callable[[Webhook], int | None]
"""Takes a webhook and gives the HTTP status to answer; None is 200."""
