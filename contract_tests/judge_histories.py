"""The laws that hold for every task, from its submission to its results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from mockserver.contract import Contract
from mockserver.domain.billing import count_of
from mockserver.domain.sizes import size_of

from .evidence import Exchange, History, json_text
from .files import look_at
from .judge_exchanges import judge_document
from .law import HISTORY, Broken, Checks, Held, law, promised

_STATUS = "task.json#/properties/status"


def _model(history: History) -> str:
    return str(history.document.get("model", ""))


def _broken(
    name: str, expected: str, observed: str, exchange: Exchange | None, subject: str = ""
) -> Broken:
    return Broken(promised(name), expected, observed, exchange, subject)


@law("same-task", "A poll shows the task that it asks for", HISTORY,
     "task.json#/properties/taskId")  # fmt: skip
def same_task(_contract: Contract, history: History) -> Checks:
    """Compare ids."""
    place = "task.json#/properties/taskId"
    for poll, task in history.shown:
        if task.get("taskId") == history.task_id:
            yield Held(place)
        else:
            observed = f"taskId {task.get('taskId')!r}"
            yield Broken(place, f"taskId {history.task_id!r}", observed, poll)
            return


@law("is-found", "A submitted task is found by its id, at once and ever after", HISTORY,
     "submit-response.json#/properties/data/properties/taskId")  # fmt: skip
def is_found(_contract: Contract, history: History) -> Checks:
    """Look for polls that were refused."""
    place = "submit-response.json#/properties/data/properties/taskId"
    if history.submission is None:
        return
    for poll in history.polls:
        if poll.task is None:
            yield Broken(place, "the task", str(poll), poll)
            return
        yield Held(place)


@law("never-back", "A task's status never goes back", HISTORY, "never_back")
def never_back(contract: Contract, history: History) -> Checks:
    """Compare each poll with the one before."""
    before = -1
    for poll, task in history.shown:
        rank = _rank(contract, task.get("status"))
        if rank is None:
            continue
        if rank < before:
            statuses = " -> ".join(str(one.get("status")) for _, one in history.shown)
            yield _broken("never_back", "a later state, or the same", statuses, poll)
            return
        before = rank
        yield Held(promised("never_back"))


def _rank(contract: Contract, status: Any) -> int | None:
    path = contract.lifecycle.path
    if status in contract.lifecycle.terminal:
        return len(path)
    return path.index(status) if status in path else None


@law("starts-pending", "A task begins in the first state, unless it was faster than the poll",
     HISTORY, _STATUS)  # fmt: skip
def starts_pending(contract: Contract, history: History) -> Checks:
    """Hold the first state seen against those that there are."""
    if history.shown:
        poll, task = history.shown[0]
        known = _rank(contract, task.get("status")) is not None
        expected = f"one of {', '.join(contract.document('task')['properties']['status']['enum'])}"
        observed = f"status {task.get('status')!r}"
        yield Held(_STATUS) if known else Broken(_STATUS, expected, observed, poll)


@law("ends", "Every task ends", HISTORY, "ends")
def ends(contract: Contract, history: History) -> Checks:
    """Look at the last poll, if somebody waited long enough."""
    if history.last.get("status") in contract.lifecycle.terminal:
        yield Held(promised("ends"))
    elif history.given_up and history.shown:
        poll, task = history.shown[-1]
        observed = f"still {task.get('status')} when it was given up"
        yield _broken("ends", "a terminal state", observed, poll, _model(history))


@law("final", "What has ended shows the same for ever", HISTORY, "final")
def final(contract: Contract, history: History) -> Checks:
    """Compare the polls after the first that showed a terminal state."""
    ended = [one for one in history.shown if one[1].get("status") in contract.lifecycle.terminal]
    for poll, task in history.shown:
        if ended and poll is not ended[0][0] and _is_after(history, poll, ended[0][0]):
            changed = _difference(ended[0][1], task)
            if changed:
                yield _broken("final", "the same as before", changed, poll)
                return
            yield Held(promised("final"))


def _is_after(history: History, poll: Exchange, other: Exchange) -> bool:
    numbers = [id(one) for one in history.polls]
    return numbers.index(id(poll)) > numbers.index(id(other))


def _difference(before: dict[str, Any], after: dict[str, Any]) -> str:
    for name in before | after:
        if before.get(name) != after.get(name) or (name in before) != (name in after):
            one, other = json_text(before.get(name)), json_text(after.get(name))
            return f"{name} was {one}, and then {other}"
    return ""


@law("timestamps", "The moments of a task are in order", HISTORY, "timestamps_in_order",
     "updated_at_moves")  # fmt: skip
def timestamps(_contract: Contract, history: History) -> Checks:
    """Compare texts: all have the same form, in which text order is that of time."""
    place, before, status = promised("timestamps_in_order"), ("", ""), None
    for poll, task in history.shown:
        created, updated = task.get("created_at"), task.get("updated_at")
        if not isinstance(created, str) or not isinstance(updated, str):
            continue
        fault = ""
        if updated < created:
            fault = f"updated_at {updated} is before created_at {created}"
        elif before[0] not in ("", created):
            fault = f"created_at was {before[0]}, and then {created}"
        elif updated < before[1]:
            fault = f"updated_at was {before[1]}, and then {updated}"
        if fault:
            yield Broken(place, "moments in order", fault, poll)
            return
        yield Held(place)
        if status not in (None, task.get("status")):
            yield _moves(before[1], updated, f"{status} -> {task.get('status')}", poll)
        before, status = (created, updated), task.get("status")


def _moves(before: str, after: str, change: str, poll: Exchange) -> Held | Broken:
    """Hold the moments of the last change before and after one."""
    name, observed = "updated_at_moves", f"{change}, and updated_at is {after} as before"
    if before == after:
        return _broken(name, "a later updated_at", observed, poll)
    return Held(promised(name))


@law("reason", "Only a task that has failed says why", HISTORY, "reason_of_failure")
def reason(contract: Contract, history: History) -> Checks:
    """Look at failure_reason in every state."""
    for poll, task in history.shown:
        if task.get("status") == contract.lifecycle.failure or "failure_reason" not in task:
            continue
        if task["failure_reason"] is not None:
            observed = f"{task.get('status')} with failure_reason {task['failure_reason']!r}"
            yield _broken("reason_of_failure", "failure_reason null", observed, poll)
            return
        yield Held(promised("reason_of_failure"))


@law("echo", "A poll echoes what was submitted", HISTORY, "echo_prompt", "echo_all")
def echo(_contract: Contract, history: History) -> Checks:
    """Compare every submitted field."""
    submitted = history.document.get("input")
    if not isinstance(submitted, dict) or not history.shown:
        return
    wanted = {"model": history.document.get("model"), **submitted}
    for poll, task in history.shown:
        echoed = task.get("input")
        if not isinstance(echoed, dict):
            continue
        for name, value in wanted.items():
            promise = "echo_prompt" if name in ("model", "prompt") else "echo_all"
            if name in echoed and _same(echoed[name], value):
                yield Held(promised(promise))
            else:
                have, wants = echoed.get(name), value
                if isinstance(have, str) and isinstance(value, str):
                    have, wants = _from_difference(have, value)
                observed = json_text(have) if name in echoed else "absent"
                expected = f"{name}: {json_text(wants)}"
                yield _broken(promise, expected, f"{name}: {observed}", poll, name)
                return
        for name in sorted(echoed.keys() - wanted.keys()):
            shown = f"{name}: {json_text(echoed[name])}"
            added = _broken("echo_all", "what was submitted, and no more", shown, poll, name)
            yield replace(added, severity="information")


def _from_difference(one: str, other: str) -> tuple[str, str]:
    """Cut what two texts have in common at their beginning, if that is long."""
    both = zip(one, other, strict=False)
    same = next((at for at, (a, b) in enumerate(both) if a != b), min(len(one), len(other)))
    start = max(0, same - 40)
    dots = "..." if start else ""
    return dots + one[start:], dots + other[start:]


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other


@law("results", "A success has n results of the model's kind, each with a URL of its own", HISTORY,
     "n_results", "kind_of_result")  # fmt: skip
def results(contract: Contract, history: History) -> Checks:
    """Count, and compare."""
    card = contract.cards.get(_model(history))
    result = history.last.get("result")
    if card is None or not isinstance(result, dict):
        return
    poll = history.shown[-1][0]
    urls, submitted = result.get("urls"), history.document.get("input")
    if isinstance(urls, list) and isinstance(submitted, dict):
        wanted = count_of(card, submitted)
        if len(urls) == wanted and len(set(map(str, urls))) == wanted:
            yield Held(promised("n_results"))
        else:
            observed = f"{len(urls)} URLs, {len(set(map(str, urls)))} different"
            yield _broken("n_results", f"{wanted} different URLs", observed, poll, card.model)
    kind = result.get("type")
    if kind == card.result:
        yield Held(promised("kind_of_result"))
    else:
        observed = f"type {kind!r}"
        yield _broken("kind_of_result", f"type {card.result!r}", observed, poll, card.model)


@law("files", "Each result URL gives a file of the promised type", HISTORY, "file_is_there",
     "service.json#/results/image", "service.json#/results/video")  # fmt: skip
def files(contract: Contract, history: History) -> Checks:
    """Look at the files that were fetched: their status, media type and first bytes."""
    card = contract.cards.get(_model(history))
    for file in history.files if card is not None else ():
        assert card is not None  # noqa: S101 - the loop is empty without one
        if file.status != 200 or not file.answer:
            observed = f"{file.error or file.status}, {len(file.answer)} bytes"
            yield _broken("file_is_there", "200 and a file", observed, file, card.model)
            continue
        yield Held(promised("file_is_there"))
        place = f"service.json#/results/{card.result}"
        wanted = contract.service["results"][card.result]["media_type"]
        said = file.answer_headers.get("content-type", "").partition(";")[0].strip()
        look = look_at(file.answer)
        if said == wanted == look.media_type and (look.size or card.result == "video"):
            yield Held(place)
        elif said == wanted == look.media_type:
            observed = f"{len(file.answer)} bytes without the end that a {wanted} has"
            yield _broken("file_is_there", "the whole file", observed, file, f"{card.model} end")
        else:
            observed = f"Content-Type {said!r}, and the bytes are {look.media_type}"
            yield Broken(place, wanted, observed, file, card.model)


@law("pixels", "Each result has exactly the promised pixels", HISTORY,
     "sizes/gpt-image-2.json#/rows/0", "sizes/assumed-image.json#/rows/0",
     "sizes/assumed-video.json#/rows/0")  # fmt: skip
def pixels(contract: Contract, history: History) -> Checks:
    """Compare the size that is in a file with the one of the model's card."""
    card, submitted = contract.cards.get(_model(history)), history.document.get("input")
    if card is None or not isinstance(submitted, dict):
        return
    size = size_of(card, submitted, contract.fact("results.default_ratio"))
    place = _row(contract, card.model, size.ratio)
    resolution = card.input["properties"].get("resolution", {})
    if card.value_of("ratio", submitted) is None:
        place = "service.json#/results/default_ratio"
    elif "resolution" not in submitted and "default" in resolution:
        uri = contract.card_uris[card.model].removeprefix(contract.schemas.base)
        place = f"{uri}#/input/properties/resolution/default"
    for file in history.files:
        look = look_at(file.answer)
        if file.status != 200 or look.size is None:
            continue
        if look.size == (size.width, size.height):
            yield Held(place)
        else:
            expected = f"{size.width}x{size.height} for {size.ratio} at {size.resolution}"
            observed = "{}x{}".format(*look.size)
            subject = f"{card.model} {size.ratio} {size.resolution}"
            yield Broken(place, expected, observed, file, subject)


