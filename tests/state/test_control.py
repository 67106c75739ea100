"""The control plane does everything where state is kept, at any replica."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mockserver.contract import Contract
from tests.state.serving import Mock, Serving

KEY, MODEL = "a-key", "gpt-image-2/text-to-image"
NEW = {"model": MODEL, "input": {"prompt": "a cat"}}
BODIES = {
    "submit_task": NEW,
    "explain_submission": NEW,
    "move_clock": {"advance": "1s"},
    "add_rule": {"scenario": "unavailable", "match": {"path": "*/nowhere"}},
    "set_balance": {"balance_usd": "5.00"},
    "change_settings": {"pace": "instant"},
    "wait_until_held": {"timeout": "0s"},
}
LATER = ("import_state", "reset", "close_session")
"""What is left out: they take away what others ask for."""


def asked(contract: Contract, task_id: str) -> Iterator[tuple[str, str, str]]:
    """Yield each operation with its method and a path."""
    given = {"taskId": task_id, "model": MODEL, "number": "1", "id": "1", "index": "0"}
    for name, one in contract.control["operations"].items():
        path = re.sub(r"{(\w+)}", lambda found: given.get(found[1], "x"), one["path"])
        if name not in LATER:
            yield name, one["method"], path
            if "all" in one.get("query", {}):
                yield name, one["method"], f"{path}?all=true"


def unavailable(mock: Mock, contract: Contract, task_id: str) -> list[str]:
    """Return the operations that respond that state cannot be kept."""
    return [
        f"{name} {key}"
        for name, method, path in asked(contract, task_id)
        for key in (KEY, "another-key", None)
        if mock.request(method, path, key, json=BODIES.get(name)).status_code == 503
    ]


def test_every_operation_responds(contract: Contract, serving: Serving, sqlite_url: str) -> None:
    """Also those that send a request of their own, and those about a task that nobody knows."""
    mock = serving(sqlite_url)
    task_id = mock.submitted(KEY)

    submitted = mock.request("POST", "/__mock/tasks", KEY, json=NEW)
    replayed = mock.request("POST", "/__mock/requests/1/replay", KEY)
    unknown = mock.request("GET", "/__mock/tasks/nobodys/poll", KEY)

    assert unavailable(mock, contract, task_id) == []
    assert (submitted.status_code, replayed.status_code) == (200, 200)
    assert unknown.status_code == 404


def test_every_operation_responds_at_every_replica(
    contract: Contract, serving: Serving, database_url: str
) -> None:
    """Whichever has the sandbox."""
    first, second = serving.replicas(database_url, number=2)
    task_id = first.submitted(KEY)

    found = unavailable(second, contract, task_id) + unavailable(first, contract, task_id)

    assert found == []
