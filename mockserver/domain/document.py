"""A task as the API shows it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from mockserver.contract import Lifecycle
from mockserver.domain.moment import stamp
from mockserver.domain.task import Task, status_at, updated_at


def task_document(task: Task, now: datetime, lifecycle: Lifecycle) -> dict[str, Any]:
    """Show *task* at *now*, in the fullest documented form; poll and webhook both say this."""
    status = status_at(task, now)
    succeeded, ended = status == lifecycle.success, status in lifecycle.terminal
    return {
        "taskId": task.id,
        "status": status,
        "input": {"model": task.model} | dict(task.input) | {"model": task.model},
        "result": {"type": task.result_type, "urls": list(task.urls)} if succeeded else None,
        "failure_reason": task.plan.failure_reason if ended else None,
        "created_at": stamp(task.created_at),
        "updated_at": stamp(updated_at(task, now)),
    }
