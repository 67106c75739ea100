"""What the control plane shows: each operation that changes nothing is a method of `Views`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any, TypeVar

from mockserver.contract import Contract
from mockserver.contract.catalogue import UnknownModelError, details, summary
from mockserver.contract.openapi import openapi_document
from mockserver.domain.differences import ABSENT, differences
from mockserver.domain.document import task_document
from mockserver.domain.durations import stamp
from mockserver.domain.price import money, spent_text
from mockserver.domain.redaction import without_users
from mockserver.domain.scenario import SCENARIOS
from mockserver.domain.task import Task, charge, is_uncounted, status_at
from mockserver.engine.clock import Clock
from mockserver.engine.interventions import find_task
from mockserver.engine.journal import Delivery, RecordedRequest
from mockserver.engine.messages import ApiError, Response, success
from mockserver.engine.rules import Match, SearchResult, search
from mockserver.engine.sandbox import Sandbox
from mockserver.engine.sandboxes import ANONYMOUS_ID
from mockserver.engine.timeline import outline, timeline
from mockserver.settings import SETTINGS, show_value
from mockserver.version import __version__
from mockserver.web.control_request import NUMBER, ControlRequest
from mockserver.web.event_stream import MEDIA_TYPE, next_events, stream
from mockserver.web.explanation import explanation
from mockserver.web.metrics import metrics

Json = dict[str, Any]
"""What an operation returns."""
Numbered = TypeVar("Numbered", RecordedRequest, Delivery)
_EVENTS = 1000
"""Events that are returned unless another number is asked for."""
_MOST = 10**18
_LONGEST_WAIT = 60
"""Real seconds."""


class Views:
    """One request, with a method for each operation of `control.json`, of the same name."""

    def __init__(self, asked: ControlRequest) -> None:
        self._asked = asked
        self._body = asked.body
        self._service = asked.service
        self._contract = self._service.contract
        self._lifecycle = self._contract.lifecycle

    def _sandbox(self) -> Sandbox:
        return self._asked.sandbox

    # -- about the mock ----------------------------------------------------------------------

    def health(self) -> Json:
        return {"status": "ok"}

    def version(self) -> Json:
        return {"version": __version__}

    def openapi(self) -> Json:
        return openapi_document(self._contract, version=__version__)

    def list_scenarios(self) -> Json:
        shown = ("name", "usage", "about", "sentence")
        rows = [{name: getattr(one, name) for name in shown} for one in SCENARIOS.values()]
        return {"scenarios": rows}

    def list_models(self) -> Json:
        return {"models": [summary(self._contract, model) for model in self._contract.cards]}

    def show_model(self, model: str) -> Json:
        try:
            return details(self._contract, model)
        except UnknownModelError as error:
            raise ApiError(404, str(error)) from None

    # -- what has happened -------------------------------------------------------------------

    def list_events(self) -> Json | Response:
        asked = self._asked
        sandbox = None if asked.flag("all") else self._sandbox()
        since = asked.number("since", _MOST)
        headers = asked.request.headers
        if MEDIA_TYPE in headers.get("accept", ""):
            last = headers.get("last-event-id", "")
            after = int(last) if NUMBER.fullmatch(last) else since
            return stream(self._service, sandbox, after)
        limit, wait = asked.number("limit", _MOST), asked.number("wait", _LONGEST_WAIT)
        most = _EVENTS if limit is None else limit
        return next_events(self._service, sandbox, since, most, wait or 0)

    def metrics(self) -> Response:
        return metrics(self._service)

    def list_sandboxes(self) -> Json:
        return {"sandboxes": [self._overview(one) for one in self._service.sandboxes]}

    @staticmethod
    def _overview(sandbox: Sandbox) -> Json:
        now, events = sandbox.clock.now(), sandbox.journal.latest
        states = Counter(status_at(task, now) for task in sandbox.tasks())
        return {
            "id": sandbox.id,
            "key": sandbox.masked_key or None,
            "label": sandbox.label,
            "tasks": dict(states),
            "requests": len(sandbox.journal.requests),
            "last_event": events and events.number,
            "last_at": events and stamp(datetime.fromtimestamp(events.real, UTC)),
            "clock": _clock(sandbox.clock),
            "spent_usd": money(sandbox.spent),
        }

    def show_request(self, number: str) -> Json:
        sandbox = self._sandbox()
        entry = found(sandbox.journal.requests, number, "request")
        return {**entry.as_json(), "explanation": explanation(self._service, sandbox, entry)}

    def show_delivery(self, number: str) -> Json:
        sandbox = self._sandbox()
        delivery = found(sandbox.journal.deliveries, number, "delivery")
        return shown_delivery(self._contract, sandbox, delivery)

    def list_requests(self) -> Json:
        text = (self._asked.text("text") or "").casefold()
        shown = (entry.as_json() for entry in self._sandbox().journal.requests)
        return {"requests": [one for one in shown if not text or text in _searched(one)]}

    def count_requests(self) -> Json:
        return {"count": len(self._search().found)}

    def find_requests(self) -> Json:
        result = self._search()
        return {
            "requests": [entry.as_json() for entry in result.found],
            "near_misses": [
                {"request": one.request.as_json(), "differences": one.differences}
                for one in result.near_misses
            ],
        }

    def _search(self) -> SearchResult:
        match = Match(**self._body("match"))
        return search(self._sandbox().journal.requests, match)

    def list_deliveries(self) -> Json:
        sandbox, since = self._sandbox(), self._asked.number("since", _MOST) or 0
        entries = [one for one in sandbox.journal.deliveries if one.number > since]
        return {"deliveries": [shown_delivery(self._contract, sandbox, one) for one in entries]}

    def list_warnings(self) -> Json:
        sandbox = self._sandbox()
        found = sandbox.observer.warnings(sandbox.settings.expect or frozenset())
        return {"warnings": [{**one.as_json(), "count": n} for one, n in found.items()]}

    def export_state(self) -> Json:
        sandbox, lines = self._sandbox(), lines_module()
        whole = sandbox.whole(self._service.dispatcher.kept(sandbox))
        return {"lines": list(lines.written([whole]))}

    def count_strangers(self) -> Json:
        counts = self._service.sandboxes.uncontrolled_since(self._sandbox().began)
        without_key = counts.pop(ANONYMOUS_ID, 0)
        return {"with_other_keys": counts.total(), "without_key": without_key}

    # -- tasks -------------------------------------------------------------------------------

    def list_tasks(self) -> Json:
        sandbox = self._sandbox()
        tasks = [self._show(task, sandbox) for task in sandbox.tasks()]
        return {"tasks": tasks, **money_of(sandbox)}

    def list_outlines(self) -> Json:
        sandbox, asked = self._sandbox(), dict(self._asked.query).get("tasks")
        attempts: dict[str, list[Delivery]] = {}
        for one in sandbox.journal.deliveries:
            attempts.setdefault(one.task_id, []).append(one)
        named = None if asked is None else map(sandbox.get, asked.split(","))
        tasks = sandbox.tasks() if named is None else [one for one in named if one is not None]
        shown = [outline(task, attempts.get(task.id, ()), self._lifecycle) for task in tasks]
        return {"tasks": shown, "now": stamp(sandbox.clock.now())}

    def show_task(self, taskId: str) -> Json:  # noqa: N803 - the API's own word
        return self._with_timeline(self._sandbox(), taskId)

    def poll_task(self, taskId: str) -> Json:  # noqa: N803
        sandbox = self._service.sandboxes.of_task(taskId) or self._service.anonymous
        task, form = find_task(sandbox, taskId), sandbox.settings.answers
        shown = task_document(task, sandbox.clock.now(), self._lifecycle, form)
        attempts = [
            {"attempt": one.attempt, "delivered": one.error is None, "error": one.error}
            for one in sandbox.journal.deliveries
            if one.task_id == task.id
        ]
        return {"answer": success(self._contract, shown), "attempts": attempts}

    def _with_timeline(self, sandbox: Sandbox, task_id: str) -> Json:
        task, now = find_task(sandbox, task_id), sandbox.clock.now()
        attempts = [one for one in sandbox.journal.deliveries if one.task_id == task.id]
        expiry = sandbox.settings.result_expiry
        events = timeline(task, attempts, now, self._lifecycle, expiry)
        return {**self._show(task, sandbox), "timeline": events}

    def _show(self, task: Task, sandbox: Sandbox) -> Json:
        cost = charge(task, self._lifecycle)
        return {
            **task_document(task, sandbox.clock.now(), self._lifecycle),
            "model": task.model,
            "cost_usd": None if is_uncounted(task, self._lifecycle) else money(cost),
            "callBackUrl": task.callback_url and without_users(task.callback_url),
            "user_id": task.user_id,
        }

    # -- the sandbox -------------------------------------------------------------------------

    def list_rules(self) -> Json:
        return {"rules": [rule.as_json() for rule in self._sandbox().rules]}

    def show_balance(self) -> Json:
        return money_of(self._sandbox())

    def show_settings(self) -> Json:
        settings = self._sandbox().settings
        own = [name for name in SETTINGS if SETTINGS[name].metadata["own"]]
        shown = {name: show_value(name, getattr(settings, name)) for name in own}
        return {"settings": {name.replace("_", "-"): text for name, text in shown.items()}}

    def show_clock(self) -> Json:
        return _clock(self._sandbox().clock)


def lines_module() -> ModuleType:
    """Import what writes and reads state as lines. Raises ApiError 501 without the extra for it."""
    try:
        from mockserver.state import lines
    except ModuleNotFoundError as missing:
        need = f"needs {missing.name}; install 'maxapi-mockserver[state]'"
        raise ApiError(501, f"state: {need} where the mock runs") from None
    return lines


def shown_delivery(contract: Contract, sandbox: Sandbox, delivery: Delivery) -> Json:
    """Return an attempt with what a poll showed at its moment, and where the webhook differs."""
    shown, task = delivery.as_json(), sandbox.get(delivery.task_id)
    if task is None:
        return {**shown, "poll": None, "differences": None}
    moment = max(task.created_at, delivery.at - (task.script.stale_poll or timedelta()))
    document = task_document(task, moment, contract.lifecycle, sandbox.settings.answers)
    poll = success(contract, document)
    differing = [
        {"place": place, "webhook": webhook, "poll": polled}
        for place, webhook, polled in differences(shown["body"], poll)
    ]
    given = [{name: one[name] for name in one if one[name] is not ABSENT} for one in differing]
    return {**shown, "poll": poll, "differences": given}


def found(entries: Iterable[Numbered], number: str, what: str) -> Numbered:
    """Return the entry of a number. Raises ApiError 404."""
    for entry in entries:
        if str(entry.number) == number:
            return entry
    raise ApiError(404, f"{what} {number[:20]!r} not found in this sandbox's journal")


def _searched(entry: Json) -> str:
    """Return the texts of a request, and of its response, in which people search."""
    texts = (entry[name] for name in ("path", "query", "body", "response_body"))
    return json.dumps([*texts], ensure_ascii=False).casefold()


def _clock(clock: Clock) -> Json:
    return {"now": stamp(clock.now()), "speed": clock.speed, "frozen": clock.speed == 0}


def money_of(sandbox: Sandbox) -> Json:
    """Return what a sandbox has spent, and what is left."""
    balance = sandbox.balance
    left = None if balance is None else money(balance)
    shown: Json = {"balance_usd": left, "spent_usd": money(sandbox.spent)}
    if sandbox.unpriced:
        shown["unpriced_tasks"] = sandbox.unpriced
        shown["note"] = spent_text(sandbox.spent, sandbox.unpriced)
    return shown
