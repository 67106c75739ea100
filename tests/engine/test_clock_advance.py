"""Advancing the clock: everything that falls due is done, in order, and reported."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event as Signal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.contract import Contract
from mockserver.domain.durations import stamp
from mockserver.engine.clock import Clock
from mockserver.engine.clock_advance import advance
from mockserver.engine.service import Service
from mockserver.engine.timeline import Event
from mockserver.engine.webhooks.attempt import AttemptResult, WebhookRequest
from mockserver.settings import make_settings
from tests.client import SEED, Client, seed
from tests.conftest import START, MakeClient, Receiver, seconds

DELIVERED = AttemptResult(204, None, 0.001)
REFUSED = AttemptResult(500, "returned 500, not 2xx", 0.001)
HOOK = "https://example.com/hook"


@dataclass(frozen=True)
class Planned:
    """A task that a test submits."""

    gap: int
    """Milliseconds to advance before."""
    scenarios: tuple[str, ...]
    called: bool
    """Whether it has a callBackUrl."""


class World:
    """A sandbox, and a receiver that rejects and submits as told."""

    def __init__(
        self, contract: Contract, answers: Sequence[bool] = (), children: Sequence[str] = ()
    ) -> None:
        self.calls: list[tuple[str, bytes]] = []
        """The moment that a receiver sees on the clock, and what it gets."""
        self._answers, self._children = iter(answers), iter(children)
        self.service = Service(
            contract,
            make_settings(contract, seed="world"),
            make_clock=lambda: Clock(START, speed=0),
            transport=self._receive,
        )
        self.client = Client(self.service)
        self.sandbox = self.client.sandbox
        self.happened: list[Event] = []

    def _receive(self, callback: WebhookRequest) -> AttemptResult:
        self.calls.append((stamp(self.sandbox.clock.now()), callback.body))
        child = next(self._children, None)
        if child is not None:
            self.submit((child,), called=True)
        return DELIVERED if next(self._answers, True) else REFUSED

    def submit(
        self, scenarios: Sequence[str], *, called: bool, client: Client | None = None
    ) -> str:
        """Submit a task; return its id."""
        document = seed(prompt=" ".join(["a cat", *(f"#mock:{one}" for one in scenarios)]))
        return (client or self.client).submitted(
            document | ({"callBackUrl": HOOK} if called else {})
        )

    def submit_all(self, tasks: Sequence[Planned]) -> None:
        """Submit tasks, each after its gap."""
        for task in tasks:
            self.advance(timedelta(milliseconds=task.gap))
            self.submit(task.scenarios, called=task.called)

    def advance(self, duration: timedelta | None) -> list[Event]:
        """Advance by *duration*, or until nothing is due; return and keep what happened."""
        until = None if duration is None else self.now + duration
        happened = advance(self.sandbox, self.service.dispatcher, lambda: until)
        self.happened += happened
        return happened

    @property
    def now(self) -> datetime:
        """The moment in the sandbox."""
        return self.sandbox.clock.now()  # type: ignore[no-any-return]


MakeWorld = Callable[..., AbstractContextManager[World]]


@pytest.fixture
def world(contract: Contract) -> MakeWorld:
    """Make a world of its own for an example."""

    @contextmanager
    def make(answers: Sequence[bool] = (), children: Sequence[str] = ()) -> Iterator[World]:
        made = World(contract, answers, children)
        try:
            yield made
        finally:
            made.service.close()

    return make


durations = st.sampled_from([1, 500, 1000, 1500, 2000, 3000, 5000, 60_000])
"""Milliseconds, few enough that many things fall due at the same moment."""
scenarios = st.tuples(
    st.sampled_from(["success", "failure", "timeout", "stuck", "content-moderation"]),
    durations.map("slow={}ms".format),
    st.sampled_from(["success", "webhook-twice", "webhook-reordered", "webhook-lost"]),
    durations.map("webhook-late={}ms".format) | st.just("success"),
).map(lambda names: (*names[1:], names[0]))
plans = st.lists(
    st.builds(Planned, st.just(0) | durations, scenarios, st.booleans()), min_size=1, max_size=6
)
answers = st.lists(st.booleans(), max_size=12)
children = st.lists(st.sampled_from(["instant", "slow=1s", "webhook-reordered"]), max_size=4)
cuts = st.lists(durations | st.integers(0, 100_000), max_size=8)


@given(plans, answers, children, cuts)
def test_cuts_make_no_difference(
    world: MakeWorld,
    tasks: list[Planned],
    answers: list[bool],
    children: list[str],
    cuts: list[int],
) -> None:
    """Many short advances do, in sum, what one long one does: events, calls, clock, tasks."""
    total = timedelta(milliseconds=sum(cuts))
    with world(answers, children) as one, world(answers, children) as many:
        one.submit_all(tasks)
        many.submit_all(tasks)

        one.advance(total)
        for cut in cuts:
            many.advance(timedelta(milliseconds=cut))

        assert many.happened == one.happened
        assert many.calls == one.calls
        assert many.now == one.now
        assert many.client.control("tasks").json == one.client.control("tasks").json


@settings(max_examples=40)
@given(plans, answers, children)
def test_what_happened_is_complete_and_in_order(
    world: MakeWorld, tasks: list[Planned], answers: list[bool], children: list[str]
) -> None:
    """It is what the timelines of the tasks hold; a receiver sees the clock at its moment."""
    with world(answers, children) as made:
        made.submit_all(tasks)
        made.advance(timedelta(hours=1))

        moments = [event["at"] for event in made.happened]
        assert moments == sorted(moments)
        assert moments == [] or stamp(START) <= moments[0] <= moments[-1] <= stamp(made.now)
        assert sorted(map(_key, made.happened)) == sorted(_timelines(made))
        heard = [at for at, _ in made.calls]
        assert heard == [
            event["at"]
            for event in made.happened
            if event["event"] == "webhook" and "lost" not in str(event["error"])
        ]


def _key(event: Event) -> tuple[Any, ...]:
    return (event["taskId"], event["at"], event["event"], event.get("status") or event["attempt"])


def _timelines(made: World) -> list[tuple[Any, ...]]:
    """List the past of all tasks, except their submission."""
    found = []
    for task in made.sandbox.tasks():
        for event in made.client.control(f"tasks/{task.id}").json["timeline"][1:]:
            if event["past"]:
                event["taskId"] = task.id
                found.append(_key(event))
    return found


@settings(max_examples=40)
@given(plans, answers, children)
def test_until_idle_leaves_nothing_due(
    world: MakeWorld, tasks: list[Planned], answers: list[bool], children: list[str]
) -> None:
    """It stops at the last event; after it neither a second one nor seven days bring more."""
    with world(answers, children) as made:
        made.submit_all(tasks)
        before = made.now

        made.advance(None)

        assert stamp(made.now) == max(stamp(before), *(event["at"] for event in made.happened), "")
        assert made.service.dispatcher.next_scheduled(made.sandbox) is None
        assert made.advance(None) == made.advance(timedelta(days=7)) == []


@settings(max_examples=40)
@given(
    plans,
    st.lists(
        st.tuples(
            st.sampled_from(["pass", "freeze", "run", "advance", "idle"]), st.floats(0.001, 100)
        )
    ),
)
def test_no_moment_goes_back(
    world: MakeWorld, tasks: list[Planned], moves: list[tuple[str, float]]
) -> None:
    """Whatever is done to the clock, and while it runs; events lie between what is read."""
    real = [0.0]
    with world() as made:
        course = made.sandbox.clock
        course._real = lambda: real[0]
        course.run(0)
        made.submit_all(tasks)
        seen = [made.now]
        for move, amount in moves:
            if move == "pass":
                real[0] += amount
            elif move in ("freeze", "run"):
                course.run(amount if move == "run" else 0)
            else:
                happened = made.advance(seconds(amount) if move == "advance" else None)
                moments = [event["at"] for event in happened]
                assert sorted([stamp(seen[-1]), *moments, stamp(made.now)]) == [
                    stamp(seen[-1]),
                    *moments,
                    stamp(made.now),
                ]
            seen.append(made.now)

        assert seen == sorted(seen)


@settings(max_examples=40)
@given(plans, cuts)
def test_other_sandboxes_stay_where_they_are(
    world: MakeWorld, tasks: list[Planned], cuts: list[int]
) -> None:
    """Neither their clocks nor their tasks move, and their webhooks wait."""
    with world() as made:
        other = made.client.as_key("other")
        for task in tasks:
            made.submit(task.scenarios, called=task.called, client=other)
        made.submit_all(tasks)
        before = other.control("tasks").json

        for cut in cuts:
            made.advance(timedelta(milliseconds=cut))

        own = {task["taskId"] for task in before["tasks"]}
        assert other.control("tasks").json == before
        assert other.control("clock").json["now"] == stamp(START)
        assert own.isdisjoint(event["taskId"] for event in made.happened)
        assert own.isdisjoint(json.loads(body)["data"]["taskId"] for _, body in made.calls)


@settings(max_examples=5)
@given(st.lists(st.integers(1, 7 * 24 * 3600), min_size=500, max_size=500))
def test_seven_days_of_many_tasks(world: MakeWorld, ends: list[int]) -> None:
    """Three transitions and a webhook of each of five hundred tasks, in order."""
    with world() as made:
        for end in ends:
            made.submit((f"slow={end}s",), called=True)

        happened = made.advance(timedelta(days=7))

        finished = [event["at"] for event in happened if event["event"] == "webhook"]
        assert len(happened) == 4 * 500
        assert finished == [stamp(START + seconds(end)) for end in sorted(ends)]


def test_a_receiver_that_submits_and_polls(world: MakeWorld) -> None:
    """It sees the clock at the event's moment, and what it submits falls due in the same go."""
    seen: list[tuple[str, str]] = []
    with world(children=["slow=1s", "instant"]) as made:
        receive = made.service.dispatcher._transport

        def transport(callback: WebhookRequest) -> AttemptResult:
            task = made.client.poll(json.loads(callback.body)["data"]["taskId"])
            seen.append((task["status"], made.client.control("clock").json["now"]))
            return receive(callback)

        made.service.dispatcher._transport = transport
        made.submit(("slow=2s",), called=True)

        happened = made.advance(timedelta(seconds=10))

        first, second, third = (task.id for task in made.sandbox.tasks())
        two, three = stamp(START + seconds(2)), stamp(START + seconds(3))
        assert seen == [("SUCCESS", two), ("SUCCESS", three), ("SUCCESS", three)]
        webhooks = [one for one in happened if one["event"] == "webhook"]
        assert [(one["taskId"], one["at"]) for one in webhooks] == [
            (first, two),
            (second, three),
            (third, three),
        ]
        assert [_key(one)[1:] for one in happened if one["taskId"] == third] == [
            (three, "status", "PROCESSING"),
            (three, "status", "SUBMITTED"),
            (three, "status", "SUCCESS"),
            (three, "webhook", 1),
        ]


