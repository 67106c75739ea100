"""Which server a Host header, a target and a URL name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.network.origin import Origin, check_host, name_in, origin_form, origin_of, target_of


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("", ""),
        ("Example.COM", "example.com"),
        ("example.com:", "example.com"),
        ("example.com:65535", "example.com"),
        ("example.com:000000000000080", "example.com"),
        ("under_score.internal", "under_score.internal"),
        ("a%20b", "a%20b"),
        ("[::1]:80", "::1"),
        ("[0:0::1]", "::1"),
        ("[fe80::1%25eth0]:80", "fe80::1"),
        ("[::ffff:127.0.0.1]", "::ffff:7f00:1"),
    ],
)
def test_the_name_in_a_host(host: str, name: str) -> None:
    """In lower case, an address in its shortest form, without brackets, zone and port."""
    assert name_in(host) == name


@pytest.mark.parametrize(
    "host",
    ["a b", "a/b", "a:b", "a:65536", "a:99999999999", "a@b", "[::1", "::1", "[::g]", "[1.2.3.4]",
     "%zz", "\xe4", "a\n", "\ufffd", "a:\u0661"],
)  # fmt: skip
def test_what_is_not_a_host(host: str) -> None:
    """The message quotes it, and shows one that would be accepted."""
    with pytest.raises(ValueError, match=r"^Host: '.*' is not a host; use, for example, "):
        name_in(host)


@given(st.text())
def test_any_text_is_a_host_or_is_not(host: str) -> None:
    """There is no other outcome; what is read is a host itself."""
    try:
        name = name_in(host)
    except ValueError as error:
        assert len(str(error)) < 1000
    else:
        assert name_in(f"[{name}]" if ":" in name else name) == name


@pytest.mark.parametrize(
    ("values", "version", "said"),
    [
        ([], "1.1", "Host: missing; HTTP/1.1 requires it"),
        (["a", "a"], "1.1", "Host: sent 2 times; send it once"),
        (["a", "b"], "1.0", "Host: sent 2 times; send it once"),
        (["a b"], "1.0", "Host: 'a b' is not a host; use, for example, 127.0.0.1:6290"),
    ],
)
def test_one_host_is_named(values: list[str], version: str, said: str) -> None:
    """HTTP/1.0 need not name one; no request may name two."""
    with pytest.raises(ValueError, match=said):
        check_host(values, version)

    check_host(values[:0], "1.0")
    check_host(["localhost:6290"], version)


@pytest.mark.parametrize(
    ("target", "form"),
    [
        ("/a?b#c", "/a?b#c"),
        ("*", "*"),
        ("host:443", "host:443"),
        ("http://host", "/"),
        ("HTTP://host/a?b", "/a?b"),
        ("https://host?b=http://c/", "/?b=http://c/"),
        ("http://[::1/a", "/a"),
        ("/a?b=http://c", "/a?b=http://c"),
        ("ftp://host/a", "ftp://host/a"),
    ],
)
def test_the_target_of_an_origin_server(target: str, form: str) -> None:
    """Path and query of an absolute target; all others stay as they are."""
    assert origin_form(target) == form


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Api.Example.COM./a", Origin("api.example.com", 443, True, "api.example.com")),
        ("http://[::1]:8080", Origin("::1", 8080, False, "[::1]:8080")),
        ("http://b\u00fccher.example", Origin("xn--bcher-kva.example", 80, False,
                                             "xn--bcher-kva.example")),
        ("https://127.1:443/", Origin("127.0.0.1", 443, True, "127.0.0.1")),
        ("http://user:password@a_b:81/", Origin("a_b", 81, False, "a_b:81")),
    ],
)  # fmt: skip
def test_the_origin_of_a_url(url: str, origin: Origin) -> None:
    """Read in the same way as the URL of a webhook's receiver."""
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    "url", ["ftp://a", "http://", "http://a:0", "http://a b", "//a", "http://["]
)
def test_what_has_no_origin(url: str) -> None:
    """The message does not repeat the URL, which could have a password."""
    with pytest.raises(ValueError, match=r"^the URL"):
        origin_of(url)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://a", "/"),
        ("http://a?b", "/?b"),
        ("http://a/b c/%20?d=<e>#f", "/b%20c/%20?d=<e>"),
        ("http://a/\u00fc", "/%C3%BC"),
    ],
)
def test_the_target_of_a_url(url: str, target: str) -> None:
    """Path and query, encoded only where a request line needs it."""
    assert target_of(url) == target
