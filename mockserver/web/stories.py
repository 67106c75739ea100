"""Views of a task's whole story, and of its results, made for the console."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mockserver.contract import dump_json
from mockserver.domain.durations import stamp
from mockserver.domain.redaction import REDACTED, without_users
from mockserver.domain.scenario import HEADER
from mockserver.domain.task import Task, ends_at, status_at
from mockserver.engine.events import EventData, Note
from mockserver.engine.file_transfer import have_expired, in_part
from mockserver.engine.interventions import find_task
from mockserver.engine.journal import Delivery, RecordedRequest
from mockserver.engine.messages import JSON_TYPE, ApiError, Response
from mockserver.engine.sandbox import Sandbox
from mockserver.network.curl import curl_line, shell_word
from mockserver.web.control_request import NUMBER
from mockserver.web.control_views import Json, Views, shown_delivery

_RESULTS = 200
"""Tasks with results that are listed unless another number is asked for."""
_MOST_RESULTS = 10_000
_AUTHORIZATION = shell_word(f"Authorization: Bearer {REDACTED}", REDACTED)
_CONTENT_TYPE = shell_word(": ".join(JSON_TYPE))


class Stories(Views):
    """What a request for such a view returns."""

    def show_story(self, taskId: str) -> Json:  # noqa: N803 - the API's own word
        sandbox = self._sandbox()
        task = find_task(sandbox, taskId)
        sandbox.tell_reached()
        log, rings = self._service.sandboxes.log, sandbox.journal.rings
        own = [one for one in log.kept(rings, 0, log.last).events if _is_about(one.data, task.id)]
        attempts = [one.data for one in own if isinstance(one.data, Delivery)]
        requests = [one.data for one in own if isinstance(one.data, RecordedRequest)]
        submission = next((one for one in requests if one.operation == "submit"), None)
        return {
            "task": self._with_timeline(sandbox, taskId),
            "scenarios": list(task.script.names),
            "request": None if submission is None else submission.as_json(),
            "events": [one.as_json() for one in own],
            "deliveries": [shown_delivery(self._contract, sandbox, one) for one in attempts],
            "files": self._files(sandbox, task),
            "curl": dict(self._curl_lines(task, submission)),
        }

    def list_results(self) -> Json:
        sandbox, limit = self._sandbox(), self._asked.number("limit", _MOST_RESULTS)
        now, success = sandbox.clock.now(), self._lifecycle.success
        done = [task for task in sandbox.tasks() if status_at(task, now) == success]
        newest = done[::-1][: _RESULTS if limit is None else limit]
        return {"results": [self._result(sandbox, task) for task in newest], "total": len(done)}

    def show_file(self, taskId: str, index: str) -> Response:  # noqa: N803
        sandbox = self._sandbox()
        task = find_task(sandbox, taskId)
        number = int(index) if NUMBER.fullmatch(index) else task.count
        succeeded = status_at(task, sandbox.clock.now()) == self._lifecycle.success
        if not succeeded or number >= task.count:
            raise ApiError(404, f"task {task.id} has no file {index[:20]!r}")
        file = self._service.results.content(task, self._contract.cards[task.model], number)
        promised = self._contract.service["results"][task.result_type]["media_type"]
        headers = (("Content-Type", file.media_type or promised), ("Cache-Control", "no-store"))
        return in_part(Response(200, headers, file.body), self._asked.request)

    def _result(self, sandbox: Sandbox, task: Task) -> Json:
        shown = self._show(task, sandbox)
        return {
            **{name: shown[name] for name in ("taskId", "input", "result", "cost_usd")},
            "scenarios": list(task.script.names),
            "files": self._files(sandbox, task),
        }

    def _files(self, sandbox: Sandbox, task: Task) -> Json | None:
        """Return what all files of a task have in common; None while there are none."""
        now, settings, ends = sandbox.clock.now(), sandbox.settings, ends_at(task, self._lifecycle)
        if status_at(task, now) != self._lifecycle.success or ends is None:
            return None
        expired = have_expired(task, now, self._lifecycle, settings.result_expiry)
        return {
            "type": task.result_type,
            "count": task.count,
            **self._size(task),
            "at": stamp(ends),
            "expires_at": stamp(ends + settings.result_expiry),
            "state": _state(task, expired=expired),
        }

    def _size(self, task: Task) -> Json:
        """Return the size that the contract promises, unless an image has to be fetched for it."""
        card, results = self._contract.cards[task.model], self._service.results
        if results.has_to_look(task, card):
            return dict.fromkeys(("ratio", "resolution", "width", "height"))
        size = results.size(task, card)
        return {name: getattr(size, name) for name in ("ratio", "resolution", "width", "height")}

    # -- curl ----------------------------------------------------------------------------------

    def _curl_lines(
        self, task: Task, submission: RecordedRequest | None
    ) -> Iterator[tuple[str, str]]:
        """Yield the API's operations with a line for a shell, which takes the key from there."""
        base = self._service.own_base(self._asked.request)
        for name, operation in self._contract.service["operations"].items():
            url = base + operation["path"].format(taskId=task.id)
            headers, body = [_AUTHORIZATION], ""
            if "request" in operation:
                headers += [_CONTENT_TYPE, *_scenarios(submission)]
                body = shell_word(_submitted(task, submission))
            yield name, curl_line(operation["method"], shell_word(url), headers, body)


def _is_about(data: EventData, task_id: str) -> bool:
    if isinstance(data, RecordedRequest | Delivery):
        return data.task_id == task_id
    return isinstance(data, Note) and data.data.get("taskId") == task_id


def _state(task: Task, *, expired: bool) -> str:
    """Return what an app gets at the URLs of a task that has succeeded."""
    if task.script.result == "missing":
        return "missing"
    return "expired" if expired else "there"


def _submitted(task: Task, submission: RecordedRequest | None) -> str:
    """Return the body that submitted a task: as it was sent, if the journal has all of it."""
    document: dict[str, Any] = {"model": task.model, "input": dict(task.input)}
    if task.callback_url is not None:
        document["callBackUrl"] = task.callback_url
    if task.user_id is not None:
        document["user_id"] = task.user_id
    text = dump_json(document)
    if submission is not None and submission.is_whole:
        text = submission.request.body
    return without_users(text.decode("utf-8", "replace"))


def _scenarios(submission: RecordedRequest | None) -> Iterator[str]:
    """Yield the header that asks for the scenarios that were asked for by it."""
    asked = "" if submission is None else submission.headers.get(HEADER.lower(), "")
    if asked:
        yield shell_word(f"{HEADER}: {asked}")
