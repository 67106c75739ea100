"""Tasks over time."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.contract import load_contract
from mockserver.domain.document import task_document
from mockserver.domain.plan import make_plan
from mockserver.domain.task import (
    Plan,
    Step,
    Task,
    charge,
    ended,
    ends_at,
    polled,
    shared_input,
    status_at,
    transitions,
    unchanged_during,
    updated_at,
)
from tests.conftest import START, seconds

CONTRACT = load_contract()
LIFECYCLE = CONTRACT.lifecycle
planned = partial(make_plan, lifecycle=LIFECYCLE, entered_at=(0.2, 0.5, 1.0))
CARD = CONTRACT.cards["gpt-image-2/image-to-image"]
ORDER = {status: rank for rank, status in enumerate(LIFECYCLE.path)}
ORDER |= dict.fromkeys(LIFECYCLE.terminal, len(LIFECYCLE.path))


def make_task(plan: Plan) -> Task:
    """Make a task that was submitted at START."""
    return Task(
        id="t",
        model=CARD.model,
        input={"prompt": "a"},
        callback_url=None,
        user_id=None,
        created_at=START,
        plan=plan,
        cost=Decimal("0.02"),
        result_type="image",
        base="http://x",
        file_path="/{taskId}/{index}.png",
        count=1,
    )


offsets = st.timedeltas(timedelta(), timedelta(days=8))


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Make any plan: all of its moments known, and any end."""
    end = draw(st.sampled_from(sorted(LIFECYCLE.terminal)))
    moments = sorted(draw(st.lists(offsets, min_size=3, max_size=3)))
    return Plan(LIFECYCLE.path[0], tuple(map(Step, moments, (*LIFECYCLE.path[1:], end))))


@given(plans(), offsets, offsets)
def test_status_never_goes_backwards_and_terminal_is_final(
    plan: Plan, one: timedelta, other: timedelta
) -> None:
    """For any plan and any two moments."""
    task, (earlier, later) = make_task(plan), sorted((START + one, START + other))

    before, after = status_at(task, earlier), status_at(task, later)

    assert ORDER[before] <= ORDER[after]
    assert before == after or before not in LIFECYCLE.terminal
    assert updated_at(task, earlier) <= updated_at(task, later) <= later


@given(plans(), offsets, offsets)
def test_a_task_shows_the_same_during_a_period_and_only_then(
    plan: Plan, one: timedelta, other: timedelta
) -> None:
    """What it shows is its status, and since when."""
    task = make_task(plan)

    since, until = unchanged_during(task, START + one)

    assert since <= one < until
    seen, then = (updated_at(task, START + offset) for offset in (one, other))
    assert (seen == then) == (since <= other < until)


@given(plans(), offsets)
def test_document_conforms_at_any_moment(plan: Plan, offset: timedelta) -> None:
    """What is shown is valid, and says the status and the last transition of that moment."""
    task, now = make_task(plan), START + offset

    document = task_document(task, now, LIFECYCLE)

    assert CONTRACT.violations("task", document) == []
    assert document["status"] == status_at(task, now)
    past = [at for at, _ in transitions(task) if at is not None and at <= now]
    assert updated_at(task, now) == max(past)


@given(plans(), offsets, offsets)
def test_cancelling_keeps_the_past_and_ends_the_task(
    plan: Plan, moment: timedelta, earlier: timedelta
) -> None:
    """A cancelled task shows before the cancellation what it showed before."""
    task, now = make_task(plan), START + moment
    before = START + min(moment, earlier) - timedelta(microseconds=1)

    record = ended(task, now, LIFECYCLE.cancelled)

    assert status_at(record, now) == LIFECYCLE.cancelled
    assert status_at(record, now + timedelta(days=99)) == LIFECYCLE.cancelled
    assert status_at(record, before) == status_at(task, before)
    assert ends_at(record, LIFECYCLE) == now
    assert charge(record, LIFECYCLE) == 0


def test_default_pace_shows_every_state_to_a_poll_every_200_ms() -> None:
    """About two seconds, and no state shorter than 200 ms."""
    entered_at = tuple(CONTRACT.fact("lifecycle.entered_at"))
    plan = planned("realtime", seconds(2), LIFECYCLE.success, entered_at=entered_at)
    task = make_task(plan)

    seen = [status_at(task, START + seconds(0.2 * poll)) for poll in range(12)]

    assert list(dict.fromkeys(seen)) == [*LIFECYCLE.path, LIFECYCLE.success]
    assert ends_at(task, LIFECYCLE) == START + seconds(2)


def test_instant_pace_ends_at_once() -> None:
    """The first poll already shows the end."""
    plan = planned("instant", seconds(2), LIFECYCLE.success)
    task = make_task(plan)

    assert status_at(task, START) == LIFECYCLE.success


def test_typical_duration_is_the_middle_of_the_models_range() -> None:
    """Two minutes to four hours are about 22 minutes."""
    typical = CONTRACT.cards["seedance-2.0"].typical_duration
    plan = planned("realtime", typical, LIFECYCLE.success)

    assert plan.steps[-1].after == seconds(1315)


def test_per_poll_pace_moves_one_state_a_poll() -> None:
    """The first poll looks, each further one moves the task on; time alone does nothing."""
    plan = planned("per-poll", seconds(2), LIFECYCLE.success)
    task = make_task(plan)
    seen = []

    for poll in range(6):
        now = START + timedelta(days=poll)
        task = polled(task, now)
        seen.append(status_at(task, now))

    assert seen == [*LIFECYCLE.path, *[LIFECYCLE.success] * 3]
    assert ends_at(task, LIFECYCLE) == START + timedelta(days=3)


def test_a_plan_without_end_stays_open() -> None:
    """A task need not end."""
    task = make_task(Plan(LIFECYCLE.path[0], ()))

    assert ends_at(task, LIFECYCLE) is None
    assert status_at(task, START + timedelta(days=99)) == LIFECYCLE.path[0]
    assert charge(task, LIFECYCLE) == 0


@pytest.mark.parametrize("end", ["failure", "timeout", "cancelled"])
def test_only_success_costs(end: str) -> None:
    """Failed, timed-out and cancelled tasks cost nothing."""
    plan = Plan(LIFECYCLE.path[0], (Step(seconds(1), getattr(LIFECYCLE, end)),))

    assert charge(make_task(plan), LIFECYCLE) == 0


texts = st.text(max_size=20)


@given(st.dictionaries(texts, st.one_of(texts, st.integers(), st.lists(texts))))
def test_inputs_are_kept_as_they_were_submitted(submitted: dict[str, object]) -> None:
    """Members in their order; what many tasks have in common is in memory only once."""
    again = {"".join(name): value for name, value in submitted.items()}

    kept, other = shared_input(submitted), shared_input(again)

    assert list(kept.items()) == list(submitted.items())
    assert all(one is two for one, two in zip(kept, other, strict=True))
