"""Measures what webhooks cost submissions, and how fast they are delivered."""

from __future__ import annotations

import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

import requests
from example import submit
from load import HOST, PATIENCE, Order, respond
from processes import child, generator, mock, take
from table import Row, Scale

_SINGLE = 500
"""POST requests that the yardstick sends."""


def webhooks(scale: Scale) -> Iterator[Row]:
    """Measure submits with and without a `callBackUrl`, in turn, and the webhooks' arrival."""
    with (
        generator() as execute,
        mock("--pace", "instant") as (port, _),
        child(respond, b"") as receiver,
    ):
        url = f"http://{HOST}:{take(receiver)[0]}/hook"
        requests_with, arrived = [submit(callBackUrl=url)], 0
        without, with_, delivered, posted = [], [], [], []
        for _ in range(scale.rounds):
            without.append(execute(Order(port, [submit()], scale.seconds)).rate)
            begun = time.perf_counter()
            load = execute(Order(port, requests_with, scale.seconds))
            arrived += load.responses
            with_.append(load.rate)
            _await_arrival(receiver, arrived)
            delivered.append(load.responses / (time.perf_counter() - begun))
            posted.append(_post(url))
            arrived += _SINGLE
    yield Row("submits with a callBackUrl", with_, "/s", "without", without, ">= 0.6")
    yield Row("webhooks delivered", delivered, "/s", "requests.Session, one by one", posted)


def _await_arrival(receiver: Connection[Any, Any], count: int) -> None:
    receiver.send(count)
    take(receiver)


def _post(url: str) -> float:
    """Send POST requests one after the other; return how many a second."""
    begun = time.perf_counter()
    with requests.Session() as session:
        session.trust_env = False  # no proxy: this machine only
        for _ in range(_SINGLE):
            session.post(url, data=b"x" * 400, timeout=PATIENCE).raise_for_status()
    return _SINGLE / (time.perf_counter() - begun)
