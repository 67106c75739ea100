"""The laws that follow tasks: to their results, their webhooks, or their cancellation."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Flaky

from .evidence import Exchange, History
from .experiments import is_moderated, judge_accepted
from .lab import Lab, Skipped
from .law import EXPERIMENT, Broken, Checks, Held, law, promised
from .ledger import LimitError
from .strategies import acceptable, minimal_input, valid_inputs


class _Refused(Exception):
    """A valid input was refused."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(str(exchange))
        self.exchange = exchange


@law("any-input", "Any valid input of every model is accepted", EXPERIMENT,
     "submit-request.json#/properties/input", submits=True)  # fmt: skip
def any_input(lab: Lab) -> Checks:
    """Let Hypothesis make some; where they cost nothing, it finds the simplest that is refused."""
    for model in lab.options.models:
        place = lab.card_of(model) + "#/input"
        refused = _first_refused(lab, model)
        if refused is None:
            yield Held(place)
        else:
            yield from judge_accepted(refused, place, model)


def _first_refused(lab: Lab, model: str) -> Exchange | None:
    seen: list[Exchange] = []
    stopped: list[LimitError] = []

    @seed(lab.options.seed)
    @settings(
        max_examples=lab.options.examples,
        phases=[Phase.generate] if lab.options.thrifty else [Phase.generate, Phase.shrink],
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(valid_inputs(lab.contract, model))
    def submit(submitted: dict[str, Any]) -> None:
        if stopped:
            return
        if lab.options.thrifty and "n" in submitted:
            submitted = {**submitted, "n": 1}  # each further one is paid for, and shows no more
        try:
            exchange = lab.submit({"model": model, "input": submitted})
        except LimitError as limit:
            stopped.append(limit)
            return
        if not exchange.succeeded and not is_moderated(exchange) and not exchange.is_unclear:
            seen.append(exchange)
            if not lab.options.thrifty:  # what is raised is tried again, and paid again
                raise _Refused(exchange)

    with suppress(_Refused, Flaky):  # what is refused only now and then is refused, too
        submit()
    if stopped:
        raise stopped[0]
    return seen[-1] if seen else None  # Hypothesis tries the simplest one last


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
    model = document["model"]
    exchange = lab.submit(document)
    history = lab.history_of(exchange)
    if history is not None:
        histories.append(history)
        lab.files_wanted.add(history.task_id)
    if "callBackUrl" not in document:  # smallest-input has judged the input of those that have one
        place = lab.card_of(model)
        shown = json.dumps(document["input"], ensure_ascii=False)[:120]
        yield from judge_accepted(exchange, f"{place}#/input", f"{model} {shown}")


def _followed(lab: Lab, histories: list[History], *, closely: bool = True) -> Checks:
    """Follow tasks and fetch their files; the laws of histories judge what was seen."""
    lab.follow(histories, closely=closely)
    for history in histories:
        result = history.last.get("result")
        urls = result.get("urls") if isinstance(result, dict) else None
        wanted = history.task_id in lab.files_wanted and isinstance(urls, list)
        for url in urls if wanted and urls is not None else ():
            history.files.append(lab.target.fetch(str(url)))
    if histories:
        yield Held(promised("ends"))  # whether each did is for the law of that name to say


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


@law("sizes", "Each size of each model is made as promised", EXPERIMENT,
     "sizes/gpt-image-2.json#/rows/0", submits=True)  # fmt: skip
def sizes(lab: Lab) -> Checks:
    """Ask for every ratio at every resolution that the model takes."""
    histories: list[History] = []
    for model in lab.options.models:
        for submitted in lab.some(_sized(lab, model)):
            yield from _begin(lab, {"model": model, "input": submitted}, histories)
    yield from _followed(lab, histories, closely=False)


def _sized(lab: Lab, model: str) -> list[dict[str, Any]]:
    card, base = lab.contract.cards[model], minimal_input(lab.contract, model)
    fields = card.input["properties"]
    ratios = fields.get("ratio", {}).get("enum", [None])
    resolutions = fields.get("resolution", {}).get("enum", [None])
    asked = [
        {name: value for name, value in (("ratio", ratio), ("resolution", resolution)) if value}
        for ratio in ratios
        for resolution in resolutions
    ]
    if "default" in fields.get("resolution", {}):
        asked.append({"ratio": ratios[0]})
    inputs = [base | more for more in asked if more]
    return [
        one
        for one in inputs
        if not lab.contract.violations("submit-request", {"model": model, "input": one})
    ]


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
