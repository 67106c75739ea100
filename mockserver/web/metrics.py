"""Figures about a mock in Prometheus' text format, for the dashboards of a shared one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from mockserver.domain.task import status_at
from mockserver.engine.events import Counted
from mockserver.engine.messages import Response
from mockserver.engine.service import Service

if TYPE_CHECKING:
    from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

Values = Mapping[Counted, float]
"""A figure for each combination of labels."""


def metrics(service: Service) -> Response:
    """Return the figures of now, and those of the process where the system has them."""
    from prometheus_client import CollectorRegistry, ProcessCollector
    from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

    service.sandboxes.tell_reached()
    registry = CollectorRegistry()
    registry.register(_Collector(service))
    ProcessCollector(registry=registry)
    return Response(200, (("Content-Type", CONTENT_TYPE_PLAIN_0_0_4),), generate_latest(registry))


class _Collector:
    """Reads the figures when they are asked for, so that they cost nothing otherwise."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        """Yield each figure with its labels."""
        from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

        counter, gauge = partial(_figure, CounterMetricFamily), partial(_figure, GaugeMetricFamily)
        sandboxes = self._service.sandboxes
        log = sandboxes.log
        with log.lock:
            requests, attempts, states = dict(log.requests), dict(log.attempts), dict(log.states)
            scenarios = dict(log.scenarios)
        states.pop(("",), None)
        yield counter("requests", "Requests", ("operation", "status"), requests)
        yield counter("webhook_attempts", "Attempts to deliver a webhook", ("outcome",), attempts)
        yield counter("scenarios", "Exchanges and attempts", ("scenario",), scenarios)
        yield counter("states_entered", "Tasks that entered a state", ("status",), states)
        spent: Values = {(): float(sandboxes.spent_ever)}
        yield counter("spent_usd", "US dollars that it would have cost live", (), spent)
        yield gauge("tasks", "Tasks that are kept", ("status",), self._tasks())
        known: Values = {(): float(len(sandboxes.keys))}
        yield gauge("sandboxes", "Sandboxes that are kept", (), known)
        yield gauge("journal_bytes", "Bytes of all journals", (), {(): float(log.used)})
        yield gauge("listeners", "Listeners of the events", (), {(): float(len(log.listeners))})

    def _tasks(self) -> Values:
        found = Counter[Counted]()
        for sandbox in self._service.sandboxes:
            now = sandbox.clock.now()
            found.update((status_at(task, now),) for task in sandbox.tasks())
        return found


def _figure(
    family: type[CounterMetricFamily | GaugeMetricFamily],
    name: str,
    about: str,
    labels: tuple[str, ...],
    values: Values,
) -> Metric:
    made = family(f"maxapi_mock_{name}", f"{about}.", labels=labels)
    for value in sorted(values):
        made.add_metric([str(one) for one in value], values[value])
    return made
