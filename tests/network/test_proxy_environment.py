"""The variables that keep calls to the mock off a user's proxies."""

from __future__ import annotations

import pytest

from mockserver.network.proxy_environment import past_proxies

OURS = "localhost,127.0.0.1,::1"
MOCK = "http://127.0.0.1:6290"
API = ("api.maxapi.io", "cdn.maxapi.io")


@pytest.mark.parametrize(
    ("upper", "lower", "expected"),
    [
        (None, None, (OURS, OURS)),
        ("", "", (OURS, OURS)),
        ("a.example", None, (f"a.example,{OURS}", f"a.example,{OURS}")),
        (None, ".b.example", (f".b.example,{OURS}", f".b.example,{OURS}")),
        ("a.example", "b.example", (f"a.example,{OURS}", f"b.example,{OURS}")),
        ("a.example b.example, 10.0.0.0/8", "", (f"a.example,b.example,10.0.0.0/8,{OURS}",) * 2),
        ("127.0.0.1,::1", None, ("127.0.0.1,::1,localhost",) * 2),
        ("*", None, ("*", "*")),
    ],
)
def test_exceptions_are_kept_and_extended(
    upper: str | None, lower: str | None, expected: tuple[str, str]
) -> None:
    """In both spellings: a client that prefers one must not lose what the other has."""
    given = {"NO_PROXY": upper, "no_proxy": lower}

    changes = past_proxies({name: text for name, text in given.items() if text is not None}, MOCK)

    assert (changes["NO_PROXY"], changes["no_proxy"]) == expected


def test_a_mock_at_another_address_is_named() -> None:
    """An IPv6 address too, which the variable has without brackets."""
    changes = past_proxies({}, "http://127.0.0.9:1", "https://mock.internal:6290", "http://[::2]:1")

    assert changes["NO_PROXY"] == f"{OURS},127.0.0.9,mock.internal,::2"


@pytest.mark.parametrize(
    "entry",
    [
        "*",
        "api.maxapi.io",
        "API.maxapi.io:443",
        "maxapi.io",
        ".maxapi.io",
        "*.maxapi.io",
        "cdn.maxapi.io.",
        "io",
        "xapi.io",
        "api.*",
    ],
)
def test_no_exception_exempts_a_redirected_host(entry: str) -> None:
    """However a client reads it: by suffix, at a dot, or as a pattern."""
    changes = past_proxies({"no_proxy": f"a.example,{entry},b.example"}, MOCK, redirected=API)

    assert changes["no_proxy"] == changes["NO_PROXY"] == f"a.example,b.example,{OURS}"
