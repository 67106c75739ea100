"""The control plane: the mock's own routes, as `schemas/control.json` describes them.

It only translates: requests into calls of the engine, and what these return into JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from mockserver.contract.catalogue import UnknownModelError, details, summary
from mockserver.contract.openapi import openapi_document
from mockserver.domain.document import task_document
from mockserver.domain.durations import parse_duration, stamp
from mockserver.domain.price import money, spent_text
from mockserver.domain.redaction import without_users
from mockserver.domain.scenario import SCENARIOS, ScenarioError, make_script, parse_named
from mockserver.domain.task import Task, charge, is_uncounted
from mockserver.engine.clock_advance import NeverError, advance, moment_after, moment_of
from mockserver.engine.interventions import find_task
from mockserver.engine.messages import ApiError, Request, Response, json_response, success
from mockserver.engine.rules import Match, SearchResult, search
from mockserver.engine.sandbox import Sandbox
from mockserver.engine.service import Service
from mockserver.engine.timeline import timeline
from mockserver.settings import SETTINGS, SettingError, changed_settings, show_value
from mockserver.version import __version__
from mockserver.web.access import check_access
from mockserver.web.control_request import ControlRequest, Routes, allowed, as_text
from mockserver.web.held_control import HeldOperations

Json = dict[str, Any]
"""What an operation returns."""


class ControlPlane:
    """Shows and controls what *service* does."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._routes = Routes(service.contract.control["operations"])

    def respond(self, request: Request) -> Response:
        """Return the response to a request for a path of the control plane."""
        try:
            names, place = self._routes.find(request)
            check_access(request, self._service.settings)
            if request.method == "OPTIONS":
                return Response(200, (("Allow", allowed(names)),), b"")
            asked = ControlRequest(self._service, request, names[request.method])
            asked.check_form()
            return json_response(200, getattr(_Control(asked), asked.name)(**place))
        except ApiError as rejection:
            return rejection.response(self._service.contract)


