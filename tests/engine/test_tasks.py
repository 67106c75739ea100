"""Which tasks are forgotten first, and how many bytes all tasks take."""

from __future__ import annotations

import gc
import tracemalloc
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.contract import load_contract
from mockserver.domain.task import Plan, Step, bytes_of, ended, status_at
from mockserver.engine.tasks import Tasks
from tests.client import Client, seed
from tests.conftest import START, MakeClient, seconds
from tests.domain.test_task import make_task

LIFECYCLE = load_contract().lifecycle
ENDLESS = Plan(LIFECYCLE.path[0], ())


def _plan(after: int | None) -> Plan:
    """Return a plan that ends so many seconds after its task was submitted, or never."""
    if after is None:
        return ENDLESS
    return Plan(LIFECYCLE.path[0], (Step(timedelta(seconds=after), LIFECYCLE.success),))


ends = st.one_of(st.none(), st.integers(0, 9))


@given(st.lists(st.tuples(ends, ends), max_size=12), st.integers(0, 9), st.booleans())
def test_what_ended_first_is_forgotten_first_then_the_oldest(
    planned: list[tuple[int | None, int | None]],
    at: int,
    but_not_last: bool,  # noqa: FBT001 - hypothesis passes it
) -> None:
    """However often a plan has changed; the newest task is spared if that is asked for."""
    tasks, now = Tasks(LIFECYCLE), START + timedelta(seconds=at)
    for number, plans in enumerate(planned):
        for after in plans:
            tasks.keep(replace(make_task(_plan(after)), id=str(number)))
    kept = tasks.all()
    spared = kept[-1:] if but_not_last else []
    over = [one for one in kept if one.plan.final == LIFECYCLE.success and one not in spared]
    over = [one for one in over if START + (one.plan.steps[0].after or timedelta()) <= now]
    over.sort(key=lambda one: one.plan.steps[0].after or timedelta())
    expected = over + [one for one in kept if one not in over and one not in spared]

    popped = [tasks.pop_first(now, but_not_last=but_not_last) for _ in expected]
    last = tasks.pop_first(now, but_not_last=but_not_last)

    assert [one and one.id for one in popped] == [one.id for one in expected]
    assert last is None
    assert tasks.all() == spared
    assert tasks.size == sum(map(bytes_of, spared))


@given(st.lists(ends, max_size=8), st.lists(st.integers(0, 9), max_size=5).map(sorted))
def test_a_sandbox_is_idle_when_every_task_has_ended(
    planned: list[int | None], moments: list[int]
) -> None:
    """Whatever was asked before, and although a task can be ended by hand in between."""
    tasks = Tasks(LIFECYCLE)
    for number, after in enumerate(planned):
        tasks.keep(replace(make_task(_plan(after)), id=str(number)))

    for moment in moments:
        now = START + timedelta(seconds=moment)
        statuses = {status_at(one, now) for one in tasks.all()}
        assert tasks.all_ended(now) == (statuses <= LIFECYCLE.terminal)
        for one in tasks.all()[:1]:
            tasks.keep(ended(one, now, LIFECYCLE.cancelled))


def test_ends_of_forgotten_tasks_do_not_pile_up() -> None:
    """Also while the clock stands still, so that none of them ever comes."""
    tasks = Tasks(LIFECYCLE)

    for number in range(1000):
        tasks.keep(replace(make_task(_plan(9)), id=str(number)))
        if number >= 10:
            tasks.pop_first(START, but_not_last=True)

    assert len(tasks) == 10
    assert len(tasks._ends) < 100


def test_all_tasks_share_one_limit_in_bytes(make_client: MakeClient) -> None:
    """The least recently used sandbox forgets first, and there what ended first."""
    client = make_client(task_bytes=12_000)
    old, used, new = (client.as_key(key) for key in ("old", "used", "new"))
    first, done = old.submitted(seed()), old.submitted(seed(prompt="a #mock:instant"))
    kept = used.submitted(seed())
    old.poll(first)

    while old.request("GET", f"/api/v1/task/{done}").status == 200:
        used.poll(kept)
        new.submitted(seed())

    assert old.poll(first)["status"] == "PENDING"
    assert used.poll(kept)["status"] == "PENDING"


@pytest.mark.parametrize("prompt", ["a", "a" * 1000, "a #mock:instant"])
def test_the_newest_task_is_never_forgotten(make_client: MakeClient, prompt: str) -> None:
    """Even if it takes more than all tasks may, and has ended before all others."""
    client = make_client(task_bytes=500)

    task_ids = [client.submitted(seed(prompt=prompt)) for _ in range(3)]

    statuses = [client.request("GET", f"/api/v1/task/{one}").status for one in task_ids]
    assert statuses == [404, 404, 200]


def test_a_reset_gives_its_bytes_back(make_client: MakeClient) -> None:
    """So does a sandbox that is forgotten."""
    client = make_client(max_sandboxes=1)
    budget = client.service.sandboxes._task_budget
    client.submitted(seed())
    used = budget.used

    client.control("reset", "POST")
    after_reset = budget.used
    client.submitted(seed())
    client.as_key("next").submitted(seed())

    assert (after_reset, budget.used) == (0, used)


INPUTS: dict[str, dict[str, Any]] = {
    "the seed's": {},
    "a long prompt": {"prompt": "a" * 4000},
    "a prompt in Chinese": {"prompt": "\u6837" * 1500},
    "many images": {"imageUrls": [f"https://example.com/{number}.jpg" for number in range(10)]},
    "empty arrays": {"more": [[] for _ in range(1000)]},
    "small objects": {"more": [{"name": str(number)} for number in range(300)]},
    "fractions": {"more": [number / 7 for number in range(1000)]},
}


@pytest.mark.slow
@pytest.mark.no_cover
@pytest.mark.parametrize("changes", INPUTS.values(), ids=INPUTS)
def test_the_estimate_of_a_tasks_bytes_is_honest(
    make_client: MakeClient, changes: dict[str, Any]
) -> None:
    """Within a third of what Python says that tasks take that were submitted and polled."""
    client = make_client(journal_entries=0)
    budget = client.service.sandboxes._task_budget
    _submit(client, range(64), changes)
    gc.collect()
    estimated = budget.used

    tracemalloc.start()
    try:
        _submit(client, range(64, 264), changes)
        gc.collect()
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()

    assert 2 / 3 < (budget.used - estimated) / taken < 3 / 2


def _submit(client: Client, numbers: range, changes: dict[str, Any]) -> None:
    """Submit and poll a task for each of *numbers*, all of them different."""
    for number in numbers:
        task = seed(**changes)
        task["input"]["prompt"] += f" {number}"
        client.poll(client.submitted(task))
    client.sandbox.clock.advance(seconds(1))
