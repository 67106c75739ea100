"""The control plane: the mock's own routes, as `schemas/control.json` describes them.

It only translates: requests into calls of the engine, and what these return into JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from mockserver.domain.durations import format_duration, parse_duration
from mockserver.domain.scenario import ScenarioError, make_script, parse_named
from mockserver.engine.clock_advance import NeverError, advance, moment_after, moment_of
from mockserver.engine.events import EventKind
from mockserver.engine.inboxes import LONGEST_DELAY, OK, InboxResponse, is_webhook
from mockserver.engine.interventions import find_task
from mockserver.engine.messages import ApiError, Request, Response, json_response
from mockserver.engine.rules import Match
from mockserver.engine.sandbox import Sandbox
from mockserver.engine.service import Service
from mockserver.settings import SettingError, changed_settings
from mockserver.web.access import Session, check_access
from mockserver.web.control_request import ControlRequest, Routes, allowed, as_text
from mockserver.web.control_views import Json, found, lines_module, money_of
from mockserver.web.held_control import HeldOperations
from mockserver.web.own_requests import OwnRequests
from mockserver.web.stories import Stories


class ControlPlane:
    """Shows and controls what *service* does."""

    def __init__(self, service: Service, session: Session) -> None:
        self._service = service
        self._session = session
        self._routes = Routes(service.contract.control["operations"])

    def respond(self, request: Request) -> Response:
        """Return the response to a request for a path of the control plane."""
        try:
            names, place = self._routes.find(request)
            check_access(request, self._service.settings, self._session)
            if request.method == "OPTIONS":
                return Response(200, (("Allow", allowed(names)),), b"")
            if is_webhook(request):
                return self._service.inboxes.receive(place["name"], request)
            asked = ControlRequest(self._service, request, names[request.method], self._session)
            asked.check_form()
            shown = getattr(_Control(asked), asked.name)(**place)
            return shown if isinstance(shown, Response) else json_response(200, shown)
        except ApiError as rejection:
            return rejection.response(self._service.contract)


class _Control(HeldOperations, OwnRequests, Stories):
    """What changes something."""

    # -- the console's session ---------------------------------------------------------------

    def open_session(self) -> Response:
        cookie = self._asked.session.opened(self._asked.request)
        return json_response(200, {"session": True}, {"Set-Cookie": cookie})

    def close_session(self) -> Response:
        cookie = self._asked.session.closed(self._asked.request)
        return json_response(200, {"session": False}, {"Set-Cookie": cookie})

    # -- tasks -------------------------------------------------------------------------------

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

    def resend(self, number: str) -> Json:
        sandbox = self._sandbox()
        delivery = found(sandbox.journal.deliveries, number, "delivery")
        return self._service.dispatcher.resend(sandbox, delivery).as_json()

    # -- inboxes -----------------------------------------------------------------------------

    def list_inboxes(self) -> Json:
        return {"inboxes": self._service.inboxes.overview()}

    def show_inbox(self, name: str) -> Json:
        return self._service.inboxes.show(name)

    def set_inbox(self, name: str) -> Json:
        body = self._body("newInboxResponse")
        status, times = body.get("status", OK), body.get("times")
        return self._service.inboxes.choose(name, InboxResponse(status, _delay(body), times))

    def delete_inbox(self, name: str) -> Json:
        return {"removed": self._service.inboxes.forget(name)}

    # -- the sandbox -------------------------------------------------------------------------

    def add_rule(self) -> Json:
        body = self._body("newRule")
        try:
            script = make_script(parse_named(body["scenario"]), self._contract)
        except ScenarioError as error:
            raise ApiError(400, f"scenario: {error}") from None
        match = Match(**body.get("match", {}))
        sandbox = self._sandbox()
        rule = sandbox.rules.add(match, script, body.get("times")).as_json()
        sandbox.keeper.sandbox_changed(sandbox)
        sandbox.note(EventKind.RULE, {"added": rule})
        return rule

    def clear_rules(self) -> Json:
        return self._remove_rules(None)

    def delete_rule(self, id: str) -> Json:  # noqa: A002 - the name in the path
        shown = self._remove_rules(id)
        if not shown["removed"]:
            raise ApiError(404, f"rule {id[:20]!r} not found in this sandbox")
        return shown

    def _remove_rules(self, id_: str | None) -> Json:
        sandbox = self._sandbox()
        removed = sandbox.rules.remove(id_)
        if removed:
            sandbox.keeper.sandbox_changed(sandbox)
            sandbox.note(EventKind.RULE, {"removed": removed, "id": id_})
        return {"removed": removed}

    def set_balance(self) -> Json:
        sandbox, usd = self._sandbox(), self._body("newBalance")["balance_usd"]
        sandbox.set_balance(None if usd is None else Decimal(usd))
        sandbox.note(EventKind.SETTINGS, {"balance_usd": usd})
        return money_of(sandbox)

    def change_settings(self) -> Json:
        sandbox, body = self._sandbox(), self._body("newSettings")
        texts = {name: as_text(value) for name, value in body.items()}
        try:
            sandbox.change_settings(texts, partial(changed_settings, contract=self._contract))
        except SettingError as error:
            raise ApiError(400, str(error)) from None
        shown = self.show_settings()
        names = [name.replace("_", "-") for name in texts]
        sandbox.note(EventKind.SETTINGS, {name: shown["settings"].get(name) for name in names})
        return shown

    def reset(self) -> Json:
        everything = self._asked.flag("all")
        keep_clock = "clock" in self._body("newReset").get("keep", [])
        chosen = list(self._service.sandboxes) if everything else [self._sandbox()]
        forgotten = sum(len(sandbox.tasks()) for sandbox in chosen)
        for sandbox in chosen:
            sandbox.reset(keep_clock=keep_clock)
        if everything:
            self._service.inboxes.forget()
        return {"tasks": forgotten}

    def import_state(self) -> Json:
        service, text = self._service, self._body("state")["lines"]
        if service.sandboxes.is_kept:
            raise ApiError(409, "state is kept in a database; stop the servers, and import there")
        lines = lines_module()
        try:
            found = list(lines.read(text))
        except lines.LinesError as error:
            raise ApiError(400, f"lines: {error}; nothing was imported") from None
        change = partial(changed_settings, contract=self._contract)
        made = []
        for whole in found:
            try:
                made.append((service.sandboxes.made_of(whole, change), whole.webhooks))
            except (SettingError, OverflowError) as error:
                message = f"lines: sandbox {whole.id[:40]!r}: {error}; nothing was imported"
                raise ApiError(400, message) from None
        for sandbox, webhooks in made:
            service.dispatcher.restore(service.sandboxes.put(sandbox), webhooks)
        return {"sandboxes": len(found), "tasks": sum(len(whole.tasks) for whole in found)}

    # -- the clock ---------------------------------------------------------------------------

    def move_clock(self) -> Json:
        sandbox, body = self._sandbox(), self._body("course")
        if body.keys() & {"freeze", "run", "speed"}:
            sandbox.run_clock(0 if "freeze" in body else float(body.get("speed", 1)))
        target, dispatcher = partial(_target, sandbox, body), self._service.dispatcher
        advances = body.keys() & {"advance", "advance_until"}
        happened = advance(sandbox, dispatcher, target) if advances else []
        sandbox.note(EventKind.CLOCK, {**self.show_clock(), "asked": body})
        moved, until = {**self.show_clock(), "happened": happened}, body.get("advance_until")
        if isinstance(until, dict) and sandbox.get(until["task"]):  # a receiver can reset it
            moved["task"] = self._with_timeline(sandbox, until["task"])
        return moved


def _delay(body: Mapping[str, Any]) -> timedelta:
    """Return the time for which an inbox lets a sender wait. Raises ApiError."""
    try:
        delay = parse_duration(as_text(body.get("delay", 0)))
    except (ValueError, OverflowError) as error:
        raise ApiError(400, f"delay: {error}") from None
    if delay > LONGEST_DELAY:
        longest = format_duration(LONGEST_DELAY)
        raise ApiError(400, f"delay: {format_duration(delay)} is too long; use at most {longest}")
    return delay


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
