"""Checks that a rejected request has had no effect."""

from __future__ import annotations

from dataclasses import dataclass

from mockserver.conformance.check import Failed, Observations, Passed, promised
from mockserver.conformance.model import Exchange, History
from mockserver.conformance.session.active_check import active_check
from mockserver.conformance.session.session import Session, Skipped

_ODD = (
    ("DELETE", "query", ""),
    ("PUT", "query", ""),
    ("PATCH", "query", ""),
    ("POST", "query", ""),
    ("GET", "cancel", ""),
    ("DELETE", "cancel", ""),
    ("POST", "cancel", "/now"),
    ("POST", "query", "/Cancel"),
)
"""A method, the operation to whose path it is sent, and what is appended to the path."""
_BILLABLE = ("POST", "PUT", "PATCH")


@dataclass(frozen=True)
class _Attempt:
    """A request that must not change a task."""

    history: History
    request: Exchange
    promise: str


@active_check(
    "rejected-cancels",
    "A cancellation without the right token has no effect",
    "unauthorized_changes_nothing",
    "refused_changes_nothing",
    submits=True,
)
def rejected_cancels(session: Session) -> Observations:
    """Cancel a task without a token, with a malformed one, and with another key."""
    operation, attempts = session.contract.service["operations"]["cancel"], []
    for authorization in (None, "Bearer", "nonsense"):
        history = _begun(session)
        path = operation["path"].format(taskId=history.task_id)
        tried = session.parallel_client.send(operation["method"], path, authorization=authorization)
        attempts.append(_Attempt(history, tried, "unauthorized_changes_nothing"))
        yield from _unchanged(session, attempts[-1])
    if session.other is not None:
        history = _begun(session)
        attempts.append(
            _Attempt(history, session.other.cancel(history.task_id), "refused_changes_nothing")
        )
        yield from _unchanged(session, attempts[-1])
    yield from _ends(session, attempts)


@active_check(
    "odd-requests",
    "A request that matches no route has no effect",
    "refused_changes_nothing",
    submits=True,
)
def odd_requests(session: Session) -> Observations:
    """Send other methods to the paths of a task, and requests to paths near them."""
    operations, attempts = session.contract.service["operations"], []
    history = _begun(session)
    for method, name, more in _ODD:
        if method in _BILLABLE and session.client.money.is_spent:
            continue  # a target that takes it for a submission may charge for it
        path = operations[name]["path"].format(taskId=history.task_id) + more
        attempts.append(
            _Attempt(history, session.parallel_client.send(method, path), "refused_changes_nothing")
        )
        yield from _unchanged(session, attempts[-1])
        if not _is_rejected(attempts[-1]):  # its effect is undefined, so it proves nothing
            session.histories.pop(history.task_id, None)
        if not session.options.thrifty or not _is_rejected(attempts[-1]):
            history = _begun(session)
    yield from _ends(session, attempts)


def _begun(session: Session) -> History:
    history = session.started(session.request(session.cheapest()))
    if history is None:
        raise Skipped("no task to try it on: the submission was rejected")
    return history


def _is_rejected(attempt: _Attempt) -> bool:
    return attempt.request.status is None or attempt.request.status >= 400


def _unchanged(session: Session, attempt: _Attempt) -> Observations:
    """Poll a task after a rejected request."""
    if not _is_rejected(attempt):
        return
    response = session.client.poll(attempt.history.task_id)
    status = (response.task or {}).get("status", f"HTTP {response.status}")
    if response.task is None or status == session.contract.lifecycle.cancelled:
        yield _changed(attempt, f"{status} after {attempt.request}", response)
    else:
        yield Passed(promised(attempt.promise))


def _changed(attempt: _Attempt, observed: str, exchange: Exchange) -> Failed:
    request = attempt.request
    subject = f"{request.method} {request.operation or 'another path'}"
    return Failed(promised(attempt.promise), "the task goes on", observed, exchange, subject)


def _ends(session: Session, attempts: list[_Attempt]) -> Observations:
    """Follow the tasks, and check that none of them ends CANCELLED."""
    tasks = {one.history.task_id: one for one in attempts if _is_rejected(one)}
    session.follow([one.history for one in tasks.values()], closely=False)
    for one in tasks.values():
        if one.history.last.get("status") == session.contract.lifecycle.cancelled:
            yield _changed(one, f"cancelled after {one.request}", one.request)


@active_check(
    "rejected-submissions",
    "A rejected submission sends no webhook",
    "refused_changes_nothing",
    submits=True,
)
def rejected_submissions(session: Session) -> Observations:
    """Submit what has to be rejected, with a callBackUrl, and wait for webhooks."""
    if session.webhook_base is None:
        raise Skipped("webhooks cannot arrive; set an address with --webhook-url")
    model, place = session.cheapest(), promised("refused_changes_nothing")
    tried: dict[str, Exchange] = {}
    for number, (document, authorization) in enumerate(
        (
            (session.request(model, prompt=""), ""),
            ({**session.request(model), "input": "a cat"}, ""),
            ({**session.request(model), "user_id": 7}, ""),
            (session.request(model), None),
            (session.request(model), "Bearer"),
        )
    ):
        url = f"{session.webhook_base}/rejected/{number}"
        sent = {**document, "callBackUrl": url}
        tried[f"/rejected/{number}"] = session.client.submit(sent, authorization=authorization)
    session.client.pause(min(session.options.patience, 10.0))
    for webhook in session.unclaimed:
        submission = next((one for end, one in tried.items() if webhook.path.endswith(end)), None)
        if submission is not None and not submission.succeeded:
            observed = f"a webhook, though the submission returned {submission.status}"
            yield Failed(place, "no webhook", observed, webhook, webhook.path)
    yield Passed(place)
