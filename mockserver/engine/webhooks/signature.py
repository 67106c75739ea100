"""Proves to a receiver that a webhook is the mock's: by an HMAC, or a secret in a header.

Both are undocumented for this API; sibling services do the one or the other.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

from mockserver.settings import Settings

HEADER = "header"
"""The style in which the secret itself is sent."""
SIGNATURE, TIMESTAMP = "X-Webhook-Signature", "X-Webhook-Timestamp"


def proof(
    settings: Settings, task_id: str, at: datetime, *, forged: bool = False
) -> tuple[tuple[str, str], ...]:
    """Return the headers that prove a webhook sent at *at*; none without a secret.

    With *forged*, return those of a sender that does not know the secret.
    """
    secret = settings.webhook_secret
    if secret is None:
        return ()
    if forged:
        secret = hashlib.sha256(secret.encode()).hexdigest()
    if settings.webhook_secret_style == HEADER:
        return ((settings.webhook_secret_header, secret),)
    seconds = str(int(at.timestamp()))
    return ((TIMESTAMP, seconds), (SIGNATURE, signature_of(secret, task_id, seconds)))


def signature_of(secret: str, task_id: str, seconds: str) -> str:
    """Sign a task's id and a Unix time in seconds: HMAC-SHA-256 of `<taskId>.<seconds>`, hex."""
    text = f"{task_id}.{seconds}"
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
