"""The laws of what was refused: it has changed nothing."""

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
"""A method, an operation whose path it is sent to, and what is behind that."""
_BILLABLE = ("POST", "PUT", "PATCH")


@dataclass(frozen=True)
class _Try:
    """Something that should change nothing about a task."""

    history: History
    tried: Exchange
    promise: str


@active_check("rejected-cancels", "A cancellation without the right token cancels nothing",
     "unauthorized_changes_nothing", "refused_changes_nothing", submits=True)  # fmt: skip
def rejected_cancels(session: Session) -> Observations:
    """Try to cancel a task without a token, with nonsense, and with the token of somebody else."""
    operation, attempts = session.contract.service["operations"]["cancel"], []
    for authorization in (None, "Bearer", "nonsense"):
        history = _begun(session)
        path = operation["path"].format(taskId=history.task_id)
        tried = session.parallel_client.send(operation["method"], path, authorization=authorization)
        attempts.append(_Try(history, tried, "unauthorized_changes_nothing"))
        yield from _unchanged(session, attempts[-1])
    if session.other is not None:
        history = _begun(session)
        attempts.append(
            _Try(history, session.other.cancel(history.task_id), "refused_changes_nothing")
        )
        yield from _unchanged(session, attempts[-1])
    yield from _ends(session, attempts)


@active_check("odd-requests", "A request that no route takes changes nothing",
     "refused_changes_nothing", submits=True)  # fmt: skip
def odd_requests(session: Session) -> Observations:
    """Ask for a task with other methods, and below and beside its paths."""
    operations, attempts = session.contract.service["operations"], []
    history = _begun(session)
    for method, name, more in _ODD:
        if method in _BILLABLE and session.client.money.is_spent:
            continue  # whoever takes it for a submission may charge for it
        path = operations[name]["path"].format(taskId=history.task_id) + more
        attempts.append(
            _Try(history, session.parallel_client.send(method, path), "refused_changes_nothing")
        )
        yield from _unchanged(session, attempts[-1])
        if not _is_refused(attempts[-1]):  # nobody knows what that was, so it says nothing
            session.histories.pop(history.task_id, None)
        if not session.options.thrifty or not _is_refused(attempts[-1]):
            history = _begun(session)
    yield from _ends(session, attempts)


def _begun(session: Session) -> History:
    history = session.started(session.request(session.cheapest()))
    if history is None:
        raise Skipped("there is no task to try it on: the submission was refused")
    return history


def _is_refused(attempt: _Try) -> bool:
    return attempt.tried.status is None or attempt.tried.status >= 400


def _unchanged(session: Session, attempt: _Try) -> Observations:
    """Look at a task after something that was refused."""
    if not _is_refused(attempt):
        return
    answer = session.client.poll(attempt.history.task_id)
    status = (answer.task or {}).get("status", f"HTTP {answer.status}")
    if answer.task is None or status == session.contract.lifecycle.cancelled:
        yield _changed(attempt, f"{status} after {attempt.tried}", answer)
    else:
        yield Passed(promised(attempt.promise))


def _changed(attempt: _Try, observed: str, answer: Exchange) -> Failed:
    tried = attempt.tried
    subject = f"{tried.method} {tried.operation or 'another path'}"
    return Failed(promised(attempt.promise), "the task goes on", observed, answer, subject)


def _ends(session: Session, attempts: list[_Try]) -> Observations:
    """Follow the tasks to their end, which is not a cancellation."""
    tasks = {one.history.task_id: one for one in attempts if _is_refused(one)}
    session.follow([one.history for one in tasks.values()], closely=False)
    for one in tasks.values():
        if one.history.last.get("status") == session.contract.lifecycle.cancelled:
            yield _changed(one, f"cancelled after {one.tried}", one.tried)


@active_check("rejected-submissions", "A submission that was refused sends no webhook",
     "refused_changes_nothing", submits=True)  # fmt: skip
def rejected_submissions(session: Session) -> Observations:
    """Submit with a callBackUrl what is wrong, or has no token; wait, and look at what came."""
    if session.webhook_base is None:
        raise Skipped("webhooks cannot arrive; name an address with --webhook-url")
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
        url = f"{session.webhook_base}/refused/{number}"
        sent = {**document, "callBackUrl": url}
        tried[f"/refused/{number}"] = session.client.submit(sent, authorization=authorization)
    session.client.pause(min(session.options.patience, 10.0))
    for webhook in session.unclaimed:
        submission = next((one for end, one in tried.items() if webhook.path.endswith(end)), None)
        if submission is not None and not submission.succeeded:
            observed = f"a webhook, though the submission was answered {submission.status}"
            yield Failed(place, "no webhook", observed, webhook, webhook.path)
    yield Passed(place)
