"""Checks of the webhooks of every task."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mockserver.conformance.check import Failed, Observations, Passed, promised, task_check
from mockserver.conformance.model import Exchange, History, json_text
from mockserver.contract import Contract

from .exchanges import check_document
from .lifecycle import difference, failed


@task_check(
    "webhook-conforms",
    "A webhook is a POST that conforms to its schema",
    "webhook.json#",
    "service.json#/webhook/content_type",
)
def webhook_conforms(contract: Contract, history: History) -> Observations:
    """Check the method, body and Content-Type of each webhook."""
    for webhook in history.webhooks:
        if webhook.method != "POST":
            yield Failed("webhook.json#", "POST", webhook.method, webhook)
        yield from check_document(contract, "webhook", webhook.request, webhook)
        place, wanted = "service.json#/webhook/content_type", contract.fact("webhook.content_type")
        said = {name.lower(): value for name, value in webhook.headers.items()}.get("content-type")
        plain = (said or "").partition(";")[0].strip().lower()
        yield Passed(place) if plain == wanted else Failed(place, wanted, f"{said}", webhook)


@task_check(
    "webhook-comes",
    "A task sends a webhook if it has a callBackUrl, and only then",
    "webhook_comes",
    "webhook_if_asked",
)
def webhook_comes(contract: Contract, history: History) -> Observations:
    """Count the webhooks of a task that has ended."""
    if not history.webhooks_awaited or history.submission is None:
        return
    if history.last.get("status") not in contract.lifecycle.terminal:
        return
    asked = "callBackUrl" in history.document
    name = "webhook_comes" if asked else "webhook_if_asked"
    if bool(history.webhooks) == asked:
        yield Passed(promised(name))
    else:
        observed = f"{len(history.webhooks)} webhooks"
        exchange = history.webhooks[0] if history.webhooks else history.submission
        yield failed(name, "at least one" if asked else "none", observed, exchange)


@task_check(
    "webhook-after-end",
    "A webhook is sent when a poll shows the end, not before",
    "webhook_after_end",
)
def webhook_after_end(contract: Contract, history: History) -> Observations:
    """Look at the poll that was made when the webhook arrived."""
    for webhook in history.webhooks:
        if webhook.task is None:
            continue
        status = webhook.task.get("status")
        if status in contract.lifecycle.terminal:
            yield Passed(promised("webhook_after_end"))
        else:
            yield failed("webhook_after_end", "a terminal state", f"{status}", webhook)


@task_check(
    "webhook-equals-poll",
    "Every webhook equals the response to a poll",
    "webhook_equals_poll",
    "webhook_same_fields",
)
def webhook_equals_poll(contract: Contract, history: History) -> Observations:
    """Compare each webhook with a poll after the end.

    That both show the same fields is only assumed: the webhook's page has fields that the example
    of a poll leaves out.
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


def _alike(name: str, difference: str, webhook: Exchange) -> Passed | Failed:
    if not difference:
        return Passed(promised(name))
    return failed(name, "what a poll returns", f"poll and webhook: {difference}", webhook)


def _ended(contract: Contract, task: dict[str, Any]) -> bool:
    return task.get("status") in contract.lifecycle.terminal


def _documents(history: History) -> Iterator[tuple[Exchange, dict[str, Any]]]:
    for webhook in history.webhooks:
        if isinstance(webhook.request, dict):
            yield webhook, webhook.request
