"""The laws of where webhooks go, and of what comes after one that was refused."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from mockserver.conformance.model import Exchange, History
from .lifecycle import difference
from mockserver.conformance.session.session import Lab, Skipped
from mockserver.conformance.check import EXPERIMENT, Broken, Checks, Held, law, promised
from .odd_texts import CALLS

_WAITED = 30.0
"""Seconds in which a second attempt may come."""


@law("webhook-url", "A webhook goes to exactly the URL that was given", EXPERIMENT, "webhook_url",
     submits=True)  # fmt: skip
def webhook_url(lab: Lab) -> Checks:
    """Give URLs with a slash at the end, a query, percent signs and capitals."""
    model, begun = lab.cheapest(), []
    for number, form in enumerate(CALLS):
        document = lab.request(model)
        url = f"{_base(lab)}{form.format(f'at-{number}')}"
        history = lab.started({**document, "callBackUrl": url})
        if history is not None:
            begun.append((url, history))
    lab.follow([history for _, history in begun], closely=False)
    for url, history in begun:
        _await(lab, history, 1)
        for webhook in history.webhooks[:1]:
            came, wanted = (_behind(lab, one) for one in (webhook.url, url))
            if came.endswith(wanted):
                yield Held(promised("webhook_url"))
            else:
                yield Broken(promised("webhook_url"), wanted, came, webhook, url[len(_base(lab)) :])


def _base(lab: Lab) -> str:
    if lab.webhook_base is None:
        raise Skipped("webhooks cannot arrive; name an address with --webhook-url")
    return lab.webhook_base


def _behind(lab: Lab, url: str) -> str:
    """Give what stands behind the base of the receiver: a tunnel may have another path."""
    parts = urlsplit(url)
    path = parts.path.removeprefix(urlsplit(_base(lab)).path)
    return f"{path}?{parts.query}" if "?" in url else path


def _await(lab: Lab, history: History, count: int) -> None:
    waited = 0.0
    while len(history.webhooks) < count and waited < min(lab.options.patience * 2, _WAITED):
        lab.target.pause(max(lab.options.interval, 0.5))
        waited += max(lab.options.interval, 0.5)


@law("webhook-again", "A webhook that was refused comes again, and is the same", EXPERIMENT,
     "webhook_second_attempt", "webhook_attempts_equal", submits=True)  # fmt: skip
def webhook_again(lab: Lab) -> Checks:
    """Answer the first 500, and see what the next one is like."""
    url = f"{_base(lab)}/refuses-once/{len(lab.ids)}?a=%2F"
    lab.refused_once.add(urlsplit(url).path)
    history = lab.started({**lab.request(lab.cheapest()), "callBackUrl": url})
    if history is None:
        return
    lab.follow([history], closely=False)
    _await(lab, history, 2)
    if not history.webhooks:
        return
    if len(history.webhooks) < 2:
        observed = f"none within {_WAITED:g} s of one that was answered 500"
        yield Broken(
            promised("webhook_second_attempt"), "a second attempt", observed, history.webhooks[0]
        )
        return
    yield Held(promised("webhook_second_attempt"))
    yield _equal(lab, history.webhooks[0], history.webhooks[1])
    lab.target.pause(10.0)
    if len(history.webhooks) > 2:
        observed = f"{len(history.webhooks)} attempts, though the second was answered 200"
        place = promised("webhook_attempts_equal")
        yield Broken(place, "none after a delivery", observed, history.webhooks[2], "more")


def _equal(lab: Lab, first: Exchange, second: Exchange) -> Held | Broken:
    place = promised("webhook_attempts_equal")
    for name, one, other in (
        ("method", first.method, second.method),
        ("URL", _behind(lab, first.url), _behind(lab, second.url)),
        ("Content-Type", _type(first), _type(second)),
        ("body", *_bodies(first, second)),
    ):
        if one != other:
            return Broken(place, f"{name} {one!r:.300}", f"{name} {other!r:.300}", second, name)
    return Held(place)


def _bodies(first: Exchange, second: Exchange) -> tuple[Any, Any]:
    """Return what has to be equal: of two that differ only in how URLs are signed, nothing."""
    one, other = (_task_in(webhook) for webhook in (first, second))
    if one is not None and other is not None and not difference(one, other):
        return None, None
    return first.body, second.body


def _task_in(webhook: Exchange) -> dict[str, Any] | None:
    task = webhook.request.get("data") if isinstance(webhook.request, dict) else None
    return task if isinstance(task, dict) else None


def _type(webhook: Exchange) -> str | None:
    return {name.lower(): value for name, value in webhook.headers.items()}.get("content-type")
