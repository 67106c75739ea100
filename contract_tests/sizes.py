"""Checks that try many inputs of each model: random valid ones, and every pair of values."""

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
"""Combinations of a model, times the number of examples, where submissions cost money."""
_SELDOM = 10
"""Intervals between two polls of a task that is not followed closely."""


@active_check(
    "sizes",
    "Every pair of values gives the promised result",
    "sizes/gpt-image-2.json#/rows/0",
    submits=True,
)
def sizes(session: Session) -> Observations:
    """Submit every pair of values of two fields, some with a webhook, and look at the results."""
    for model in session.options.models:
        histories: list[History] = []
        attempts = [
            partial(_submitted, session, {"model": model, "input": submitted}, number, histories)
            for number, submitted in enumerate(combined(session, model))
        ]
        yield from affordable(session, f"sizes: {model}", attempts)
        yield from _awaited(session, histories)


def _submitted(
    session: Session, document: dict[str, Any], number: int, histories: list[History]
) -> Observations:
    """Submit a document; every fourth, or second where there are few, has a webhook."""
    has_webhook = number % (2 if session.options.thrifty else 4) == 0
    exchange = session.submit(session.with_webhook(document) if has_webhook else document)
    yield from evaluated(session, document, exchange, histories)


def combined(session: Session, model: str) -> list[dict[str, Any]]:
    """List inputs that cover every pair of values; where they cost money, fewer."""
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
    """Poll tasks now and then until they have ended; fetch one or two files of each."""
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


class _Rejected(Exception):
    """A valid input was rejected."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(str(exchange))
        self.exchange = exchange


@active_check(
    "any-input",
    "Any valid input of every model is accepted",
    "submit-request.json#/properties/input",
    submits=True,
)
def any_input(session: Session) -> Observations:
    """Let Hypothesis make some; where they cost nothing, it finds the simplest rejected one."""
    for model in session.options.models:
        place = session.card_of(model) + "#/input"
        rejected = _first_rejected(session, model)
        if rejected is None:
            yield Passed(place)
        else:
            yield from check_accepted(rejected, place, model)


def _first_rejected(session: Session, model: str) -> Exchange | None:
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
            submitted = {
                **submitted,
                "n": 1,
            }  # each further result would cost money, and show no more
        try:
            exchange = session.submit({"model": model, "input": submitted})
        except LimitError as limit:
            stopped.append(limit)
            return
        if not exchange.succeeded and not is_moderated(exchange) and not exchange.is_inconclusive:
            seen.append(exchange)
            if (
                not session.options.thrifty
            ):  # Hypothesis would try again what is raised, and that would cost again
                raise _Rejected(exchange)

    with suppress(_Rejected, Flaky):  # an input that is only rejected at times is reported, too
        submit()
    if stopped:
        raise stopped[0]
    return seen[-1] if seen else None  # the last that Hypothesis tries is the simplest