class _Control(HeldOperations):
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

    # -- requests and deliveries -------------------------------------------------------------

    def list_requests(self) -> Json:
        return {"requests": [entry.as_json() for entry in self._sandbox().journal.requests]}

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
        return {"deliveries": [entry.as_json() for entry in self._sandbox().journal.deliveries]}

    def list_warnings(self) -> Json:
        sandbox = self._sandbox()
        found = sandbox.observer.warnings(sandbox.settings.expect or frozenset())
        return {"warnings": [{**one.as_json(), "count": n} for one, n in found.items()]}

    def count_strangers(self) -> Json:
        counts = self._service.sandboxes.uncontrolled_since(self._sandbox().began)
        without_key = counts.pop(self._service.anonymous.id, 0)
        return {"with_other_keys": counts.total(), "without_key": without_key}

    def resend(self, number: str) -> Json:
        sandbox = self._sandbox()
        for delivery in sandbox.journal.deliveries:
            if str(delivery.number) == number:
                return self._service.dispatcher.resend(sandbox, delivery).as_json()
        raise ApiError(404, f"delivery {number[:20]!r} not found in this sandbox's journal")

    # -- tasks -------------------------------------------------------------------------------

    def list_tasks(self) -> Json:
        sandbox = self._sandbox()
        tasks = [self._show(task, sandbox) for task in sandbox.tasks()]
        return {"tasks": tasks, **_money(sandbox)}

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

    def finish_task(self, taskId: str) -> Json:  # noqa: N803
        return self._end(taskId, self._lifecycle.success)

    def fail_task(self, taskId: str) -> Json:  # noqa: N803
        return self._end(taskId, self._lifecycle.failure, self._body("failure").get("reason"))

    def timeout_task(self, taskId: str) -> Json:  # noqa: N803
        return self._end(taskId, self._lifecycle.timeout)

    def cancel_task(self, taskId: str) -> Json:  # noqa: N803
        return self._end(taskId, self._lifecycle.cancelled)

    def expire_task(self, taskId: str) -> Json:  # noqa: N803
        sandbox = self._sandbox()
        self._service.interventions.expire(sandbox, taskId)
        return self._with_timeline(sandbox, taskId)

    def _end(self, task_id: str, end: str, reason: str | None = None) -> Json:
        sandbox = self._sandbox()
        self._service.interventions.end(sandbox, task_id, end, reason)
        return self._with_timeline(sandbox, task_id)

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
            "cost_usd": None if is_uncounted(task, self._lifecycle) else money(cost),
            "callBackUrl": task.callback_url and without_users(task.callback_url),
            "user_id": task.user_id,
        }

    # -- the sandbox -------------------------------------------------------------------------

    def list_rules(self) -> Json:
        return {"rules": [rule.as_json() for rule in self._sandbox().rules]}

    def add_rule(self) -> Json:
        body = self._body("newRule")
        try:
            script = make_script(parse_named(body["scenario"]), self._contract)
        except ScenarioError as error:
            raise ApiError(400, f"scenario: {error}") from None
        match = Match(**body.get("match", {}))
        return self._sandbox().rules.add(match, script, body.get("times")).as_json()

    def clear_rules(self) -> Json:
        return {"removed": self._sandbox().rules.remove()}

    def delete_rule(self, id: str) -> Json:  # noqa: A002 - the name in the path
        removed = self._sandbox().rules.remove(id)
        if not removed:
            raise ApiError(404, f"rule {id[:20]!r} not found in this sandbox")
        return {"removed": removed}

    def show_balance(self) -> Json:
        return _money(self._sandbox())

    def set_balance(self) -> Json:
        sandbox, usd = self._sandbox(), self._body("newBalance")["balance_usd"]
        sandbox.set_balance(None if usd is None else Decimal(usd))
        return _money(sandbox)

    def show_settings(self) -> Json:
        settings = self._sandbox().settings
        own = [name for name in SETTINGS if SETTINGS[name].metadata["own"]]
        shown = {name: show_value(name, getattr(settings, name)) for name in own}
        return {"settings": {name.replace("_", "-"): text for name, text in shown.items()}}

    def change_settings(self) -> Json:
        sandbox, body = self._sandbox(), self._body("newSettings")
        texts = {name: as_text(value) for name, value in body.items()}
        try:
            sandbox.change_settings(partial(changed_settings, texts=texts, contract=self._contract))
        except SettingError as error:
            raise ApiError(400, str(error)) from None
        return self.show_settings()

    def reset(self) -> Json:
        everything = dict(self._asked.query).get("all")
        if everything not in (None, "true", "false"):
            raise ApiError(400, f"all: {everything[:20]!r} is not accepted; use true or false")
        keep_clock = "clock" in self._body("newReset").get("keep", [])
        chosen = list(self._service.sandboxes) if everything == "true" else [self._sandbox()]
        forgotten = sum(len(sandbox.tasks()) for sandbox in chosen)
        for sandbox in chosen:
            sandbox.reset(keep_clock=keep_clock)
        return {"tasks": forgotten}

    # -- the clock ---------------------------------------------------------------------------

    def show_clock(self) -> Json:
        clock = self._sandbox().clock
        return {"now": stamp(clock.now()), "speed": clock.speed, "frozen": clock.speed == 0}

    def move_clock(self) -> Json:
        sandbox, body = self._sandbox(), self._body("course")
        if body.keys() & {"freeze", "run", "speed"}:
            sandbox.run_clock(0 if "freeze" in body else float(body.get("speed", 1)))
        target, dispatcher = partial(_target, sandbox, body), self._service.dispatcher
        advances = body.keys() & {"advance", "advance_until"}
        happened = advance(sandbox, dispatcher, target) if advances else []
        moved, until = {**self.show_clock(), "happened": happened}, body.get("advance_until")
        if isinstance(until, dict) and sandbox.get(until["task"]):  # a receiver can reset it
            moved["task"] = self._with_timeline(sandbox, until["task"])
        return moved


def _target(sandbox: Sandbox, body: Mapping[str, Any]) -> datetime | None:
    """Return the moment to advance to; None is until nothing is due. Raises ApiError."""
    try:
        if "advance" in body:
            return moment_after(sandbox, parse_duration(as_text(body["advance"])))
        if body["advance_until"] == "idle":
            return None
        wanted = body["advance_until"]
        return moment_of(sandbox, find_task(sandbox, wanted["task"]), wanted["status"])
    except NeverError as error:
        raise ApiError(400, f"advance_until: {error}") from None
    except (ValueError, OverflowError) as error:
        raise ApiError(400, f"advance: {error}") from None


def _money(sandbox: Sandbox) -> Json:
    balance = sandbox.balance
    left = None if balance is None else money(balance)
    shown: Json = {"balance_usd": left, "spent_usd": money(sandbox.spent)}
    if sandbox.unpriced:
        shown["unpriced_tasks"] = sandbox.unpriced
        shown["note"] = spent_text(sandbox.spent, sandbox.unpriced)
    return shown
