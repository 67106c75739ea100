"""The laws that follow tasks: to their results, their webhooks, or their cancellation."""

from __future__ import annotations

import json
from typing import Any

from mockserver.conformance.model import Exchange, History
from .rejection import judge_accepted
from mockserver.conformance.session.session import Lab, Skipped
from mockserver.conformance.check import EXPERIMENT, Broken, Checks, Held, law, promised
from mockserver.conformance.generation import acceptable, minimal_input


@law("lives", "Every model's tasks live from submission to results", EXPERIMENT, "ends",
     submits=True)  # fmt: skip
def lives(lab: Lab) -> Checks:
    """Follow the smallest task of each model, with a webhook, and its largest, without one."""
    histories: list[History] = []
    for model in lab.options.models:
        smallest = lab.with_webhook(lab.request(model))
        for document in (smallest, _other(lab, model)):
            yield from _begin(lab, document, histories)
    yield from _followed(lab, histories)


def _begin(lab: Lab, document: dict[str, Any], histories: list[History]) -> Checks:
    """Submit a document whose files are wanted; it is valid, so a refusal is against its card."""
    yield from judged(lab, document, lab.submit(document), histories)


def judged(
    lab: Lab, document: dict[str, Any], exchange: Exchange, histories: list[History]
) -> Checks:
    """Note a submission that was accepted, and hold one that was not against the model's card."""
    history = lab.history_of(exchange)
    if history is not None:
        histories.append(history)
        lab.files_wanted.add(history.task_id)
    if "callBackUrl" not in document:  # smallest-input has judged the input of those that have one
        place, model = lab.card_of(document["model"]), document["model"]
        shown = json.dumps(document["input"], ensure_ascii=False)[:120]
        yield from judge_accepted(exchange, f"{place}#/input", f"{model} {shown}")


def _followed(lab: Lab, histories: list[History]) -> Checks:
    """Follow tasks and fetch their files; the laws of histories judge what was seen."""
    lab.follow(histories)
    yield from fetched(lab, histories)


def fetched(lab: Lab, histories: list[History], *, few: bool = False) -> Checks:
    """Fetch the files of tasks that have ended, all of them or few."""
    for number, history in enumerate(histories):
        if history.task_id in lab.files_wanted:
            urls = urls_of(history)
            chosen = [*urls[-1:], *urls[: number % 3 == 0]] if few else urls
            for url in dict.fromkeys(chosen):
                history.files.append(lab.target.fetch(url))
    if histories:
        yield Held(promised("ends"))  # whether each did is for the law of that name to say


def urls_of(history: History) -> list[str]:
    """List the URLs of a task's results."""
    result = history.last.get("result")
    urls = result.get("urls") if isinstance(result, dict) else None
    listed = urls if isinstance(urls, list) else []
    return [str(url) for url in listed]


def _other(lab: Lab, model: str) -> dict[str, Any]:
    """Make the largest request to a model; where that costs money, one for two results."""
    if not lab.options.thrifty:
        return {"model": model, "input": _largest(lab, model)}
    several = "n" in lab.contract.cards[model].fields
    return lab.request(model, **({"n": 2} if several else {}))


def _largest(lab: Lab, model: str) -> dict[str, Any]:
    """Make an input that has as many fields as it can, each at its last value."""
    largest = minimal_input(lab.contract, model)
    for value in acceptable(lab.contract, model):
        wider = {**largest, value.field: value.input[value.field]}
        if not lab.contract.violations("submit-request", {"model": model, "input": wider}):
            largest = wider
    return largest


# -- cancellation ----------------------------------------------------------------------------


def _begun(lab: Lab, document: Any = None) -> History:
    history = lab.started(document or lab.request(lab.cheapest()))
    if history is None:
        raise Skipped("no task to cancel: the submission was refused")
    return history


@law("cancel-pending", "A task can be cancelled while it is in its first state", EXPERIMENT,
     "cancel_pending", submits=True)  # fmt: skip
def cancel_pending(lab: Lab) -> Checks:
    """Cancel one at once, and see whether it had moved on if that is refused."""
    history = _begun(lab, lab.with_webhook(lab.request(lab.cheapest())))
    answer, after = lab.target.cancel(history.task_id), lab.target.poll(history.task_id)
    status = (after.task or {}).get("status")
    place = promised("cancel_pending")
    if answer.succeeded and status == lab.contract.lifecycle.cancelled:
        yield Held(place)
    elif (answer.succeeded and after.task) or status == lab.contract.lifecycle.path[0]:
        observed = f"the cancellation was answered {answer.status}, and a poll shows {status}"
        yield Broken(place, f"200, and then {lab.contract.lifecycle.cancelled}", observed, answer)
    lab.follow([history])


@law("cancel-later", "A cancellation that comes late is accepted or refused, and means it",
     EXPERIMENT, "cancel_refused_with_400", "service.json#/lifecycle/cancellable",
     submits=True)  # fmt: skip
def cancel_later(lab: Lab) -> Checks:
    """Cancel in each further state, and twice; cancel at moments beside a transition."""
    for state in lab.contract.lifecycle.path[1:]:
        history = _begun(lab)
        if _reaches(lab, history, state):
            lab.target.pause(0.001)  # so that two changes never bear the same moment
            yield from _refusal(lab.target.cancel(history.task_id), state)
        lab.follow([history])
    history = _begun(lab)
    lab.target.cancel(history.task_id)
    yield from _refusal(lab.target.cancel(history.task_id), "twice")
    lab.follow([history])
    for _ in range(min(lab.options.examples, 8)):
        history = _begun(lab)
        lab.target.pause(lab.random.choice((0.2, 0.4, 0.4, 0.5)) * lab.random.uniform(0.9, 1.1))
        yield from _refusal(lab.target.cancel(history.task_id), "beside a transition")
        lab.follow([history], closely=False)


def _reaches(lab: Lab, history: History, state: str) -> bool:
    waited = 0.0
    while waited <= lab.options.patience and not lab.has_ended(history):
        task = lab.target.poll(history.task_id).task or {}
        if task.get("status") == state:
            return True
        lab.target.pause(lab.options.interval)
        waited += lab.options.interval
    return False


def _refusal(answer: Exchange, subject: str) -> Checks:
    """Hold a refused cancellation against 400; an accepted one is for other laws to judge."""
    place = promised("cancel_refused_with_400")
    if answer.status == 400:
        yield Held(place)
    elif not answer.succeeded and not answer.is_unclear:
        yield Broken(place, "400", f"{answer.error or answer.status}", answer, subject)


@law("cancel-ended", "A task that has ended cannot be cancelled", EXPERIMENT, "cancel_ended",
     submits=True)  # fmt: skip
def cancel_ended(lab: Lab) -> Checks:
    """Cancel one after its end."""
    history = _begun(lab)
    lab.follow([history], closely=False)
    if not lab.has_ended(history):
        raise Skipped("the task did not end in time")
    answer = lab.target.cancel(history.task_id)
    history.cancels.clear()  # too late to have a say in the end
    lab.target.poll(history.task_id)
    if answer.succeeded:
        yield Broken(promised("cancel_ended"), "a refusal", f"{answer.status}", answer)
    else:
        yield Held(promised("cancel_ended"))
        yield from _refusal(answer, "ended")
