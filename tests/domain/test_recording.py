"""Recordings as values."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.contract import load_contract
from mockserver.domain.plan import PaceName, make_plan
from mockserver.domain.recording import (
    RecordedRejection,
    RecordedState,
    RecordedTask,
    Recording,
    key_of,
    matched,
    replayed_plan,
)
from mockserver.domain.recording_form import as_document, of_document, recording_violations

LIFECYCLE = load_contract().lifecycle
STATES = [*LIFECYCLE.path, *sorted(LIFECYCLE.terminal)]
TEXTS = st.text(st.characters(codec="utf-8"), max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
INPUTS = st.dictionaries(TEXTS, JSON, max_size=3)
MOMENTS = st.lists(st.integers(0, 10**6).map(lambda n: timedelta(milliseconds=n)), max_size=4)


@st.composite
def tasks(draw: st.DrawFn) -> RecordedTask:
    """Draw what a proxy can have seen of a task: some of its states, in order."""
    moments = sorted(draw(MOMENTS))
    path = [name for name in LIFECYCLE.path if draw(st.booleans())]
    end = draw(st.sampled_from([None, *sorted(LIFECYCLE.terminal)]))
    names = [*path, *([] if end is None else [end])]
    states = tuple(map(RecordedState, moments, names))
    urls = draw(st.lists(st.just("https://cdn.example/0.png"), max_size=2))
    reason = draw(st.none() | TEXTS)
    return RecordedTask("an-id", states, reason, tuple(urls), (None,) * len(urls))


@given(tasks(), st.sampled_from(get_args(PaceName)))
def test_every_replayed_plan_is_a_plan(recorded: RecordedTask, pace: PaceName) -> None:
    """Its times ascend, no state comes twice, and it ends: as recorded, or else as ever."""
    ordinary = make_plan(
        pace, timedelta(seconds=2), "SUCCESS", lifecycle=LIFECYCLE, entered_at=(0.2, 0.5, 1.0)
    )

    plan = replayed_plan(ordinary, recorded, pace, LIFECYCLE)

    names, moments = ([one.status for one in plan.steps], [one.after for one in plan.steps])
    seen = recorded.states[-1].status if recorded.states else None
    known = seen in LIFECYCLE.terminal and seen != LIFECYCLE.cancelled
    assert [name for name in STATES if name in names] == names
    assert len({plan.initial, *names}) == len(names) + 1
    assert plan.final == (seen if known else "SUCCESS")
    assert plan.failure_reason == (recorded.failure_reason if known else None)
    if pace == "realtime":
        assert moments == sorted(moment or timedelta() for moment in moments)
    else:
        assert set(moments) == {None if pace == "per-poll" else timedelta()}


@given(tasks(), INPUTS)
def test_a_document_becomes_the_same_recording(task: RecordedTask, submitted: Any) -> None:
    """By way of JSON."""
    request = matched({"model": "a", "input": submitted})
    rejection = RecordedRejection(429, {"code": 429, "msg": "no", "data": 1}, "7")
    for recording in (Recording(request, task), Recording(request, rejection)):
        document = json.loads(json.dumps(as_document(recording)))

        assert recording_violations(document, LIFECYCLE) == []
        assert of_document(document) == recording


@given(JSON, JSON)
def test_requests_have_equal_keys_if_they_are_equal(one: Any, other: Any) -> None:
    """As JSON, where true is not 1, and the order of members does not matter."""
    keys = [key_of(matched({"model": "a", "input": value})) for value in (one, other)]
    texts = [json.dumps(matched({"input": value}), sort_keys=True) for value in (one, other)]

    assert (keys[0] == keys[1]) == (texts[0] == texts[1])


@pytest.mark.parametrize(
    "other",
    [
        {"input": {"n": 1, "url": "https://a.example/x?signature=2"}, "model": "a"},
        {"model": "a", "input": {"url": "https://u:p@a.example/x", "n": 1}, "callBackUrl": "x"},
        {"model": "a", "input": {"url": "https://a.example/x", "n": 1}, "user_id": "jane"},
    ],
)
def test_what_changes_with_each_run_does_not_count(other: Any) -> None:
    """Receivers, users, and the signatures of URLs."""
    document = {"model": "a", "input": {"n": 1, "url": "https://a.example/x?signature=1"}}

    assert key_of(matched(other)) == key_of(matched(document))


@pytest.mark.parametrize("document", [None, [], "text", 1])
def test_what_is_not_an_object_is_not_recognised(document: Any) -> None:
    """It has neither model nor input."""
    assert matched(document) is None
