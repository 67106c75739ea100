"""Checks that follow tasks to their results, their webhooks, or their cancellation."""

from __future__ import annotations

import json
from typing import Any

from mockserver.conformance.check import Failed, Observations, Passed, promised
from mockserver.conformance.model import Exchange, History
from mockserver.conformance.session.active_check import active_check
from mockserver.conformance.session.session import Session, Skipped
from mockserver.conformance.values import minimal_input, valid_values

from .rejection import check_accepted


@active_check(
    "lifecycle", "The tasks of every model go from submission to results", "ends", submits=True
)
def lifecycle(session: Session) -> Observations:
    """Follow the smallest task of each model, with a webhook, and its largest, without one."""
    histories: list[History] = []
    for model in session.options.models:
        smallest = session.with_webhook(session.request(model))
        for document in (smallest, _other(session, model)):
            yield from _begin(session, document, histories)
    yield from _followed(session, histories)


def _begin(session: Session, document: dict[str, Any], histories: list[History]) -> Observations:
    """Submit a valid document whose files will be fetched; an error contradicts its card."""
    yield from evaluated(session, document, session.submit(document), histories)


def evaluated(
    session: Session, document: dict[str, Any], exchange: Exchange, histories: list[History]
) -> Observations:
    """Note a submission that was accepted; report one that was not as a failure of its card."""
    history = session.history_of(exchange)
    if history is not None:
        histories.append(history)
        session.files_wanted.add(history.task_id)
    if "callBackUrl" not in document:  # smallest-input covers those with one
        place, model = session.card_of(document["model"]), document["model"]
        shown = json.dumps(document["input"], ensure_ascii=False)[:120]
        yield from check_accepted(exchange, f"{place}#/input", f"{model} {shown}")


def _followed(session: Session, histories: list[History]) -> Observations:
    """Follow tasks and fetch their files; the checks of histories look at what was seen."""
    session.follow(histories)
    yield from fetched(session, histories)


def fetched(session: Session, histories: list[History], *, few: bool = False) -> Observations:
    """Fetch all files of tasks that have ended, or a few."""
    for number, history in enumerate(histories):
        if history.task_id in session.files_wanted:
            urls = urls_of(history)
            chosen = [*urls[-1:], *urls[: number % 3 == 0]] if few else urls
            for url in dict.fromkeys(chosen):
                history.files.append(session.client.fetch(url))
    if histories:
        yield Passed(promised("ends"))  # the check `ends` looks at each task


def urls_of(history: History) -> list[str]:
    """List the URLs of a task's results."""
    result = history.last.get("result")
    urls = result.get("urls") if isinstance(result, dict) else None
    listed = urls if isinstance(urls, list) else []
    return [str(url) for url in listed]


def _other(session: Session, model: str) -> dict[str, Any]:
    """Make the largest request to a model; where it costs money, one for two results."""
    if not session.options.thrifty:
        return {"model": model, "input": _largest(session, model)}
    several = "n" in session.contract.cards[model].fields
    return session.request(model, **({"n": 2} if several else {}))


def _largest(session: Session, model: str) -> dict[str, Any]:
    """Make an input with as many fields as possible, each at its last value."""
    largest = minimal_input(session.contract, model)
    for value in valid_values(session.contract, model):
        wider = {**largest, value.field: value.input[value.field]}
        if not session.contract.violations("submit-request", {"model": model, "input": wider}):
            largest = wider
    return largest


# -- cancellation ----------------------------------------------------------------------------


def _begun(session: Session, document: Any = None) -> History:
    history = session.started(document or session.request(session.cheapest()))
    if history is None:
        raise Skipped("no task to cancel: the submission was rejected")
    return history


@active_check(
    "cancel-pending",
    "A task can be cancelled while it is in its first state",
    "cancel_pending",
    submits=True,
)
def cancel_pending(session: Session) -> Observations:
    """Cancel a task at once; an error is only right if the task had moved on."""
    history = _begun(session, session.with_webhook(session.request(session.cheapest())))
    response = session.client.cancel(history.task_id)
    after = session.client.poll(history.task_id)
    status = (after.task or {}).get("status")
    place = promised("cancel_pending")
    if response.succeeded and status == session.contract.lifecycle.cancelled:
        yield Passed(place)
    elif (response.succeeded and after.task) or status == session.contract.lifecycle.path[0]:
        observed = f"the cancellation returned {response.status}, and a poll shows {status}"
        yield Failed(
            place, f"200, and then {session.contract.lifecycle.cancelled}", observed, response
        )
    session.follow([history])


@active_check(
    "cancel-later",
    "A late cancellation is accepted or rejected, and does what its response says",
    "cancel_refused_with_400",
    "service.json#/lifecycle/cancellable",
    submits=True,
)
def cancel_later(session: Session) -> Observations:
    """Cancel in each later state, twice, and close to a transition."""
    for state in session.contract.lifecycle.path[1:]:
        history = _begun(session)
        if _reaches(session, history, state):
            session.client.pause(0.001)  # so that two changes never have the same timestamp
            yield from _rejection(session.client.cancel(history.task_id), state)
        session.follow([history])
    history = _begun(session)
    session.client.cancel(history.task_id)
    yield from _rejection(session.client.cancel(history.task_id), "twice")
    session.follow([history])
    for _ in range(min(session.options.examples, 8)):
        history = _begun(session)
        session.client.pause(
            session.random.choice((0.2, 0.4, 0.4, 0.5)) * session.random.uniform(0.9, 1.1)
        )
        yield from _rejection(session.client.cancel(history.task_id), "close to a transition")
        session.follow([history], closely=False)


def _reaches(session: Session, history: History, state: str) -> bool:
    waited = 0.0
    while waited <= session.options.patience and not session.has_ended(history):
        task = session.client.poll(history.task_id).task or {}
        if task.get("status") == state:
            return True
        session.client.pause(session.options.interval)
        waited += session.options.interval
    return False


def _rejection(response: Exchange, subject: str) -> Observations:
    """Compare the status of a rejected cancellation with 400; other checks cover accepted ones."""
    place = promised("cancel_refused_with_400")
    if response.status == 400:
        yield Passed(place)
    elif not response.succeeded and not response.is_inconclusive:
        yield Failed(place, "400", f"{response.error or response.status}", response, subject)


@active_check(
    "cancel-ended", "A task that has ended cannot be cancelled", "cancel_ended", submits=True
)
def cancel_ended(session: Session) -> Observations:
    """Cancel a task after its end."""
    history = _begun(session)
    session.follow([history], closely=False)
    if not session.has_ended(history):
        raise Skipped("the task did not end in time")
    response = session.client.cancel(history.task_id)
    history.cancels.clear()  # too late to explain how the task ended
    session.client.poll(history.task_id)
    if response.succeeded:
        yield Failed(promised("cancel_ended"), "an error", f"{response.status}", response)
    else:
        yield Passed(promised("cancel_ended"))
        yield from _rejection(response, "ended")
