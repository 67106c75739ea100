"""The laws that try many inputs of each model: any that is valid, and each two values together."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Flaky

from mockserver.conformance.session.affordable import affordable
from mockserver.conformance.combinations import Combiner, cheapest_first
from mockserver.conformance.model import Exchange, History
from .rejection import is_moderated, judge_accepted
from mockserver.conformance.session.session import Lab
from mockserver.conformance.check import EXPERIMENT, Checks, Held, law
from mockserver.conformance.session.ledger import LimitError
from .tasks import fetched, judged
from mockserver.conformance.generation import valid_inputs

_COMBINATIONS = 12
"""Combinations of a model's values for each of the examples, where submissions cost money."""
_SELDOM = 10
"""Intervals between two polls of a task that is not followed closely."""


@law("sizes", "Each combination of two values is made as promised", EXPERIMENT,
     "sizes/gpt-image-2.json#/rows/0", submits=True)  # fmt: skip
def sizes(lab: Lab) -> Checks:
    """Ask for every two values of two fields, some with a webhook; look at the results."""
    for model in lab.options.models:
        histories: list[History] = []
        tries = [
            partial(_tried, lab, {"model": model, "input": submitted}, number, histories)
            for number, submitted in enumerate(combined(lab, model))
        ]
        yield from affordable(lab, f"sizes: {model}", tries)
        yield from _awaited(lab, histories)


def _tried(lab: Lab, document: dict[str, Any], number: int, histories: list[History]) -> Checks:
    """Submit a document; every fourth with a webhook, or every second where there are few."""
    is_called = number % (2 if lab.options.thrifty else 4) == 0
    exchange = lab.submit(lab.with_webhook(document) if is_called else document)
    yield from judged(lab, document, exchange, histories)


def combined(lab: Lab, model: str) -> list[dict[str, Any]]:
    """List inputs that hold every two values; where they cost money, the best for their price."""
    inputs = Combiner(lab.contract, model, lab.random).inputs()
    if not lab.options.thrifty:
        return inputs[: lab.options.combinations]
    documents = [{"model": model, "input": one} for one in inputs]
    costs = [float(lab.target.money.worst_case(one) or 0) for one in documents]
    most = _COMBINATIONS * lab.options.examples
    if len(inputs) > most:
        rest = sum(costs) - sum(sorted(costs)[:most])
        lab.unchecked.append(
            f"sizes: {model}: {len(inputs) - most} of {len(inputs)} combinations of two values"
            f" were left out; they would cost up to ${rest:.2f} more"
        )
    return cheapest_first(inputs, costs, most)


def _awaited(lab: Lab, histories: list[History]) -> Checks:
    """Look now and then whether tasks have ended; fetch one of the files of each, or two."""
    waited, waiting = 0.0, histories
    while waiting and waited <= lab.options.patience:
        lab.target.pause(_SELDOM * lab.options.interval)
        waited += _SELDOM * lab.options.interval
        for history in waiting:
            lab.target.poll(history.task_id)
        waiting = [one for one in waiting if not lab.has_ended(one)]
    for history in waiting:
        history.given_up = True
    yield from fetched(lab, histories, few=True)


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