def test_a_webhook_in_flight_lands_before_an_advance_ends(world: MakeWorld) -> None:
    """Also one that was sent before the advance began."""
    began, gate = Signal(), Signal()

    def transport(_: WebhookRequest) -> AttemptResult:
        began.set()
        gate.wait(5)
        return DELIVERED

    with world() as made, ThreadPoolExecutor(1) as pool:
        dispatcher = made.service.dispatcher
        landing = dispatcher.wait_until_sent
        dispatcher._transport = transport
        dispatcher.wait_until_sent = (  # type: ignore[method-assign]
            lambda *given: pool.submit(gate.set) is not None and landing(*given)
        )
        made.submit((), called=True)
        made.sandbox.clock.advance(seconds(2))
        assert began.wait(5)

        made.advance(seconds(1))

        assert [one["delivered"] for one in made.client.control("deliveries").json["deliveries"]]
        assert landing(made.sandbox, 0)


def test_until_a_state_stops_at_its_moment(client: Client, receiver: Receiver) -> None:
    """What falls due at that moment is done, and nothing after it."""
    task_id = client.submitted(seed() | {"callBackUrl": HOOK})
    client.submitted(seed(prompt="#mock:slow=3s"))
    until = {"advance_until": {"task": task_id, "status": "SUCCESS"}}

    moved = client.control("clock", "POST", json=until).json

    assert moved["now"] == stamp(START + seconds(2)) == moved["happened"][-1]["at"]
    assert moved["happened"][-1]["event"] == "webhook"
    assert [one["at"] for one in moved["happened"]] == sorted(
        one["at"] for one in moved["happened"]
    )
    assert receiver.calls.qsize() == 1


