"""The timeline of a task: what happened, and what is planned."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, Required, TypedDict

from mockserver.contract import Lifecycle
from mockserver.domain.durations import stamp
from mockserver.domain.redaction import without_users
from mockserver.domain.task import Task, ends_at, transitions
from mockserver.engine.journal import Delivery
from mockserver.engine.webhooks.attempt import Failure

EventName = Literal["status", "webhook", "held", "results-expire"]


class Event(TypedDict, total=False):
    """What happened during an advance of the clock, as the control plane shows it."""

    at: Required[str]
    event: Required[EventName]
    taskId: Required[str]
    status: str
    attempt: int
    answer: int | None
    """The receiver's HTTP status."""
    delivered: bool
    failure: Failure | None
    error: str | None
    name: str
    """By which a held webhook is released."""


class TimelineEvent(TypedDict, total=False):
    """An entry of a task's timeline, as the control plane shows it."""

    at: Required[str | None]
    """None if a poll decides the moment."""
    event: Required[EventName]
    past: Required[bool]
    status: str
    attempt: int
    delivered: bool
    error: str | None


class Outline(TypedDict):
    """A task in brief, as the control plane shows it: what it takes to draw it."""

    taskId: str
    model: str
    prompt: str | None
    callBackUrl: str | None
    states: list[dict[str, str | None]]
    """Each with `status` and `at`, which is None if a poll decides the moment."""
    webhooks: list[dict[str, Any]]
    """Attempts: `at`, `attempt`, `delivered`, `error`."""
    webhook_due: str | None
    """When the next attempt is planned."""


_LONGEST_PROMPT = 100
"""Characters of a prompt in an outline."""


def outline(task: Task, deliveries: Sequence[Delivery], lifecycle: Lifecycle) -> Outline:
    """Return *task* in brief; *deliveries* are the attempts so far to deliver its webhook."""
    prompt, due = task.input.get("prompt"), webhook_due(task, deliveries, lifecycle)
    return {
        "taskId": task.id,
        "model": task.model,
        "prompt": prompt[:_LONGEST_PROMPT] if isinstance(prompt, str) else None,
        "callBackUrl": task.callback_url and without_users(task.callback_url),
        "states": [
            {"status": status, "at": None if at is None else stamp(at)}
            for at, status in transitions(task)
        ],
        "webhooks": [
            {
                "at": stamp(one.at),
                "attempt": one.attempt,
                "delivered": one.error is None,
                "error": one.error,
            }
            for one in deliveries
        ],
        "webhook_due": None if due is None else stamp(due),
    }


def webhook_due(
    task: Task, deliveries: Sequence[Delivery], lifecycle: Lifecycle
) -> datetime | None:
    """Return when the next attempt to deliver a webhook is due; None if that is not known."""
    if task.callback_url is None:
        return None
    planned = [one for one in deliveries if not one.resent]
    if planned:
        return planned[-1].next_at
    ends = ends_at(task, lifecycle)
    return ends and ends + task.script.webhook_late


def status_event(task: Task, at: datetime, status: str) -> Event:
    """Return the event of a task entering a state."""
    return {"at": stamp(at), "event": "status", "taskId": task.id, "status": status}


def webhook_event(delivery: Delivery) -> Event:
    """Return the event of an attempt to deliver a webhook, with the receiver's status."""
    return {
        "at": stamp(delivery.at),
        "event": "webhook",
        "taskId": delivery.task_id,
        "attempt": delivery.attempt,
        "answer": delivery.status,
        "delivered": delivery.error is None,
        "failure": delivery.failure,
        "error": delivery.error,
    }


def timeline(
    task: Task, deliveries: list[Delivery], now: datetime, lifecycle: Lifecycle, expiry: timedelta
) -> list[TimelineEvent]:
    """List the events of *task* in order; those whose moment a poll decides come last.

    *deliveries* are the attempts so far to deliver its webhook; *expiry* is how long results are
    kept.
    """
    events: list[TimelineEvent] = [
        {**_event(at, now, "status"), "status": status} for at, status in transitions(task)
    ]
    events += [
        {
            **_event(one.at, now, "webhook"),
            "attempt": one.attempt,
            "delivered": not one.error,
            "error": one.error,
        }
        for one in deliveries
    ]
    events += _to_come(task, deliveries, now, lifecycle, expiry)
    return sorted(events, key=lambda event: (event["at"] is None, event["at"] or ""))


def _to_come(
    task: Task, deliveries: list[Delivery], now: datetime, lifecycle: Lifecycle, expiry: timedelta
) -> list[TimelineEvent]:
    events: list[TimelineEvent] = []
    ends = ends_at(task, lifecycle)
    planned = [one for one in deliveries if not one.resent]
    due = webhook_due(task, deliveries, lifecycle)
    if task.callback_url is not None and (due is not None or not planned):
        attempt = len(planned) + 1
        events.append({**_event(due, now, "webhook"), "attempt": attempt, "past": False})
    if task.plan.final == lifecycle.success:
        events.append(_event(ends and ends + expiry, now, "results-expire"))
    return events


def _event(at: datetime | None, now: datetime, name: EventName) -> TimelineEvent:
    past = at is not None and at <= now
    return {"at": None if at is None else stamp(at), "event": name, "past": past}
