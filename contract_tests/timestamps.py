"""Checks of timestamps: on the calendar, true to the clock, and moved only by changes."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from mockserver.conformance.check import Failed, Observations, Passed, promised, task_check
from mockserver.conformance.model import Exchange, History
from mockserver.conformance.session.active_check import active_check
from mockserver.conformance.session.session import Session, Skipped
from mockserver.contract import Contract

from .lifecycle import failed

_TIMESTAMP = "common.json#/$defs/timestamp"
_APART = timedelta(minutes=5)
"""How far two clocks may differ."""
_LATE = timedelta(seconds=2)
"""How far the clocks of a target's own machines may differ."""


def moment_of(text: Any) -> datetime | None:
    """Read a timestamp in any form; None if it is not one."""
    with suppress(ValueError):
        read = datetime.fromisoformat(text) if isinstance(text, str) else None
        return read if read is None or read.tzinfo else read.replace(tzinfo=UTC)
    return None


@task_check("calendar", "Each timestamp is a real date", _TIMESTAMP)
def calendar(contract: Contract, history: History) -> Observations:
    """Read those that conform to their schema: the schema covers the form."""
    for poll, task in history.shown:
        for name in ("created_at", "updated_at"):
            shown = task.get(name)
            if not isinstance(shown, str) or contract.violations("task", task):
                continue
            if moment_of(shown) is None:
                yield Failed(_TIMESTAMP, "a date that exists", f"{name} {shown}", poll, name)
                return
            yield Passed(_TIMESTAMP)


@task_check("updated-still", "updated_at stays while the status does", "updated_at_stays")
def updated_still(_contract: Contract, history: History) -> Observations:
    """Compare consecutive polls that show the same status."""
    before: tuple[Any, Any] = (None, None)
    for poll, task in history.shown:
        now = task.get("status"), task.get("updated_at")
        if now[0] == before[0] and now[1] is not None and before[1] is not None:
            if now[1] != before[1]:
                observed = f"{now[0]} both times, and updated_at was {before[1]}, then {now[1]}"
                yield failed("updated_at_stays", "the same updated_at", observed, poll)
                return
            yield Passed(promised("updated_at_stays"))
        before = now


@active_check(
    "clock",
    "created_at is the time of the submission",
    "created_at_is_now",
    "clock_goes_on",
    submits=True,
)
def clock(session: Session) -> Observations:
    """Submit a task after the end of another, and look at all earlier tasks, too.

    The clock of a mock may be ahead or stand still. So created_at is compared with the `Date` of
    the response only where the target is live, or where this run itself moves the clock.
    """
    first = _ended(session)
    session.client.pause(0.2)
    second = _ended(session)
    yield from _in_order(first, second)
    changed = _updated_by_cancel(session)
    if changed is not None:
        yield changed
    if session.options.thrifty or _moves_time(session):
        yield from _is_now(session)


def _ended(session: Session) -> History:
    history = session.started(session.request(session.cheapest()))
    if history is None:
        raise Skipped("no task to look at: the submission was rejected")
    session.follow([history], closely=False)
    return history


def _in_order(first: History, second: History) -> Observations:
    """Compare the start of a task with the end of the one before."""
    ended, begun = (
        moment_of(first.last.get("updated_at")),
        moment_of(second.last.get("created_at")),
    )
    if ended is None or begun is None:
        return
    poll, place = second.shown[-1][0], promised("clock_goes_on")
    if begun + _LATE < ended:
        observed = f"created_at {begun.isoformat()}"
        expected = f"not before {ended.isoformat()}, when the task before it had ended"
        yield Failed(place, expected, observed, poll)
    else:
        yield Passed(place)


def _updated_by_cancel(session: Session) -> Failed | None:
    """Cancel a task between two polls; the check `timestamps` compares the polls."""
    history = session.started(session.request(session.cheapest()))
    if history is not None:
        session.client.poll(history.task_id)
        session.client.pause(0.1)
        session.client.cancel(history.task_id)
        session.client.poll(history.task_id)
        session.follow([history], closely=False)
    return None


def _moves_time(session: Session) -> bool:
    return getattr(session.client.pause, "__module__", "time") != "time"


def _is_now(session: Session) -> Observations:
    """Compare created_at of tasks with the Date of the responses to their submissions."""
    place, early = promised("created_at_is_now"), 3
    for number, history in enumerate(session.histories.values()):
        begun = moment_of(history.last.get("created_at"))
        if history.submission is None or begun is None:
            continue
        said = _date_of(history.submission)
        if said is None:
            continue
        apart = begun - said
        ahead = apart > _APART and (session.options.thrifty or number < early)
        if apart < -_APART or ahead:
            observed = f"created_at {begun.isoformat()}, and the response's Date {said.isoformat()}"
            yield Failed(place, "not five minutes apart", observed, history.shown[-1][0])
            return
        yield Passed(place)


def _date_of(exchange: Exchange) -> datetime | None:
    """Read the Date header of a response; None if it has none."""
    with suppress(ValueError, TypeError):
        read = parsedate_to_datetime(exchange.response_headers.get("date", ""))
        return read if read.tzinfo else read.replace(tzinfo=UTC)
    return None