@pytest.mark.parametrize("way", ["finish", "reset"])
def test_what_is_void_is_not_due(make_client: MakeClient, way: str) -> None:
    """Until idle does not go to a webhook that was planned for an end that has moved or gone."""
    client = make_client()
    task_id = client.submitted(seed(prompt="#mock:slow=6d") | {"callBackUrl": HOOK})
    if way == "finish":
        client.control(f"tasks/{task_id}/finish", "POST")
        client.deliveries(1)
    else:
        client.control("reset", "POST")

    moved = client.control("clock", "POST", json={"advance_until": "idle"}).json

    assert (moved["happened"], moved["now"]) == ([], stamp(START))


def test_a_clock_that_hardly_moves_holds_up_no_other(client: Client, receiver: Receiver) -> None:
    """A webhook that is due in a million years of real time costs nobody else theirs."""
    client.submitted(seed() | {"callBackUrl": "https://never.example"})
    client.sandbox.clock.run(1e-12)
    other = client.as_key("other")

    for _ in range(3):
        other.submitted(seed(prompt="#mock:instant") | {"callBackUrl": HOOK})

        assert receiver.next().url == HOOK


@pytest.mark.parametrize("keep_clock", [False, True])
def test_a_reset_ends_an_advance(contract: Contract, *, keep_clock: bool) -> None:
    """A receiver that resets the sandbox finds its clock where the reset has put it."""

    def reset(_callback: WebhookRequest) -> AttemptResult:
        client.sandbox.reset(keep_clock=keep_clock)
        return DELIVERED

    service = Service(
        contract,
        make_settings(contract),
        make_clock=lambda: Clock(START, speed=0),
        transport=reset,
    )
    client = Client(service)
    client.submitted(SEED)

    moved = client.control("clock", "POST", json={"advance": "90s"}).json

    service.close()
    assert moved["now"] == stamp(START + seconds(90) if keep_clock else START)
    assert client.control("tasks").json["tasks"] == []
