"""Secrets in texts."""

from __future__ import annotations

import base64
import html
import json
import os
import time
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.domain.redaction import (
    REDACTED,
    Redactor,
    is_ours,
    names_a_secret,
    without_url_secrets,
)

KEYS = [
    "sk-live_0123456789",
    "abcdef",
    "k3y/of+the\"app='",
    "[a-z]+.*(key)$",
    "<b>&amp;</b>",
    "key\\new\\key",
    "100%25key",
    "clé-été",
    "a key of words",
]


def _in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _json(value: object) -> str:
    return json.dumps(value)


FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in a longer text": lambda key: f"xx{key}yy",
    "JSON": lambda key: _json({key: key}),
    "JSON, every character": lambda key: "".join(f"\\u{ord(one):04X}" for one in key),
    "JSON in JSON in JSON": lambda key: _json(_json([_json(key)])),
    "JSON with slashes escaped": lambda key: _json(key).replace("/", "\\/"),
    "Python": lambda key: repr([key]),
    "Python, bytes": lambda key: repr(key.encode()),
    "Python, every byte": lambda key: "".join(f"\\x{one:02x}" for one in key.encode()),
    "JavaScript": lambda key: "".join(f"\\u{{{ord(one):x}}}" for one in key),
    "shell": lambda key: "".join(f"\\{one:03o}" for one in key.encode()),
    "URL": lambda key: quote(key, safe=""),
    "URL, every byte": lambda key: "".join(f"%{one:02x}" for one in key.encode()),
    "URL, one byte": lambda key: f"%{ord(key[0]):02X}{key[1:]}",
    "URL in a URL": lambda key: quote(quote(key, safe=""), safe=""),
    "JSON in a URL": lambda key: quote(_json(key)),
    "HTML": html.escape,
    "HTML, numbers": lambda key: "".join(f"&#{ord(one)};" for one in key),
    "HTML, hexadecimal": lambda key: "".join(f"&#x{ord(one):X};" for one in key),
    "JSON in HTML": lambda key: html.escape(_json(key)),
    "base64": _in_base64,
    "base64 for URLs": lambda key: base64.urlsafe_b64encode(key.encode()).decode().rstrip("="),
    "base64 in a URL": lambda key: quote(_in_base64(f"u:{key}"), safe=""),
    "base64 of a longer text, 1": lambda key: _in_base64(f"Basic u:{key}"),
    "base64 of a longer text, 2": lambda key: _in_base64(f"Basic ur:{key}!"),
    "base64 of a longer text, 3": lambda key: _in_base64(f"Basic usr:{key}!!"),
    "base64 of base64": lambda key: _in_base64(_in_base64(f"u:{key}")),
    "base64 in lines": lambda key: base64.encodebytes(f"{'x' * 52}{key}".encode()).decode(),
    "hexadecimal": lambda key: key.encode().hex(),
    "hexadecimal, in capitals": lambda key: key.encode().hex(" ").upper(),
    "broken into lines": lambda key: f"{key[:3]}\n    {key[3:]}",
    "broken into lines in JSON": lambda key: _json(f"{key[:3]}\r\n{key[3:]}"),
    "with what cannot be seen": lambda key: f"{key[:3]}\u200b{key[3:]}",
}


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_hidden_in_every_form(form: str, key: str) -> None:
    """Whatever is around it stays as it is."""
    written = FORMS[form](key)

    shown = Redactor([key]).text(f"before: {written} :after")

    assert shown.startswith("before: ")
    assert shown.endswith(" :after")
    assert REDACTED in shown
    assert written not in shown


@pytest.mark.parametrize("change", [str.upper, str.lower, str.swapcase])
def test_capitals_do_not_matter(change: Callable[[str], str]) -> None:
    """A service may show a key in one case."""
    assert Redactor(["sk-Live-0123"]).text(change("sk-Live-0123")) == REDACTED


@pytest.mark.parametrize("key", KEYS)
def test_json_stays_json(key: str) -> None:
    """Also where a secret begins within an escape."""
    document = {key: [key, f"x{key}"], "other": 1.50}

    shown = Redactor([key]).text(json.dumps(document))

    assert json.loads(shown) == {REDACTED: [REDACTED, f"x{REDACTED}"], "other": 1.5}
    assert Redactor([key]).value(document) == json.loads(shown)


@given(st.text(), st.text(min_size=6, alphabet=st.characters(codec="utf-8")))
def test_nothing_else_changes(text: str, key: str) -> None:
    """A text without the secret stays the same, and one with it loses it."""
    redactor = Redactor([key], "*")

    assert key not in redactor.text(f"{text}{key}{text}")
    assert redactor.text("the cat sat on the mat") == "the cat sat on the mat" or "cat" in key


@pytest.mark.parametrize("key", ["", "a", "test", "token", "%41%42%43"])
def test_a_short_secret_is_not_looked_for(key: str) -> None:
    """It would be found by chance, and a report of blanks tells nobody anything."""
    text = "a test of a token ABC"

    assert Redactor([key]).text(text) == text


def test_bytes_are_as_good_as_text() -> None:
    """Of a body that is none, every other byte stays."""
    redactor = Redactor(["sk-live-0123"])
    picture = b"\x89PNG\0" + os.urandom(100_000)

    assert redactor.data(b"\xff\0sk-live-0123\xfe") == b"\xff\0$MAXAPI_API_KEY\xfe"
    assert redactor.data(picture) is picture
    assert redactor.data(picture + b"sk-live-0123") == picture + REDACTED.encode()


def test_looking_takes_no_time_to_speak_of() -> None:
    """Nor can a target make it take long: escapes of escapes are followed a few times."""
    redactor = Redactor([f"sk-live-{number}" for number in range(10)])
    began = time.process_time()

    redactor.data(b"%25" * 10_000 + b"&" * 10_000 + b"\\" * 10_000 + b" \n" * 10_000)

    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("key", "ours"),
    [
        ("test-0123456789abcdef", True),
        ("verify-0123456789abcdef", True),
        ("maxapi-mock-run", True),
        ("test-key", False),
        ("sk-test-0123456789abcdef", False),
        ("", False),
    ],
)
def test_our_own_keys_are_known(key: str, *, ours: bool) -> None:
    """Only those that a fixture or command made."""
    assert is_ours(key) == ours


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        *((name, True) for name in ("Authorization", "Set-Cookie", "X-Api-Key", "apikey", "jwt")),
        *((name, True) for name in ("access_token", "accessToken", "X-Amz-Signature", "sig")),
        *((name, False) for name in ("Idempotency-Key", "monkey", "Accept")),
        ("keyboard", False),
    ],
)
def test_names_tell_of_secrets(name: str, *, secret: bool) -> None:
    """Those of headers and of parameters."""
    assert names_a_secret(name) == secret


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("to http://u:p@a/b: no", "to http://[redacted]@a/b: no"),
        ('{"a": "http://u@a?b=c"}', '{"a": "http://[redacted]@a?b=c"}'),
        ("http://a/?b=c&token=d&e=f", "http://a/?b=c&token=[redacted]&e=f"),
        ("'http://a/?api_key=d'", "'http://a/?api_key=[redacted]'"),
        ("http://a/b@c?d=e", "http://a/b@c?d=e"),
        ("a@b", "a@b"),
    ],
)
def test_what_a_url_can_hide(text: str, shown: str) -> None:
    """Users, passwords, and what a parameter's name calls a secret."""
    assert without_url_secrets(text) == shown
