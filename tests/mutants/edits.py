"""Changes to JSON objects, in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Edit = Callable[[dict[str, Any]], object]
"""Its return value is ignored."""


def put(**members: Any) -> Edit:
    """Set members."""
    return lambda node: node.update(members)


def drop(name: str) -> Edit:
    """Leave a member out."""
    return lambda node: node.pop(name, None)


def rename(old: str, new: str) -> Edit:
    """Rename a member."""

    def edit(node: dict[str, Any]) -> None:
        if old in node:
            node[new] = node.pop(old)

    return edit


def remake(name: str, make: Callable[[Any], Any]) -> Edit:
    """Change the value of a member, unless it is absent or null."""

    def edit(node: dict[str, Any]) -> None:
        if node.get(name) is not None:
            node[name] = make(node[name])

    return edit


def inside(name: str, edit: Edit) -> Edit:
    """Edit a member that is an object."""

    def edit_member(node: dict[str, Any]) -> None:
        if isinstance(node.get(name), dict):
            edit(node[name])

    return edit_member


def when(edit: Edit, *statuses: str) -> Edit:
    """Edit tasks in some states only."""
    return lambda task: edit(task) if task["status"] in statuses else None
