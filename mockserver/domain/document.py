"""A task as the API shows it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, get_args

from mockserver.contract import Lifecycle
from mockserver.domain.durations import stamp
from mockserver.domain.task import Task, status_at, updated_at

Form = Literal["full", "minimal"]
"""How much of a task responses show."""
FORMS: tuple[Form, ...] = get_args(Form)

_LEAST = ("taskId", "status", "input")
_LEAST_INPUT = ("model", "prompt")


def task_document(
    task: Task, now: datetime, lifecycle: Lifecycle, form: Form = "full"
) -> dict[str, Any]:
    """Return the document of *task* at *now* in one of FORMS; poll and webhook share it.

    The full form has every documented field. The minimal one is that of the example on the
    seed's page: only id, status, model and prompt, and the result if there is one.
    """
    status = status_at(task, now)
    succeeded, ended = status == lifecycle.success, status in lifecycle.terminal
    document = {
        "taskId": task.id,
        "status": status,
        "input": {"model": task.model} | dict(task.input) | {"model": task.model},
        "result": {"type": task.result_type, "urls": list(task.urls)} if succeeded else None,
        "failure_reason": task.plan.failure_reason if ended else None,
        "created_at": stamp(task.created_at),
        "updated_at": stamp(updated_at(task, now)),
    }
    return document if form == "full" else _minimal(document)


def webhook_document(
    task: Task, now: datetime, lifecycle: Lifecycle, form: Form = "full"
) -> dict[str, Any]:
    """Return the document of an ended task's webhook: like a poll, always with `failure_reason`.

    That field is the only one that the webhook's page promises beyond the seed's example.
    """
    document = task_document(task, now, lifecycle, form)
    return document | {"failure_reason": task.plan.failure_reason}


def _minimal(document: dict[str, Any]) -> dict[str, Any]:
    least = {name: document[name] for name in _LEAST}
    least["input"] = {name: document["input"][name] for name in _LEAST_INPUT}
    return least if document["result"] is None else least | {"result": document["result"]}
