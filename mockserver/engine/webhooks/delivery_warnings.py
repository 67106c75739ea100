"""What a failed attempt says about the receiver, and how a webhook ended."""

from __future__ import annotations

from urllib.parse import urlsplit

from mockserver.domain.expectation import WEBHOOK_REJECTED, WEBHOOK_UNANSWERED
from mockserver.engine.contract_warnings import DELIVERED, ContractWarning
from mockserver.engine.journal import Delivery
from mockserver.engine.webhooks.attempt import Failure

_SUSPECTED = {
    400: "does the receiver expect another body? It gets what a poll shows",
    401: "does the receiver ask for a login? The API sends none",
    403: "does the receiver ask for a login or a CSRF token? The API sends neither",
    404: "is the path of callBackUrl right?",
    405: "does the receiver accept POST?",
    410: "is the path of callBackUrl right?",
    415: "does the receiver accept application/json?",
    422: "does the receiver expect another body? It gets what a poll shows",
}
_NO_RESPONSE = {
    Failure.CONNECTION_REFUSED: "is the receiver running, and does callBackUrl have its port?",
    Failure.UNREACHABLE: "does callBackUrl have the receiver's address?",
    Failure.NAME_NOT_FOUND: "does callBackUrl have the receiver's name?",
    Failure.TIMEOUT: "does the receiver do its work before it responds?",
    Failure.TLS: "does the receiver have a certificate that the mock trusts?",
    Failure.CONNECTION_LOST: "does the receiver crash, or hang up too soon?",
    Failure.NOT_HTTP: "does callBackUrl have the receiver's port, and the right scheme?",
    Failure.BAD_URL: "does the app build callBackUrl correctly?",
}
"""What to suspect when no response came; the other failures are not the receiver's fault."""


_NEVER_SENT = {
    Failure.NOT_SENT: "not sent",
    Failure.BAD_URL: "not sent",
    Failure.LOST: "lost, as a scenario says",
}


def webhook_warning(delivery: Delivery) -> ContractWarning | None:
    """Return what a failed attempt says about its receiver; None if it says nothing.

    One with a fault of a scenario says nothing, as a correct receiver rejects it.
    """
    if delivery.error is None or delivery.scenarios:
        return None
    if delivery.status is not None:
        raised = delivery.error.startswith("raised ")  # by the receiving function of a test
        returned = f"webhook returned {delivery.status}: {_suspected(delivery.status)}"
        text = f"on_webhook {delivery.error}" if raised else returned
        return ContractWarning(WEBHOOK_REJECTED, text)
    if delivery.failure not in _NO_RESPONSE:
        return None
    why = _NO_RESPONSE[delivery.failure]
    origin = _origin(delivery.url)
    named = origin.partition("://")[2] or origin
    where = "" if named in delivery.error else f" to {origin}"
    text = f"webhook{where}: {delivery.error}; {why}"
    return ContractWarning(WEBHOOK_UNANSWERED, text)


def webhook_outcome(delivery: Delivery) -> str:
    """Return the state of the webhook after an attempt."""
    if delivery.error is None:
        return DELIVERED
    if delivery.next_at is not None:
        return "not delivered yet"
    return "given up" if delivery.failure is None else _NEVER_SENT.get(delivery.failure, "given up")


def _suspected(status: int) -> str:
    if 300 <= status < 400:
        return "redirects are not followed; should callBackUrl name the new place?"
    if status >= 500:
        return "did the receiver crash? Its own log says why"
    return _SUSPECTED.get(status, "does the receiver return 2xx once it has the webhook?")


def _origin(url: str) -> str:
    """Return a receiver's URL without user, password and path."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "callBackUrl"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
