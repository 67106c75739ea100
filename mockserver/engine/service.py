"""The API's behaviour: one function from a request to a response."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mockserver.contract import Contract, NotJson, Violation, parse_json
from mockserver.domain.billing import cost_of, count_of
from mockserver.domain.document import task_document
from mockserver.domain.plan import Pace, make_plan
from mockserver.domain.task import Task, cancelled, ends_at, polled, status_at
from mockserver.engine.callback import HttpTransport, Transport, is_this_machine
from mockserver.engine.clock import Clock
from mockserver.engine.dispatcher import Dispatcher
from mockserver.engine.exchange import Refusal, Request, Response, json_response, success, warn
from mockserver.engine.moderation import moderate
from mockserver.engine.results import Results
from mockserver.engine.sandbox import Sandbox, Sandboxes
from mockserver.engine.unknown import unknown_fields
from mockserver.settings import Settings

ANONYMOUS = ""

CONTROL_PREFIX = "/__mock/"
"""Below this the mock itself is addressed, not the API."""

_HOST = re.compile(r"[A-Za-z0-9._\-]+(:\d{1,5})?|\[[0-9a-fA-F:.]+\](:\d{1,5})?")


@dataclass(slots=True)
class _Call:
    """A request on its way through the service."""

    request: Request
    sandbox: Sandbox
    now: datetime
    """The one moment that the whole answer speaks of."""
    task_id: str | None = None

    def enter(self, sandbox: Sandbox) -> None:
        """Go on in *sandbox*, and in its time."""
        self.sandbox, self.now = sandbox, sandbox.clock.now()


Handler = Callable[[_Call, Mapping[str, str]], Response]


@dataclass(frozen=True, slots=True)
class _Route:
    pattern: re.Pattern[str]
    methods: tuple[str, ...]
    handler: Handler


class Service:
    """Answers as the API does; everything random, slow or remote is given to it."""

    def __init__(
        self,
        contract: Contract,
        settings: Settings,
        *,
        make_clock: Callable[[], Clock] = Clock,
        transport: Transport | None = None,
    ) -> None:
        self.contract = contract
        self.settings = settings
        self._transport = transport or HttpTransport(settings.webhook_concurrency)
        self.dispatcher = Dispatcher(contract, settings, self._transport)
        self.sandboxes = Sandboxes(
            settings, contract.lifecycle, make_clock, self.dispatcher.clock_changed
        )
        self.anonymous = self.sandboxes.of_key(ANONYMOUS)
        """Holds the journal of requests without an accepted token."""
        self._results = Results(settings.image_cache, settings.default_ratio)
        entered_at = tuple(contract.fact("lifecycle.entered_at"))
        self._pace = Pace(settings.pace, settings.duration, entered_at)
        authentication = contract.service["authentication"]
        self._guarded = authentication["prefix"]
        self._scheme = f"{authentication['scheme'].lower()} "
        self._routes = self._make_routes()

    def _make_routes(self) -> list[_Route]:
        handlers: dict[str, Handler] = {
            "submit": self._submit,
            "query": self._query,
            "cancel": self._cancel,
        }
        operations = self.contract.service["operations"]
        results = self.contract.service["results"]
        routes = [
            _route(operations[name]["path"], operations[name]["method"], handler)
            for name, handler in handlers.items()
        ]
        files = [kind["path"] for kind in results.values() if "path" in kind]
        return routes + [_route(path, "GET", self._result) for path in files]

    def close(self) -> None:
        """Stop sending webhooks."""
        self.dispatcher.close()
        if isinstance(self._transport, HttpTransport):
            self._transport.close()

    def answer(self, request: Request) -> Response:
        """Answer any request; the journal of its sandbox holds both."""
        call = _Call(request, self.anonymous, self.anonymous.clock.now())
        try:
            response = self._answer(call)
        except Refusal as refusal:
            response = refusal.response(self.contract)
        call.sandbox.journal.record(call.now, request, response, call.task_id)
        return response

    def sandbox_of(self, headers: Mapping[str, str]) -> Sandbox:
        """Give the sandbox of the Bearer token in *headers*. Raises Refusal 401."""
        header = headers.get("authorization", "")
        token = header[len(self._scheme) :].strip()
        if not header[: len(self._scheme)].lower() == self._scheme or not token:
            raise _unauthorized("send the header 'Authorization: Bearer <token>'")
        accepted = self.settings.api_key
        if accepted is not None and token not in accepted:
            raise _unauthorized("this token is none of those given with --api-key")
        return self.sandboxes.of_key(token)

    def _answer(self, call: _Call) -> Response:
        request = call.request
        if request.path.startswith(self._guarded) and request.method != "OPTIONS":
            call.enter(self.sandbox_of(request.headers))
        for route in self._routes:
            match = route.pattern.fullmatch(request.path)
            if match is not None:
                return self._by_method(call, route, match.groupdict())
        raise Refusal(404, f"no such route: {request.path[:100]}")

    @staticmethod
    def _by_method(call: _Call, route: _Route, place: Mapping[str, str]) -> Response:
        method = call.request.method
        if method in route.methods:
            return route.handler(call, place)
        allow = {"Allow": ", ".join([*route.methods, "OPTIONS"])}
        if method == "OPTIONS":
            return Response(204, tuple(allow.items()), b"")
        raise Refusal(405, f"{method[:20]} is not allowed; use {allow['Allow']}", headers=allow)

    # -- submit ------------------------------------------------------------------------------

    def _submit(self, call: _Call, _place: Mapping[str, str]) -> Response:
        document = self._read(call.request)
        violations = [str(violation) for violation in self._violations(document)]
        if violations:
            raise Refusal(400, " | ".join(violations))
        warnings = unknown_fields(document, self.contract)
        moderate(document["input"]["prompt"], self.contract)
        task = self._new_task(call, document)
        call.task_id = task.id
        call.sandbox.add(task)
        self.dispatcher.plan(call.sandbox, task)
        return json_response(200, success(self.contract, {"taskId": task.id}), warn(warnings))

    def _read(self, request: Request) -> Any:
        """Check what comes before the fields: content type, size, JSON."""
        given = request.headers.get("content-type", "")
        if given.partition(";")[0].strip().lower() != "application/json":
            shown = repr(given) if given else "missing"
            raise Refusal(415, f"Content-Type: {shown}; use application/json")
        if len(request.body) > self.settings.max_body:
            raise Refusal(413, f"the body is larger than {self.settings.max_body} bytes")
        try:
            return parse_json(request.body, nesting=self.settings.max_nesting)
        except NotJson as error:
            raise Refusal(400, f"body: not valid JSON: {error}") from None

    def _violations(self, document: Any) -> list[str | Violation]:
        found: list[str | Violation] = [*self.contract.violations("submit-request", document)]
        url = document.get("callBackUrl") if isinstance(document, dict) else None
        if self.settings.strict_callbacks and isinstance(url, str) and is_this_machine(url):
            found.append("callBackUrl: the service cannot reach this machine; use a public host")
        return found

    def _new_task(self, call: _Call, document: Mapping[str, Any]) -> Task:
        card, submitted = self.contract.cards[document["model"]], document["input"]
        lifecycle, task_id = self.contract.lifecycle, call.sandbox.new_id()
        cost = cost_of(card, submitted, self.settings.unknown_price)
        end, reason = lifecycle.success, None
        if call.sandbox.balance is not None and cost > call.sandbox.balance:
            end, reason = lifecycle.failure, self.contract.reasons["points"]
        return Task(
            id=task_id,
            model=card.model,
            input=submitted,
            callback_url=document.get("callBackUrl"),
            user_id=document.get("user_id"),
            created_at=call.now,
            plan=make_plan(lifecycle, self._pace, card, end, reason),
            cost=cost,
            result_type=card.result,
            urls=self._urls(call, task_id, card.result, count_of(card, submitted)),
        )

    def _urls(self, call: _Call, task_id: str, kind: str, count: int) -> tuple[str, ...]:
        path = self.contract.service["results"][kind]["path"]
        base = self.settings.public_url or self._own_base(call.request)
        return tuple(
            base + path.format(sandbox=call.sandbox.id, taskId=task_id, index=index)
            for index in range(count)
        )

    def _own_base(self, request: Request) -> str:
        """Name this server as the client did: it can surely reach that."""
        host = request.headers.get("host", "")
        if not _HOST.fullmatch(host):
            host = f"{self.settings.host}:{self.settings.port}"
        return f"{request.scheme}://{host}"

    # -- query, cancel, result ---------------------------------------------------------------

    def _query(self, call: _Call, place: Mapping[str, str]) -> Response:
        task = self._find(call, place)
        if call.request.method == "GET":
            task = self._after_poll(call, task)
        return json_response(200, success(self.contract, self._show(task, call.now)))

    def _find(self, call: _Call, place: Mapping[str, str]) -> Task:
        task = call.sandbox.get(place["taskId"])
        if task is None:
            raise Refusal(404, f"task {place['taskId'][:60]!r} not found")
        call.task_id = task.id
        return task

    def _after_poll(self, call: _Call, task: Task) -> Task:
        if polled(task, call.now) is task:
            return task
        task = call.sandbox.update(task.id, lambda record: polled(record, call.now))
        self.dispatcher.plan(call.sandbox, task)
        return task

    def _show(self, task: Task, now: datetime) -> dict[str, Any]:
        return task_document(task, now, self.contract.lifecycle)

    def _cancel(self, call: _Call, place: Mapping[str, str]) -> Response:
        task = self._find(call, place)

        def change(record: Task) -> Task:
            status = status_at(record, call.now)
            if status not in self.settings.cancellable:
                states = ", ".join(sorted(self.settings.cancellable))
                raise Refusal(
                    400, f"task {task.id} is {status} and cannot be cancelled; only {states} can"
                )
            return cancelled(record, call.now, self.contract.lifecycle)

        self.dispatcher.plan(call.sandbox, call.sandbox.update(task.id, change))
        return json_response(200, success(self.contract))

    def _result(self, call: _Call, place: Mapping[str, str]) -> Response:
        sandbox = self.sandboxes.of_id(place["sandbox"])
        if sandbox is None:
            raise Refusal(404, "no such result")
        call.enter(sandbox)
        task, index = self._find(call, place), int(place["index"])
        succeeded = status_at(task, call.now) == self.contract.lifecycle.success
        if not succeeded or not any(url.endswith(call.request.path) for url in task.urls):
            raise Refusal(404, f"task {task.id} has no such result")
        ended = ends_at(task, self.contract.lifecycle)
        if ended is not None and ended + self.settings.result_expiry <= call.now:
            raise Refusal(410, f"the results of task {task.id} have expired")
        body = self._results.file(task, self.contract.cards[task.model], index)
        media_type = self.contract.service["results"][task.result_type]["media_type"]
        return Response(200, (("Content-Type", media_type),), body)


def _route(path: str, method: str, handler: Handler) -> _Route:
    """Turn a path template into a route: `{index}` takes a short number, others one segment."""
    escaped = re.escape(path).replace(r"\{", "{").replace(r"\}", "}")
    numbered = escaped.replace("{index}", r"(?P<index>[0-9]{1,4})")
    pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", numbered), re.ASCII)
    return _Route(pattern, ("GET", "HEAD") if method == "GET" else (method,), handler)


def _unauthorized(advice: str) -> Refusal:
    """Keep to the documented body, and say the rest beside it."""
    return Refusal(401, headers=warn([advice]))
