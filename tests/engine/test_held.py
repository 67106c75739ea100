"""What is held in a sandbox, and how it is released."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.engine.held import Held, Holds, NotHeldError
from mockserver.engine.journal import Delivery
from tests.client import Client

PATIENCE = 5


class Thing(Held):
    """Something that notes in *order* that it is released or dropped."""

    kind = "response"

    def __init__(self, name: str, client: Client, order: list[Thing]) -> None:
        super().__init__(name, client.sandbox, None, f"response {name}")
        self._order = order

    def release(self) -> list[Delivery]:
        self._order.append(self)
        return []

    drop = cast("Any", release)


names = st.sampled_from(["a", "b", "c"])


@given(arrivals=st.lists(names, max_size=8), releases=st.lists(names, max_size=8))
def test_one_release_is_for_the_first_that_has_the_name(
    client: Client, arrivals: list[str], releases: list[str]
) -> None:
    """Whatever else is held, and a name that nothing has is an error that changes nothing."""
    holds, order = Holds(), list[Thing]()
    things = [Thing(name, client, order) for name in arrivals]
    expected, rest = list[Thing](), list(things)
    for thing in things:
        holds.add(thing)

    for name in releases:
        first = next((thing for thing in rest if thing.name == name), None)
        if first is None:
            with pytest.raises(NotHeldError):
                holds.release(name)
        else:
            holds.release(name)
            rest.remove(first)
            expected.append(first)

    assert (order, list(holds)) == (expected, rest)


def test_everything_of_a_name_is_released_in_order_of_arrival(client: Client) -> None:
    """And nothing of another name."""
    holds, order = Holds(), list[Thing]()
    things = [Thing(name, client, order) for name in "abaab"]
    for thing in things:
        holds.add(thing)

    released, _ = holds.release("a", everything=True)

    assert released == order == [things[0], things[2], things[3]]
    assert list(holds) == [things[1], things[4]]


def test_the_error_says_what_is_held_instead(client: Client) -> None:
    """By name, and in words; and what is held no longer, as nobody released it in time."""
    holds, late, other = Holds(), Thing("a", client, []), Thing("b", client, [])
    holds.add(late)
    holds.add(other)
    holds.end(late, expired=True)

    with pytest.raises(NotHeldError) as caught:
        holds.release("a", within=0.01)

    assert str(caught.value) == (
        "nothing is held as 'a' after 0.01 s; held: 'b' (response b); "
        "1 sent without a release before, by hold-timeout"
    )


def test_a_wait_ends_when_enough_is_held(client: Client) -> None:
    """Not before: the first of two is not enough."""
    holds = Holds()
    holds.add(Thing("a", client, []))
    with pytest.raises(NotHeldError, match=r"^1 of 2 are held as 'a'; held: 'a'"):
        holds.wait_until_held("a", 2)

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(holds.wait_until_held, "a", 2, PATIENCE)
        holds.add(Thing("a", client, []))

        assert waiting.result(PATIENCE) is None


def test_a_release_waits_until_something_is_held(client: Client) -> None:
    """So it need not be known whether the app was faster."""
    holds, order = Holds(), list[Thing]()
    thing = Thing("a", client, order)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(holds.release, "a", within=PATIENCE)
        holds.add(thing)

        assert waiting.result(PATIENCE) == ([thing], [])


def test_the_end_of_a_mock_ends_all_waits(client: Client) -> None:
    """What is held is dropped, nothing more is held, and who waits for it is told."""
    holds, order = Holds(), list[Thing]()
    thing = Thing("a", client, order)
    holds.add(thing)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(holds.wait_until_held, "b", 1, 60)
        holds.close()

        assert isinstance(waiting.exception(PATIENCE), NotHeldError)
    assert order == [thing]
    assert not holds.add(thing)


def test_so_much_is_held_and_no_more(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scenario for all requests, whose responses nobody releases, does not fill the memory."""
    monkeypatch.setattr("mockserver.engine.held._MOST", 2)
    holds = Holds()

    assert [holds.add(Thing("a", client, [])) for _ in range(3)] == [True, True, False]
