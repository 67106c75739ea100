"""The control plane: the mock's own routes, as `schemas/control.json` describes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flask

from mockserver.contract.openapi import openapi_document
from mockserver.domain.billing import money
from mockserver.domain.document import task_document
from mockserver.domain.task import Task, charge
from mockserver.engine.exchange import Refusal
from mockserver.engine.sandbox import Sandbox
from mockserver.engine.service import Service
from mockserver.engine.timeline import timeline
from mockserver.version import __version__


def control_blueprint(service: Service) -> flask.Blueprint:
    """Make the routes that show and steer what *service* does."""
    control = _Control(service)
    blueprint = flask.Blueprint("control", __name__)
    for name, operation in service.contract.control["operations"].items():
        view: Callable[..., Any] = getattr(control, name)
        rule = operation["path"].replace("{", "<").replace("}", ">")
        blueprint.add_url_rule(rule, name, view, methods=[operation["method"]])
    return blueprint


class _Control:
    """One method for each operation of `control.json`, of the same name."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def _sandbox(self) -> Sandbox:
        """Find the sandbox of the request's token. Raises Refusal for a token not accepted."""
        if "Authorization" not in flask.request.headers:
            return self._service.anonymous
        return self._service.sandbox_of({"authorization": flask.request.headers["Authorization"]})

    def health(self) -> Any:
        return {"status": "ok"}

    def version(self) -> Any:
        return {"version": __version__}

    def openapi(self) -> Any:
        return openapi_document(self._service.contract, version=__version__)

    def list_requests(self) -> Any:
        return {"requests": [entry.as_json() for entry in self._sandbox().journal.requests]}

    def list_deliveries(self) -> Any:
        return {"deliveries": [entry.as_json() for entry in self._sandbox().journal.deliveries]}

    def list_tasks(self) -> Any:
        sandbox = self._sandbox()
        balance = sandbox.balance
        return {
            "tasks": [self._show(task, sandbox) for task in sandbox.tasks()],
            "balance_usd": None if balance is None else money(balance),
            "spent_usd": money(sandbox.spent),
        }

    def show_task(self, taskId: str) -> Any:  # noqa: N803 - the API's own word
        sandbox = self._sandbox()
        task = sandbox.get(taskId)
        if task is None:
            raise Refusal(404, f"task {taskId[:60]!r} not found in this sandbox")
        attempts = [one for one in sandbox.journal.deliveries if one.task_id == task.id]
        story = timeline(
            task,
            attempts,
            sandbox.clock.now(),
            self._service.contract.lifecycle,
            self._service.settings.result_expiry,
        )
        return {**self._show(task, sandbox), "timeline": story}

    def reset(self) -> Any:
        sandbox = self._sandbox()
        forgotten = len(sandbox.tasks())
        sandbox.reset()
        return {"tasks": forgotten}

    def _show(self, task: Task, sandbox: Sandbox) -> dict[str, Any]:
        lifecycle = self._service.contract.lifecycle
        return {
            **task_document(task, sandbox.clock.now(), lifecycle),
            "cost_usd": money(charge(task, lifecycle)),
            "callBackUrl": task.callback_url,
            "user_id": task.user_id,
        }
