"""Figures in Prometheus' text format."""

from __future__ import annotations

import sys

from prometheus_client.parser import text_string_to_metric_families

from tests.client import SEED, Client, seed

Figures = dict[tuple[str, tuple[str, ...]], float]


def figures(client: Client) -> Figures:
    """Return the mock's own figures by name and labels."""
    response = client._app.get("/__mock/metrics")
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
        if sample.name.startswith("maxapi_mock_")
    }


def test_what_happens_is_counted(client: Client) -> None:
    """By operation, status, outcome, state and scenario, in all sandboxes."""
    client.submitted(SEED)
    client.as_key("other").submit(b"{")
    client.submit(seed(), **{"x-mock-scenario": "slow=90s"})
    client.control("clock", "POST", json={"advance_until": "idle"})

    found = figures(client)

    assert found["maxapi_mock_requests_total", ("submit", "200")] == 2
    assert found["maxapi_mock_requests_total", ("submit", "400")] == 1
    assert found["maxapi_mock_webhook_attempts_total", ("delivered",)] == 1
    assert found["maxapi_mock_states_entered_total", ("SUCCESS",)] == 2
    assert found["maxapi_mock_scenarios_total", ("slow",)] == 1
    assert found["maxapi_mock_tasks", ("SUCCESS",)] == 2
    assert found["maxapi_mock_spent_usd_total", ()] == 0.04
    assert found["maxapi_mock_sandboxes", ()] == 3
    assert found["maxapi_mock_journal_bytes", ()] == client.service.sandboxes.log.used
    assert found["maxapi_mock_listeners", ()] == 0


def test_counters_never_go_back(client: Client) -> None:
    """Neither a reset nor what journals forget takes anything away."""
    client.submitted(seed())
    before = figures(client)

    client.control("reset", "POST")

    after = figures(client)
    counters = {key: value for key, value in before.items() if key[0].endswith("_total")}
    assert counters.items() <= after.items()
    assert ("maxapi_mock_tasks", ("PENDING",)) not in after


def test_the_memory_of_the_process_is_told_where_it_is_known(client: Client) -> None:
    """As Prometheus' own clients do."""
    text = client._app.get("/__mock/metrics").text

    assert ("process_resident_memory_bytes" in text) is sys.platform.startswith("linux")
