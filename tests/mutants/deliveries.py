"""Mutants: where webhooks go, and their second attempts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import unquote, urlsplit

from mockserver.contract import dump_json
from mockserver.engine.webhooks.attempt import AttemptResult, WebhookRequest
from tests.mutants.changes import webhooks
from tests.mutants.layer import Layer, MakeLayer
from tests.mutants.mutant import DRAW, LITE, Mutant

_URL = "service.json#/promises/webhook_url"
_EQUAL = "service.json#/promises/webhook_attempts_equal"


def _to(make: Callable[[str], str]) -> MakeLayer:
    return webhooks(lambda webhook: [replace(webhook, url=make(webhook.url))])


def _lower(url: str) -> str:
    return url.lower()


def _decoded(url: str) -> str:
    path = urlsplit(url).path
    return url.replace(path, unquote(path).encode("ascii", "ignore").decode().replace(" ", "+"))


class _Again(Layer):
    """Changes the attempts after the first."""

    def __init__(self, change: Callable[[WebhookRequest], WebhookRequest]) -> None:
        self._change = change
        self._attempts: Counter[str] = Counter()

    def send(self, webhook: WebhookRequest) -> AttemptResult:
        """Change a second attempt."""
        self._attempts[webhook.url] += 1
        again = self._attempts[webhook.url] > 1
        return self.post(self._change(webhook) if again else webhook)


def _again(change: Callable[[WebhookRequest], WebhookRequest]) -> MakeLayer:
    return lambda: _Again(change)


def _counted(webhook: WebhookRequest) -> WebhookRequest:
    envelope = json.loads(webhook.body)
    envelope["data"]["attempt"] = 2
    return replace(webhook, body=dump_json(envelope))


class _NeverTaken(Layer):
    """Counts no webhook as delivered."""

    def send(self, webhook: WebhookRequest) -> AttemptResult:
        """Send it, and report that it was rejected."""
        self.post(webhook)
        return AttemptResult(500, "returned 500, not 2xx", 0.0)


def _not_of(resolution: str) -> MakeLayer:
    def change(webhook: WebhookRequest) -> list[WebhookRequest]:
        shown = json.loads(webhook.body)["data"]["input"]
        return [] if shown.get("resolution") == resolution else [webhook]

    return webhooks(change)


def _at(name: str, sentence: str, make: Callable[[str], str]) -> Mutant:
    return Mutant(name, sentence, "webhook-url", _URL, _to(make))


MUTANTS = (
    _at("webhook-without-slash", "A slash at the end is lost.", lambda url: url.rstrip("/")),
    _at("webhook-without-query", "The query is lost.", lambda url: url.partition("?")[0]),
    _at(
        "webhook-query-cut",
        "Of the query, only the first part is kept.",
        lambda url: url.partition("&")[0],
    ),
    _at("webhook-lower-case", "The URL is written in small letters.", _lower),
    _at("webhook-decoded", "The path is decoded.", _decoded),
    Mutant(
        "webhook-once-only",
        "A webhook that was rejected is not sent again.",
        "webhook-again",
        "service.json#/promises/webhook_second_attempt",
        settings={"webhook_tries": 1},
        severity="assumption",
    ),
    Mutant(
        "webhook-attempt-differs",
        "A second attempt says that it is one.",
        "webhook-again",
        _EQUAL,
        _again(_counted),
        severity="assumption",
    ),
    Mutant(
        "webhook-attempt-elsewhere",
        "A second attempt goes to the URL without its query.",
        "webhook-again",
        _EQUAL,
        _again(lambda webhook: replace(webhook, url=webhook.url.partition("?")[0])),
        severity="assumption",
    ),
    Mutant(
        "webhook-never-accepted",
        "A webhook is sent again although it was accepted.",
        "webhook-again",
        _EQUAL,
        _NeverTaken,
        severity="assumption",
    ),
    Mutant(
        "no-webhook-at-4k",
        "A task of the highest resolution gets no webhook.",
        "webhook-comes",
        "service.json#/promises/webhook_comes",
        _not_of("4k"),
        models=(LITE, DRAW),
    ),
)