def _row(contract: Contract, model: str, ratio: str) -> str:
    """Give the place of the row of the sizes for a ratio."""
    uri = contract.card_uris[model]
    place, table = f"{uri}#/sizes", contract.schemas.documents[uri]["sizes"]
    while "$ref" in table:
        place, table = contract.schemas.resolve(table["$ref"], place)
    ratios = [row["ratio"] for row in table["rows"]]
    slash = "" if "#/" in place else "#" if "#" not in place else ""
    return f"{place.removeprefix(contract.schemas.base)}{slash}/rows/{ratios.index(ratio)}"


@law("cancel-is-kept", "A cancelled task stays cancelled, and one that was not does not become so",
     HISTORY, "cancel_is_kept")  # fmt: skip
def cancel_is_kept(contract: Contract, history: History) -> Checks:
    """Compare the answers to the cancellations with the end of the task."""
    if not history.cancels or history.last.get("status") not in contract.lifecycle.terminal:
        return
    accepted = [one for one in history.cancels if one.succeeded]
    cancelled = history.last.get("status") == contract.lifecycle.cancelled
    if cancelled == bool(accepted):
        yield Held(promised("cancel_is_kept"))
        return
    expected = contract.lifecycle.cancelled if accepted else "any other end"
    exchange = accepted[0] if accepted else history.cancels[0]
    yield _broken("cancel_is_kept", expected, f"{history.last.get('status')}", exchange)


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
        yield Held(place) if said == wanted else Broken(place, wanted, f"{said}", webhook)


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
        yield _broken(name, "at least one" if asked else "none", observed, exchange)


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
            yield _broken("webhook_after_end", "a terminal state", f"{status}", webhook)


@law("webhook-equals-poll", "Every webhook is what a poll answers", HISTORY, "webhook_equals_poll")
def webhook_equals_poll(contract: Contract, history: History) -> Checks:
    """Compare each with a poll after the end."""
    place = promised("webhook_equals_poll")
    polled = [one.json for one, task in history.shown if _ended(contract, task)]
    for webhook, sent in _documents(history):
        if not polled:
            return
        if sent == polled[-1]:
            yield Held(place)
            continue
        ours, theirs = sent.get("data"), polled[-1].get("data")
        observed = json_text(sent)
        if isinstance(ours, dict) and isinstance(theirs, dict):
            observed = _difference(theirs, ours)
        yield Broken(place, "what a poll answers", f"poll and webhook: {observed}", webhook)


def _ended(contract: Contract, task: dict[str, Any]) -> bool:
    return task.get("status") in contract.lifecycle.terminal


def _documents(history: History) -> Iterator[tuple[Exchange, dict[str, Any]]]:
    for webhook in history.webhooks:
        if isinstance(webhook.request, dict):
            yield webhook, webhook.request
