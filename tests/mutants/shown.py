"""Mutants: the fields of a task, as polls and webhooks show it."""

from __future__ import annotations

from mockserver.contract import load_contract
from tests.mutants.changes import tasks
from tests.mutants.edits import drop, inside, put, remake, when
from tests.mutants.mutant import SOME_RESULT, Mutant

_NAMES = load_contract().lifecycle

MUTANTS = (
    Mutant(
        "task-id-missing",
        "A poll does not show the taskId.",
        "poll-response",
        "task.json#/required",
        tasks(drop("taskId")),
    ),
    Mutant(
        "task-id-other",
        "A poll shows the taskId in upper case.",
        "same-task",
        "task.json#/properties/taskId",
        tasks(remake("taskId", str.upper)),
    ),
    Mutant(
        "task-id-number",
        "A poll shows a number as taskId.",
        "poll-response",
        "task.json#/properties/taskId/type",
        tasks(put(taskId=7)),
    ),
    Mutant(
        "status-missing",
        "A poll does not show the status before the end.",
        "poll-response",
        "task.json#/required",
        tasks(when(drop("status"), *_NAMES.path)),
    ),
    Mutant(
        "status-renamed",
        "The first state is QUEUED.",
        "poll-response",
        "task.json#/properties/status/enum",
        tasks(when(put(status="QUEUED"), _NAMES.path[0])),
    ),
    Mutant(
        "success-renamed",
        "The state of success is COMPLETED.",
        "poll-response",
        "task.json#/properties/status/enum",
        tasks(when(put(status="COMPLETED"), _NAMES.success)),
    ),
    Mutant(
        "cancelled-renamed",
        "The state of a cancelled task is CANCELED.",
        "poll-response",
        "task.json#/properties/status/enum",
        tasks(when(put(status="CANCELED"), _NAMES.cancelled)),
    ),
    Mutant(
        "status-in-lower-case",
        "A task begins as pending, in lower case.",
        "starts-pending",
        "task.json#/properties/status",
        tasks(when(remake("status", str.lower), _NAMES.path[0])),
    ),
    Mutant(
        "status-number",
        "The state PROCESSING is shown as 2.",
        "poll-response",
        "task.json#/properties/status/type",
        tasks(when(put(status=2), _NAMES.path[1])),
    ),
    Mutant(
        "input-missing",
        "A poll does not show the input.",
        "poll-response",
        "task.json#/required",
        tasks(drop("input")),
    ),
    Mutant(
        "input-without-model",
        "The echo of the input lacks the model.",
        "poll-response",
        "task.json#/properties/input/required",
        tasks(inside("input", drop("model"))),
    ),
    Mutant(
        "more-in-task",
        "A task has a progress.",
        "no-unknown-field",
        "task.json#/properties",
        tasks(put(progress=0.5)),
        severity="note",
    ),
    Mutant(
        "reason-empty",
        "The failure_reason of a task that has not failed is an empty string.",
        "poll-response",
        "task.json#/properties/failure_reason/enum",
        tasks(put(failure_reason="")),
    ),
    Mutant(
        "reason-of-success",
        "A task that succeeds has the failure_reason INVALID_PARAMETERS.",
        "reason",
        "service.json#/promises/reason_of_failure",
        tasks(when(put(failure_reason="INVALID_PARAMETERS"), _NAMES.success)),
    ),
    Mutant(
        "failure-with-result",
        "A task that fails has a result.",
        "poll-response",
        "task.json#/allOf/1/then/properties/result/type",
        tasks(when(put(result=SOME_RESULT), _NAMES.failure)),
        settings={"scenario": "failure"},
    ),
    Mutant(
        "reason-new",
        "The failure_reason of a task that fails is UPSTREAM_ERROR.",
        "poll-response",
        "task.json#/properties/failure_reason/enum",
        tasks(when(put(failure_reason="UPSTREAM_ERROR"), _NAMES.failure)),
        settings={"scenario": "failure"},
    ),
    Mutant(
        "timeout-renamed",
        "The state of a task that timed out is EXPIRED.",
        "poll-response",
        "task.json#/properties/status/enum",
        tasks(when(put(status="EXPIRED"), _NAMES.timeout)),
        settings={"scenario": "timeout"},
    ),
)
