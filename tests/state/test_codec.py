"""What is kept is read as it was written."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.domain.script import Script
from mockserver.domain.task import Plan, Step, Task
from mockserver.engine.keeping import Kept, KeptCourse, KeptWebhook
from mockserver.engine.rules import Match, Rule
from mockserver.state import codec
from mockserver.state.codec import Unreadable

texts = st.text(st.characters(categories=None), max_size=20)
"""With half pairs of surrogates and NUL, as JSON can have them."""
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
moments = st.datetimes(
    min_value=datetime(1971, 1, 2),  # noqa: DTZ001 - the strategy adds the zone
    max_value=datetime(9000, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
durations = st.timedeltas(timedelta(), timedelta(days=4000))
amounts = st.decimals(0, 10**6, places=4)
steps = st.builds(Step, st.none() | durations, st.text("ABC", min_size=1, max_size=5))
plans = st.builds(
    Plan, st.just("PENDING"), st.lists(steps, max_size=3).map(tuple), st.none() | texts, amounts
)
scripts = st.from_type(Script)
tasks = st.builds(
    Task,
    id=st.uuids().map(str),
    model=texts,
    input=st.dictionaries(texts, json_values, max_size=4),
    callback_url=st.none() | texts,
    user_id=st.none() | texts,
    created_at=moments,
    plan=plans,
    cost=amounts,
    script=scripts,
)
rules = st.builds(
    Rule,
    id=st.integers(1, 9),
    match=st.from_type(Match),
    script=scripts,
    times=st.none() | st.integers(0, 9),
    matched=st.integers(0, 9),
    fired=st.integers(0, 9),
)
st.register_type_strategy(timedelta, durations)
courses = st.builds(KeptCourse, moments, st.floats(0, 1e10), st.floats(0, 1e6))


@given(tasks)
def test_tasks_are_read_as_they_were_written(task: Task) -> None:
    """Whatever JSON was submitted, and whatever the scenarios ask for."""
    written = codec.tasks.write(task)

    assert codec.tasks.read(written) == task


@given(
    st.builds(
        Kept,
        course=courses,
        first_course=courses,
        rules=st.lists(rules, max_size=2),
        settings=st.dictionaries(texts, texts, max_size=2),
        counts=st.dictionaries(texts, st.integers(0, 99), max_size=2),
        admitted=st.lists(moments, max_size=2).map(tuple),
        charged_before=amounts,
        told_until=st.none() | moments,
        began=st.floats(0, 1e10),
    )
)
def test_sandboxes_are_read_as_they_were_written(kept: Kept) -> None:
    """With their clocks, rules and counts."""
    read = codec.sandboxes.read(codec.sandboxes.write(kept))

    assert _plain(read) == _plain(kept)


def _plain(kept: Kept) -> Kept:
    """Return an equal one with lists: JSON knows no tuples."""
    return replace(kept, rules=list(kept.rules), admitted=list(kept.admitted))


@given(st.builds(KeptWebhook, moments, st.none() | moments, st.integers(1, 100)))
def test_webhooks_are_read_as_they_were_written(webhook: KeptWebhook) -> None:
    """With the moment of the next attempt."""
    assert codec.webhooks.read(codec.webhooks.write(webhook)) == webhook


@pytest.mark.parametrize("text", ["", "{", "[]", '{"id": 1}', "\ud800"])
def test_what_is_no_task_is_unreadable(text: str) -> None:
    """It is never taken for half of one."""
    with pytest.raises(Unreadable):
        codec.tasks.read(text)


def test_a_price_keeps_its_digits() -> None:
    """Money is never a float on the way."""
    cost: Any = Decimal("0.10")
    task = Task(
        "a", "m", {}, None, None, datetime.now(UTC), Plan("P", ()), cost, "image", "b", "f", 1
    )

    assert str(codec.tasks.read(codec.tasks.write(task)).cost) == "0.10"
