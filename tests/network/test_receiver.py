"""What a URL names, and whether the mock may call it."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from mockserver.engine.webhooks.attempt import AttemptResult, Failure, WebhookRequest
from mockserver.engine.webhooks.transport import HttpTransport, transport_of
from mockserver.network.receiver import Reach, Receiver, is_this_machine, read_receiver
from mockserver.settings import resolve_settings


@pytest.fixture(autouse=True)
def _no_look_ups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail if a name is resolved: that alone would leave the machine."""
    look_up = socket.getaddrinfo

    def numeric(*arguments: object, flags: int = 0, **more: object) -> object:
        assert flags & socket.AI_NUMERICHOST, f"looks up {arguments[0]}"
        return look_up(*arguments, flags=flags, **more)  # type: ignore[arg-type,misc]

    monkeypatch.setattr(socket, "getaddrinfo", numeric)


def sent(url: str, **options: str) -> AttemptResult | None:
    """Return the result of a webhook that was not sent under these settings; None if it may be."""
    settings = resolve_settings(options, environment={}).settings
    transport = transport_of(settings)

    async def post(*_: object) -> int:
        return 204

    transport._post = post  # type: ignore[assignment,method-assign]
    result = transport(WebhookRequest(url, b"{}", "application/json", 1))
    return None if result.status == 204 else result


OWN = [
    *(
        "localhost",
        "LOCALHOST",
        "localhost.",
        "app.localhost",
        "%6cocalhost",
        "\N{FULLWIDTH LATIN SMALL LETTER L}ocalhost",
    ),
    *("127.0.0.1", "127.8.9.1", "127.1", "2130706433", "0x7f.1", "0x7f000001", "0177.0.0.1"),
    *("127.0.0.1.", "①27.0.0.1", "0.0.0.0", "0", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]"),
    *("[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::1%25lo]", "me@127.0.0.1", "a:b@localhost"),
    *("app.example.com@localhost", "a@b@localhost"),
]
OTHERS = [
    *("app.example.com", "host.docker.internal", "localhost.example.com", "notlocalhost"),
    *("127.0.0.1.example.com", "127.0.0.1@app.example.com", "127.0.0.1%2eexample.com"),
    *("app.example.com/@127.0.0.1", "app.example.com?@localhost", "app.example.com#@localhost"),
    *("8.8.8.8", "169.254.169.254", "10.0.0.300", "255.255.255.255", "224.0.0.1"),
    *("[2001:db8::1]", "[fe80::1%25eth0]", "[::ffff:8.8.8.8]", "xn--bcher-kva.example"),
    *("bücher.example", "1.2.3.4.5", "api.maxapi.io"),
]
NONE = [
    *("[", "[::1", "[localhost]", "a:99999", "a:0", "a:-1", "a:x", ":80", "@", "."),
    *("a..b", "a b", "a%20b", "a%2fb", "a%3a80", "a\\b", "10.0.0.1\\@localhost", "a!b"),
    *("a" * 64, "", "me:hush@\N{ACCOUNT OF}.example", "a/\ud800"),
]


@pytest.mark.parametrize("host", OWN)
def test_every_spelling_of_this_machine_is_called(host: str) -> None:
    """Without resolving a name."""
    assert is_this_machine(f"http://{host}/")
    assert sent(f"http://{host}/") is None


@pytest.mark.parametrize("host", OTHERS)
def test_no_other_host_is_called_unless_named(host: str) -> None:
    """The journal says why not, and which setting would change it."""
    result = sent(f"https://{host}/hook")

    assert not is_this_machine(f"https://{host}/hook")
    assert result is not None
    assert (result.status, result.failure) == (None, Failure.NOT_SENT)
    assert (result.error or "").startswith("not sent: ")
    assert "is not this machine; --callback-allow names others" in (result.error or "")
    assert sent(f"https://{host}/hook", callback_allow="*") is None


@pytest.mark.parametrize("host", NONE)
def test_what_cannot_be_called_is_not_sent(host: str) -> None:
    """Even if every host may be called; no message shows a password."""
    result = sent(f"http://{host}", callback_allow="*")

    assert not is_this_machine(f"http://{host}")
    assert result is not None
    assert (result.status, result.failure) == (None, Failure.BAD_URL)
    assert (result.error or "").startswith("not sent: the URL")
    assert "hush" not in (result.error or "")


