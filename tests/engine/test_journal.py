"""The journal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mockserver.contract import Contract
from mockserver.engine.events import EventKind, EventLog, Note, Ring
from mockserver.engine.journal import RecordedRequest
from mockserver.engine.messages import Request
from mockserver.engine.service import Service
from mockserver.settings import make_settings
from tests.client import SEED, SUBMIT, Client
from tests.conftest import MakeClient

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_holds_requests_with_their_responses(client: Client) -> None:
    """In their order, with bodies as JSON where they are, and what task they were about."""
    task_id = client.submitted(SEED)
    client.poll(task_id)
    client.submit(b"\xff{")

    first, second, third = client.control("requests").json["requests"]

    assert (first["number"], second["number"], third["number"]) == (1, 2, 3)
    assert first["body"] == SEED
    assert first["response_body"]["data"]["taskId"] == first["taskId"] == task_id
    assert (second["method"], second["path"]) == ("GET", f"/api/v1/task/{task_id}")
    assert third["body"] == "\N{REPLACEMENT CHARACTER}{"
    assert third["status"] == third["response_body"]["code"] == 400


def test_never_shows_a_token(client: Client) -> None:
    """Neither the sandbox's own nor what else is secret."""
    client.submit(SEED, cookie="hush", **{"proxy-authorization": "hush"})
    secret = client.as_key("top-secret")
    secret.submit({**SEED, "callBackUrl": "http://user:hush@host/"})

    shown = client.control("requests").body + secret.control("requests").body

    assert b"top-secret" not in shown
    assert shown.count(b"[redacted]") == 4


def test_never_passes_a_token_to_what_watches(contract: Contract) -> None:
    """Neither the headers of an entry nor its representation have one."""
    seen: list[Any] = []
    service = Service(contract, make_settings(contract), watch=seen.append)
    headers = {"authorization": "Bearer top-secret", "x-note": "for top-secret", "accept": "*/*"}

    service.respond(Request("GET", "/", headers))

    service.close()
    (entry,) = (one for one in seen if isinstance(one, RecordedRequest))
    hidden = "[redacted]"
    assert entry.headers == {"authorization": hidden, "x-note": hidden, "accept": "*/*"}
    assert "top-secret" not in f"{entry!r} {entry}"


def test_counts_everything_that_it_holds_of_a_request(client: Client) -> None:
    """So that long headers and queries cannot exceed the budget either."""
    log = client.service.sandboxes.log
    client.request("GET", "/")
    plain = log.used

    client.service.respond(
        Request("GET", "/", {"authorization": "Bearer test", "x": "y" * 5000}, b"", "q" * 3000)
    )

    assert log.used - plain > 8000


def test_requests_without_an_accepted_token_have_their_own(make_client: MakeClient) -> None:
    """They are seen by a control call without a token, and by no other."""
    client = make_client(api_key=frozenset({"test"}))
    client.as_key(None).request("POST", SUBMIT)
    client.as_key("wrong").request("POST", SUBMIT)

    anonymous = client.as_key(None).control("requests").json["requests"]

    assert [entry["status"] for entry in anonymous] == [401, 401]
    assert client.control("requests").json["requests"] == []
    assert client.as_key("wrong").control("requests").status == 401


def test_is_bounded_by_entries_and_by_the_size_of_bodies(make_client: MakeClient) -> None:
    """The newest entries stay; a long body is cut."""
    client = make_client(journal_entries=3)

    for number in range(5):
        client.submit(b'"' + b"x" * 20_000 * number + b'"')

    entries = client.control("requests").json["requests"]
    assert [entry["number"] for entry in entries] == [3, 4, 5]
    assert len(entries[-1]["body"]) == 16 * 1024


def test_no_entries_at_all_is_a_choice(make_client: MakeClient) -> None:
    """A journal of length 0 holds nothing and costs nothing."""
    client = make_client(journal_entries=0)
    client.submitted(SEED)

    assert client.control("requests").json == {"requests": []}


@given(
    st.integers(0, 5),
    st.integers(0, 8000),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3000)), max_size=40),
)
def test_all_journals_together_keep_their_budget(
    entries: int, limit: int, additions: list[tuple[int, int]]
) -> None:
    """The bytes counted are those held, never above the limit, and the newest go last."""
    log = EventLog(limit)
    rings: list[Ring[Note]] = [Ring("a", entries, log, log.states) for _ in range(4)]

    for which, size in additions:
        rings[which].add(NOW, Note(EventKind.RESET, {}), size)

        held = [[event.number for event in ring.kept] for ring in rings]
        assert log.used == sum(event.cost for ring in rings for event in ring.kept) <= limit
        assert all(len(numbers) <= entries for numbers in held)
        assert all(numbers == sorted(numbers) for numbers in held)
        assert len(rings[which].kept) == 0 or rings[which].kept[-1].number == log.last

    for ring in rings:
        ring.clear()
    assert log.used == 0
