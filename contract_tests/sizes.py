"""The laws that try many inputs of each model: any that is valid, and each two values together."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Flaky

from mockserver.conformance.check import Observations, Passed
from mockserver.conformance.combinations import Combiner, cheapest_first
from mockserver.conformance.generation import valid_inputs
from mockserver.conformance.model import Exchange, History
from mockserver.conformance.session.active_check import active_check
from mockserver.conformance.session.affordable import affordable
from mockserver.conformance.session.ledger import LimitError
from mockserver.conformance.session.session import Session

from .rejection import check_accepted, is_moderated
from .tasks import evaluated, fetched

_COMBINATIONS = 12
"""Combinations of a model's values for each of the examples, where submissions cost money."""
_SELDOM = 10
"""Intervals between two polls of a task that is not followed closely."""


@active_check("sizes", "Each combination of two values is made as promised",
     "sizes/gpt-image-2.json#/rows/0", submits=True)  # fmt: skip
def sizes(session: Session) -> Observations:
    """Ask for every two values of two fields, some with a webhook; look at the results."""
    for model in session.options.models:
        histories: list[History] = []
        attempts = [
            partial(_tried, session, {"model": model, "input": submitted}, number, histories)
            for number, submitted in enumerate(combined(session, model))
        ]
        yield from affordable(session, f"sizes: {model}", attempts)
        yield from _awaited(session, histories)


def _tried(
    session: Session, document: dict[str, Any], number: int, histories: list[History]
) -> Observations:
    """Submit a document; every fourth with a webhook, or every second where there are few."""
    is_called = number % (2 if session.options.thrifty else 4) == 0
    exchange = session.submit(session.with_webhook(document) if is_called else document)
    yield from evaluated(session, document, exchange, histories)


def combined(session: Session, model: str) -> list[dict[str, Any]]:
    """List inputs that hold every two values; where they cost money, the best for their price."""
    inputs = Combiner(session.contract, model, session.random).inputs()
    if not session.options.thrifty:
        return inputs[: session.options.combinations]
    documents = [{"model": model, "input": one} for one in inputs]
    costs = [float(session.client.money.worst_case(one) or 0) for one in documents]
    most = _COMBINATIONS * session.options.examples
    if len(inputs) > most:
        rest = sum(costs) - sum(sorted(costs)[:most])
        session.unchecked.append(
            f"sizes: {model}: {len(inputs) - most} of {len(inputs)} combinations of two values"
            f" were left out; they would cost up to ${rest:.2f} more"
        )
    return cheapest_first(inputs, costs, most)


def _awaited(session: Session, histories: list[History]) -> Observations:
    """Look now and then whether tasks have ended; fetch one of the files of each, or two."""
    waited, waiting = 0.0, histories
    while waiting and waited <= session.options.patience:
        session.client.pause(_SELDOM * session.options.interval)
        waited += _SELDOM * session.options.interval
        for history in waiting:
            session.client.poll(history.task_id)
        waiting = [one for one in waiting if not session.has_ended(one)]
    for history in waiting:
        history.given_up = True
    yield from fetched(session, histories, few=True)


class _Refused(Exception):
    """A valid input was refused."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(str(exchange))
        self.exchange = exchange


@active_check("any-input", "Any valid input of every model is accepted",
     "submit-request.json#/properties/input", submits=True)  # fmt: skip
def any_input(session: Session) -> Observations:
    """Let Hypothesis make some; where they cost nothing, it finds the simplest that is refused."""
    for model in session.options.models:
        place = session.card_of(model) + "#/input"
        rejected = _first_refused(session, model)
        if rejected is None:
            yield Passed(place)
        else:
            yield from check_accepted(rejected, place, model)


def _first_refused(session: Session, model: str) -> Exchange | None:
    seen: list[Exchange] = []
    stopped: list[LimitError] = []

    @seed(session.options.seed)
    @settings(
        max_examples=session.options.examples,
        phases=[Phase.generate] if session.options.thrifty else [Phase.generate, Phase.shrink],
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(valid_inputs(session.contract, model))
    def submit(submitted: dict[str, Any]) -> None:
        if stopped:
            return
        if session.options.thrifty and "n" in submitted:
            submitted = {**submitted, "n": 1}  # each further one is paid for, and shows no more
        try:
            exchange = session.submit({"model": model, "input": submitted})
        except LimitError as limit:
            stopped.append(limit)
            return
        if not exchange.succeeded and not is_moderated(exchange) and not exchange.is_inconclusive:
            seen.append(exchange)
            if not session.options.thrifty:  # what is raised is tried again, and paid again
                raise _Refused(exchange)

    with suppress(_Refused, Flaky):  # what is refused only now and then is refused, too
        submit()
    if stopped:
        raise stopped[0]
    return seen[-1] if seen else None  # Hypothesis tries the simplest one last
