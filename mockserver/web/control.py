"""The control plane: the mock's own routes, as `schemas/control.json` describes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

import flask

from mockserver.contract import NotJson, parse_json
from mockserver.contract.catalogue import UnknownModelError, details, summary
from mockserver.contract.loader import BASE
from mockserver.contract.openapi import openapi_document
from mockserver.domain.document import task_document
from mockserver.domain.durations import parse_duration, stamp
from mockserver.domain.price import money, spent_text
from mockserver.domain.redaction import without_users
from mockserver.domain.scenario import SCENARIOS, ScenarioError, make_script, parse_named
from mockserver.domain.task import Task, charge, ended, is_uncounted, status_at
from mockserver.engine.clock_advance import NeverError, advance, moment_after, moment_of
from mockserver.engine.journal import RecordedRequest
from mockserver.engine.messages import ApiError, check_coding, success
from mockserver.engine.rules import Match, Seen
from mockserver.engine.sandbox import Sandbox
from mockserver.engine.service import Service
from mockserver.engine.surcharge import with_surcharge
from mockserver.engine.timeline import Event, timeline
from mockserver.settings import SETTINGS, SettingError, changed_settings, show_value
from mockserver.version import __version__
from mockserver.web.access import check_access

_NEAR_MISSES = 3


def control_blueprint(service: Service) -> flask.Blueprint:
    """Make the routes that show and steer what *service* does."""
    control = _Control(service)
    blueprint = flask.Blueprint("control", __name__)
    blueprint.before_request(lambda: check_access(flask.request, service.settings))
    blueprint.before_request(lambda: _check_form(service))
    for name, operation in service.contract.control["operations"].items():
        view: Callable[..., Any] = getattr(control, name)
        rule = operation["path"].replace("{model}", "{path:model}")  # its name has slashes
        rule = rule.replace("{", "<").replace("}", ">")
        blueprint.add_url_rule(rule, name, view, methods=[operation["method"]])
    return blueprint


def _check_form(service: Service) -> None:
    """Raise Refusal 400 for a query or a body that the operation does not know."""
    request, name = flask.request, (flask.request.endpoint or "").rpartition(".")[2]
    operation = service.contract.control["operations"].get(name)
    if operation is None:
        return
    known = operation.get("query", {})
    for given, values in request.args.lists():
        if given not in known or len(values) > 1:
            wrong = "is given twice" if given in known else "is unknown"
            raise ApiError(400, f"query: {given[:40]!r} {wrong}; use {', '.join(known) or 'none'}")
    takes_body = "request" in operation or request.method in ("GET", "HEAD")
    if not takes_body and request.get_data(cache=True).strip() not in (b"", b"{}", b"null"):
        raise ApiError(400, f"body: {name.replace('_', ' ')} takes none; send no body")


class _Control:
    """One method for each operation of `control.json`, of the same name."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._contract = service.contract
        self._lifecycle = service.contract.lifecycle

    def _sandbox(self) -> Sandbox:
        """Find the sandbox of the request's token. Raises Refusal for a token not accepted."""
        if "Authorization" not in flask.request.headers:
            return self._service.anonymous
        given = {"authorization": flask.request.headers["Authorization"]}
        sandbox = self._service.sandbox_of(given)
        sandbox.is_controlled = True
        return sandbox

    def _body(self, schema: str) -> dict[str, Any]:
        """Read the request's body; none is an empty object. Raises Refusal for what is wrong."""
        text = flask.request.get_data()
        if len(text) > self._service.settings.max_body:
            raise ApiError(413, f"the body is larger than {self._service.settings.max_body} bytes")
        if text:
            check_coding({name.lower(): value for name, value in flask.request.headers.items()})
        try:
            document = _whole(parse_json(text)) if text else {}
        except NotJson as error:
            raise ApiError(400, f"body: not valid JSON: {error}") from None
        validator = self._contract.schemas.validator(f"{BASE}control.json#/$defs/{schema}")
        violations = [str(one) for one in validator.violations(document)]
        if violations:
            raise ApiError(400, " | ".join(violations))
        return dict(document)

    # -- about the mock ----------------------------------------------------------------------

    def health(self) -> Any:
        return {"status": "ok"}

    def version(self) -> Any:
        return {"version": __version__}

    def openapi(self) -> Any:
        return openapi_document(self._contract, version=__version__)

    def list_scenarios(self) -> Any:
        shown = ("name", "usage", "about", "sentence")
        rows = [{name: getattr(one, name) for name in shown} for one in SCENARIOS.values()]
        return {"scenarios": rows}

    def list_models(self) -> Any:
        return {"models": [summary(self._contract, model) for model in self._contract.cards]}

    def show_model(self, model: str) -> Any:
        try:
            return details(self._contract, model)
        except UnknownModelError as error:
            raise ApiError(404, str(error)) from None

    # -- requests and deliveries -------------------------------------------------------------

    def list_requests(self) -> Any:
        return {"requests": [entry.as_json() for entry in self._sandbox().journal.requests]}

    def count_requests(self) -> Any:
        return {"count": len(self._matching(Match(**self._body("match")))[0])}

    def find_requests(self) -> Any:
        found, others = self._matching(Match(**self._body("match")))
        nearest = (
            [] if found else sorted(others, key=lambda other: (len(other[1]), -other[0].number))
        )
        return {
            "requests": [entry.as_json() for entry in found],
            "near_misses": [
                {"request": entry.as_json(), "differences": differences}
                for entry, differences in nearest[:_NEAR_MISSES]
            ],
        }

    def _matching(
        self, match: Match
    ) -> tuple[list[RecordedRequest], list[tuple[RecordedRequest, list[str]]]]:
        """Split the journal into what matches, and the rest with what differs."""
        found, others = [], []
        for entry in self._sandbox().journal.requests:
            differences = match.differences(Seen.of(entry.method, entry.path, entry.body))
            if differences:
                others.append((entry, differences))
            else:
                found.append(entry)
        if match.nth is not None:
            rest = [one for number, one in enumerate(found, 1) if number != match.nth]
            others += [(one, [f"nth: is not number {match.nth} of those"]) for one in rest]
            found = found[match.nth - 1 : match.nth]
        return found, others

    def list_deliveries(self) -> Any:
        return {"deliveries": [entry.as_json() for entry in self._sandbox().journal.deliveries]}

    def list_warnings(self) -> Any:
        sandbox = self._sandbox()
        found = sandbox.observer.warnings(sandbox.settings.expect or frozenset())
        return {"warnings": [{**one.as_json(), "count": n} for one, n in found.items()]}

    def count_strangers(self) -> Any:
        began, service = self._sandbox().began, self._service
        since = [id_ for at, id_ in list(service.strays) if at >= began]
        sandboxes = {id_: service.sandboxes.of_id(id_) for id_ in set(since)}
        strange = [id_ for id_ in since if not getattr(sandboxes[id_], "is_controlled", False)]
        without_key = strange.count(service.anonymous.id)
        return {"with_other_keys": len(strange) - without_key, "without_key": without_key}

    def resend(self, number: str) -> Any:
        sandbox = self._sandbox()
        for delivery in sandbox.journal.deliveries:
            if str(delivery.number) == number:
                return self._service.dispatcher.resend(sandbox, delivery).as_json()
        raise ApiError(404, f"delivery {number[:20]!r} not found in this sandbox's journal")

    # -- tasks -------------------------------------------------------------------------------

    def list_tasks(self) -> Any:
        sandbox = self._sandbox()
        tasks = [self._show(task, sandbox) for task in sandbox.tasks()]
        return {"tasks": tasks, **self._money(sandbox)}

    def show_task(self, taskId: str) -> Any:  # noqa: N803 - the API's own word
        return self._story(self._sandbox(), taskId)

    def poll_task(self, taskId: str) -> Any:  # noqa: N803
        holds = (one for one in self._service.sandboxes if one.get(taskId) is not None)
        sandbox = next(holds, self._service.anonymous)
        task, form = self._find(sandbox, taskId), sandbox.settings.answers
        shown = task_document(task, sandbox.clock.now(), self._lifecycle, form)
        attempts = [
            {"attempt": one.attempt, "delivered": one.error is None, "error": one.error}
            for one in sandbox.journal.deliveries
            if one.task_id == task.id
        ]
        return {"answer": success(self._contract, shown), "attempts": attempts}

    def finish_task(self, taskId: str) -> Any:  # noqa: N803
        return self._end(taskId, self._lifecycle.success)

    def fail_task(self, taskId: str) -> Any:  # noqa: N803
        return self._end(taskId, self._lifecycle.failure, self._body("failure").get("reason"))

    def timeout_task(self, taskId: str) -> Any:  # noqa: N803
        return self._end(taskId, self._lifecycle.timeout)

    def cancel_task(self, taskId: str) -> Any:  # noqa: N803
        return self._end(taskId, self._lifecycle.cancelled)

    def expire_task(self, taskId: str) -> Any:  # noqa: N803
        sandbox = self._sandbox()
        task = self._find(sandbox, taskId)
        if status_at(task, sandbox.clock.now()) != self._lifecycle.success:
            raise ApiError(400, f"task {task.id} has no results that could expire")
        sandbox.update(task.id, lambda record: replace(record, expired=True))
        return self._story(sandbox, taskId)

    def _end(self, task_id: str, end: str, reason: str | None = None) -> Any:
        sandbox = self._sandbox()
        self._find(sandbox, task_id)
        now = sandbox.clock.now()

        def change(record: Task) -> Task:
            status = status_at(record, now)
            if status in self._lifecycle.terminal:
                raise ApiError(400, f"task {record.id} has ended: it is {status} for ever")
            card = self._contract.cards[record.model]
            end_of = ended(record, now, end, reason)
            return with_surcharge(sandbox, end_of, card, self._lifecycle, was=record)

        self._service.dispatcher.plan(sandbox, sandbox.update(task_id, change))
        return self._story(sandbox, task_id)

    def _find(self, sandbox: Sandbox, task_id: str) -> Task:
        task = sandbox.get(task_id)
        if task is None:
            raise ApiError(404, f"task {task_id[:60]!r} not found in this sandbox")
        return task

    def _story(self, sandbox: Sandbox, task_id: str) -> Any:
        task, now = self._find(sandbox, task_id), sandbox.clock.now()
        attempts = [one for one in sandbox.journal.deliveries if one.task_id == task.id]
        expiry = sandbox.settings.result_expiry
        story = timeline(task, attempts, now, self._lifecycle, expiry)
        return {**self._show(task, sandbox), "timeline": story}

    def _show(self, task: Task, sandbox: Sandbox) -> dict[str, Any]:
        return {
            **task_document(task, sandbox.clock.now(), self._lifecycle),
            "cost_usd": self._cost(task),
            "callBackUrl": task.callback_url and without_users(task.callback_url),
            "user_id": task.user_id,
        }

    def _cost(self, task: Task) -> str | None:
        if is_uncounted(task, self._lifecycle):
            return None
        return money(charge(task, self._lifecycle))

    # -- the sandbox -------------------------------------------------------------------------

    def list_rules(self) -> Any:
        return {"rules": [rule.as_json() for rule in self._sandbox().rules]}

    def add_rule(self) -> Any:
        body = self._body("newRule")
        try:
            script = make_script(parse_named(body["scenario"]), self._contract)
        except ScenarioError as error:
            raise ApiError(400, f"scenario: {error}") from None
        match = Match(**body.get("match", {}))
        return self._sandbox().rules.add(match, script, body.get("times")).as_json()

    def clear_rules(self) -> Any:
        return {"removed": self._sandbox().rules.remove()}

    def delete_rule(self, id: str) -> Any:  # noqa: A002 - the name in the path
        removed = self._sandbox().rules.remove(id)
        if not removed:
            raise ApiError(404, f"rule {id[:20]!r} not found in this sandbox")
        return {"removed": removed}

    def show_balance(self) -> Any:
        return self._money(self._sandbox())

    def set_balance(self) -> Any:
        sandbox, usd = self._sandbox(), self._body("newBalance")["balance_usd"]
        limit = None if usd is None else Decimal(usd) + sandbox.spent
        sandbox.settings = replace(sandbox.settings, balance=limit)
        return self._money(sandbox)

    @staticmethod
    def _money(sandbox: Sandbox) -> dict[str, Any]:
        balance = sandbox.balance
        left = None if balance is None else money(balance)
        shown: dict[str, Any] = {"balance_usd": left, "spent_usd": money(sandbox.spent)}
        if sandbox.unpriced:
            shown["unpriced_tasks"] = sandbox.unpriced
            shown["note"] = spent_text(sandbox.spent, sandbox.unpriced)
        return shown

    def show_settings(self) -> Any:
        settings = self._sandbox().settings
        own = [name for name in SETTINGS if SETTINGS[name].metadata["own"]]
        return {
            "settings": {
                name.replace("_", "-"): show_value(name, getattr(settings, name)) for name in own
            }
        }

    def change_settings(self) -> Any:
        sandbox, body = self._sandbox(), self._body("newSettings")
        texts = {name: _as_text(value) for name, value in body.items()}
        try:
            sandbox.settings = changed_settings(sandbox.settings, texts, self._contract)
        except SettingError as error:
            raise ApiError(400, str(error)) from None
        return self.show_settings()

    def reset(self) -> Any:
        everything = flask.request.args.get("all")
        if everything not in (None, "true", "false"):
            raise ApiError(400, f"all: {everything[:20]!r} is not accepted; use true or false")
        keep_clock = "clock" in self._body("newReset").get("keep", [])
        chosen = list(self._service.sandboxes) if everything == "true" else [self._sandbox()]
        forgotten = sum(len(sandbox.tasks()) for sandbox in chosen)
        for sandbox in chosen:
            sandbox.reset(keep_clock=keep_clock)
        return {"tasks": forgotten}

    # -- the clock ---------------------------------------------------------------------------

    def show_clock(self) -> Any:
        clock = self._sandbox().clock
        return {"now": stamp(clock.now()), "speed": clock.speed, "frozen": clock.speed == 0}

    def move_clock(self) -> Any:
        sandbox, body = self._sandbox(), self._body("course")
        moves = body.keys() & {"advance", "advance_until"}
        if body.keys() & {"freeze", "run", "speed"}:
            with sandbox.advancing:  # an advance gives the clock its old course back at its end
                sandbox.clock.run(0 if "freeze" in body else float(body.get("speed", 1)))
        happened: list[Event] = []
        if moves:
            target = partial(self._target, sandbox, body)
            happened = advance(sandbox, self._service.dispatcher, target)
        return {**self.show_clock(), "happened": happened}

    def _target(self, sandbox: Sandbox, body: Mapping[str, Any]) -> datetime | None:
        """Give the moment to advance to; None is until nothing is due. Raises Refusal."""
        try:
            if "advance" in body:
                return moment_after(sandbox, parse_duration(_as_text(body["advance"])))
            if body["advance_until"] == "idle":
                return None
            wanted = body["advance_until"]
            return moment_of(sandbox, self._find(sandbox, wanted["task"]), wanted["status"])
        except NeverError as error:
            raise ApiError(400, f"advance_until: {error}") from None
        except (ValueError, OverflowError) as error:
            raise ApiError(400, f"advance: {error}") from None


def _whole(value: Any) -> Any:
    """Turn the floats of a document that are whole into integers, which they are in JSON."""
    if isinstance(value, dict):
        return {name: _whole(member) for name, member in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _as_text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    return str(value).lower() if isinstance(value, bool) else str(value)
