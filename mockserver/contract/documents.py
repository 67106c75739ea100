"""Recognises which of the contract's documents a JSON value is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def recognise(document: Any) -> str | None:
    """Return the kind of *document* by its fields, valid or not; None if none is similar.

    A webhook has the format of a task response, and is recognised as one.
    """
    if not isinstance(document, Mapping):
        return None
    if "code" in document:
        return _recognise_response(document["code"], document.get("data"))
    if "price" in document or "sizes" in document:
        return "model-card"
    if "status" in document or "taskId" in document:
        return "task"
    return "submit-request" if document.keys() & {"model", "input", "callBackUrl"} else None


def _recognise_response(code: Any, data: Any) -> str:
    members = data if isinstance(data, Mapping) else {}
    if code != 0:
        return "moderation-error" if members.keys() & {"flagged", "categories"} else "error"
    if members.keys() & {"status", "input", "result"}:
        return "task-response"
    return "cancel-response" if data is None else "submit-response"
