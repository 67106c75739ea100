"""An event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading

import pytest

from mockserver.network.loop_thread import LoopThread, cancel_other_tasks

PATIENCE = 10


def test_it_runs_until_its_coroutine_returns() -> None:
    """In a thread that has its name; calls from other threads are made in the loop."""
    names: list[str] = []

    async def main() -> None:
        stop = asyncio.Event()
        stops.append(stop)
        thread.started()
        await stop.wait()
        names.append(threading.current_thread().name)

    stops: list[asyncio.Event] = []
    thread = LoopThread(main, "a loop")
    thread.start(PATIENCE)
    assert thread.is_alive

    thread.call(stops[0].set)

    assert thread.join(PATIENCE)
    assert names == ["a loop"]


def test_a_failure_to_start_is_raised_where_it_is_started() -> None:
    """As it is; a coroutine that just returns has not started either."""

    async def fail() -> None:
        raise PermissionError("no")

    async def end() -> None:
        pass

    with pytest.raises(PermissionError, match="no"):
        LoopThread(fail, "failing").start(PATIENCE)
    with pytest.raises(OSError, match="it did not start"):
        LoopThread(end, "ending").start(PATIENCE)


def test_tasks_end_before_the_loop() -> None:
    """Each is cancelled and awaited, those included that have only been scheduled."""
    ended: list[str] = []

    async def work(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    async def main() -> None:
        thread.started()
        tasks = [asyncio.create_task(work(name)) for name in ("a", "b")]
        await cancel_other_tasks()
        ended.append(f"{all(task.cancelled() for task in tasks)}")

    thread = LoopThread(main, "tasks")
    thread.start(PATIENCE)
    thread.join(PATIENCE)

    assert sorted(ended) == ["True", "a", "b"]
