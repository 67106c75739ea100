"""Operations of the control plane that send a request to the API as the app would."""

from __future__ import annotations

from dataclasses import replace

from mockserver.contract import dump_json
from mockserver.domain.scenario import HEADER
from mockserver.engine.messages import ApiError, Request, Response, json_response
from mockserver.engine.sandbox import Sandbox
from mockserver.engine.sandboxes import ANONYMOUS_ID
from mockserver.engine.unknown_fields import remarks
from mockserver.web.control_request import SANDBOX_HEADER
from mockserver.web.control_views import Json, Views, found
from mockserver.web.explanation import explained

SENT_BY_HEADER = "X-Mock-Sent-By"
"""Tells in the journal that the mock itself sent a request."""
_SENT_BY = SENT_BY_HEADER.lower()
_PASSED_ON = ("host", "user-agent")


class OwnRequests(Views):
    """What a request for such an operation returns."""

    def submit_task(self) -> Response:
        sandbox, document = self._app_sandbox(), self._body("newTask")
        scenario, submission = document.pop("scenario", None), self._contract.service["operations"]
        given = self._asked.request.headers
        headers = {name: given[name] for name in _PASSED_ON if name in given}
        headers |= {"content-type": "application/json", _SENT_BY: "control plane"}
        if scenario is not None:
            headers[HEADER.lower()] = scenario
        route, body = submission["submit"], dump_json(document)
        scheme = self._asked.request.scheme
        request = Request(route["method"], route["path"], headers, body, scheme=scheme)
        return self._service.respond_in(sandbox, request)[0]

    def replay_request(self, number: str) -> Response:
        sandbox = self._sandbox()
        entry = found(sandbox.journal.requests, number, "request")
        if not entry.is_whole:
            raise ApiError(
                400, f"request {entry.number} cannot be sent again: only 16 KiB of it were kept"
            )
        headers = {**entry.request.headers, _SENT_BY: f"replay of request {entry.number}"}
        again = replace(entry.request, headers=headers)
        response, recorded = self._service.respond_in(sandbox, again)
        return replace(json_response(200, recorded.as_json()), first=response.first)

    def explain_submission(self) -> Json:
        sandbox, document = self._sandbox(), self._body("submission")
        problems = self._service.problems_of(sandbox, document)
        notes = [] if problems else remarks(document, self._contract)
        return {"problems": explained(problems), "remarks": notes}

    def _app_sandbox(self) -> Sandbox:
        """Return the sandbox, unless it is the one in which no request is accepted."""
        sandbox = self._sandbox()
        if sandbox.id == ANONYMOUS_ID:
            name = f"{SANDBOX_HEADER}: <id>, or with its API key as a Bearer token"
            raise ApiError(400, f"no sandbox is named; name one with {name}")
        return sandbox
