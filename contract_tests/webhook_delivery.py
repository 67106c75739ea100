"""Checks of where webhooks go, and of what follows one that its receiver rejected."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from mockserver.conformance.check import Failed, Observations, Passed, promised
from mockserver.conformance.model import Exchange, History
from mockserver.conformance.odd_texts import WEBHOOK_PATHS
from mockserver.conformance.session.active_check import active_check
from mockserver.conformance.session.session import Session, Skipped

from .lifecycle import difference

_WAITED = 30.0
"""Seconds to wait for a second attempt."""


@active_check(
    "webhook-url",
    "A webhook goes to exactly the submitted callBackUrl",
    "webhook_url",
    submits=True,
)
def webhook_url(session: Session) -> Observations:
    """Submit URLs with a trailing slash, a query, percent signs and capitals."""
    model, begun = session.cheapest(), []
    for number, form in enumerate(WEBHOOK_PATHS):
        document = session.request(model)
        url = f"{_base(session)}{form.format(f'at-{number}')}"
        history = session.started({**document, "callBackUrl": url})
        if history is not None:
            begun.append((url, history))
    session.follow([history for _, history in begun], closely=False)
    for url, history in begun:
        _await(session, history, 1)
        for webhook in history.webhooks[:1]:
            came, wanted = (_behind(session, one) for one in (webhook.url, url))
            if came.endswith(wanted):
                yield Passed(promised("webhook_url"))
            else:
                yield Failed(
                    promised("webhook_url"), wanted, came, webhook, url[len(_base(session)) :]
                )


def _base(session: Session) -> str:
    if session.webhook_base is None:
        raise Skipped("webhooks cannot arrive; set an address with --webhook-url")
    return session.webhook_base


def _behind(session: Session, url: str) -> str:
    """Return path and query below the receiver's base URL: a tunnel may have another path."""
    parts = urlsplit(url)
    path = parts.path.removeprefix(urlsplit(_base(session)).path)
    return f"{path}?{parts.query}" if "?" in url else path


def _await(session: Session, history: History, count: int) -> None:
    waited = 0.0
    while len(history.webhooks) < count and waited < min(session.options.patience * 2, _WAITED):
        session.client.pause(max(session.options.interval, 0.5))
        waited += max(session.options.interval, 0.5)


@active_check(
    "webhook-again",
    "A webhook that was rejected is sent again unchanged",
    "webhook_second_attempt",
    "webhook_attempts_equal",
    submits=True,
)
def webhook_again(session: Session) -> Observations:
    """Return 500 to the first attempt, and compare the second with it."""
    url = f"{_base(session)}/rejects-once/{len(session.ids)}?a=%2F"
    session.arrivals.rejected_once.add(urlsplit(url).path)
    history = session.started({**session.request(session.cheapest()), "callBackUrl": url})
    if history is None:
        return
    session.follow([history], closely=False)
    _await(session, history, 2)
    if not history.webhooks:
        return
    if len(history.webhooks) < 2:
        observed = f"none within {_WAITED:g} s after one that got 500"
        yield Failed(
            promised("webhook_second_attempt"), "a second attempt", observed, history.webhooks[0]
        )
        return
    yield Passed(promised("webhook_second_attempt"))
    yield _equal(session, history.webhooks[0], history.webhooks[1])
    session.client.pause(10.0)
    if len(history.webhooks) > 2:
        observed = f"{len(history.webhooks)} attempts, although the second got 200"
        place = promised("webhook_attempts_equal")
        yield Failed(place, "none after an accepted one", observed, history.webhooks[2], "more")


def _equal(session: Session, first: Exchange, second: Exchange) -> Passed | Failed:
    place = promised("webhook_attempts_equal")
    for name, one, other in (
        ("method", first.method, second.method),
        ("URL", _behind(session, first.url), _behind(session, second.url)),
        ("Content-Type", _type(first), _type(second)),
        ("body", *_bodies(first, second)),
    ):
        if one != other:
            return Failed(place, f"{name} {one!r:.300}", f"{name} {other!r:.300}", second, name)
    return Passed(place)


def _bodies(first: Exchange, second: Exchange) -> tuple[Any, Any]:
    """Return what has to be equal: nothing if the bodies differ only in how URLs are signed."""
    one, other = (_task_in(webhook) for webhook in (first, second))
    if one is not None and other is not None and not difference(one, other):
        return None, None
    return first.body, second.body


def _task_in(webhook: Exchange) -> dict[str, Any] | None:
    task = webhook.request.get("data") if isinstance(webhook.request, dict) else None
    return task if isinstance(task, dict) else None


def _type(webhook: Exchange) -> str | None:
    return {name.lower(): value for name, value in webhook.headers.items()}.get("content-type")
