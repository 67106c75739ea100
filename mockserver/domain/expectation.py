"""What a test provokes on purpose, as its user declares it: rejections and kinds of warnings."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

REJECTED = "rejected"
UNKNOWN_FIELD = "unknown-field"
POLLED_AFTER_END = "polled-after-end"
SUBMITTED_AGAIN = "submitted-again"
IGNORED_RETRY_AFTER = "ignored-retry-after"
FETCHED_AFTER_EXPIRY = "fetched-after-expiry"
WEBHOOK_REJECTED = "webhook-rejected"
WEBHOOK_UNANSWERED = "webhook-unanswered"
NO_REQUEST = "no-request"
FROZEN_CLOCK = "frozen-clock"

KINDS: Mapping[str, str] = {
    REJECTED: "a request was rejected, and no scenario asked for that",
    UNKNOWN_FIELD: "a submission has an undocumented field, or one without effect",
    POLLED_AFTER_END: "a task was polled again and again after it had ended",
    SUBMITTED_AGAIN: "a document was submitted again, though it had been accepted",
    IGNORED_RETRY_AFTER: "a request was sent again before its Retry-After had passed",
    FETCHED_AFTER_EXPIRY: "an expired file was fetched again and again",
    WEBHOOK_REJECTED: "a receiver returned something other than 2xx for a webhook",
    WEBHOOK_UNANSWERED: "a receiver could not be reached, or did not respond",
    NO_REQUEST: "no request came at all",
    FROZEN_CLOCK: "a task was polled again and again while the clock stood still",
}
"""The kinds of contract warnings, by the names with which they are declared."""

_CODE = re.compile(r"(?:([a-z]+):)?([45][0-9]{2})")


def check_expected(name: str, operations: Collection[str]) -> None:
    """Raise ValueError unless *name* is a kind, a status, or one of an operation: `submit:400`."""
    found = _CODE.fullmatch(name)
    if name in KINDS or (found and (found[1] is None or found[1] in operations)):
        return
    raise ValueError(
        f"{name!r} is not accepted; use a status (for example 404), that of an operation (for "
        f"example submit:400; {', '.join(operations)}), or one of {', '.join(KINDS)}"
    )


def is_expected(expected: Collection[str], kind: str, operation: str = "", code: int = 0) -> bool:
    """Return whether a warning of *kind* was declared; for a rejection, also by its status."""
    if kind in expected:
        return True
    return bool(code) and (str(code) in expected or f"{operation}:{code}" in expected)