def test_an_own_address_of_this_machine_is_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket can be bound to it; apps print such an address when they start."""
    asked: list[str] = []
    monkeypatch.setattr(socket.socket, "bind", lambda _, address: asked.append(address[0]))

    reach = Reach()

    assert reach.why_not(read_receiver("http://192.0.2.7:8000/")) is None
    assert reach.why_not(read_receiver("http://[2001:db8::7]/")) is None
    assert asked == ["192.0.2.7", "2001:db8::7"]


@pytest.mark.parametrize(
    ("named", "host", "reached"),
    [
        ("hooks.example", "hooks.example", True),
        ("hooks.example", "HOOKS.example:8080", True),
        ("Hooks.Example.", "hooks.example", True),
        ("hooks.example", "hooks.example.", True),
        ("*.internal.example", "ci.internal.example", True),
        ("a.example,10.0.0.*", "10.0.0.7", True),
        ("10.0.0.7", "0xa.7", True),
        ("[2001:DB8::7]", "[2001:db8:0::7]", True),
        ("2001:db8::7", "[2001:db8::7]", True),
        ("bücher.example", "xn--bcher-kva.example", True),
        ("*.bücher.example", "a.BÜCHER.example", True),
        ("*", "anybody.example", True),
        ("localhost", "localhost:3000", True),
        ("hooks.example", "evil.example/hooks.example", False),
        ("hooks.example", "hooks.example.evil.example", False),
        ("hooks.example", "hooks.example@evil.example", False),
        ("hooks.example", "127.0.0.1", False),
        ("hooks.example", "localhost", False),
    ],
)
def test_a_public_mock_calls_only_the_named(named: str, host: str, *, reached: bool) -> None:
    """However the URL is written: its clients may be strangers."""
    result = sent(f"http://{host}/", host="0.0.0.0", callback_allow=named)

    assert (result is None) is reached
    assert result is None or (
        result.failure is Failure.NOT_SENT
        and "is not named by --callback-allow, and this mock is public" in (result.error or "")
    )


def test_a_public_mock_calls_no_host_by_default() -> None:
    """Not even this machine."""
    result = sent("http://localhost/", host="0.0.0.0")

    assert result is not None
    assert result.failure is Failure.NOT_SENT


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://a", "/"),
        ("http://a?", "/?"),
        ("http://a?x#y", "/?x"),
        ("http://a/#y?x", "/"),
        ("http://a/b/../c//d/", "/b/../c//d/"),
        ("http://a/%2f%2F%zz?a=%20+&b", "/%2f%2F%zz?a=%20+&b"),
        ("http://a/b c?d e", "/b%20c?d%20e"),
        ("http://a/ü?ü", "/%C3%BC?%C3%BC"),
        ("http://a/;p;q?[x]={1}|'\"", "/;p;q?[x]={1}|'\""),
    ],
)
def test_path_and_query_stay_as_they_are(url: str, target: str) -> None:
    """Except for characters that a request line cannot have."""
    assert read_receiver(url).target == target


def test_what_a_url_names() -> None:
    """In the one form that the rest of the code uses."""
    found = read_receiver("HTTPS://me:p%40ss%3a@Bücher.example.:8443/x?y#z")
    plain = read_receiver("http://[::ffff:10.0.0.1]")

    assert found == Receiver(
        "https", "xn--bcher-kva.example", 8443, "/x?y", "me:p@ss:", address=None
    )
    assert found.authority == "xn--bcher-kva.example:8443"
    assert (plain.host, plain.port, plain.authority) == ("10.0.0.1", 80, "10.0.0.1")
    assert read_receiver("http://[fe80::1%25eth0]:81/").authority == "[fe80::1]:81"


def test_a_transport_calls_this_machine_by_default() -> None:
    """So none of them calls other machines by accident."""
    result = HttpTransport(1)(WebhookRequest("http://app.example.com/", b"", "text/plain", 1))

    assert result.failure is Failure.NOT_SENT


def test_the_page_explains_every_failure() -> None:
    """In the order of the code, one row each."""
    page = Path(__file__).parents[2] / "docs" / "webhooks.md"

    rows = re.findall(r"^\| `([a-z-]+)` \| \w", page.read_text("utf-8"), re.MULTILINE)

    assert rows == [failure.value for failure in Failure]
