"""Sandboxes as lines of JSON are read as they were written, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.state.lines import LinesError, read, written
from tests.client import SUBMIT
from tests.state.kept_mock import Mock, refused

TASK = {
    "model": "nano-banana",
    "input": {"prompt": "a fox"},
    "callBackUrl": "http://user:s3cret@127.0.0.1:9/hook",
}


@pytest.fixture
def lines() -> list[str]:
    """What is exported of a sandbox in which something has happened."""
    mock = Mock(None)
    try:
        mock.ask("PATCH", "/__mock/settings", {"webhook-secret": "s3cret", "webhook-tries": 3})
        mock.ask("POST", "/__mock/rules", {"scenario": "failure", "match": {"nth": 2}})
        mock.outcomes = [refused()]
        mock.ask("POST", SUBMIT, TASK)
        mock.ask("POST", SUBMIT, TASK)
        mock.ask("POST", "/__mock/clock", {"advance": "1m"})
        exported: list[str] = mock.ask("GET", "/__mock/state")[1]["lines"]
        return exported
    finally:
        mock.stop()


def test_what_is_imported_is_exported_again(lines: list[str]) -> None:
    """Line by line: nothing is lost on the way."""
    mock = Mock(None)
    try:
        imported = mock.ask("PUT", "/__mock/state", {"lines": lines})

        assert imported == (200, {"sandboxes": 1, "tasks": 2})
        assert mock.ask("GET", "/__mock/state")[1]["lines"][2:] == lines[2:]
    finally:
        mock.stop()


def test_webhooks_go_on_where_they_were(lines: list[str]) -> None:
    """An attempt that was due is made where the sandbox was imported, and none is made twice."""
    mock = Mock(None)
    try:
        mock.ask("PUT", "/__mock/state", {"lines": lines})
        done = len(mock.ask("GET", "/__mock/deliveries")[1]["deliveries"])

        mock.ask("POST", "/__mock/clock", {"advance_until": "idle"})

        attempts = mock.ask("GET", "/__mock/deliveries")[1]["deliveries"]
        assert len(attempts) == done + len(mock.webhooks)
        assert len({(one["taskId"], one["attempt"]) for one in attempts}) == len(attempts)
        assert sum(one["delivered"] for one in attempts) == 2
    finally:
        mock.stop()


def test_no_secret_is_exported(lines: list[str]) -> None:
    """Neither of a URL, nor of the settings, nor of an attempt."""
    assert "s3cret" not in "".join(lines)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: lines[1:], "line 1: is not the beginning"),
        (lambda lines: lines[:0], "line 1: is missing"),
        (lambda lines: [lines[0], lines[2]], "line 2: it comes before any sandbox"),
        (lambda lines: [*lines[:2], "{"], "line 3: is not JSON"),
        (lambda lines: [*lines[:2], '{"task": {"id": 1}}'], "line 3: "),
        (lambda lines: [*lines[:2], "[]"], "line 3: "),
        (lambda lines: [lines[0].replace("1", "99"), *lines[1:]], "this maxapi-mock reads 1"),
    ],
    ids=["no-head", "empty", "no-sandbox", "no-json", "no-task", "no-object", "version"],
)  # fmt: skip
def test_what_was_not_exported_is_rejected(lines: list[str], change, message: str) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """The message names the line, and nothing is imported."""
    with pytest.raises(LinesError) as caught:
        list(read(change(lines)))

    assert message in str(caught.value)
    mock = Mock(None)
    try:
        status, answer = mock.ask("PUT", "/__mock/state", {"lines": change(lines)})
        assert status == 400
        assert answer["msg"].endswith("nothing was imported")
    finally:
        mock.stop()


def test_a_mock_with_a_database_is_not_imported_into(lines: list[str], sqlite_url: str) -> None:
    """The message says what to do instead."""
    mock = Mock(sqlite_url)
    try:
        status, answer = mock.ask("PUT", "/__mock/state", {"lines": lines})

        assert status == 409
        assert "import there" in answer["msg"]
    finally:
        mock.stop()


def test_lines_are_read_one_after_the_other(lines: list[str]) -> None:
    """Several sandboxes follow each other in one file."""
    other = json.loads(lines[1])
    other["sandbox"]["id"] = "0123456789abcdef"

    found = list(read([*lines, json.dumps(other)]))

    assert [len(one.tasks) for one in found] == [2, 0]
    for before, after in zip(lines, written(found[:1]), strict=True):
        assert json.loads(after) == json.loads(before)


class _Damage(NamedTuple):
    """A leaf of a line, and what replaces it."""

    line: int
    leaf: int
    value: Any


damages = st.builds(
    _Damage,
    st.integers(0, 100),
    st.integers(0, 100),
    st.sampled_from([None, 0, -1, 10**30, 1e300, "", "x", "9999-12-31T23:59:59Z", [], {}, True]),
)


def _damaged(lines: list[str], damage: _Damage) -> list[str]:
    index = 1 + damage.line % (len(lines) - 1)
    document = json.loads(lines[index])
    leaves = list(_leaves(document))
    holder, name = leaves[damage.leaf % len(leaves)]
    holder[name] = damage.value
    return [*lines[:index], json.dumps(document), *lines[index + 1 :]]


def _leaves(value: Any) -> Iterator[tuple[Any, Any]]:
    members = value.items() if isinstance(value, dict) else enumerate(value)
    for name, member in members:
        yield value, name
        if isinstance(member, dict | list):
            yield from _leaves(member)


@settings(max_examples=60)
@given(damage=damages)
def test_damaged_lines_break_nothing(lines: list[str], damage: _Damage) -> None:
    """They are rejected, or the mock works with them: there is never a 500."""
    mock = Mock(None)
    try:
        status, _ = mock.ask("PUT", "/__mock/state", {"lines": _damaged(lines, damage)})

        assert status in (200, 400)
        for path in ("tasks", "events", "requests", "deliveries", "rules", "settings", "state"):
            assert mock.ask("GET", f"/__mock/{path}")[0] == 200
        assert mock.ask("POST", SUBMIT, TASK)[0] in range(200, 600)
        assert mock.ask("POST", "/__mock/clock", {"advance": "1m"})[0] == 200
    finally:
        mock.stop()
