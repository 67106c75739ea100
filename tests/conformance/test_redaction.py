"""Secrets in traffic."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest

from mockserver.conformance.redaction import (
    Secrets,
    secrets_in,
    url_without_secrets,
    without_callback,
)
from mockserver.conformance.report.html import as_html
from mockserver.conformance.report.view import view_of
from mockserver.conformance.report.writers import as_json
from tests.conformance.traffic import DRAW, JSON, TASK, Traffic, task

SECRET = 'k3y/of+the"app='
AUTHORIZED = ("Authorization", f"Bearer {SECRET}")


@pytest.mark.parametrize(
    "header",
    [
        AUTHORIZED,
        ("authorization", SECRET),
        ("Authorization", "Basic " + base64.b64encode(b"user:" + SECRET.encode()).decode()),
        ("Proxy-Authorization", f"Bearer {SECRET}"),
        ("X-Api-Key", SECRET),
        ("apikey", SECRET),
        ("X-Auth-Token", SECRET),
        ("Cookie", f"session={SECRET}; other=1"),
        ("X-Client-Secret", SECRET),
    ],
)
def test_a_secret_is_found_nowhere(header: tuple[str, str]) -> None:
    """Whichever header it came in, and wherever else it stands, in whatever form."""
    traffic = Traffic()
    said = {"code": 0, "msg": SECRET, "data": {"wrong": SECRET, "more": quote(SECRET, safe="")}}
    target = f"/api/v1/task/{TASK}?a={quote(SECRET, safe='')}"
    traffic.passes(
        "GET",
        target,
        SECRET.encode(),
        said,
        200,
        headers=[header, ("X-Echo", SECRET)],
        response_headers=[JSON, ("X-Echo", SECRET), ("Set-Cookie", f"a={SECRET}")],
    )
    traffic.polls(b"", None, headers=[header], error=f"after {SECRET}")
    assert traffic.findings

    report = traffic.watch.report(traffic.now)
    texts = [
        json.dumps(as_json(view_of(report))),
        as_html(view_of(report)),
        *map(str, traffic.findings),
    ]

    forms = [SECRET, quote(SECRET, safe=""), json.dumps(SECRET)[1:-1], SECRET.partition('"')[0]]
    forms.append(base64.b64encode(b"user:" + SECRET.encode()).decode())
    assert [form for form in forms for text in texts if form in text] == []
    assert "$MAXAPI_API_KEY" in texts[0]


def test_a_request_can_be_sent_again_with_the_readers_own_key() -> None:
    """The scheme stays, and the shell puts the key in."""
    traffic = Traffic()

    traffic.polls(b"<html>", headers=[AUTHORIZED, ("Host", "127.0.0.1:1"), ("X-A", "b c")])

    exchange = traffic.findings[0].exchange
    assert exchange is not None
    assert exchange.curl == (
        f"curl -sSig https://api.example/api/v1/task/{TASK} "
        """-H "Authorization: Bearer $MAXAPI_API_KEY" -H 'X-A: b c'"""
    )


@pytest.mark.parametrize("name", ["key", "api_key", "access-token", "X-Amz-Signature", "sig"])
def test_a_secret_in_a_query_is_one(name: str) -> None:
    """By the name that it has there."""
    secrets = Secrets()
    secrets.learn([], f"/a?b=c&{name}={SECRET[:9]}")

    shown = secrets.target(f"/a?b=c&{name}={SECRET[:9]}&d#{SECRET[:9]}")

    assert shown == f"/a?b=c&{name}=$MAXAPI_API_KEY&d#$MAXAPI_API_KEY"


def test_a_short_secret_is_hidden_where_it_stands_and_not_elsewhere() -> None:
    """Otherwise it would be found by chance in what has to be checked."""
    secrets = Secrets()

    secrets.learn([("Authorization", "Bearer ok")])

    assert dict(secrets.headers([("Authorization", "Bearer ok")])) == {
        "Authorization": "Bearer $MAXAPI_API_KEY"
    }
    assert secrets.hidden_bytes(b'{"msg": "ok"}') == b'{"msg": "ok"}'


def test_a_secret_is_remembered() -> None:
    """A webhook, a file or a response to another key may repeat it; the latest are enough."""
    secrets = Secrets()

    secrets.learn([AUTHORIZED])
    for number in range(30):
        secrets.learn([("X-Api-Key", f"another-key-{number}")], f"/?sig={number}-signed")

    assert SECRET not in secrets.hidden(f"it was {SECRET}")
    for number in range(80):
        secrets.learn([("X-Api-Key", f"a-newer-key-{number}")])
    assert secrets.hidden(f"it was {SECRET}") == f"it was {SECRET}"


def test_the_scheme_of_an_authorization_is_no_secret() -> None:
    """It stands in many a message."""
    secrets = Secrets()

    secrets.learn([AUTHORIZED])

    assert secrets.hidden("no Bearer token") == "no Bearer token"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://app.example", "https://app.example"),
        ("https://app.example/", "https://app.example/"),
        ("https://app.example/hook/T0/B0", "https://app.example/redacted"),
        ("HTTP://a:b@app.example:81?c", "HTTP://app.example:81/redacted"),
        ("https:\\/\\/a:b@app.example\\/c", "https:\\/\\/app.example/redacted"),
        ("ftp://a:b@app.example/c?d", "ftp://redacted@app.example/c?redacted"),
        ("nowhere", "nowhere"),
    ],
)
def test_of_a_webhooks_url_only_the_host_is_shown(url: str, shown: str) -> None:
    """Any other part may be a secret; what is not an http URL keeps its path."""
    assert url_without_secrets(url) == shown


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        ("https://me:pass%20word@a:1/b?c=d&token=hush#e", ["pass word", "hush"]),
        ("https://me@a/b?c=d", []),
        ("https://a/b:c@d", []),
    ],
)
def test_what_a_webhook_url_must_not_reveal(url: str, secrets: list[str]) -> None:
    """It stands in each submission that asks for a webhook."""
    assert secrets_in(url) == secrets


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (
            b'{"callBackUrl" : "http://a/b?c", "d": 1.0}',
            b'{"callBackUrl" : "http://a/redacted", "d": 1.0}',
        ),
        (b'{"callBackUrl": "http://a/\\"b"', b'{"callBackUrl": "http://a/redacted"'),
        (b'{"callBackUrl": 7}', b'{"callBackUrl": 7}'),
        (b"\xff no json", b"\xff no json"),
        (b'{"callBackUrl": "http://a/\xff"', b'{"callBackUrl": "http://a/redacted"'),
    ],
)
def test_only_the_callback_is_shortened(body: bytes, shown: bytes) -> None:
    """Right or wrong, every other byte stays."""
    assert without_callback(body) == shown


@pytest.mark.parametrize("document", [task("PENDING"), b"no json"])
def test_a_webhook_shows_no_more_of_its_url_than_the_host(document: Any) -> None:
    """Neither in the request that asked for it, nor in its response, nor in the webhook itself."""
    traffic = Traffic()
    hook = "https://app.example/a-secret-path?b=a-secret-value"
    traffic.submits({**DRAW, "callBackUrl": hook, "input": {}}, token="t")
    traffic.polls({"code": 0, "msg": "ok", "data": {"taskId": TASK, "callBackUrl": hook}})

    traffic.delivers(document, token="t", webhook_url=hook)

    report = json.dumps(as_json(view_of(traffic.watch.report(traffic.now))))
    assert {"requests-conform", "webhook-conforms"} <= {one.check for one in traffic.findings}
    assert "https://app.example/redacted" in report
    assert "a-secret" not in report
