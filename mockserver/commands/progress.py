"""Shows on a terminal how far `maxapi-mock verify` is."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Event, RLock, Thread
from typing import TYPE_CHECKING, TextIO

import click

from mockserver.domain.price import money

if TYPE_CHECKING:
    from mockserver.conformance.session.runner import Step

_TICK = 0.5
"""Seconds after which the line is written anew, for the requests go on within a check."""
_PARTS = 10
"""Steps of the bar for each unit of weight."""


def is_shown(stream: TextIO) -> bool:
    """Return whether *stream* is a terminal that can write over a line."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


@contextmanager
def shown(stream: TextIO, weights: Mapping[str, float]) -> Iterator[Callable[[Step], None]]:
    """Yield a function that is to be called with each check that begins; only a terminal shows it.

    *weights* says of each check about how long it takes, in any unit. Nothing of the target is
    shown, and no colour.
    """
    if not is_shown(stream):
        yield _say_nothing
        return
    steps = {check: max(1, round(weight * _PARTS)) for check, weight in weights.items()}
    lock, ended = RLock(), Event()
    bar = click.progressbar(
        length=sum(steps.values()), file=stream, width=20, item_show_func=_text, label="verify"
    )
    before: list[str] = []

    def show(step: Step) -> None:
        with lock:
            bar.update(sum(steps.get(check, 1) for check in before), step)
            before[:] = [step.check.id]

    def tick() -> None:
        while not ended.wait(_TICK):
            with lock:
                bar.render_progress()

    ticking = Thread(target=tick, name="progress", daemon=True)
    with bar:
        ticking.start()
        try:
            yield show
        finally:
            ended.set()
            ticking.join()


def _say_nothing(_step: Step) -> None:
    pass


def _text(step: Step | None) -> str:
    """Write which check is made, and what the run has cost so far."""
    if step is None:
        return ""
    spent = f"at most ${money(step.reserved)}"
    return f"{step.number + 1}/{step.of} {step.check.id}: {step.requests} requests, {spent}"
