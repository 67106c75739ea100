"""Rules and verification."""

from __future__ import annotations

import pytest

from mockserver.domain.scenario import Script
from mockserver.engine.rules import Match, Rules, Seen
from tests.client import SEED, Client, seed

SUBMITTED = Seen("POST", "/api/v1/task/submit", SEED | {"user_id": "u1"})


@pytest.mark.parametrize(
    ("match", "differences"),
    [
        (Match(), []),
        (Match(model="gpt-image-2/*", prompt="cyberpunk", user_id="u1", method="post"), []),
        (Match(path="*/submit"), []),
        (Match(model="veo*"), ["model: 'gpt-image-2/image-to-image' does not match 'veo*'"]),
        (
            Match(method="GET", path="*/cancel"),
            [
                "method: 'POST' is not 'GET'",
                "path: '/api/v1/task/submit' does not match '*/cancel'",
            ],
        ),
        (Match(user_id="u2"), ["user_id: 'u1' is not 'u2'"]),
    ],
)
def test_says_what_differs(match: Match, differences: list[str]) -> None:
    """A match is that nothing differs."""
    assert match.differences(SUBMITTED) == differences


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"input": 3}'])
def test_other_bodies_match_nothing_of_a_submission(body: bytes) -> None:
    """They do not make anything fail."""
    seen = Seen.of("POST", "/x", body)

    assert Match(prompt="a").differences(seen) == ["prompt: None does not contain 'a'"]


def test_every_rule_counts_every_request() -> None:
    """The n-th is the n-th, whichever rule spoke before; the first that speaks wins."""
    rules = Rules()
    for nth in (1, 2):
        rules.add(Match(nth=nth), Script(names=(str(nth),)), None)

    spoken = [rules.script_for(SUBMITTED, asked=False) for _ in range(3)]

    assert [script and script.names for script in spoken] == [("1",), ("2",), None]


def test_whole_floats_are_integers(client: Client) -> None:
    """JSON has one kind of number: the 1.0th request is the first."""
    client.submitted(seed())

    answer = client.control("requests/count", "POST", json={"nth": 1.0})

    assert answer.json == {"count": 1}
