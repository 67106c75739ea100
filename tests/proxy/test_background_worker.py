"""The thread that looks at what passes."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from mockserver.proxy import background_worker as module
from mockserver.proxy.background_worker import BackgroundWorker

PATIENCE = 10


def test_all_is_called_in_order_before_it_ends() -> None:
    """In one thread, which is another one."""
    called: list[int] = []
    told: list[Exception] = []
    threads: set[int] = set()

    with BackgroundWorker(told.append) as aside:
        for number in range(100):
            aside.call(partial(called.append, number))
        aside.call(lambda: threads.add(threading.get_ident()))

    assert (called, told) == (list(range(100)), [])
    assert threads
    assert threading.get_ident() not in threads


def test_a_question_is_answered_after_what_came_before() -> None:
    """With what there is by then, or with what went wrong."""
    called: list[int] = []
    told: list[Exception] = []
    with BackgroundWorker(told.append) as aside:
        aside.call(partial(called.append, 1))

        assert aside.ask(lambda: list(called)).result(PATIENCE) == [1]
        with pytest.raises(ZeroDivisionError):
            aside.ask(lambda: 1 / 0).result(PATIENCE)

    assert told == []


def test_a_fault_is_told_and_the_next_is_called() -> None:
    """Also if whoever is told fails as well."""
    told: list[Exception] = []

    def tell(error: Exception) -> None:
        told.append(error)
        raise error

    with BackgroundWorker(tell) as aside:
        aside.call(lambda: 1 / 0)

        assert aside.ask(lambda: "alive").result(PATIENCE) == "alive"

    assert [type(one) for one in told] == [ZeroDivisionError]


@pytest.mark.parametrize(
    ("limit", "most", "size"), [("_MOST_ENTRIES", 3, 0), ("_MOST_BYTES", 30, 10)]
)
def test_what_is_too_much_is_left_out(
    monkeypatch: pytest.MonkeyPatch, limit: str, most: int, size: int
) -> None:
    """By number and by bytes; what was taken is called, and then there is room again."""
    monkeypatch.setattr(module, limit, most)
    called: list[int] = []
    told: list[Exception] = []
    has_begun, may_go_on = threading.Event(), threading.Event()

    def wait() -> None:
        has_begun.set()
        may_go_on.wait(PATIENCE)

    with BackgroundWorker(told.append) as aside:
        aside.call(wait)
        assert has_begun.wait(PATIENCE)
        for number in range(5):
            aside.call(partial(called.append, number), size)
        may_go_on.set()
        aside.ask(lambda: None).result(PATIENCE)
        aside.call(partial(called.append, 5), size)

    assert (called, told) == ([0, 1, 2, 5], [])
    assert aside.left_out == 2
