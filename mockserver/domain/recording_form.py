"""The JSON documents in which recordings are kept.

Each recording is a file of its own in the folder FOLDER of what was recorded. Result files are in
FILES below that, named by the hash of their content.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any

from mockserver.contract import Lifecycle
from mockserver.contract.validation import Schemas, SchemaValidator
from mockserver.contract.violation import Violation
from mockserver.domain.durations import LONGEST
from mockserver.domain.recording import (
    RecordedRejection,
    RecordedState,
    RecordedTask,
    Recording,
    matched,
)

FOLDER, FILES = "recordings", "files"
MOST_BYTES = 4 * 1024 * 1024
"""Bytes of a recording; the proxy keeps half as many of a body."""
MOST_FILE_BYTES = 64 * 1024 * 1024
"""Bytes of a recorded result file."""
MEDIA_TYPES: Mapping[str, str] = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "mp4": "video/mp4",
}
"""The media types of recorded result files, by the suffix of their names."""
TASK_ID = "[A-Za-z0-9._~-]{1,80}"
"""The pattern of ids that can be recorded: they are a segment of a path."""
_VERSION = 1

_STATE = {
    "type": "object",
    "required": ["status", "after"],
    "properties": {
        "status": {"type": "string"},
        "after": {"type": "number", "minimum": 0, "maximum": LONGEST.total_seconds()},
    },
    "additionalProperties": False,
}
_FILE_NAME = rf"^[0-9a-f]{{64}}\.({'|'.join(MEDIA_TYPES)})$"
_FILE = {
    "anyOf": [{"type": "null"}, {"type": "string", "pattern": _FILE_NAME}],
    "x-accepts": f"null or a file's SHA-256 with one of the suffixes {', '.join(MEDIA_TYPES)}",
}
_TASK = {
    "type": "object",
    "required": ["taskId", "states", "failure_reason", "urls", "files"],
    "properties": {
        "taskId": {
            "type": "string",
            "pattern": f"^{TASK_ID}$",
            "x-accepts": "an id of letters, digits, dots, dashes, underscores and tildes",
        },
        "states": {"type": "array", "maxItems": 20, "items": _STATE},
        "failure_reason": {"type": ["string", "null"]},
        "urls": {"type": "array", "maxItems": 100, "items": {"type": "string"}},
        "files": {"type": "array", "maxItems": 100, "items": _FILE},
    },
    "additionalProperties": False,
}
_REJECTION = {
    "type": "object",
    "required": ["status", "body"],
    "properties": {
        "status": {"type": "integer", "minimum": 200, "maximum": 499},
        "body": {
            "type": "object",
            "required": ["code", "msg"],
            "properties": {
                "code": {"type": "integer", "minimum": 400, "maximum": 499},
                "msg": {"type": "string"},
            },
        },
        "retry_after": {
            "type": "string",
            "pattern": "^[ -~]{1,60}$",
            "x-accepts": "a text of visible ASCII characters",
        },
    },
    "additionalProperties": False,
}
_BASE = "https://maxapi-mockserver.example/"
_URI = f"{_BASE}recording.json"
_FORM = {
    "$id": _URI,
    "type": "object",
    "required": ["recording", "request"],
    "properties": {
        "recording": {"const": _VERSION},
        "request": {
            "type": "object",
            "properties": {"model": {}, "input": {}},
            "additionalProperties": False,
        },
        "task": _TASK,
        "rejection": _REJECTION,
    },
    "additionalProperties": False,
    "allOf": [
        {
            "oneOf": [{"required": ["task"]}, {"required": ["rejection"]}],
            "x-message": "has neither or both of task and rejection; use one of them",
        }
    ],
}


@lru_cache(maxsize=1)
def _validator() -> SchemaValidator:
    return Schemas({_URI: _FORM}, _BASE).validator(f"{_URI}#")


def recording_violations(document: Any, lifecycle: Lifecycle) -> list[Violation | str]:
    """List what is wrong with the document of a recording."""
    found: list[Violation | str] = [*_validator().violations(document)]
    if found or "task" not in document:
        return found
    task = document["task"]
    known = (*lifecycle.path, *sorted(lifecycle.terminal))
    before = 0.0
    for number, state in enumerate(task["states"]):
        place = f"task.states[{number}]"
        if state["status"] not in known:
            names = ", ".join(known)
            found.append(f"{place}.status: {state['status'][:60]!r} is unknown; use one of {names}")
        if state["after"] < before:
            found.append(f"{place}.after: is less than the one before it; use ascending seconds")
        if state["status"] in lifecycle.terminal and number + 1 < len(task["states"]):
            found.append(f"{place}.status: is terminal; use it for the last state only")
        before = state["after"]
    if len(task["files"]) not in (0, len(task["urls"])):
        found.append("task.files: has another length than task.urls; use one for each, or none")
    return found


def as_document(recording: Recording) -> dict[str, Any]:
    """Return the document of a recording."""
    outcome = recording.outcome
    document: dict[str, Any] = {"recording": _VERSION, "request": recording.request}
    if isinstance(outcome, RecordedRejection):
        rejection = {"status": outcome.status, "body": outcome.body}
        wait = {} if outcome.retry_after is None else {"retry_after": outcome.retry_after}
        return document | {"rejection": rejection | wait}
    states = [{"status": one.status, "after": one.after.total_seconds()} for one in outcome.states]
    task = {
        "taskId": outcome.id,
        "states": states,
        "failure_reason": outcome.failure_reason,
        "urls": list(outcome.urls),
        "files": list(outcome.files),
    }
    return document | {"task": task}


def of_document(document: Any) -> Recording:
    """Return the recording of a document without violations."""
    request = matched(document["request"])
    if "rejection" in document:
        said = document["rejection"]
        rejection = RecordedRejection(said["status"], said["body"], said.get("retry_after"))
        return Recording(request, rejection)
    task = document["task"]
    states = tuple(
        RecordedState(timedelta(seconds=one["after"]), one["status"]) for one in task["states"]
    )
    urls, files = tuple(task["urls"]), tuple(task["files"])
    return Recording(
        request, RecordedTask(task["taskId"], states, task["failure_reason"], urls, files)
    )
