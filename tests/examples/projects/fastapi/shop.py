"""A shop that sells pictures: it orders them from the API, and a webhook tells when they are done.

No page of the API documents a signature. So the route asks for a secret that only the API has been
told, in the `callBackUrl`; it also checks a signature, if the shop has a secret to sign with.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Annotated, Any

import httpx
from fastapi import FastAPI, Header, HTTPException, Query

API = "https://api.maxapi.io/api/v1/task"


@dataclass
class Shop:
    """What the shop knows; a real one has a database."""

    api_key: str
    webhook_token: str
    signing_secret: str | None = None
    orders: dict[str, str] = field(default_factory=dict)
    """The state of each task that was ordered."""
    charged: list[str] = field(default_factory=list)

    def order(self, prompt: str) -> str:
        """Order a picture; return the task's id."""
        document = {
            "model": "gpt-image-2/text-to-image",
            "input": {"prompt": prompt},
            "callBackUrl": f"https://shop.example.com/webhook?token={self.webhook_token}",
        }
        headers = {"Authorization": f"Bearer {self.api_key}"}
        response = httpx.post(f"{API}/submit", json=document, headers=headers)
        response.raise_for_status()
        task_id = str(response.json()["data"]["taskId"])
        self.orders.setdefault(task_id, "PENDING")
        return task_id

    def is_signed(self, task_id: str, timestamp: str, signature: str) -> bool:
        """Return whether a webhook is signed as a mock with --webhook-secret does it."""
        if self.signing_secret is None:
            return True
        text = f"{task_id}.{timestamp}".encode()
        expected = hmac.new(self.signing_secret.encode(), text, hashlib.sha256).hexdigest()
        return hmac.compare_digest(expected.encode(), signature.encode())


def make_app(shop: Shop) -> FastAPI:
    """Make the web application of a shop."""
    app = FastAPI()

    @app.post("/webhook", status_code=204)
    def webhook(
        body: dict[str, Any],
        token: Annotated[str, Query()] = "",
        x_webhook_timestamp: Annotated[str, Header()] = "",
        x_webhook_signature: Annotated[str, Header()] = "",
    ) -> None:
        task = body["data"]
        is_ours = hmac.compare_digest(token.encode(), shop.webhook_token.encode())
        if not is_ours or not shop.is_signed(
            task["taskId"], x_webhook_timestamp, x_webhook_signature
        ):
            raise HTTPException(401)
        if shop.orders.get(task["taskId"]) not in {"SUCCESS", "FAILURE", "TIMEOUT", "CANCELLED"}:
            shop.orders[task["taskId"]] = task["status"]
            if task["status"] == "SUCCESS":
                shop.charged.append(task["taskId"])

    return app
