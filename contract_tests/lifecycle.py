"""Checks of the history of every task, from its submission to its results."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mockserver.conformance.check import Failed, Observations, Passed, promised, task_check
from mockserver.conformance.model import Exchange, History, json_text
from mockserver.contract import Contract

_STATUS = "task.json#/properties/status"
_ALWAYS = ("model", "prompt")
"""The fields that every example of an echo shows."""


def model_of(history: History) -> str:
    """Return the model that a task was submitted to; empty if its submission was not seen."""
    return str(history.document.get("model", ""))


def failed(
    name: str, expected: str, observed: str, exchange: Exchange | None, subject: str = ""
) -> Failed:
    """Return the observation that a promise was not kept."""
    return Failed(promised(name), expected, observed, exchange, subject)


@task_check("same-task", "A poll shows the task that it asked for", "task.json#/properties/taskId")
def same_task(_contract: Contract, history: History) -> Observations:
    """Compare the taskId of each poll with the one in its path."""
    place = "task.json#/properties/taskId"
    for poll, task in history.shown:
        if task.get("taskId") == history.task_id:
            yield Passed(place)
        else:
            observed = f"taskId {task.get('taskId')!r}"
            yield Failed(place, f"taskId {history.task_id!r}", observed, poll)
            return


@task_check(
    "is-found",
    "A submitted task is found by its id, immediately and from then on",
    "submit-response.json#/properties/data/properties/taskId",
)
def is_found(_contract: Contract, history: History) -> Observations:
    """Look for polls that were rejected."""
    place = "submit-response.json#/properties/data/properties/taskId"
    if history.submission is None:
        return
    for poll in history.polls:
        if poll.task is None:
            yield Failed(place, "the task", str(poll), poll)
            return
        yield Passed(place)


@task_check("never-back", "A task's status never goes back", "never_back")
def never_back(contract: Contract, history: History) -> Observations:
    """Compare the status of each poll with that of the poll before."""
    before = -1
    for poll, task in history.shown:
        rank = _rank(contract, task.get("status"))
        if rank is None:
            continue
        if rank < before:
            statuses = " -> ".join(str(one.get("status")) for _, one in history.shown)
            yield failed("never_back", "a later state, or the same", statuses, poll)
            return
        before = rank
        yield Passed(promised("never_back"))


def _rank(contract: Contract, status: Any) -> int | None:
    path = contract.lifecycle.path
    if status in contract.lifecycle.terminal:
        return len(path)
    return path.index(status) if status in path else None


@task_check("starts-pending", "The first poll of a task shows a documented state", _STATUS)
def starts_pending(contract: Contract, history: History) -> Observations:
    """Look at the first status: any state will do, as a task may be faster than the first poll."""
    if history.shown:
        poll, task = history.shown[0]
        known = _rank(contract, task.get("status")) is not None
        expected = f"one of {', '.join(contract.document('task')['properties']['status']['enum'])}"
        observed = f"status {task.get('status')!r}"
        yield Passed(_STATUS) if known else Failed(_STATUS, expected, observed, poll)


@task_check("ends", "Every task ends", "ends")
def ends(contract: Contract, history: History) -> Observations:
    """Look at the last poll of a task that was followed to its end, or given up after waiting."""
    if history.last.get("status") in contract.lifecycle.terminal:
        yield Passed(promised("ends"))
    elif history.given_up and history.shown:
        poll, task = history.shown[-1]
        observed = f"still {task.get('status')} when it was given up"
        yield failed("ends", "a terminal state", observed, poll, model_of(history))


@task_check("final", "A task that has ended never changes again", "final")
def final(contract: Contract, history: History) -> Observations:
    """Compare the polls after the first that showed a terminal state with it."""
    ended = [one for one in history.shown if one[1].get("status") in contract.lifecycle.terminal]
    for poll, task in history.shown:
        if ended and poll is not ended[0][0] and _is_after(history, poll, ended[0][0]):
            changed = difference(ended[0][1], task)
            if changed:
                yield failed("final", "the same as before", changed, poll)
                return
            yield Passed(promised("final"))


def _is_after(history: History, poll: Exchange, other: Exchange) -> bool:
    numbers = [id(one) for one in history.polls]
    return numbers.index(id(poll)) > numbers.index(id(other))


def difference(before: dict[str, Any], after: dict[str, Any]) -> str:
    """Return the first field in which two tasks differ, and how; empty if they are equal.

    Result URLs are compared without their queries, which a storage service may sign anew each time.
    """
    before, after = _unsigned(before), _unsigned(after)
    for name in before | after:
        if before.get(name) != after.get(name) or (name in before) != (name in after):
            one, other = json_text(before.get(name)), json_text(after.get(name))
            return f"{name} was {one}, and then {other}"
    return ""


def _unsigned(task: dict[str, Any]) -> dict[str, Any]:
    result = task.get("result")
    urls = result.get("urls") if isinstance(result, dict) else None
    if not isinstance(result, dict) or not isinstance(urls, list):
        return task
    plain = [one.partition("?")[0] if isinstance(one, str) else one for one in urls]
    return {**task, "result": {**result, "urls": plain}}


@task_check(
    "timestamps", "The timestamps of a task are in order", "timestamps_in_order", "updated_at_moves"
)
def timestamps(_contract: Contract, history: History) -> Observations:
    """Compare the texts: all have the same form, in which text order is time order."""
    place, before, status = promised("timestamps_in_order"), ("", ""), None
    for poll, task in history.shown:
        created, updated = task.get("created_at"), task.get("updated_at")
        if not isinstance(created, str) or not isinstance(updated, str):
            continue
        fault = ""
        if updated < created:
            fault = f"updated_at {updated} is before created_at {created}"
        elif before[0] not in ("", created):
            fault = f"created_at was {before[0]}, and then {created}"
        elif updated < before[1]:
            fault = f"updated_at was {before[1]}, and then {updated}"
        if fault:
            yield Failed(place, "timestamps in order", fault, poll)
            return
        yield Passed(place)
        if status not in (None, task.get("status")):
            yield _moves(before[1], updated, f"{status} -> {task.get('status')}", poll)
        before, status = (created, updated), task.get("status")


def _moves(before: str, after: str, change: str, poll: Exchange) -> Passed | Failed:
    """Compare updated_at before and after a change of the status."""
    name, observed = "updated_at_moves", f"{change}, and updated_at is {after} as before"
    if before == after:
        return failed(name, "a later updated_at", observed, poll)
    return Passed(promised(name))


@task_check("reason", "Only a failed task has a failure_reason", "reason_of_failure")
def reason(contract: Contract, history: History) -> Observations:
    """Look at failure_reason in every other state."""
    for poll, task in history.shown:
        if task.get("status") == contract.lifecycle.failure or "failure_reason" not in task:
            continue
        if task["failure_reason"] is not None:
            observed = f"{task.get('status')} with failure_reason {task['failure_reason']!r}"
            yield failed("reason_of_failure", "failure_reason null", observed, poll)
            return
        yield Passed(promised("reason_of_failure"))


@task_check("echo", "A poll echoes what was submitted", "echo_prompt", "echo_present", "echo_all")
def echo(contract: Contract, history: History) -> Observations:
    """Compare every submitted field; that all fields are echoed is only assumed."""
    submitted = history.document.get("input")
    if not isinstance(submitted, dict):
        return
    wanted = {"model": history.document.get("model"), **submitted}
    known = wanted.keys() | {name for card in contract.cards.values() for name in card.fields}
    for poll, task in history.shown:
        echoed = task.get("input")
        if not isinstance(echoed, dict):
            continue
        checks = [
            _echoed(name, value, echoed, poll)
            for name, value in wanted.items()
            if name in echoed or name in _ALWAYS
        ]
        absent = [name for name in wanted if name not in echoed and name not in _ALWAYS]
        if absent:
            observed = f"without {', '.join(absent)}"
            checks.append(failed("echo_all", "every submitted field", observed, poll))
        elif len(wanted) > len(_ALWAYS):
            checks.append(Passed(promised("echo_all")))
        yield from checks
        for name in sorted(echoed.keys() - known):  # one page shows a default that was not sent
            shown = f"{name}: {json_text(echoed[name])}"
            added = failed("echo_all", "what was submitted, and no more", shown, poll, name)
            yield replace(added, severity="note")
        if any(isinstance(one, Failed) for one in checks):
            return


def _echoed(name: str, value: Any, echoed: dict[str, Any], poll: Exchange) -> Passed | Failed:
    """Compare one submitted field with its echo."""
    promise = "echo_prompt" if name in _ALWAYS else "echo_present"
    if name not in echoed:
        return failed(promise, f"{name}: {json_text(value)}", f"{name}: absent", poll, name)
    have, wants = echoed[name], value
    if _same(have, wants):
        return Passed(promised(promise))
    if isinstance(have, str) and isinstance(wants, str):
        have, wants = _from_difference(have, wants)
    expected, observed = f"{name}: {json_text(wants)}", f"{name}: {json_text(have)}"
    return failed(promise, expected, observed, poll, name)


def _from_difference(one: str, other: str) -> tuple[str, str]:
    """Cut a long common beginning off two texts, so that a report shows where they differ."""
    both = zip(one, other, strict=False)
    same = next((at for at, (a, b) in enumerate(both) if a != b), min(len(one), len(other)))
    start = max(0, same - 40)
    dots = "..." if start else ""
    return dots + one[start:], dots + other[start:]


def _same(one: Any, other: Any) -> bool:
    """Compare JSON values strictly, at any depth: 1 equals neither true nor 1.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


@task_check(
    "cancel-is-kept",
    "A task ends CANCELLED if a cancellation was accepted, and only then",
    "cancel_is_kept",
)
def cancel_is_kept(contract: Contract, history: History) -> Observations:
    """Compare the responses to the cancellations with the state in which the task ended."""
    if (
        not history.cancels
        or history.is_inconclusive
        or history.last.get("status") not in contract.lifecycle.terminal
    ):
        return
    accepted = [one for one in history.cancels if one.succeeded]
    cancelled = history.last.get("status") == contract.lifecycle.cancelled
    if cancelled == bool(accepted):
        yield Passed(promised("cancel_is_kept"))
        return
    expected = contract.lifecycle.cancelled if accepted else "any other end"
    exchange = accepted[0] if accepted else history.cancels[0]
    yield failed("cancel_is_kept", expected, f"{history.last.get('status')}", exchange)
