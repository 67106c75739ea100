"""Checks that the facts about the service fit together, and that the mock finds all it needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

_FILES = (
    "service.json", "control.json", "common.json", "success.json", "envelope.json", "error.json",
    "task.json", "submit-request.json", "submit-response.json", "task-response.json",
    "webhook.json", "cancel-response.json", "moderation-error.json", "model-card.json",
    "sizes.json",
)  # fmt: skip
_FACTS = (
    "base_url", "cdn_url", "results.expire_after", "results.default_ratio", "lifecycle.duration",
    "lifecycle.entered_at", "lifecycle.cancellable", "webhook.timeout", "webhook.tries",
    "webhook.backoff", "webhook.content_type", "limits.body", "limits.nesting",
)  # fmt: skip
"""The facts that have a `value`; most are the default of a setting."""
_OPERATIONS = {"submit": (), "query": ("taskId",), "cancel": ("taskId",)}
"""What the mock has handlers for, and what each needs to find in the path."""
_CODES = (400, 401, 404, 405, 410, 413, 415, 429, 500, 502, 503, 504)
"""The errors that the mock returns."""
_PARTS = ("success", "failure", "timeout", "cancelled")
_REASONS = ("moderation", "invalid", "points")
_IN_A_RESULT = ("sandbox", "taskId", "index")


def service_problems(documents: Mapping[str, Any]) -> Iterator[str]:
    """Yield where the files, by name, do not fit together, and what would be accepted."""
    missing = [name for name in _FILES if not isinstance(documents.get(name), dict)]
    if missing:
        yield from (
            f"{name}: is missing or not an object; use that of the contract" for name in missing
        )
        return
    service, task = documents["service.json"], documents["task.json"]
    yield from (f"service.json: {one}" for one in _service_problems(service))
    states, found = _states(task), list(_task_problems(task))
    yield from (f"task.json: {one}" for one in found)
    if states and not found:
        yield from (f"service.json: {one}" for one in _lifecycle_problems(service, states))


def _at(node: Any, path: str) -> Any:
    """Look up a dotted path; None if there is nothing."""
    for part in path.split("."):
        node = node.get(part) if isinstance(node, dict) else None
    return node


def _service_problems(service: Mapping[str, Any]) -> Iterator[str]:
    for path in _FACTS:
        if _at(service, f"{path}.value") is None:
            yield f"{path}.value: missing; use the fact's value"
    for name in ("scheme", "prefix"):
        if not isinstance(_at(service, f"authentication.{name}"), str):
            yield f"authentication.{name}: missing; use a text"
    for code in _CODES:
        if not isinstance(_at(service, f"errors.{code}.msg"), str):
            yield f"errors.{code}.msg: missing; use the message of such an error"
    yield from _operation_problems(service)
    for kind in ("image", "video"):
        yield from _path_problems(service, f"results.{kind}", _IN_A_RESULT)
        if not isinstance(_at(service, f"results.{kind}.media_type"), str):
            yield f"results.{kind}.media_type: missing; use the media type of the files"


def _operation_problems(service: Mapping[str, Any]) -> Iterator[str]:
    operations = service.get("operations")
    for name in operations if isinstance(operations, dict) else ():
        if name not in _OPERATIONS:
            yield f"operations.{name}: has no handler; use {', '.join(_OPERATIONS)}"
    for name, placeholders in _OPERATIONS.items():
        yield from _path_problems(service, f"operations.{name}", placeholders)
        if not isinstance(_at(service, f"operations.{name}.method"), str):
            yield f"operations.{name}.method: missing; use an HTTP method"
        for code in _at(service, f"operations.{name}.refusals") or ():
            if _at(service, f"errors.{code}") is None:
                yield f"operations.{name}.refusals: {code} is not in errors; use one that is"


def _path_problems(
    service: Mapping[str, Any], place: str, placeholders: tuple[str, ...]
) -> Iterator[str]:
    path, wanted = _at(service, f"{place}.path"), [f"{{{one}}}" for one in placeholders]
    if not isinstance(path, str) or not path.startswith("/"):
        yield f"{place}.path: missing; use a path"
    elif lost := [one for one in wanted if one not in path]:
        yield f"{place}.path: {path!r} has no {lost[0]}; use one with {' '.join(wanted)}"


def _states(task: Mapping[str, Any]) -> list[str]:
    """List the states before the end, in order."""
    path = _at(task, "properties.status.x-lifecycle.path")
    return [str(one) for one in path] if isinstance(path, list) else []


def _task_problems(task: Mapping[str, Any]) -> Iterator[str]:
    place = "properties.status.x-lifecycle"
    lifecycle, known = _at(task, place), _at(task, "properties.status.enum") or []
    if not _states(task):
        yield f"{place}.path: missing; use the states before the end, in order"
    ends = {part: _at(lifecycle, part) for part in _PARTS}
    for name, state in [("path", one) for one in _states(task)] + list(ends.items()):
        if state not in known:
            yield f"{place}.{name}: {state!r} is not a status; use {', '.join(map(str, known))}"
    for name in _REASONS:
        if not isinstance(_at(task, f"properties.failure_reason.x-reasons.{name}"), str):
            yield f"properties.failure_reason.x-reasons.{name}: missing; use a failure_reason"


def _lifecycle_problems(service: Mapping[str, Any], states: list[str]) -> Iterator[str]:
    moments = _at(service, "lifecycle.entered_at.value")
    place = "lifecycle.entered_at.value"
    if not isinstance(moments, list) or len(moments) != len(states):
        after = ", ".join([*states[1:], "the last"])
        yield f"{place}: {moments!r} does not fit; use {len(states)} fractions, for {after}"
    elif not all(_is_fraction(one) for one in moments):
        yield f"{place}: {moments!r} are not fractions of the duration; use numbers from 0 to 1"
    elif any(later < earlier for earlier, later in pairwise(moments)):
        yield f"{place}: {moments!r} does not ascend; use each state's moment after the one before"
    place, accepted = "lifecycle.cancellable.value", ", ".join(states)
    cancellable = _at(service, place)
    for state in cancellable if isinstance(cancellable, list) else [cancellable]:
        if state not in states:
            yield f"{place}: {state!r} is not a state before the end; use {accepted}"


def _is_fraction(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
