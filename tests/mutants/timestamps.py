"""Mutants: timestamps: impossible ones, wrong ones, and changes without a reason."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from mockserver.contract import load_contract
from mockserver.domain.durations import stamp
from tests.mutants.changes import Shows, tasks
from tests.mutants.layer import MakeLayer
from tests.mutants.mutant import Mutant

_NAMES = load_contract().lifecycle
_BOTH = ("created_at", "updated_at")


def _later(text: str, **by: float) -> str:
    return stamp(datetime.fromisoformat(text) + timedelta(**by))


def _moved(names: tuple[str, ...] = _BOTH, **by: float) -> MakeLayer:
    def edit(task: dict[str, Any]) -> None:
        task.update({name: _later(task[name], **by) for name in names})

    return tasks(edit)


def _remembering(make: Callable[[], Callable[[dict[str, Any]], object]]) -> MakeLayer:
    return lambda: Shows(make())


def _touched() -> Callable[[dict[str, Any]], object]:
    """Move updated_at with every look at a task that goes on."""
    looks: dict[str, int] = {}

    def edit(task: dict[str, Any]) -> None:
        looks[task["taskId"]] = looks.get(task["taskId"], 0) + 1
        if task["status"] in _NAMES.path:
            task["updated_at"] = _later(task["updated_at"], milliseconds=looks[task["taskId"]])

    return edit


def _same_for_all() -> Callable[[dict[str, Any]], object]:
    first: list[str] = []

    def edit(task: dict[str, Any]) -> None:
        first.append(task["created_at"])
        task["created_at"] = first[0]

    return edit


def _cancelled_then(task: dict[str, Any]) -> None:
    if task["status"] == _NAMES.cancelled:
        task["updated_at"] = task["created_at"]


def _february(task: dict[str, Any]) -> None:
    task["created_at"] = "2026-02-30" + task["created_at"][10:]


MUTANTS = (
    Mutant(
        "thirtieth-of-february",
        "Tasks are created on a day that there is not.",
        "calendar",
        "common.json#/$defs/timestamp",
        tasks(_february),
    ),
    Mutant(
        "touched-by-looking",
        "updated_at moves with every poll.",
        "updated-still",
        "service.json#/promises/updated_at_stays",
        _remembering(_touched),
        severity="assumption",
    ),
    Mutant(
        "cancel-moves-nothing",
        "A cancellation does not move updated_at.",
        "timestamps",
        "service.json#/promises/updated_at_moves",
        tasks(_cancelled_then),
        severity="assumption",
    ),
    Mutant(
        "created-alike",
        "All tasks have the created_at of the first.",
        "clock",
        "service.json#/promises/clock_goes_on",
        _remembering(_same_for_all),
        severity="assumption",
    ),
    Mutant(
        "updated-ahead",
        "updated_at is a minute ahead.",
        "clock",
        "service.json#/promises/clock_goes_on",
        _moved(("updated_at",), minutes=1),
        severity="assumption",
    ),
    Mutant(
        "local-time",
        "Timestamps are those of a clock eight hours ahead, but marked as UTC.",
        "clock",
        "service.json#/promises/created_at_is_now",
        _moved(hours=8),
        severity="assumption",
    ),
    Mutant(
        "behind",
        "Moments are a day late.",
        "clock",
        "service.json#/promises/created_at_is_now",
        _moved(days=-1),
        severity="assumption",
    ),
)
