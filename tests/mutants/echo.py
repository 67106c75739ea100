"""Mutants: the echo of the input, and the timestamps of a task."""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import Any

from tests.mutants.changes import Shows, tasks
from tests.mutants.edits import drop, inside, put, remake, rename
from tests.mutants.layer import Layer
from tests.mutants.mutant import EDIT, Mutant

_PROMPT, _ALL = "service.json#/promises/echo_prompt", "service.json#/promises/echo_all"
_TIMESTAMP = "common.json#/$defs/timestamp"
_ORDER = "service.json#/promises/timestamps_in_order"


def _nested(task: dict[str, Any]) -> None:
    model = task["input"].pop("model")
    task["input"] = {"model": model, "input": task["input"]}


def _swapped(task: dict[str, Any]) -> None:
    task["created_at"], task["updated_at"] = task["updated_at"], task["created_at"]


def _submission(task: dict[str, Any]) -> None:
    task["updated_at"] = task["created_at"]


def _moved(task: dict[str, Any]) -> None:
    task["created_at"] = task["updated_at"]


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode()


def _back() -> Layer:
    """Show all timestamps as a year ago, from the third poll of a task on."""
    polls: Counter[str] = Counter()

    def edit(task: dict[str, Any]) -> None:
        polls[task["taskId"]] += 1
        if polls[task["taskId"]] > 2:
            year = int(task["created_at"][:4]) - 1
            for name in ("created_at", "updated_at"):
                task[name] = f"{year}{task[name][4:]}"

    return Shows(edit, in_webhooks=False)


MUTANTS = (
    Mutant(
        "input-nested",
        "The echo is not flattened: there is an input in the input.",
        "echo",
        _PROMPT,
        tasks(_nested),
    ),
    Mutant(
        "echo-without-prompt",
        "The echo of the input lacks the prompt.",
        "echo",
        _PROMPT,
        tasks(inside("input", drop("prompt"))),
    ),
    Mutant(
        "echo-without-n",
        "The echo of the input lacks n.",
        "echo",
        _ALL,
        tasks(inside("input", drop("n"))),
        severity="assumption",
    ),
    Mutant(
        "echo-retyped",
        "The echo shows n as a string.",
        "echo",
        "service.json#/promises/echo_present",
        tasks(inside("input", remake("n", str))),
    ),
    Mutant(
        "echo-garbled",
        "The echo of the prompt has question marks for all that is not ASCII.",
        "echo",
        _PROMPT,
        tasks(inside("input", remake("prompt", _ascii))),
    ),
    Mutant(
        "echo-trimmed",
        "The echo of the prompt is without white space at its ends.",
        "echo",
        _PROMPT,
        tasks(inside("input", remake("prompt", str.strip))),
    ),
    Mutant(
        "echo-cut",
        "The echo of the prompt is cut after 200 characters.",
        "echo",
        _PROMPT,
        tasks(inside("input", remake("prompt", lambda prompt: prompt[:200]))),
    ),
    Mutant(
        "echo-escaped",
        "The echo of the prompt is escaped for HTML.",
        "echo",
        _PROMPT,
        tasks(inside("input", remake("prompt", escape))),
    ),
    Mutant(
        "echo-renamed",
        "The echo shows imageUrls as image_urls.",
        "echo",
        _ALL,
        tasks(inside("input", rename("imageUrls", "image_urls"))),
        models=(EDIT,),
        severity="assumption",
    ),
    Mutant(
        "echo-with-more",
        "The echo has a seed that was not submitted.",
        "echo",
        _ALL,
        tasks(inside("input", put(seed=7))),
        severity="note",
    ),
    Mutant(
        "timestamps-without-zone",
        "Timestamps have no Z at their end.",
        "poll-response",
        f"{_TIMESTAMP}/pattern",
        tasks(remake("created_at", lambda text: text.removesuffix("Z"))),
    ),
    Mutant(
        "timestamps-with-offset",
        "Timestamps end in +00:00.",
        "poll-response",
        f"{_TIMESTAMP}/pattern",
        tasks(remake("updated_at", lambda text: text.replace("Z", "+00:00"))),
    ),
    Mutant(
        "timestamps-in-seconds",
        "Timestamps have no microseconds.",
        "poll-response",
        f"{_TIMESTAMP}/pattern",
        tasks(remake("created_at", lambda text: f"{text[:19]}Z")),
    ),
    Mutant(
        "timestamps-as-numbers",
        "created_at is a number of seconds.",
        "poll-response",
        f"{_TIMESTAMP}/type",
        tasks(put(created_at=1770760486)),
    ),
    Mutant(
        "timestamps-swapped",
        "created_at is the time of the last change, and updated_at that of the submission.",
        "timestamps",
        _ORDER,
        tasks(_swapped),
    ),
    Mutant(
        "created-at-moves",
        "created_at moves on with every change.",
        "timestamps",
        _ORDER,
        tasks(_moved),
    ),
    Mutant(
        "updated-at-stays",
        "updated_at is the time of the submission forever.",
        "timestamps",
        "service.json#/promises/updated_at_moves",
        tasks(_submission),
        severity="assumption",
    ),
    Mutant(
        "timestamps-go-back",
        "From the third poll on, all timestamps are a year earlier.",
        "timestamps",
        _ORDER,
        _back,
    ),
)
