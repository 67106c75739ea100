"""The laws that hold for the webhooks of every task."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mockserver.contract import Contract

from mockserver.conformance.model import Exchange, History, json_text
from .exchanges import judge_document
from .lifecycle import broken, difference
from mockserver.conformance.check import HISTORY, Broken, Checks, Held, law, promised


@law("webhook-conforms", "A webhook is a POST that conforms", HISTORY, "webhook.json#",
     "service.json#/webhook/content_type")  # fmt: skip
def webhook_conforms(contract: Contract, history: History) -> Checks:
    """Hold each against its schema."""
    for webhook in history.webhooks:
        if webhook.method != "POST":
            yield Broken("webhook.json#", "POST", webhook.method, webhook)
        yield from judge_document(contract, "webhook", webhook.request, webhook)
        place, wanted = "service.json#/webhook/content_type", contract.fact("webhook.content_type")
        said = {name.lower(): value for name, value in webhook.headers.items()}.get("content-type")
        plain = (said or "").partition(";")[0].strip().lower()
        yield Held(place) if plain == wanted else Broken(place, wanted, f"{said}", webhook)


@law("webhook-comes", "A webhook comes if one was asked for, and only then", HISTORY,
     "webhook_comes", "webhook_if_asked")  # fmt: skip
def webhook_comes(contract: Contract, history: History) -> Checks:
    """Count the webhooks of a task that has ended."""
    if not history.webhooks_awaited or history.submission is None:
        return
    if history.last.get("status") not in contract.lifecycle.terminal:
        return
    asked = "callBackUrl" in history.document
    name = "webhook_comes" if asked else "webhook_if_asked"
    if bool(history.webhooks) == asked:
        yield Held(promised(name))
    else:
        observed = f"{len(history.webhooks)} webhooks"
        exchange = history.webhooks[0] if history.webhooks else history.submission
        yield broken(name, "at least one" if asked else "none", observed, exchange)


@law("webhook-after-end", "A webhook comes when a poll shows the end, not before", HISTORY,
     "webhook_after_end")  # fmt: skip
def webhook_after_end(contract: Contract, history: History) -> Checks:
    """Look at the poll that was made when it came."""
    for webhook in history.webhooks:
        if webhook.task is None:
            continue
        status = webhook.task.get("status")
        if status in contract.lifecycle.terminal:
            yield Held(promised("webhook_after_end"))
        else:
            yield broken("webhook_after_end", "a terminal state", f"{status}", webhook)


@law("webhook-equals-poll", "Every webhook is what a poll answers", HISTORY, "webhook_equals_poll",
     "webhook_same_fields")  # fmt: skip
def webhook_equals_poll(contract: Contract, history: History) -> Checks:
    """Compare each with a poll after the end.

    A field that only one of them shows breaks what no page promises: the webhook's page has
    fields that the example of a poll leaves out.
    """
    polled = [one.json for one, task in history.shown if _ended(contract, task)]
    for webhook, sent in _documents(history) if polled else ():
        ours, theirs = sent.get("data"), polled[-1].get("data")
        if not isinstance(ours, dict) or not isinstance(theirs, dict):
            yield _alike(
                "webhook_equals_poll", "" if sent == polled[-1] else json_text(sent), webhook
            )
            continue
        both = ours.keys() & theirs.keys()
        changed = difference(*({name: one[name] for name in both} for one in (theirs, ours)))
        only = ", ".join(sorted(ours.keys() ^ theirs.keys()))
        yield _alike("webhook_equals_poll", changed, webhook)
        yield _alike("webhook_same_fields", only and f"only one of them shows {only}", webhook)


def _alike(name: str, difference: str, webhook: Exchange) -> Held | Broken:
    if not difference:
        return Held(promised(name))
    return broken(name, "what a poll answers", f"poll and webhook: {difference}", webhook)


def _ended(contract: Contract, task: dict[str, Any]) -> bool:
    return task.get("status") in contract.lifecycle.terminal


def _documents(history: History) -> Iterator[tuple[Exchange, dict[str, Any]]]:
    for webhook in history.webhooks:
        if isinstance(webhook.request, dict):
            yield webhook, webhook.request
