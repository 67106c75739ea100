"""The thread that evaluates what passes."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from mockserver.proxy import background_worker as module
from mockserver.proxy.background_worker import BackgroundWorker

PATIENCE = 10


def test_everything_is_called_in_order_before_it_ends() -> None:
    """In one thread, which is not the caller's."""
    called: list[int] = []
    failures: list[Exception] = []
    threads: set[int] = set()

    with BackgroundWorker(failures.append) as worker:
        for number in range(100):
            worker.call(partial(called.append, number))
        worker.call(lambda: threads.add(threading.get_ident()))

    assert (called, failures) == (list(range(100)), [])
    assert threads
    assert threading.get_ident() not in threads


def test_a_result_comes_after_what_was_called_before() -> None:
    """It is what the function returns by then, or the exception that it raises."""
    called: list[int] = []
    failures: list[Exception] = []
    with BackgroundWorker(failures.append) as worker:
        worker.call(partial(called.append, 1))

        assert worker.submit(lambda: list(called)).result(PATIENCE) == [1]
        with pytest.raises(ZeroDivisionError):
            worker.submit(lambda: 1 / 0).result(PATIENCE)

    assert failures == []


def test_an_exception_is_reported_and_the_next_function_is_called() -> None:
    """Even if the function that it is reported to fails as well."""
    failures: list[Exception] = []

    def fail(error: Exception) -> None:
        failures.append(error)
        raise error

    with BackgroundWorker(fail) as worker:
        worker.call(lambda: 1 / 0)

        assert worker.submit(lambda: "alive").result(PATIENCE) == "alive"

    assert [type(one) for one in failures] == [ZeroDivisionError]


@pytest.mark.parametrize(("limit", "most", "size"), [("_MAX_JOBS", 3, 0), ("_MAX_BYTES", 30, 10)])
def test_what_exceeds_the_queue_is_dropped(
    monkeypatch: pytest.MonkeyPatch, limit: str, most: int, size: int
) -> None:
    """By number and by bytes; what was accepted is called, and then there is room again."""
    monkeypatch.setattr(module, limit, most)
    called: list[int] = []
    failures: list[Exception] = []
    has_begun, may_go_on = threading.Event(), threading.Event()

    def wait() -> None:
        has_begun.set()
        may_go_on.wait(PATIENCE)

    with BackgroundWorker(failures.append) as worker:
        worker.call(wait)
        assert has_begun.wait(PATIENCE)
        for number in range(5):
            worker.call(partial(called.append, number), size)
        may_go_on.set()
        worker.submit(lambda: None).result(PATIENCE)
        worker.call(partial(called.append, 5), size)

    assert (called, failures) == ([0, 1, 2, 5], [])
    assert worker.dropped == 2
