"""The laws of what was refused: it has changed nothing."""

from __future__ import annotations

from dataclasses import dataclass

from mockserver.conformance.model import Exchange, History
from mockserver.conformance.session.session import Lab, Skipped
from mockserver.conformance.check import EXPERIMENT, Broken, Checks, Held, law, promised

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


@law("refused-cancels", "A cancellation without the right token cancels nothing", EXPERIMENT,
     "unauthorized_changes_nothing", "refused_changes_nothing", submits=True)  # fmt: skip
def refused_cancels(lab: Lab) -> Checks:
    """Try to cancel a task without a token, with nonsense, and with the token of somebody else."""
    operation, tries = lab.contract.service["operations"]["cancel"], []
    for authorization in (None, "Bearer", "nonsense"):
        history = _begun(lab)
        path = operation["path"].format(taskId=history.task_id)
        tried = lab.beside.send(operation["method"], path, authorization=authorization)
        tries.append(_Try(history, tried, "unauthorized_changes_nothing"))
        yield from _unchanged(lab, tries[-1])
    if lab.other is not None:
        history = _begun(lab)
        tries.append(_Try(history, lab.other.cancel(history.task_id), "refused_changes_nothing"))
        yield from _unchanged(lab, tries[-1])
    yield from _ends(lab, tries)


@law("odd-requests", "A request that no route takes changes nothing", EXPERIMENT,
     "refused_changes_nothing", submits=True)  # fmt: skip
def odd_requests(lab: Lab) -> Checks:
    """Ask for a task with other methods, and below and beside its paths."""
    operations, tries = lab.contract.service["operations"], []
    history = _begun(lab)
    for method, name, more in _ODD:
        if method in _BILLABLE and lab.target.money.is_spent:
            continue  # whoever takes it for a submission may charge for it
        path = operations[name]["path"].format(taskId=history.task_id) + more
        tries.append(_Try(history, lab.beside.send(method, path), "refused_changes_nothing"))
        yield from _unchanged(lab, tries[-1])
        if not _is_refused(tries[-1]):  # nobody knows what that was, so it says nothing
            lab.histories.pop(history.task_id, None)
        if not lab.options.thrifty or not _is_refused(tries[-1]):
            history = _begun(lab)
    yield from _ends(lab, tries)


def _begun(lab: Lab) -> History:
    history = lab.started(lab.request(lab.cheapest()))
    if history is None:
        raise Skipped("there is no task to try it on: the submission was refused")
    return history


def _is_refused(attempt: _Try) -> bool:
    return attempt.tried.status is None or attempt.tried.status >= 400


def _unchanged(lab: Lab, attempt: _Try) -> Checks:
    """Look at a task after something that was refused."""
    if not _is_refused(attempt):
        return
    answer = lab.target.poll(attempt.history.task_id)
    status = (answer.task or {}).get("status", f"HTTP {answer.status}")
    if answer.task is None or status == lab.contract.lifecycle.cancelled:
        yield _changed(attempt, f"{status} after {attempt.tried}", answer)
    else:
        yield Held(promised(attempt.promise))


def _changed(attempt: _Try, observed: str, answer: Exchange) -> Broken:
    tried = attempt.tried
    subject = f"{tried.method} {tried.operation or 'another path'}"
    return Broken(promised(attempt.promise), "the task goes on", observed, answer, subject)


def _ends(lab: Lab, tries: list[_Try]) -> Checks:
    """Follow the tasks to their end, which is not a cancellation."""
    tasks = {one.history.task_id: one for one in tries if _is_refused(one)}
    lab.follow([one.history for one in tasks.values()], closely=False)
    for one in tasks.values():
        if one.history.last.get("status") == lab.contract.lifecycle.cancelled:
            yield _changed(one, f"cancelled after {one.tried}", one.tried)


@law("refused-submissions", "A submission that was refused sends no webhook", EXPERIMENT,
     "refused_changes_nothing", submits=True)  # fmt: skip
def refused_submissions(lab: Lab) -> Checks:
    """Submit with a callBackUrl what is wrong, or has no token; wait, and look at what came."""
    if lab.webhook_base is None:
        raise Skipped("webhooks cannot arrive; name an address with --webhook-url")
    model, place = lab.cheapest(), promised("refused_changes_nothing")
    tried: dict[str, Exchange] = {}
    for number, (document, authorization) in enumerate(
        (
            (lab.request(model, prompt=""), ""),
            ({**lab.request(model), "input": "a cat"}, ""),
            ({**lab.request(model), "user_id": 7}, ""),
            (lab.request(model), None),
            (lab.request(model), "Bearer"),
        )
    ):
        url = f"{lab.webhook_base}/refused/{number}"
        sent = {**document, "callBackUrl": url}
        tried[f"/refused/{number}"] = lab.target.submit(sent, authorization=authorization)
    lab.target.pause(min(lab.options.patience, 10.0))
    for webhook in lab.unclaimed:
        submission = next((one for end, one in tried.items() if webhook.path.endswith(end)), None)
        if submission is not None and not submission.succeeded:
            observed = f"a webhook, though the submission was answered {submission.status}"
            yield Broken(place, "no webhook", observed, webhook, webhook.path)
    yield Held(place)
